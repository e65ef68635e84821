"""Modules and databases of them, made for the tests of this room."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.harness.cluster import TestDatabase

from bezant.clock import RealClock
from bezant.db.database import Database, Limits
from bezant.db.migrate import migrate
from bezant.db.schema import ModuleSchema, Piece
from bezant.secret import Secret

DEADLINE_SECONDS = 120
PASSWORD = "a password of the tests"


def module(folder: Path, name: str, *files: str, pieces: tuple[Piece, ...] = ()) -> ModuleSchema:
    """Write a module's migration files and return its schema."""
    own = folder / name / "migrations"
    own.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(files, 1):
        (own / f"{number:04}_made.sql").write_text(text)
    return ModuleSchema(name, pieces, own)


@dataclass(frozen=True, slots=True)
class Rooms:
    """A database in which some modules live."""

    where: TestDatabase

    @asynccontextmanager
    async def open(
        self, name: str, *, size_max: int = 8, limits: Limits | None = None
    ) -> AsyncIterator[Database]:
        """Lend a module's own database handle."""
        database = await Database.open(
            self.where.dsn(f"bezant_{name}", PASSWORD),
            name=name,
            size_max=size_max,
            clock=RealClock(),
            limits=limits,
        )
        try:
            yield database
        finally:
            await database.close()


async def furnish(where: TestDatabase, modules: Sequence[ModuleSchema]) -> Rooms:
    """Migrate these modules into a database."""
    passwords = {one.module: Secret(PASSWORD) for one in modules}
    await migrate(where.administrator_dsn, modules, passwords)
    return Rooms(where)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.02)
