"""What a stretch of time brought, added up."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bezant.db.database import Database


@dataclass(frozen=True, slots=True)
class StatsRow:
    """One asset."""

    asset: str
    payments: int
    succeeded: int
    declined: int
    undecided: int
    captured: Decimal
    refunded: Decimal
    disputed: Decimal
    fees: Decimal


async def stats(
    database: Database, tenant: UUID | None, live: bool, since: datetime, until: datetime
) -> list[StatsRow]:
    """Return sums over the payments made in a stretch of time, an asset each."""
    return await database.fetch_all(
        StatsRow,
        """
        SELECT asset, count(*) AS payments,
            count(*) FILTER (WHERE state IN (5, 6, 7)) AS succeeded,
            count(*) FILTER (WHERE state = 8) AS declined,
            count(*) FILTER (WHERE state IN (1, 2, 3, 4)) AS undecided,
            sum(captured) AS captured, sum(refunded) AS refunded, sum(disputed) AS disputed,
            sum(fee) AS fees
        FROM payments.payment
        WHERE live = %(live)s AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s)
            AND created_at >= %(since)s AND created_at < %(until)s
        GROUP BY asset ORDER BY asset
        """,
        {"tenant": tenant, "live": live, "since": since, "until": until},
    )
