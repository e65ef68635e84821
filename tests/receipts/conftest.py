"""Receipts on a real PostgreSQL, with a real log behind them."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.running import Nest
from tests.harness.cluster import Cluster, TestDatabase
from tests.receipts.office import Office, opened_office
from tests.vault.room import template_of

from bezant.clock import MovableClock

MODULES = ("keys", "audit", "receipts")


@pytest.fixture(scope="session")
def receipts_template(cluster: Cluster) -> str:
    return template_of(cluster, "receipts_template", MODULES)


@pytest.fixture
def database(cluster: Cluster, receipts_template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(receipts_template) as fresh:
        yield fresh


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
