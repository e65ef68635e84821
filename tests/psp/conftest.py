"""A town with the emulator of every provider; webhooks arrive in its box."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sandbox.stand import Box, Town, town

from bezant.sandbox import bank, card, coinbase, paypal, stripe


@pytest.fixture
def box() -> Iterator[Box]:
    with Box.opened() as opened:
        yield opened


@pytest.fixture
def city(box: Box, tmp_path: Path) -> Iterator[Town]:
    """Serve all of them."""
    emulators = [
        stripe.Stripe(replace(stripe.EVERYBODY, webhook_url=box.url)),
        card.Card(replace(card.EVERYBODY, webhook_url=box.url)),
        paypal.PayPal(replace(paypal.EVERYBODY, webhook_url=box.url)),
        coinbase.Coinbase(replace(coinbase.EVERYBODY, webhook_url=box.url)),
        bank.Bank(replace(bank.EVERYBODY, webhook_url=box.url)),
    ]
    with town(*emulators, folder=tmp_path, box=box) as here:
        yield here
