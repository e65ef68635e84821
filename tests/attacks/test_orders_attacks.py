"""Attacks on orders and checkouts: offers nobody can pay, and checkouts that block all others."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import cast

import httpx2
import pytest
from tests.harness.cluster import Cluster, TestDatabase
from tests.orders.shop import ANN, CARD, Shop, opened_shop
from tests.orders.till import ACTION_CARD
from tests.vault.room import template_of

from bezant.actor import Actor, Caller, Mode
from bezant.clock import MovableClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Edge, Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import KeyKind, Role
from bezant.identity.rules import key_permissions
from bezant.ids import MalformedId
from bezant.money import EUR, AmountTooLarge, Money
from bezant.orders import checkouts
from bezant.orders.checkout import CreateLink, Offer, OpenLink, OpenSession
from bezant.orders.http import OPENINGS_OF_ADDRESS, routes
from bezant.orders.order import CreateOrder
from bezant.orders.port import MalformedOffer
from bezant.orders.rules import AMOUNT_MAX
from bezant.payments.port import Payments, PaymentState
from bezant.telemetry.metrics import Meters

MODULES = ("keys", "vault", "ledger", "payments", "approvals", "orders")
PRICE = EUR(20_00)


@pytest.fixture(scope="session")
def attacked_orders(cluster: Cluster) -> str:
    return template_of(cluster, "attacked_orders", MODULES)


@pytest.fixture
def orders_database(cluster: Cluster, attacked_orders: str) -> Iterator[TestDatabase]:
    with cluster.fresh(attacked_orders) as fresh:
        yield fresh


@pytest.fixture
async def shop(
    orders_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Shop]:
    async with opened_shop(orders_database, clock, tmp_path) as shop:
        yield shop


UNPAYABLE = [
    {"return_url": "https://[::1"},
    {"return_url": "https://[x]/"},
    {"return_url": "https://a\u2100b/"},
    {"return_url": "https://shop.example:99999/"},
    {"return_url": "https://shop.example:b/"},
    {"return_url": "https://shop.\u00e9xample/"},
    {"return_url": "https://shop.example:0/"},
    {"return_url": "HTTPS://shop.example/"},
    {"return_url": "http://shop.example/"},
    {"cancel_url": "https://[::1"},
    {"descriptor": "\u65e5\u672c"},
    {"descriptor": "<b>"},
    {"metadata": {"a\u0007": "b"}},
    {"metadata": {"a": "b\nc"}},
    {"metadata": {"a": "\ud800"}},
]
PAYABLE = [
    {"return_url": "https://shop.example:8443/done?order=1#paid", "descriptor": "SHOP*1, & /+-"},
    {"return_url": "http://localhost:3000/", "metadata": {"ä": "ö \u200f"}},
]


@pytest.mark.parametrize("part", UNPAYABLE)
async def test_an_offer_that_payments_would_refuse_is_refused_before_a_payer_sees_it(
    shop: Shop, part: dict[str, object]
):
    offer = Offer(PRICE, **part)  # pyright: ignore[reportArgumentType]
    with pytest.raises(MalformedOffer) as refused:
        await shop.orders.open_session(OpenSession("", ANN, Mode.TEST, offer))
    assert [refused.value.field] == list(part)
    with pytest.raises(MalformedOffer):
        await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, offer))


@pytest.mark.parametrize("parts", PAYABLE)
async def test_an_unusual_offer_is_taken(shop: Shop, parts: dict[str, object]):
    offer = Offer(PRICE, **parts)  # pyright: ignore[reportArgumentType]
    new = await shop.orders.open_session(OpenSession("", ANN, Mode.TEST, offer))
    assert new.session.offer.return_url == parts["return_url"]


async def test_more_money_than_the_tables_hold_is_a_mistake_and_no_failure(shop: Shop):
    for minor in (AMOUNT_MAX + 1, 10**38 - 1):
        offer = Offer(Money(minor, PRICE.asset))
        with pytest.raises(AmountTooLarge):
            await shop.orders.create_order(CreateOrder("", ANN, Mode.TEST, offer.amount))
        with pytest.raises(AmountTooLarge):
            await shop.orders.open_session(OpenSession("", ANN, Mode.TEST, offer))
        with pytest.raises(AmountTooLarge):
            await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, offer))
    most = Money(AMOUNT_MAX, PRICE.asset)
    order = await shop.orders.create_order(CreateOrder("", ANN, Mode.TEST, most))
    assert order.amount == most


@pytest.mark.parametrize("customer", ["cus_1", "\u0007", "pay_" + "1" * 32, "cus_" + "G" * 32])
async def test_a_checkout_is_for_a_customer_or_for_nobody(shop: Shop, customer: str):
    with pytest.raises(MalformedId) as refused:
        await shop.session(customer=customer)
    assert refused.value.field == "customer"


@pytest.mark.parametrize("customer", ["\u0007", "a\u202eb", "a\nb"])
async def test_an_orders_customer_is_written_in_one_line(shop: Shop, customer: str):
    with pytest.raises(MalformedOffer):
        await shop.order(customer=customer)


async def test_checkouts_that_cannot_end_yet_hold_up_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(checkouts, "ENDED_AT_ONCE", 3)
    for _ in range(7):
        held = await shop.confirm(await shop.session())
        payment = shop.till.held[held.payment]
        shop.till.held[held.payment] = replace(payment, state=PaymentState.UNKNOWN)
    shop.clock.move(timedelta(seconds=1))
    link = await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, Offer(PRICE), uses_max=1))
    last = await shop.orders.open_link(OpenLink(ANN, Mode.TEST, link.id))
    await shop.confirm(last, ACTION_CARD)
    assert (await shop.orders.link(ANN, Mode.TEST, link.id)).uses == 1
    shop.clock.move(timedelta(hours=25))
    looked_at = [await shop.orders.end_overdue() for _ in range(4)]
    assert looked_at == [3, 3, 2, 3]  # And then from the beginning again.
    assert (await shop.orders.link(ANN, Mode.TEST, link.id)).uses == 0


class Keys:
    """Knows a page's key and a server's."""

    def known(self, credential: Credential) -> Actor | None:
        kind = KeyKind(credential.secret.reveal())
        role = "" if kind is KeyKind.PUBLISHABLE else Role.DEVELOPER
        permissions = key_permissions(kind, Role.DEVELOPER, ())
        return Actor(Caller.KEY, f"key_{kind}", ANN, Mode.TEST, permissions, role)

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


def edge_of(shop: Shop, machine_seconds: Callable[[], float]) -> Edge:
    ground = Ground(Keys(), MemoryLimits(monotonic), Meters(), shop.ids, Health(shop.clock))
    served = routes(shop.orders, cast("Payments", shop.till), machine_seconds)
    return build(served, service="orders", ground=ground, rules=Rules())


async def test_a_payer_is_not_shown_what_the_merchant_noted(shop: Shop):
    mark = "margin-61-percent"
    offer = Offer(PRICE, "Two chairs", metadata={"note": mark})
    link = await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, offer))
    new = await shop.orders.open_session(OpenSession("", ANN, Mode.TEST, offer))
    shop.cards.bound[CARD] = ""
    secret = new.client_secret.reveal()
    session = f"/v1/checkout_sessions/{new.session.id}"
    asked: tuple[tuple[str, str, dict[str, str] | None], ...] = (
        ("GET", f"/v1/payment_links/{link.id}", None),
        ("POST", f"/v1/payment_links/{link.id}/open", None),
        ("GET", f"{session}?client_secret={secret}", None),
        ("POST", f"{session}/confirm", {"client_secret": secret, "card": CARD}),
    )
    transport = httpx2.ASGITransport(app=edge_of(shop, monotonic))
    async with httpx2.AsyncClient(transport=transport, base_url="https://a.test") as client:
        for kind, seen in ((KeyKind.PUBLISHABLE, False), (KeyKind.SECRET, True)):
            for method, path, body in asked:
                headers = {"x-api-key": kind, "idempotency-key": "once"}
                answer = await client.request(method, path, json=body, headers=headers)
                assert answer.is_success, answer.text
                assert "Two chairs" in answer.text
                assert (mark in answer.text) is seen, (kind, path)


async def test_nobody_fills_the_book_of_orders_from_a_page(shop: Shop):
    link = await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, Offer(PRICE)))
    seconds = [0.0]
    edge = edge_of(shop, lambda: seconds[0])

    async def opened(kind: KeyKind, address: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=edge, client=(address, 1))
        async with httpx2.AsyncClient(transport=transport, base_url="https://a.test") as client:
            path = f"/v1/payment_links/{link.id}/open"
            return await client.post(path, headers={"x-api-key": kind})

    here, there = "203.0.113.7", "198.51.100.9"
    most = OPENINGS_OF_ADDRESS.requests
    told = [await opened(KeyKind.PUBLISHABLE, here) for _ in range(most + 20)]
    assert [one.status_code for one in told] == [201] * most + [429] * 20
    assert told[-1].json()["code"] == "too_many_checkouts"
    assert int(told[-1].headers["retry-after"]) > 0
    assert (await opened(KeyKind.PUBLISHABLE, there)).status_code == 201
    assert (await opened(KeyKind.SECRET, here)).status_code == 201
    seconds[0] += OPENINGS_OF_ADDRESS.window_seconds
    assert (await opened(KeyKind.PUBLISHABLE, here)).status_code == 201
