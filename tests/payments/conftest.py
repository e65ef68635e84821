"""A till of its own for each test, on a real PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests import make
from tests.harness.cluster import Cluster, TestDatabase
from tests.payments.apart_payments import payments_service
from tests.payments.till import Till, migrated, opened
from tests.rpc.apart import PLACES, at
from tests.sandbox.stand import Box, Town, town

from bezant.clock import MovableClock
from bezant.payments.port import Payments
from bezant.sandbox import bank, card, coinbase, paypal, stripe

TEMPLATE = "payments_template"


@pytest.fixture(scope="session")
def payments_template(cluster: Cluster) -> str:
    migrated(cluster.create(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def payments_database(cluster: Cluster, payments_template: str) -> Iterator[TestDatabase]:
    with cluster.fresh(payments_template) as fresh:
        yield fresh


@pytest.fixture
def clock() -> MovableClock:
    return make.clock()


@pytest.fixture(params=PLACES)
async def payments(
    request: pytest.FixtureRequest, payments_database: TestDatabase
) -> AsyncIterator[Payments]:
    """Return payments in this process, and in one of their own."""
    arguments = (
        payments_database.module_dsn("ledger"),
        payments_database.module_dsn("payments"),
        "2026-11-20T12:00:00+00:00",
    )
    async with at(request.param, Payments, payments_service, *arguments) as port:
        yield port


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock) as till:
        yield till


@pytest.fixture
def box() -> Iterator[Box]:
    with Box.opened() as opened:
        yield opened


@pytest.fixture
def city(box: Box, tmp_path: Path) -> Iterator[Town]:
    """Serve the emulators of all providers; their events arrive in the box."""
    emulators = [
        stripe.Stripe(replace(stripe.EVERYBODY, webhook_url=box.url)),
        card.Card(replace(card.EVERYBODY, webhook_url=box.url)),
        paypal.PayPal(replace(paypal.EVERYBODY, webhook_url=box.url)),
        coinbase.Coinbase(replace(coinbase.EVERYBODY, webhook_url=box.url)),
        bank.Bank(replace(bank.EVERYBODY, webhook_url=box.url)),
    ]
    with town(*emulators, folder=tmp_path, box=box) as here:
        yield here
