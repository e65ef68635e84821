"""Wakes whoever waits for something new: in this process at once, in others by NOTIFY.

A nudge carries nothing and may be lost; whoever waits also looks by itself now and then. It is
never sent inside a business transaction: PostgreSQL lets transactions that notify commit one after
the other, which would undo what gathered writes gain.
"""

import asyncio
from collections import defaultdict

import psycopg

from bezant import telemetry
from bezant.db.database import Database
from bezant.db.session import Connection
from bezant.errors import BezantError

CHANNEL = "bezant"
GATHER_SECONDS = 0.02  # At most fifty notifications a second leave a process, however much happens.
RECONNECT_SECONDS = 1.0
LISTEN_SECONDS = 30.0  # Then the listening session shows that it still lives.

_log = telemetry.log("db")


class Nudges:
    """The doorbells of this process. Without a database they ring in this process only."""

    def __init__(self, database: Database | None = None) -> None:
        self._database = database
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._unsent: set[str] = set()
        self._send = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to tell other processes and to listen to them."""
        if self._database is not None:
            self._tasks = [
                asyncio.create_task(self._tell(self._database), name="nudges out"),
                asyncio.create_task(self._listen(self._database), name="nudges in"),
            ]

    async def stop(self) -> None:
        """Stop telling and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    def poke(self, topic: str) -> None:
        """Wake everybody who waits for this topic. Costs next to nothing when nobody does."""
        self._ring(topic)
        if self._tasks:
            self._unsent.add(topic)
            self._send.set()

    def count(self, topic: str) -> int:
        """Return how often a topic was poked: read it before looking, hand it to `wait` after."""
        return self._counts[topic]

    async def wait(self, topic: str, seen: int, seconds: float) -> None:
        """Wait for a poke since `seen` was read, or for this long."""
        if self._counts[topic] != seen:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[topic].add(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            pass
        finally:
            self._waiting[topic].discard(future)

    def _ring(self, topic: str) -> None:
        self._counts[topic] += 1
        for future in self._waiting[topic]:
            if not future.done():
                future.set_result(None)

    async def _tell(self, database: Database) -> None:
        while True:
            await self._send.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._send.clear()
            topics, self._unsent = sorted(self._unsent), set()
            try:
                await database.fetch_value(
                    "SELECT count(pg_notify(%s, topic)) FROM unnest(%s::text[]) AS topic",
                    (CHANNEL, topics),
                )
            except BezantError as error:
                _log.info("nudges.unsent", code=error.code)  # Others look by themselves meanwhile.

    async def _listen(self, database: Database) -> None:
        while True:
            try:
                connection = await database.connect("nudges")
                try:
                    await self._hear(connection)
                finally:
                    await connection.close()
            except (BezantError, psycopg.Error) as error:
                _log.info("nudges.deaf", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _hear(self, connection: Connection) -> None:
        await connection.set_autocommit(True)
        await connection.execute(f"LISTEN {CHANNEL}".encode())
        for topic in list(self._counts):
            self._ring(topic)  # What was said while nobody listened.
        while True:
            async for heard in connection.notifies(timeout=LISTEN_SECONDS):
                self._ring(heard.payload)
            await connection.execute(b"SELECT 1")
