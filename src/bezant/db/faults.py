"""What the database's errors mean to us. SQL and values never leave this room.

A driver's error carries the statement and often the value that offended (`Key (email)=(…) already
exists`), so it is replaced, never chained. What happened before a commit is known not to have
happened; what happened during one is not.
"""

from enum import StrEnum
from typing import Final

import psycopg
import psycopg_pool

from bezant.errors import BezantError, OutcomeUnknown, Unavailable

RETRY_AFTER_SECONDS = 1.0  # A restarted server answers within seconds.


class DatabaseUnavailable(Unavailable):
    """The database cannot answer right now; the same request may be sent again."""

    code = "database_unavailable"


class TransactionUndone(Unavailable):
    """The database undid this transaction to let another one finish; it may be sent again."""

    code = "transaction_undone"


class TransactionTooOld(Unavailable):
    """The transaction was open for too long and was ended; nothing of it remains."""

    code = "transaction_too_old"


class DatabaseFault(Exception):
    """The database refused a statement: a mistake of ours, told to the log and to nobody else."""

    def __init__(self, sqlstate: str, told: str = "") -> None:
        self.sqlstate = sqlstate
        super().__init__(f"the database refused a statement ({sqlstate}){told and ': '}{told}")


class Rule(StrEnum):
    """The kinds of constraint a row can break."""

    NOT_NULL = "23502"
    FOREIGN_KEY = "23503"
    UNIQUE = "23505"
    CHECK = "23514"
    EXCLUSION = "23P01"
    OTHER = "23000"


class ConstraintViolated(DatabaseFault):
    """A row broke a constraint. A store that expects it catches it by `constraint`."""

    def __init__(self, rule: Rule, table: str, constraint: str, column: str) -> None:
        self.rule = rule
        self.table = table
        self.constraint = constraint
        self.column = column
        super().__init__(rule.value, f"{rule.name} {table} {constraint or column}")


class RaisedBySql(DatabaseFault):
    """A function or trigger of ours raised an error under a code of its own."""


OUR_CLASS: Final = "BZ"  # Our SQL raises its own errors as SQLSTATE BZ001 and so on.
_UNDONE: Final = frozenset({"40001", "40P01"})
_NOT_NOW: Final = frozenset(
    {
        "08000", "08001", "08003", "08004", "08006", "08007", "08P01",  # the connection failed
        "25006",  # read only: this server is a standby now
        "25P03", "25P04", "25P05",  # the server ended an idle or old transaction
        "55P03",  # a lock was not free in time
        "53000", "53100", "53200", "53300", "53400",  # disk, memory or connections ran out
        "57000", "57014", "57P01", "57P02", "57P03", "57P05",  # cancelled, stopping, starting
        "58000", "58030",  # the machine's own input or output failed
    }
)  # fmt: skip


def known(error: psycopg.Error | psycopg_pool.PoolTimeout) -> BezantError | DatabaseFault:
    """Return what an error means when nothing can have been committed."""
    if isinstance(error, psycopg_pool.PoolTimeout | psycopg_pool.TooManyRequests):
        return unavailable("no connection to the database was free in time")
    if isinstance(error, psycopg_pool.PoolClosed):
        return unavailable("this process is stopping")
    state = error.sqlstate
    if state in _UNDONE:
        return TransactionUndone(retry_after_seconds=RETRY_AFTER_SECONDS)
    if state == "25P04":
        return TransactionTooOld(retry_after_seconds=RETRY_AFTER_SECONDS)
    if state in _NOT_NOW or (state is None and isinstance(error, psycopg.OperationalError)):
        return unavailable()
    return _ours(error, state or "-----")


def unavailable(detail: str = "") -> DatabaseUnavailable:
    """Return the error for a database that cannot answer."""
    return DatabaseUnavailable(detail, retry_after_seconds=RETRY_AFTER_SECONDS)


def unknown() -> OutcomeUnknown:
    """Return the error for a commit whose answer never came, or came with doubts."""
    return OutcomeUnknown(retry_after_seconds=RETRY_AFTER_SECONDS)


def refused_before_commit(error: psycopg.Error) -> bool:
    """Tell whether the server, alive and in so many words, refused to commit."""
    return error.sqlstate is not None and error.diag.severity_nonlocalized == "ERROR"


def _ours(error: psycopg.Error, state: str) -> DatabaseFault:
    diagnosis = error.diag
    if state.startswith("23"):
        rule = Rule(state) if state in {rule.value for rule in Rule} else Rule.OTHER
        table = f"{diagnosis.schema_name or ''}.{diagnosis.table_name or ''}"
        return ConstraintViolated(
            rule, table, diagnosis.constraint_name or "", diagnosis.column_name or ""
        )
    if state == "P0001" or state.startswith(OUR_CLASS):
        return RaisedBySql(state)
    # Class 42 (syntax, names, privileges) tells identifiers only: values are sent as parameters.
    return DatabaseFault(state, (diagnosis.message_primary or "") if state[:2] == "42" else "")
