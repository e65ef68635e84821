"""A vault of its own for each test, on a real PostgreSQL with a real key room."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.harness.databases import lent
from tests.vault.counter import Counter, opened_counter

from bezant.clock import MovableClock

database = lent("vault_template", "keys", "identity", "vault")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def counter(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(database, clock, tmp_path) as counter:
        yield counter
