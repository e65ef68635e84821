"""The door to PostgreSQL: pooled sessions, READ COMMITTED, rows as frozen dataclasses.

`database = await Database.open(dsn, name="payments", size_max=8, clock=clock)`, then `async with
database.transaction() as tx: payment = await tx.fetch_one(PaymentRow, "SELECT …", (id,))`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg.rows import tuple_row
from psycopg_pool import AsyncConnectionPool

from bezant.clock import Clock
from bezant.db import faults, guard, session
from bezant.db.line import Line
from bezant.db.rows import row_factory
from bezant.db.session import Connection, Limits
from bezant.db.tx import Parameters, Statement, Transaction, Tx
from bezant.secret import Secret

__all__ = ["Database", "Limits", "Line", "Tx"]

Answer = TypeVar("Answer")
Row = TypeVar("Row")

UNDONE_ATTEMPTS_MAX = 3  # Locks are taken in sorted order, so a second deadlock is already rare.


class Database:
    """One module's database, under that module's role."""

    def __init__(
        self,
        dsn: Secret[str],
        name: str,
        clock: Clock,
        limits: Limits,
        pool: AsyncConnectionPool[Any],
    ) -> None:
        self._dsn = dsn
        self._pool = pool
        self._endings: set[asyncio.Task[Any]] = set()
        self.name = name
        self.clock = clock
        self.limits = limits

    @classmethod
    async def open(
        cls,
        dsn: str | Secret[str],
        *,
        name: str,
        size_max: int,
        clock: Clock,
        size_min: int = 1,
        limits: Limits | None = None,
        prepares: bool = True,
    ) -> "Database":
        """Open the pool once the database answers, or say why it does not.

        A pooler that gives every transaction another session needs `prepares=False`.
        """
        limits = limits or Limits()
        secret = dsn if isinstance(dsn, Secret) else Secret(dsn)
        first = await session.connect(secret, name, limits)
        await first.close()

        async def configure(connection: Connection) -> None:
            await session.prepare(connection, limits)

        pool = AsyncConnectionPool(
            secret.reveal(),
            connection_class=Connection,
            kwargs={
                "prepare_threshold": 5 if prepares else None,
                **session.options(name, limits),
            },
            min_size=min(size_min, size_max),
            max_size=size_max,
            open=False,
            configure=configure,
            name=name,
            timeout=limits.acquire_seconds,
            max_waiting=limits.waiting_max,
            max_lifetime=limits.lifetime_seconds,
            max_idle=limits.idle_seconds,
            reconnect_timeout=limits.reconnect_seconds,
        )
        try:
            await pool.open(wait=True, timeout=limits.connect_seconds)
        except psycopg.Error as error:
            await pool.close()
            raise faults.known(error) from None
        return cls(secret, name, clock, limits, pool)

    async def close(self) -> None:
        """Let every commit that is under way end, then close the sessions."""
        while self._endings:
            await asyncio.wait(tuple(self._endings))
        await self._pool.close()

    def transaction(self) -> Transaction:
        """Open a transaction: `async with database.transaction() as tx`."""
        return Transaction(self)

    async def attempt(self, work: Callable[[Tx], Awaitable[Answer]]) -> Answer:
        """Do work in a transaction, again if the database undid it for a deadlock.

        Nothing can leave the process while a transaction is open, so doing the work again repeats
        nothing.
        """
        for _ in range(UNDONE_ATTEMPTS_MAX - 1):
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except faults.TransactionUndone:
                continue
        async with self.transaction() as tx:
            return await work(tx)

    async def fetch_one(
        self, row_class: type[Row], statement: Statement, parameters: Parameters = None
    ) -> Row | None:
        """Read one row in a single round trip, outside any transaction."""
        rows = await self.fetch_all(row_class, statement, parameters)
        assert len(rows) <= 1, f"{len(rows)} rows where one was promised"
        return rows[0] if rows else None

    async def fetch_all(
        self,
        row_class: type[Row],
        statement: Statement,
        parameters: Parameters = None,
        *,
        prepare: bool | None = None,
    ) -> list[Row]:
        """Read rows in a single round trip, outside any transaction.

        Unless `prepare` is false, the server may keep a plan it made when the tables were smaller.
        """
        return await self._read(row_factory(row_class), statement, parameters, prepare)

    async def fetch_value(self, statement: Statement, parameters: Parameters = None) -> Any:
        """Read one value in a single round trip, outside any transaction."""
        rows = await self._read(tuple_row, statement, parameters)
        return rows[0][0] if rows else None

    def line(self, name: str, *, generic_plans: bool = True) -> Line:
        """Return a session of its own beside the pool, for a poster or a listener."""
        return Line(self._dsn, f"{self.name} {name}", self.clock, self.limits, generic_plans)

    async def connect(self, name: str) -> Connection:
        """Open a session outside the pool, for listening; whoever asks closes it."""
        return await session.connect(self._dsn, f"{self.name} {name}", self.limits)

    async def take(self) -> Connection:
        """Take a session from the pool. Only transactions call this."""
        for _ in range(self._pool.max_size + 1):
            try:
                connection: Connection = await self._pool.getconn()
            except psycopg.Error as error:
                raise faults.known(error) from None
            if session.is_alive(connection):
                if connection.autocommit:
                    await connection.set_autocommit(False)
                return connection
            await connection.close()  # The pool makes another one in its place.
            await self.give_back(connection)
        raise faults.unavailable()

    async def give_back(self, connection: Connection) -> None:
        """Give a session back to the pool, whatever state it is in."""
        try:
            await self._pool.putconn(connection)
        except asyncio.CancelledError:
            self.keep(asyncio.create_task(self._pool.putconn(connection)))
            raise

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task that outlives its caller."""
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _read(
        self,
        factory: Any,
        statement: Statement,
        parameters: Parameters,
        prepare: bool | None = None,
    ) -> list[Any]:
        guard.no_open_transaction()
        connection = await self.take()
        try:
            await connection.set_autocommit(True)
            cursor = connection.cursor(binary=True, row_factory=factory)
            await cursor.execute(statement, parameters, prepare=prepare)
            return await cursor.fetchall()
        except psycopg.Error as error:
            fault = faults.known(error)
        finally:
            await self.give_back(connection)
        raise fault
