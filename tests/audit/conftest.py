"""A log for each test, with a feed beside it that tells what happened."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.audit.stand import MODULES, Stand, opened
from tests.cli.running import Nest
from tests.harness.cluster import MODULE_PASSWORD, Cluster, TestDatabase

from bezant.clock import MovableClock
from bezant.db.migrate import migrate
from bezant.secret import Secret

TEMPLATE = "audit_template"


@pytest.fixture(scope="session")
def audit_template(cluster: Cluster) -> str:
    made = cluster.create(TEMPLATE)
    passwords = {one.module: Secret(MODULE_PASSWORD) for one in MODULES}
    cluster.run(migrate(made.administrator_dsn, MODULES, passwords))
    return TEMPLATE


@pytest.fixture
def log_database(cluster: Cluster, audit_template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(audit_template) as fresh:
        yield fresh


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
