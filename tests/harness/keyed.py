"""What crash tests post into: the smallest book, where a key is written once with its effect.

`effect` has no unique constraint on purpose: a key that took effect twice must show there, not be
hidden by the table.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

import psycopg

from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.line import Line
from bezant.db.poster import Poster
from bezant.errors import BezantError, Unavailable

TABLES = """
CREATE TABLE posting (key text PRIMARY KEY, note text NOT NULL);
ALTER TABLE posting ALTER note SET STORAGE EXTERNAL;  -- as long on disk as it is
CREATE TABLE effect (key text NOT NULL);
CREATE TABLE total (effects bigint NOT NULL);
INSERT INTO total VALUES (0);
"""
WRITE = """
WITH fresh AS (
    INSERT INTO posting (key, note)
    SELECT sent.key, repeat(md5(sent.key), %(note_blocks)s)
    FROM unnest(%(keys)s::text[]) AS sent (key)
    ON CONFLICT DO NOTHING
    RETURNING key
), done AS (
    INSERT INTO effect (key)
    SELECT key FROM fresh
    RETURNING key
)
UPDATE total SET effects = effects + (SELECT count(*) FROM done)
"""


ANSWER_SECONDS = 0.01  # about what an honest answer takes, so that the load is the same
HASTE_SECONDS = 0.2  # how far the hasty book's answers run ahead of its commits


class Book(Protocol):
    """Something that takes a key once, whatever happens to it. Crash tests ask no more of it."""

    async def post(self, key: str) -> None:
        """Return when the effect is durable; raise `Unavailable` when that is not known."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class KeyedBook:
    """Posts keys through a poster, as the ledger does."""

    def __init__(self, database: Database, line: Line, note_blocks: int) -> None:
        self._database = database
        self._line = line
        self._note_blocks = note_blocks
        self.refused = 0
        self.poster: Poster[str, None] = Poster(
            "keyed", self._write, key_of=lambda key: key, outcome_seconds=5
        )

    @classmethod
    async def open(cls, dsn: str, note_blocks: int = 1) -> "KeyedBook":
        database = await Database.open(dsn, name="keyed", size_max=2, clock=RealClock())
        book = cls(database, database.line("poster"), note_blocks)
        book.poster.start()
        return book

    async def post(self, key: str) -> None:
        try:
            await self.poster.submit(key)
        except Unavailable:
            self.refused += 1
            raise

    async def close(self) -> None:
        await self.poster.stop()
        await self._line.close()
        await self._database.close()

    async def _write(self, keys: Sequence[str]) -> Sequence[BezantError | None]:
        async with self._line.transaction() as tx:
            await tx.execute(WRITE, {"keys": list(keys), "note_blocks": self._note_blocks})
        return [None] * len(keys)


class HastyBook(KeyedBook):
    """Negative control: answers before the commit. Every crash test must catch it."""

    async def post(self, key: str) -> None:
        self.poster.submit(key)
        await asyncio.sleep(ANSWER_SECONDS)

    async def _write(self, keys: Sequence[str]) -> Sequence[BezantError | None]:
        await asyncio.sleep(HASTE_SECONDS)
        return await super()._write(keys)


class DeafBook(KeyedBook):
    """Negative control: takes "not now" for an answer and says it is done."""

    async def post(self, key: str) -> None:
        with suppress(Unavailable):
            await super().post(key)


def make_tables(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TABLES)
        connection.execute("CHECKPOINT")  # What is lost in a crash shall be keys, not the tables.


def effects(dsn: str) -> list[str]:
    """Return every effect that is really there, and check that the total agrees with them."""
    with psycopg.connect(dsn) as connection:
        found = [row[0] for row in connection.execute("SELECT key FROM effect")]
        total = connection.execute("SELECT effects FROM total").fetchone()
    assert total == (len(found),), "a transaction was kept in part"
    return found
