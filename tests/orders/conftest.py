"""Orders on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import Cluster, TestDatabase
from tests.orders.shop import Shop, opened_shop
from tests.vault.room import template_of

from bezant.clock import MovableClock

MODULES = ("keys", "vault", "ledger", "payments", "approvals", "orders")


@pytest.fixture(scope="session")
def orders_template(cluster: Cluster) -> str:
    return template_of(cluster, "orders_template", MODULES)


@pytest.fixture
def database(cluster: Cluster, orders_template: str) -> Iterator[TestDatabase]:
    """A fresh database with the tables of these modules and no others."""
    with cluster.fresh(orders_template) as fresh:
        yield fresh


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def shop(database: TestDatabase, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Shop]:
    async with opened_shop(database, clock, tmp_path) as shop:
        yield shop


@pytest.fixture
async def strict_shop(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Shop]:
    """A platform on which every payment has an order."""
    async with opened_shop(database, clock, tmp_path, always=True) as shop:
        yield shop
