"""Every SQL statement about the access log."""

from collections.abc import Sequence
from datetime import datetime

from bezant.db.database import Database, Tx
from bezant.keys.access import Access, AccessesOf


async def add(tx: Tx, lines: Sequence[Access]) -> None:
    """Write lines; they get their numbers here."""
    await tx.execute(
        """
        INSERT INTO keys.access (first_at, last_at, process, caller, use, key, outcome, times)
        SELECT l.first_at, l.last_at, l.process, l.caller, l.use, l.key, l.outcome, l.times
        FROM unnest(
            %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::bigint[]
        ) AS l (first_at, last_at, process, caller, use, key, outcome, times)
        """,
        (
            [line.first_at for line in lines],
            [line.last_at for line in lines],
            [line.process for line in lines],
            [line.caller for line in lines],
            [line.use.value for line in lines],
            [line.key for line in lines],
            [line.outcome.value for line in lines],
            [line.times for line in lines],
        ),
    )


async def page(database: Database, query: AccessesOf, limit: int) -> list[Access]:
    """Return lines, newest first."""
    return await database.fetch_all(
        Access,
        """
        SELECT id, first_at, last_at, process, caller, use, key, outcome, times
        FROM keys.access
        WHERE
            (%(before)s::bigint IS NULL OR id < %(before)s::bigint)
            AND (%(caller)s::text = '' OR caller = %(caller)s::text)
            AND (%(key)s::text = '' OR key = %(key)s::text)
            AND (%(use)s::text IS NULL OR use = %(use)s::text)
            AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s::text)
            AND (%(since)s::timestamptz IS NULL OR last_at >= %(since)s::timestamptz)
            AND (%(until)s::timestamptz IS NULL OR first_at < %(until)s::timestamptz)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {
            "before": query.before,
            "caller": query.caller,
            "key": query.key,
            "use": query.use and query.use.value,
            "outcome": query.outcome and query.outcome.value,
            "since": query.since,
            "until": query.until,
            "limit": limit,
        },
    )


async def forget(tx: Tx, older_than: datetime, limit: int) -> int:
    """Delete old lines and return how many; the database keeps a year of them whatever is asked."""
    return await tx.fetch_value("SELECT keys.forget_access(%s, %s)", (older_than, limit))
