"""A key room on a real database, opened the way wiring opens it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.harness.databases import lent
from tests.keys.softhsm import SoftHsm

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.keys.file import FileProvider
from bezant.keys.pkcs11 import Pkcs11Provider
from bezant.keys.service import KeysService
from bezant.secret import Secret

OpenKeys = Callable[[], Awaitable[KeysService]]
keys_database = lent("keys_template", "keys")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def open_keys(
    keys_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[OpenKeys]:
    """Return a function that opens the room once more, as another process would."""
    opened: list[Database] = []

    async def open_once_more() -> KeysService:
        database = await Database.open(
            keys_database.dsn("bezant_keys", MODULE_PASSWORD), name="keys", size_max=4, clock=clock
        )
        opened.append(database)
        provider = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
        service = KeysService(database, clock, [provider], outbox=Outbox("keys", Nudges()))
        await service.start()
        return service

    yield open_once_more
    for database in opened:
        await database.close()


@pytest.fixture
async def keys(open_keys: OpenKeys) -> KeysService:
    return await open_keys()


@pytest.fixture
def bare_hsm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftHsm:
    """A SoftHSM without a token."""
    monkeypatch.setenv("SOFTHSM2_CONF", "")  # So that it is put back as it was.
    return SoftHsm.begin(tmp_path / "softhsm")


@pytest.fixture
def hsm(bare_hsm: SoftHsm) -> SoftHsm:
    """A SoftHSM with one token."""
    bare_hsm.make_token()
    return bare_hsm


@pytest.fixture
async def token(hsm: SoftHsm, tmp_path: Path) -> AsyncIterator[Pkcs11Provider]:
    provider = await Pkcs11Provider.open(hsm.place, tmp_path / "keys")
    yield provider
    await provider.close()


@pytest.fixture
async def open_with_token(
    keys_database: TestDatabase, clock: MovableClock, token: Pkcs11Provider, tmp_path: Path
) -> AsyncIterator[OpenKeys]:
    """Return a function that opens the room on the token, with files beside it."""
    opened: list[Database] = []

    async def open_once_more() -> KeysService:
        database = await Database.open(
            keys_database.dsn("bezant_keys", MODULE_PASSWORD), name="keys", size_max=4, clock=clock
        )
        opened.append(database)
        files = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
        outbox = Outbox("keys", Nudges())
        service = KeysService(database, clock, [token, files], outbox=outbox)
        await service.start()
        return service

    yield open_once_more
    for database in opened:
        await database.close()
