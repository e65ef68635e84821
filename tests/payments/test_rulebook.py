"""Rules are remembered for a few seconds; a change made here holds at once."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.till import Till, opened

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.payments import rulebook
from bezant.payments.port import FeeRule, Terms


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock) as till:
        yield till


async def test_rules_that_change_while_they_are_read_are_read_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = rulebook.stored.terms
    seen, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(database: Database) -> Terms:
        found = await read(database)
        seen.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(rulebook.stored, "terms", slowly)
    till.parts.rulebook.forget()
    reading = asyncio.create_task(till.parts.rulebook.rules())
    await asyncio.wait_for(seen.wait(), 60)
    monkeypatch.setattr(rulebook.stored, "terms", read)
    new = Terms((), (FeeRule(percent=Decimal(3)),))
    await till.set_terms(new)
    go_on.set()
    assert (await reading).fees == (), "it was read before the change: the control"
    assert (await till.parts.rulebook.rules()).fees == new.fees
