"""What a stretch of time brought, added up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import LiteralString
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
            sum(captured) AS captured,
            sum(CASE WHEN refunded > 0 THEN refunded - payments.awaiting(id) ELSE 0 END)
                AS refunded,
            sum(disputed) AS disputed,
            sum(fee) AS fees
        FROM payments.payment
        WHERE live = %(live)s AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s)
            AND created_at >= %(since)s AND created_at < %(until)s
        GROUP BY asset ORDER BY asset
        """,
        {"tenant": tenant, "live": live, "since": since, "until": until},
    )


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """One step in one asset."""

    starts_at: datetime
    asset: str
    payments: int
    succeeded: int
    declined: int
    undecided: int
    captured: Decimal
    refunded: Decimal


async def series(
    database: Database, conditions: Sequence[LiteralString], values: Mapping[str, object]
) -> list[SeriesRow]:
    """Return sums over the payments that fit, an hour or a day and an asset each."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        SeriesRow,
        f"""
        SELECT date_trunc(%(step)s, p.created_at, 'UTC') AS starts_at, p.asset,
            count(*) AS payments,
            count(*) FILTER (WHERE p.state IN (5, 6, 7)) AS succeeded,
            count(*) FILTER (WHERE p.state = 8) AS declined,
            count(*) FILTER (WHERE p.state IN (1, 2, 3, 4)) AS undecided,
            sum(p.captured) AS captured,
            sum(CASE WHEN p.refunded > 0 THEN p.refunded - payments.awaiting(p.id) ELSE 0 END)
                AS refunded
        FROM payments.payment AS p
        WHERE {where}
        GROUP BY 1, 2
        ORDER BY 1, 2
        """,
        values,
    )
