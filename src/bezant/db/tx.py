"""A transaction: opened by a service, handed to its store, committed at the end or undone.

A commit is never interrupted: a caller who goes away leaves it running in the background. When its
answer is lost, or the server puts it in doubt, the caller hears `OutcomeUnknown` and asks again
with the same key.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, LiteralString, Protocol, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Composed

from bezant import telemetry
from bezant.clock import Clock
from bezant.db import faults, guard
from bezant.db.rows import row_factory
from bezant.db.session import Connection, Limits

_log = telemetry.log("db")

Fetched = TypeVar("Fetched")
Row = TypeVar("Row")
Statement = LiteralString | SQL | Composed
Parameters = Sequence[object] | Mapping[str, object] | None


class Source(Protocol):
    """Where transactions get their connection: a pool, or one line of their own."""

    @property
    def name(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def clock(self) -> Clock: ...

    async def take(self) -> Connection: ...

    async def give_back(self, connection: Connection) -> None: ...

    def keep(self, task: asyncio.Task[Any]) -> None: ...


class Tx:
    """An open transaction. Stores receive it; nothing in it happened until it is committed.

    Results come in PostgreSQL's binary form. A type the driver does not know (an enum of the
    database, `xid8`, `regclass`) would arrive as bytes: select it as `::text`.
    """

    __slots__ = ("_after_commit", "_connection", "is_open", "name", "opened_at")

    def __init__(self, connection: Connection, name: str, opened_at: datetime) -> None:
        self._connection = connection
        self._after_commit: list[Callable[[], None]] = []
        self.name = name
        self.opened_at = opened_at
        self.is_open = True

    async def execute(self, statement: Statement, parameters: Parameters = None) -> int:
        """Run a statement and return how many rows it touched."""
        cursor = self._connection.cursor()
        await self._run(cursor, statement, parameters)
        return cursor.rowcount

    async def fetch_one(
        self, row_class: type[Row], statement: Statement, parameters: Parameters = None
    ) -> Row | None:
        """Return the only row, or None if there is none."""
        rows = await self.fetch_all(row_class, statement, parameters)
        assert len(rows) <= 1, f"{len(rows)} rows where one was promised"
        return rows[0] if rows else None

    async def fetch_all(
        self, row_class: type[Row], statement: Statement, parameters: Parameters = None
    ) -> list[Row]:
        """Return every row."""
        cursor = self._connection.cursor(binary=True, row_factory=row_factory(row_class))
        return await self._run(cursor, statement, parameters, fetches=True)

    async def fetch_value(self, statement: Statement, parameters: Parameters = None) -> Any:
        """Return the first column of the first row, or None if there is none."""
        cursor = self._connection.cursor(binary=True)
        rows = await self._run(cursor, statement, parameters, fetches=True)
        return rows[0][0] if rows else None

    async def execute_many(
        self, statement: Statement, parameters: Sequence[Sequence[object] | Mapping[str, object]]
    ) -> None:
        """Run a statement once for each set of parameters, without waiting for each answer."""
        assert self.is_open, "the transaction has ended"
        try:
            await self._connection.cursor().executemany(statement, parameters)
        except psycopg.Error as error:
            fault = faults.known(error)
        else:
            return
        raise fault

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """Let what happens inside fail alone: an error undoes this part only and passes on."""
        assert self.is_open, "the transaction has ended"
        try:
            if self._connection.pgconn.transaction_status == TransactionStatus.IDLE:
                # Without a transaction around it, the driver would commit a savepoint.
                await self._connection.execute("SELECT")
            async with self._connection.transaction():
                yield
        except psycopg.Error as error:
            fault = faults.known(error)
        else:
            return
        raise fault

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this once the commit is known. It should be quick; nobody hears of its failure."""
        self._after_commit.append(callback)

    async def _run(
        self,
        cursor: psycopg.AsyncCursor[Fetched],
        statement: Statement,
        parameters: Parameters,
        *,
        fetches: bool = False,
    ) -> list[Fetched]:
        assert self.is_open, "the transaction has ended"
        try:
            await cursor.execute(statement, parameters)
            return await cursor.fetchall() if fetches else []
        except psycopg.Error as error:
            fault = faults.known(error)
        raise fault  # Out here it does not carry the driver's error along as its context.

    def ended(self) -> list[Callable[[], None]]:
        """Close this handle and return what waits for the commit."""
        self.is_open = False
        return self._after_commit


class Transaction:
    """`async with` around a Tx: commits at the end, undoes on errors, ends at its maximum age."""

    __slots__ = ("_age", "_connection", "_source", "_tx")

    def __init__(self, source: Source) -> None:
        self._source = source

    async def __aenter__(self) -> Tx:
        guard.no_open_transaction()
        source = self._source
        connection = await source.take()
        self._connection = connection
        self._tx = Tx(connection, source.name, source.clock.now())
        self._age = asyncio.timeout(source.limits.transaction_seconds)
        await self._age.__aenter__()
        guard.current.set(self._tx)
        return self._tx

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        too_old = False
        try:
            await self._age.__aexit__(kind, error, trace)
        except TimeoutError:
            too_old = True
        guard.current.set(None)
        callbacks = self._tx.ended()
        if too_old or error is not None:
            await self._ending(self._undo())
            if too_old:
                raise faults.TransactionTooOld(
                    retry_after_seconds=faults.RETRY_AFTER_SECONDS
                ) from None
            return
        if self._connection.pgconn.transaction_status == TransactionStatus.INERROR:
            await self._ending(self._undo())
            raise AssertionError("an error was swallowed inside a transaction; use a savepoint")
        failure = await self._ending(self._commit())
        if failure is not None:
            raise failure
        for callback in callbacks:
            try:
                callback()
            except Exception as mistake:  # noqa: BLE001 (what is committed stays a success)
                _log.error("after_commit.failed", mistake, module=self._source.name)

    async def _ending(self, end: Any) -> Exception | None:
        """Wait for the end in a task of its own, which goes on if this caller goes away."""
        task: asyncio.Task[Exception | None] = asyncio.create_task(end)
        self._source.keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._age.expired():  # The age ran out in the very moment the body ended.
                return faults.unknown()
            raise

    async def _commit(self) -> Exception | None:
        connection = self._connection
        connection.doubt.raised = False
        try:
            async with asyncio.timeout(self._source.limits.commit_seconds):
                await connection.commit()
            # Read before the session is given back: its next user clears the mark.
            return faults.unknown() if connection.doubt.raised else None
        except TimeoutError:
            return faults.unknown()
        except psycopg.Error as error:
            return faults.known(error) if faults.refused_before_commit(error) else faults.unknown()
        finally:
            await self._source.give_back(connection)

    async def _undo(self) -> None:
        connection = self._connection
        try:
            async with asyncio.timeout(self._source.limits.statement_seconds):
                await connection.rollback()
        except (TimeoutError, psycopg.Error):
            await connection.close()  # The server undoes what a closed session left open.
        finally:
            await self._source.give_back(connection)
