"""Receipts on a real PostgreSQL, with a real log behind them."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.running import Nest
from tests.harness.cluster import TestDatabase
from tests.harness.databases import lent
from tests.receipts.office import Office, opened_office

from bezant.clock import MovableClock

database = lent("receipts_template", "keys", "audit", "receipts")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def office(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Office]:
    async with opened_office(database, clock, tmp_path) as office:
        yield office


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    (tmp_path / "nest").mkdir()
    made = Nest(tmp_path / "nest")
    yield made
    made.clear()
