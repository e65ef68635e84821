"""SQL about what the reconciliation worker keeps, and the reports made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, LiteralString

from bezant.actor import Mode
from bezant.db.database import Database, Tx
from bezant.receipts.receipt import About, Outcome, Period

Reads = Tx | Database

_KEPT: Final[LiteralString] = """
digest, added, tenant, mode, about, outcome, payment, refund, asset, exponent, amount, provider,
reference, signed, decided_at
"""


@dataclass(frozen=True, slots=True)
class LineRow:
    """One line of a report, as stored."""

    starts_on: date
    tenant: str
    about: About
    outcome: Outcome
    asset: str
    receipts: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ReportRow:
    """The head of a report, as stored."""

    starts_on: date
    ends_on: date
    made_at: datetime


async def keep(tx: Tx, digests: Sequence[bytes], at: datetime) -> int:
    """Store what was published under these digests; what is there already stays as it is."""
    return await tx.execute(
        f"""
        INSERT INTO stored_receipt (receipt, signature, stored_at, {_KEPT})
        SELECT r.id, r.signed::json #>> '{{signatures,0,signature}}', %s, {_KEPT}
        FROM receipt AS r
        WHERE r.digest = ANY (%b)
        ON CONFLICT DO NOTHING
        """,
        (at, list(digests)),
    )


async def kept(tx: Reads, digests: Sequence[bytes]) -> int:
    """Return how many of these are stored."""
    return await tx.fetch_value(
        """
        SELECT count(*)
        FROM stored_receipt AS s
        JOIN receipt AS r ON r.id = s.receipt AND r.digest = s.digest
        WHERE r.digest = ANY (%b)
        """,
        (list(digests),),
    )


async def first_day(tx: Reads) -> date | None:
    """Return the day of the oldest outcome that is stored."""
    return await tx.fetch_value(
        "SELECT (min(decided_at) AT TIME ZONE 'UTC')::date FROM stored_receipt"
    )


async def made(tx: Reads, period: Period) -> Mapping[date, datetime]:
    """Return which reports there are, and when each was made."""
    rows = await tx.fetch_all(
        ReportRow,
        "SELECT starts_on, ends_on, made_at FROM period_report WHERE period = %s",
        (period.value,),
    )
    return {row.starts_on: row.made_at for row in rows}


async def sum_up(
    tx: Tx,
    period: Period,
    starts: date,
    ends: date,
    between: tuple[datetime, datetime],
    at: datetime,
) -> None:
    """Make the report of a period, or make it anew."""
    await tx.execute(
        """
        INSERT INTO period_report (period, starts_on, ends_on, receipts, made_at)
        SELECT %s, %s, %s, count(*), %s
        FROM stored_receipt
        WHERE decided_at >= %s AND decided_at < %s AND NOT added
        ON CONFLICT (period, starts_on) DO UPDATE
        SET receipts = excluded.receipts, made_at = excluded.made_at
        """,
        (period.value, starts, ends, at, *between),
    )
    await tx.execute(
        "DELETE FROM period_line WHERE period = %s AND starts_on = %s", (period.value, starts)
    )
    await tx.execute(
        """
        INSERT INTO period_line (
            period, starts_on, tenant, mode, about, outcome, asset, exponent, receipts, amount
        )
        SELECT
            %s, %s, tenant, mode, about, outcome, asset, max(exponent), count(*), sum(amount)
        FROM stored_receipt
        WHERE decided_at >= %s AND decided_at < %s AND NOT added
        GROUP BY tenant, mode, about, outcome, asset
        """,
        (period.value, starts, *between),
    )


async def reports(tx: Reads, period: Period, before: date | None, limit: int) -> list[ReportRow]:
    """Return reports, newest first."""
    return await tx.fetch_all(
        ReportRow,
        """
        SELECT starts_on, ends_on, made_at
        FROM period_report
        WHERE period = %(period)s AND (%(before)s::date IS NULL OR starts_on < %(before)s)
        ORDER BY starts_on DESC
        LIMIT %(limit)s
        """,
        {"period": period.value, "before": before, "limit": limit},
    )


async def lines(
    tx: Reads, period: Period, starts: Sequence[date], tenant: str, mode: Mode
) -> list[LineRow]:
    """Return the lines of these reports."""
    return await tx.fetch_all(
        LineRow,
        """
        SELECT starts_on, tenant, about, outcome, asset, receipts, amount
        FROM period_line
        WHERE
            period = %(period)s AND starts_on = ANY (%(starts)s)
            AND (%(tenant)s = '' OR tenant = %(tenant)s) AND mode = %(mode)s
        ORDER BY starts_on DESC, tenant, about, outcome, asset
        """,
        {"period": period.value, "starts": list(starts), "tenant": tenant, "mode": mode.value},
    )
