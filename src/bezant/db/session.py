"""One connection as this house keeps it: named, in UTC, every wait bounded, doubts noticed."""

import select
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from psycopg.types.json import set_json_loads

from bezant.db.faults import unavailable
from bezant.secret import Secret

APPLICATION_NAME = "bezant:{}"  # `doctor` reads the module's name back from pg_stat_activity.
VERSION_MIN = 150_000  # PostgreSQL 15 is the oldest release we are written for.
_TRANSACTION_TIMEOUT_SINCE = 170_000
set_json_loads(msgspec.json.decode)  # A third of the time of the standard library's.


@dataclass(frozen=True, slots=True)
class Limits:
    """How long anything may take, in seconds, and how many may wait."""

    connect_seconds: float = 5.0
    acquire_seconds: float = 5.0
    """Waiting for a free connection; longer queues help nobody, a 503 does."""
    waiting_max: int = 1_000
    statement_seconds: float = 15.0
    lock_seconds: float = 5.0
    transaction_seconds: float = 30.0
    """The maximum age of a transaction: an old one keeps locks and holds back vacuum."""
    commit_seconds: float = 30.0
    """A commit may wait for a synchronous standby; after this its outcome is called unknown."""
    idle_seconds: float = 600.0
    lifetime_seconds: float = 3_600.0
    reconnect_seconds: float = 2.0
    """Then the pool gives up, and the next request tries afresh: no waiting out a backoff."""


class Doubt:
    """Set when the server warns during a commit.

    A synchronous commit whose wait is cancelled answers with success and only a WARNING (01000,
    "canceling wait for synchronous replication"): committed here, perhaps nowhere else. The text is
    translated, the code is not, so any such warning during a commit counts.
    """

    __slots__ = ("raised",)

    def __init__(self) -> None:
        self.raised = False

    def notice(self, diagnosis: psycopg.errors.Diagnostic) -> None:
        if diagnosis.sqlstate == "01000":
            self.raised = True


class Connection(psycopg.AsyncConnection[TupleRow]):
    """A driver connection that remembers whether a commit was put in doubt."""

    doubt: Doubt

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.doubt = Doubt()
        self.add_notice_handler(self.doubt.notice)


def options(name: str, limits: Limits) -> dict[str, Any]:
    """Return the connection parameters every session of a module has."""
    return {
        "application_name": APPLICATION_NAME.format(name),
        "client_encoding": "UTF8",
        "connect_timeout": max(2, round(limits.connect_seconds)),  # libpq takes no less.
        # A peer that vanished without a word is noticed within about a minute.
        "keepalives_idle": 20,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }


async def prepare(
    connection: psycopg.AsyncConnection[Any], limits: Limits, *, generic_plans: bool = False
) -> None:
    """Give a new session its settings. By SET, since poolers refuse them at start."""
    autocommit = connection.autocommit
    await connection.set_autocommit(True)
    version = connection.info.server_version
    if version < VERSION_MIN:
        raise psycopg.OperationalError("this PostgreSQL is older than 15")
    settings: dict[str, str] = {
        "timezone": "UTC",
        "default_transaction_isolation": "read committed",
        "statement_timeout": _milliseconds(limits.statement_seconds),
        "lock_timeout": _milliseconds(limits.lock_seconds),
        # The client ends an old transaction first; these are for a client that is stuck.
        "idle_in_transaction_session_timeout": _milliseconds(limits.transaction_seconds),
    }
    if version >= _TRANSACTION_TIMEOUT_SINCE:
        settings["transaction_timeout"] = _milliseconds(
            limits.transaction_seconds + limits.commit_seconds
        )
    if generic_plans:
        settings["plan_cache_mode"] = "force_generic_plan"
    await connection.execute(
        sql.SQL("; ").join(
            sql.SQL("SET {} = {}").format(sql.Identifier(name), sql.Literal(value))
            for name, value in settings.items()
        ),
        prepare=False,
    )
    await connection.set_autocommit(autocommit)


async def connect(
    dsn: Secret[str], name: str, limits: Limits, *, generic_plans: bool = False
) -> Connection:
    """Open a session of its own, outside every pool."""
    try:
        connection = await Connection.connect(
            dsn.reveal(),
            prepare_threshold=0 if generic_plans else 5,
            **options(name, limits),
        )
    except psycopg.Error as error:
        raise unavailable(_why(error)) from None
    try:
        await prepare(connection, limits, generic_plans=generic_plans)
    except BaseException as error:
        await connection.close()
        if isinstance(error, psycopg.Error):
            raise unavailable(_why(error)) from None
        raise
    return connection


def is_alive(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Tell whether an idle session still stands, without asking the server.

    An idle session has nothing to say; when its socket is readable, the server is saying goodbye.
    """
    if connection.pgconn.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    return not poll.poll(0)


_REASONS: Final = (
    ("older than 15", "this PostgreSQL is older than 15, the oldest one supported"),
    ("authentication failed", "the database refuses this role and password"),
    ("no pg_hba.conf entry", "the database admits no connection from here"),
    ("does not exist", "there is no such database or role"),
    ("too many clients", "the database has no connection left"),
    ("remaining connection slots", "the database has no connection left"),
    ("starting up", "the database is starting"),
    ("shutting down", "the database is stopping"),
    ("certificate verify failed", "the database's certificate is not one we trust"),
)


def _why(error: psycopg.Error) -> str:
    """Say in our own words why a connection failed: the driver's words name host, role and port."""
    text = str(error)
    for part, reason in _REASONS:
        if part in text:
            return reason
    return "the database cannot be reached"


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
