"""A key room on a real database, opened the way wiring opens it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.db.schema import ModuleSchema
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret

PASSWORD = "keys-of-the-tests"
OpenKeys = Callable[[], Awaitable[KeysService]]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def keys_database(empty_database: TestDatabase) -> TestDatabase:
    await migrate(
        empty_database.administrator_dsn,
        [ModuleSchema("keys")],
        {"keys": Secret(PASSWORD)},
    )
    return empty_database


@pytest.fixture
async def open_keys(
    keys_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[OpenKeys]:
    """Return a function that opens the room once more, as another process would."""
    opened: list[Database] = []

    async def open_once_more() -> KeysService:
        database = await Database.open(
            keys_database.dsn("bezant_keys", PASSWORD), name="keys", size_max=4, clock=clock
        )
        opened.append(database)
        provider = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
        service = KeysService(database, clock, [provider])
        await service.start()
        return service

    yield open_once_more
    for database in opened:
        await database.close()


@pytest.fixture
async def keys(open_keys: OpenKeys) -> KeysService:
    return await open_keys()
