"""Lists of orders, checkouts and links: from either end, cut by time, with what belongs to each."""

from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from typing import Any, cast

import httpx2
import pytest
from tests.orders.shop import ANN, Shop
from tests.orders.test_http import OFFER, Callers, ask

from bezant.actor import Actor, Caller, Mode
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import PermissionMissing
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.orders.checkout import SessionsOf
from bezant.orders.expanding import BesideOrder, expanded
from bezant.orders.http import routes
from bezant.orders.order import CreateOrder
from bezant.payments.port import CreatePayment, Payments
from bezant.telemetry.metrics import Meters

pytestmark = pytest.mark.requirement("S000-5", part="lists")
SECOND = timedelta(seconds=1)
EVA = "cus_" + "e" * 32


@pytest.fixture
async def door(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    ground = Ground(Callers(), MemoryLimits(monotonic), Meters(), shop.ids, Health(shop.clock))
    served = routes(shop.orders, cast("Payments", shop.till))
    edge = build(served, service="orders", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://orders.test") as client:
        yield client


async def page(door: httpx2.AsyncClient, path: str, query: str) -> tuple[list[str], bool]:
    answer = await ask(door, "GET", f"{path}?{query}")
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]], answer.json()["has_more"]


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/checkout_sessions", "/v1/payment_links"])
async def test_a_list_is_read_from_either_end(door: httpx2.AsyncClient, shop: Shop, path: str):
    made: list[str] = []
    for _ in range(5):
        shop.clock.move(SECOND)
        body = {"amount": OFFER["amount"]} if path == "/v1/orders" else OFFER
        answer = await ask(door, "POST", path, body)
        assert answer.status_code == 201, answer.text
        made.insert(0, answer.json()["id"])
    assert await page(door, path, "limit=3") == (made[:3], True)
    assert await page(door, path, f"limit=3&starting_after={made[2]}") == (made[3:], False)
    assert await page(door, path, f"limit=2&ending_before={made[4]}") == (made[2:4], True)
    assert await page(door, path, f"limit=2&ending_before={made[2]}") == (made[:2], False)
    assert await page(door, path, f"ending_before={made[0]}") == ([], False)
    at = (await ask(door, "GET", f"{path}/{made[2]}")).json()["created_at"]
    for query, expected in (
        (f"created[gte]={at}", made[:3]),
        (f"created[gt]={at}", made[:2]),
        (f"created[lte]={at}", made[2:]),
        (f"created[lt]={at}", made[3:]),
        (f"created_from={at}&created[lte]={at}", made[2:3]),
    ):
        assert await page(door, path, query) == (expected, False), query
    for wrong in ("ending_before=nothing", "ending_before="):
        refused = await ask(door, "GET", f"{path}?{wrong}")
        assert (refused.status_code, refused.json()["field"]) == (400, "ending_before")


async def test_orders_show_their_payments_and_their_customer_and_ask_once(shop: Shop):
    shop.till.customers.add(EVA)
    orders = [await shop.order(customer=name) for name in (EVA, "not one of ours", "")]
    paid: list[list[str]] = []
    for number, order in enumerate(orders):
        names: list[str] = []
        for _ in range(number * 3):
            shop.clock.move(SECOND)
            command = CreatePayment(
                shop.ids.new("key"), ANN, Mode.TEST, order.amount, confirm=False, order=order.id
            )
            names.append((await shop.till.create(command)).id)
        paid.append(names)
    await shop.follow()
    found = [await shop.seen(one) for one in orders]
    port, asker = cast("Payments", shop.till), reader("payments.read", "customers.read")
    shop.till.asked.clear()
    shown = await expanded(port, asker, found, list(BesideOrder))
    assert shop.till.asked == ["many"]
    for one, names in zip(shown, paid, strict=True):
        assert one.payments == names
        assert [x.id for x in one.payment_objects or ()] == names[-5:]
        assert one.payment_objects is not None
    told = [one.customer_object and one.customer_object.name for one in shown]
    assert told == ["Eva", None, None]
    (bare,) = await expanded(port, asker, found[:1], ())
    assert (bare.payment_objects, bare.customer_object) == (None, None)


@pytest.mark.parametrize("beside", list(BesideOrder))
async def test_beside_an_order_stands_only_what_its_reader_may_read(
    shop: Shop, beside: BesideOrder
):
    order = await shop.orders.create_order(
        CreateOrder("", ANN, Mode.TEST, (await shop.order()).amount, customer=EVA)
    )
    port = cast("Payments", shop.till)
    with pytest.raises(PermissionMissing):
        await expanded(port, reader("orders.read"), [order], [beside])
    allowed = reader("payments.read", "customers.read")
    assert await expanded(port, allowed, [order], [beside])


async def test_a_list_of_checkouts_asks_for_its_payments_once(shop: Shop):
    sessions = [await shop.session() for _ in range(3)]
    for one in sessions:
        await shop.confirm(one)
    shop.till.asked.clear()
    found = await shop.orders.sessions(SessionsOf(ANN, Mode.TEST))
    assert shop.till.asked == ["many"]
    told: dict[str, Any] = {one.id: one.payment for one in found.sessions}
    assert set(told) == {one.session.id for one in sessions}
    assert all(told.values()), "each was paid"


def reader(*permissions: str) -> Actor:
    return Actor(Caller.KEY, "key_1", ANN, Mode.TEST, frozenset(permissions))
