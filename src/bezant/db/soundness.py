"""Whether tables, indexes and the log are whole on disk, as PostgreSQL's own extensions see it.

amcheck reads tables and indexes, pg_walinspect the write-ahead log that a restart after a crash
would need. That is everything, so it is given a time; what was not reached is told. Where an
extension is not installed, it is there for one transaction only, which is rolled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from psycopg import sql

from bezant.db.database import Database, Limits, Tx
from bezant.db.faults import DatabaseFault
from bezant.errors import Unavailable

SECONDS_MAX: Final = 120.0
LIMITS: Final = Limits(statement_seconds=SECONDS_MAX, transaction_seconds=2 * SECONDS_MAX)
"""What the database handle needs that is asked to look."""
LOG: Final = "the write-ahead log"
_INDEX: Final = "SELECT {}.bt_index_check(%s::regclass, true)::text"
_TABLE: Final = "SELECT min(msg) FROM {}.verify_heapam(%s::regclass)"
# Reading the records is what matters; a sum over them is asked for because it reads them all.
_LOG: Final = """
    SELECT CASE WHEN sum(s.count) IS NULL THEN 'nothing was read' END
    FROM pg_control_checkpoint() AS c
    CROSS JOIN LATERAL {}.pg_get_wal_stats(c.redo_lsn, pg_current_wal_flush_lsn()) AS s
"""


class NotPossible(Exception):
    """The server has no such extension, or this role may not use it."""


@dataclass(slots=True)
class Looked:
    """What was found."""

    whole: int = 0
    broken: list[str] = field(default_factory=list[str])
    not_reached: int = 0
    log_broken: bool = False


@dataclass(frozen=True, slots=True)
class _Relation:
    """A table, or a B-tree index."""

    name: str
    is_index: bool


@dataclass(frozen=True, slots=True)
class _Check:
    """One question to an extension; without an answer all is well."""

    name: str
    statement: sql.Composed
    parameters: tuple[str, ...] = ()


class _Over(Exception):
    """Rolls the transaction back, and with it the extensions."""


async def look(
    database: Database, schemas: Sequence[str], seconds_max: float = SECONDS_MAX
) -> Looked:
    """Check every table and B-tree index of these schemas, in this order, then the log."""
    deadline = monotonic() + seconds_max
    found = Looked()
    try:
        async with database.transaction() as tx:
            checks = await _checks(tx, schemas)
            for at, check in enumerate(checks):
                left = deadline - monotonic()
                if left <= 0 or not await _pass(tx, check, left, found):
                    found.not_reached = len(checks) - at
                    break
            raise _Over
    except _Over:
        return found


async def _checks(tx: Tx, schemas: Sequence[str]) -> list[_Check]:
    amcheck = await _extension(tx, "amcheck")
    relations = await tx.fetch_all(
        _Relation,
        """
        SELECT c.oid::regclass::text AS name, c.relkind = 'i' AS is_index
        FROM pg_class AS c
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN unnest(%s::text[]) WITH ORDINALITY AS s (name, place) ON s.name = n.nspname
        LEFT JOIN pg_am AS a ON a.oid = c.relam
        WHERE c.relkind = 'r' OR (c.relkind = 'i' AND a.amname = 'btree')
        ORDER BY s.place, c.relkind, c.relname
        """,
        (list(schemas),),
    )
    index, table = sql.SQL(_INDEX).format(amcheck), sql.SQL(_TABLE).format(amcheck)
    checks = [_Check(one.name, index if one.is_index else table, (one.name,)) for one in relations]
    walinspect = await _extension(tx, "pg_walinspect")
    return [*checks, _Check(LOG, sql.SQL(_LOG).format(walinspect))]


async def _extension(tx: Tx, name: str) -> sql.Identifier:
    """Return the schema of an extension, which is there at least until the transaction ends."""
    where = """
        SELECT n.nspname::text
        FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
        WHERE e.extname = %s
    """
    place: str | None = await tx.fetch_value(where, (name,))
    if place is None:
        try:
            async with tx.savepoint():
                await tx.execute(
                    sql.SQL("CREATE EXTENSION {} WITH SCHEMA bezant").format(sql.Identifier(name))
                )
        except DatabaseFault as fault:
            raise NotPossible(fault.sqlstate) from None
        place = await tx.fetch_value(where, (name,))
    assert place is not None
    return sql.Identifier(place)


async def _pass(tx: Tx, check: _Check, left: float, found: Looked) -> bool:
    """Ask one question; False if the time is over."""
    await tx.execute(
        "SELECT set_config('statement_timeout', %s, true)", (f"{max(1, round(left * 1000))}ms",)
    )
    begin = monotonic()
    try:
        async with tx.savepoint():
            wrong = await tx.fetch_value(check.statement, check.parameters)
    except DatabaseFault as fault:
        wrong = fault.sqlstate
    except Unavailable:
        if monotonic() - begin >= left:
            return False
        wrong = "cannot be read"
    if wrong:
        found.broken.append(f"{check.name} ({wrong})")
        found.log_broken |= check.name == LOG
    else:
        found.whole += 1
    return True
