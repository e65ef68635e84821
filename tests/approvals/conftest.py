"""Approvals on a real PostgreSQL, with a real identity."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.approvals.panel import Panel, opened_panel
from tests.harness.cluster import Cluster, TestDatabase
from tests.vault.room import template_of

from bezant.clock import MovableClock

MODULES = ("keys", "identity", "approvals")


@pytest.fixture(scope="session")
def approvals_template(cluster: Cluster) -> str:
    return template_of(cluster, "approvals_template", MODULES)


@pytest.fixture
def database(cluster: Cluster, approvals_template: str) -> Iterator[TestDatabase]:
    """A fresh database with the tables of these modules and no others."""
    with cluster.fresh(approvals_template) as fresh:
        yield fresh


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def panel(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Panel]:
    async with opened_panel(database, clock, tmp_path) as panel:
        yield panel
