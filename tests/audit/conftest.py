"""A log for each test, with a feed beside it that tells what happened."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.audit.stand import Stand, opened
from tests.cli.running import Nest
from tests.harness.cluster import TestDatabase
from tests.harness.databases import lent

from bezant.clock import MovableClock

log_database = lent("audit_template", "keys", "audit")


@pytest.fixture
def log_clock() -> MovableClock:
    return MovableClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def stand(
    log_database: TestDatabase, log_clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Stand]:
    async with opened(log_database, log_clock, tmp_path) as made:
        yield made


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    (tmp_path / "nest").mkdir()
    made = Nest(tmp_path / "nest")
    yield made
    made.clear()
