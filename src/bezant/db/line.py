"""A session of its own beside the pool, for a poster: one serial stream that never queues.

A line is opened when first used and again after it broke. `call` runs one statement that commits by
itself: one round trip where a transaction needs three.
"""

import asyncio
from typing import Any, TypeVar

import psycopg
from psycopg.rows import tuple_row

from bezant.clock import Clock
from bezant.db import faults, guard, session
from bezant.db.rows import row_factory
from bezant.db.session import Connection, Limits
from bezant.db.tx import Parameters, Statement, Transaction
from bezant.secret import Secret

Row = TypeVar("Row")


class Line:
    """One session, one user at a time, reopened when it broke."""

    def __init__(
        self, dsn: Secret[str], name: str, clock: Clock, limits: Limits, generic_plans: bool
    ) -> None:
        self._dsn = dsn
        self._generic_plans = generic_plans
        self._connection: Connection | None = None
        self._free = asyncio.Lock()
        self._endings: set[asyncio.Task[Any]] = set()
        self.name = name
        self.clock = clock
        self.limits = limits

    def transaction(self) -> Transaction:
        """Open a transaction on this line."""
        return Transaction(self)

    async def call(
        self, row_class: type[Row], statement: Statement, parameters: Parameters = None
    ) -> list[Row]:
        """Run one statement that commits by itself; never interrupted once it is sent."""
        return await self._call(row_factory(row_class), statement, parameters)

    async def call_value(self, statement: Statement, parameters: Parameters = None) -> Any:
        """Run one statement that commits by itself and return its first value."""
        rows = await self._call(tuple_row, statement, parameters)
        return rows[0][0] if rows else None

    async def close(self) -> None:
        """Let what is under way end, then close the session."""
        while self._endings:
            await asyncio.wait(tuple(self._endings))
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def take(self) -> Connection:
        """Take the session, opened anew if it has ended. Only transactions call this."""
        await self._free.acquire()
        try:
            return await self._opened()
        except BaseException:
            self._free.release()
            raise

    async def give_back(self, connection: Connection) -> None:
        """Let the next user have the session."""
        assert connection is self._connection
        self._free.release()

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold on to a task that outlives its caller."""
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _opened(self) -> Connection:
        connection = self._connection
        if connection is not None:
            if session.is_alive(connection):
                if connection.autocommit:
                    await connection.set_autocommit(False)
                return connection
            self._connection = None
            await connection.close()
        self._connection = await session.connect(
            self._dsn, self.name, self.limits, generic_plans=self._generic_plans
        )
        return self._connection

    async def _call(self, factory: Any, statement: Statement, parameters: Parameters) -> list[Any]:
        guard.no_open_transaction()
        connection = await self.take()
        task = asyncio.create_task(self._send(connection, factory, statement, parameters))
        self.keep(task)
        answer = await asyncio.shield(task)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _send(
        self, connection: Connection, factory: Any, statement: Statement, parameters: Parameters
    ) -> list[Any] | Exception:
        try:
            await connection.set_autocommit(True)
            connection.doubt.raised = False
            cursor = connection.cursor(binary=True, row_factory=factory)
            async with asyncio.timeout(self.limits.statement_seconds + self.limits.commit_seconds):
                await cursor.execute(statement, parameters)
            rows = await cursor.fetchall()
            return faults.unknown() if connection.doubt.raised else rows
        except TimeoutError:
            return faults.unknown()
        except psycopg.Error as error:
            return faults.known(error) if faults.refused_before_commit(error) else faults.unknown()
        except Exception as error:  # noqa: BLE001 (handed to the caller, who waits for it)
            return error
        finally:
            await self.give_back(connection)
