"""Which transactions are old, whose they are, and the end of those that were forgotten.

An old transaction keeps its locks, holds back vacuum and makes every sequencer look further back.
Ours end by themselves (`Limits.transaction_seconds`); these are for the ones whose process is
stuck, and for other people's. Seeing other roles' transactions takes the administrator, or a role
with pg_read_all_stats.
"""

from dataclasses import dataclass
from datetime import datetime

from bezant.db.database import Database
from bezant.db.session import APPLICATION_NAME

LISTED_MAX = 20


@dataclass(frozen=True, slots=True)
class OpenedTransaction:
    """A transaction that somebody has open."""

    pid: int
    module: str
    """The module that opened it, or the application name of somebody else."""
    ours: bool
    role: str
    state: str
    opened_at: datetime
    age_seconds: float
    wrote: bool
    """It has changed something: a sequencer cannot settle what it may still add."""
    waits_for: str


_OURS = APPLICATION_NAME.format("")

_OLDEST = """
SELECT pid, ours, opened_at, wrote,
  CASE WHEN ours THEN substr(application_name, length(%(ours)s::text) + 1) ELSE application_name END
    AS module,
  role, coalesce(state, '') AS state, coalesce(wait_event, '') AS waits_for,
  extract(epoch FROM age)::float8 AS age_seconds
FROM (
  SELECT pid, application_name, usename::text AS role, state, wait_event,
    xact_start AS opened_at, clock_timestamp() - xact_start AS age,
    backend_xid IS NOT NULL AS wrote, starts_with(application_name, %(ours)s::text) AS ours
  FROM pg_stat_activity
  WHERE backend_type = 'client backend' AND xact_start IS NOT NULL
    AND datname = current_database() AND pid <> pg_backend_pid()
) AS opened
WHERE age >= make_interval(secs => %(seconds)s)
ORDER BY opened_at LIMIT %(limit)s
"""

_END = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
FROM pg_stat_activity
-- The same transaction still: a process number may have been given away since.
WHERE pid = %s AND xact_start = %s
"""


async def oldest_transactions(
    database: Database, older_than_seconds: float = 0.0, limit: int = LISTED_MAX
) -> list[OpenedTransaction]:
    """Return the open transactions of this database, oldest first."""
    return await database.fetch_all(
        OpenedTransaction,
        _OLDEST,
        {"ours": _OURS, "seconds": older_than_seconds, "limit": limit},
    )


async def end_forgotten_transactions(
    database: Database, older_than_seconds: float
) -> list[OpenedTransaction]:
    """End the sessions of our own transactions that are older than this; return which."""
    return [
        old
        for old in await oldest_transactions(database, older_than_seconds)
        if old.ours and await database.fetch_value(_END, (old.pid, old.opened_at))
    ]
