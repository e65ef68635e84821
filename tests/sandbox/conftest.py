"""A box for webhooks, and emulators that send theirs there."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stripe import StripeClient
from tests.sandbox.official import Pay, client_of, payer
from tests.sandbox.stand import Box, Town, town

from bezant.sandbox import card, stripe


@pytest.fixture
def box() -> Iterator[Box]:
    with Box.opened() as opened:
        yield opened


@pytest.fixture
def acquirer(box: Box, tmp_path: Path) -> Iterator[Town]:
    """Serve the emulator `card`."""
    access = replace(card.EVERYBODY, webhook_url=box.url)
    with town(card.Card(access), folder=tmp_path, box=box) as here:
        here.headers["authorization"] = f"Bearer {access.secret.reveal()}"
        yield here


@pytest.fixture
def striped(box: Box, tmp_path: Path) -> Iterator[Town]:
    """Serve the emulator `stripe`."""
    access = replace(stripe.EVERYBODY, webhook_url=box.url)
    with town(stripe.Stripe(access), folder=tmp_path, box=box) as here:
        here.headers["authorization"] = f"Bearer {access.secret.reveal()}"
        yield here


@pytest.fixture
def client(striped: Town) -> StripeClient:
    """Point Stripe's own client at the emulator."""
    return client_of(striped)


@pytest.fixture
def pay(client: StripeClient) -> Pay:
    return payer(client)
