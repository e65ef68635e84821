"""A stand and a receiver for each test."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.harness.cluster import MODULE_PASSWORD, Cluster, TestDatabase
from tests.webhooks.desk import Desk, opened_desk
from tests.webhooks.receiver import Receiver, receiving
from tests.webhooks.stand import Stand, opened

from bezant.clock import MovableClock
from bezant.db.migrate import migrate
from bezant.db.schema import ModuleSchema, Piece
from bezant.schemas import SCHEMAS
from bezant.secret import Secret

TEMPLATE = "webhooks_template"
MODULES = (
    *(one for one in SCHEMAS if one.module in ("keys", "identity")),
    # Stands for whoever has events to tell.
    ModuleSchema("ledger", (Piece.OUTBOX, Piece.FEED)),
    *(one for one in SCHEMAS if one.module == "webhooks"),
)


@pytest.fixture(scope="session")
def webhooks_template(cluster: Cluster) -> str:
    made = cluster.create(TEMPLATE)
    passwords = {one.module: Secret(MODULE_PASSWORD) for one in MODULES}
    cluster.run(migrate(made.administrator_dsn, MODULES, passwords))
    return TEMPLATE


@pytest.fixture
def database(cluster: Cluster, webhooks_template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(webhooks_template) as fresh:
        yield fresh


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def stand(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Stand]:
    async with opened(database, clock, tmp_path) as made:
        yield made


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture
async def desk(stand: Stand) -> AsyncIterator[Desk]:
    async with opened_desk(stand) as opened_one:
        yield opened_one
