"""A book of its own for each test, on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import Cluster, TestDatabase
from tests.ledger.desk import Desk, opened_desk
from tests.ledger.shelf import Shelf, migrated, opened

from bezant.clock import MovableClock

TEMPLATE = "ledger_template"


@pytest.fixture(scope="session")
def ledger_template(cluster: Cluster) -> str:
    migrated(cluster.create(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def ledger_database(cluster: Cluster, ledger_template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(ledger_template) as fresh:
        yield fresh


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def shelf(ledger_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Shelf]:
    async with opened(ledger_database, clock) as shelf:
        yield shelf


@pytest.fixture
async def desk(database: TestDatabase, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(database, clock, tmp_path) as desk:
        yield desk


@pytest.fixture
async def people_desk(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Desk]:
    """The same door as the family `peopletrust` finds it."""
    async with opened_desk(database, clock, tmp_path, "peopletrust") as desk:
        yield desk
