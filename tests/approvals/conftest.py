"""Approvals on a real PostgreSQL, with a real identity."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.approvals.panel import Panel, opened_panel
from tests.harness.cluster import TestDatabase
from tests.harness.databases import lent

from bezant.clock import MovableClock

database = lent("approvals_template", "keys", "identity", "approvals")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def panel(
    database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Panel]:
    async with opened_panel(database, clock, tmp_path) as panel:
        yield panel
