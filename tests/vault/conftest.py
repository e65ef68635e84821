"""A vault of its own for each test, on a real PostgreSQL with a real key room."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import Cluster, TestDatabase
from tests.vault.counter import Counter, opened_counter
from tests.vault.room import template_of

from bezant.clock import MovableClock

MODULES = ("keys", "identity", "vault")


@pytest.fixture(scope="session")
def vault_template(cluster: Cluster) -> str:
    return template_of(cluster, "vault_template", MODULES)


@pytest.fixture
def database(cluster: Cluster, vault_template: str) -> Iterator[TestDatabase]:
    """A fresh database with the tables of these modules and no others."""
    with cluster.fresh(vault_template) as fresh:
        yield fresh


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def counter(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(database, clock, tmp_path) as counter:
        yield counter
