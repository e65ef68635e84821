"""Orders, checkouts and links mean the same near and far, and only who may gets through."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.harness.waiting import PATIENCE_SECONDS
from tests.orders.apart_orders import orders_feed, orders_service
from tests.orders.shop import ANN, BOB, CARD
from tests.orders.till import ACTION_CARD, DECLINED_CARD
from tests.rpc.apart import PLACES, at

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.errors import Forbidden
from bezant.ids import Ids, spell
from bezant.money import EUR
from bezant.orders.port import (
    ClientSecretInvalid,
    ConfirmSession,
    CreateLink,
    CreateOrder,
    LinksOf,
    LinkUsedUp,
    MalformedOffer,
    NewSession,
    Offer,
    OpenLink,
    OpenSession,
    OrderExists,
    OrderKeyReused,
    Orders,
    OrdersFeed,
    OrdersOf,
    OrderStatus,
    ReadSession,
    SessionOver,
    SessionState,
    UnknownOrder,
    Way,
)
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S004-7", part="orders")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OFFER = Offer(EUR(20_00), "Two chairs", "CHAIRS", (Way.CARD,), metadata={"cart": "7"})


@pytest.fixture(params=PLACES)
async def orders(
    request: pytest.FixtureRequest, database: TestDatabase, tmp_path: Path
) -> AsyncIterator[Orders]:
    addresses = (database.module_dsn("orders"), database.module_dsn("keys"))
    arguments = (*addresses, str(tmp_path), NOW.isoformat())
    async with at(request.param, Orders, orders_service, *arguments) as port:
        yield port


def confirming(new: NewSession, card: str = CARD, **more: object) -> ConfirmSession:
    command = ConfirmSession(ANN, Mode.TEST, new.session.id, new.client_secret, Way.CARD, card)
    return replace(command, **more)  # pyright: ignore[reportArgumentType]


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await true():
            await asyncio.sleep(0.02)


async def test_an_order_is_made_once_paid_and_told(orders: Orders, database: TestDatabase):
    asked = CreateOrder("k", ANN, Mode.TEST, EUR(20_00), "", "A-1", "Chairs", metadata={"a": "b"})
    order = await orders.create_order(asked)
    again = await orders.create_order(asked)
    assert (replace(again, replayed=False), again.replayed) == (order, True)
    with pytest.raises(OrderKeyReused):
        await orders.create_order(replace(asked, amount=EUR(21_00)))
    with pytest.raises(OrderExists) as taken:
        await orders.create_order(replace(asked, key="other"))
    assert taken.value.field == "reference"
    with pytest.raises(MalformedOffer) as wrong:
        await orders.create_order(replace(asked, key="", description="a\nb"))
    assert wrong.value.field == "description"
    with pytest.raises(UnknownOrder):
        await orders.order(BOB, Mode.TEST, order.id)

    new = await orders.open_session(OpenSession("s", ANN, Mode.TEST, OFFER, order.id))
    assert (await orders.confirm(confirming(new))).state is SessionState.COMPLETE

    async def paid() -> bool:
        return (await orders.order(ANN, Mode.TEST, order.id)).status is OrderStatus.PAID

    await until(paid)
    page = await orders.orders(OrdersOf(ANN, Mode.TEST, OrderStatus.PAID, "A-1"))
    assert [one.id for one in page.orders] == [order.id]
    assert page.orders[0].paid == EUR(20_00)
    async with at("apart", OrdersFeed, orders_feed, database.module_dsn("orders")) as feed:

        async def told() -> bool:
            return [fed.event.type for fed in await feed.read(0, 10)] == [
                "order.created",
                "order.paid",
            ]

        await until(told)


async def test_a_checkout_from_its_opening_to_its_end(orders: Orders):
    opening = OpenSession("s", ANN, Mode.TEST, OFFER, expires_at=NOW + timedelta(hours=1))
    new = await orders.open_session(opening)
    again = await orders.open_session(opening)
    assert again.client_secret.reveal() == new.client_secret.reveal()
    assert again.session == new.session
    with pytest.raises(ClientSecretInvalid):
        await orders.confirm(confirming(new, client_secret=Secret("wrong")))
    declined = await orders.confirm(confirming(new, DECLINED_CARD, key="1"))
    assert (declined.state, declined.advice) == (SessionState.OPEN, "Try another card.")
    waiting = await orders.confirm(confirming(new, ACTION_CARD, key="2"))
    assert waiting.next_action is not None
    assert (waiting.next_action.type, waiting.next_action.facts) == ("redirect", {"a": "b"})
    read = ReadSession(ANN, Mode.TEST, new.session.id, new.client_secret)
    assert await orders.session(read) == waiting
    other = await orders.open_session(replace(opening, key="t"))
    ended = await orders.expire_session(ANN, Mode.TEST, other.session.id)
    assert ended.state is SessionState.EXPIRED
    with pytest.raises(SessionOver):
        await orders.confirm(confirming(other))


async def test_a_link_for_one_is_paid_by_one(orders: Orders):
    link = await orders.create_link(CreateLink("", ANN, Mode.TEST, OFFER, uses_max=1))
    sessions = [await orders.open_link(OpenLink(ANN, Mode.TEST, link.id)) for _ in range(6)]
    for new in sessions:
        assert (await orders.confirm(confirming(new, DECLINED_CARD))).state is SessionState.OPEN
    outcomes = await asyncio.gather(
        *(orders.confirm(confirming(new)) for new in sessions), return_exceptions=True
    )
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert [type(one) for one in refused] == [LinkUsedUp] * 5
    assert (await orders.link(ANN, Mode.TEST, link.id)).uses == 1
    closed = await orders.close_link(ANN, Mode.TEST, link.id)
    page = await orders.links(LinksOf(ANN, Mode.TEST))
    assert page.links == (closed,)
    assert not closed.open


@pytest.mark.parametrize("place", PLACES)
async def test_nobody_but_the_gateway_makes_orders(
    place: str, database: TestDatabase, tmp_path: Path
):
    addresses = (database.module_dsn("orders"), database.module_dsn("keys"))
    arguments = (*addresses, str(tmp_path), NOW.isoformat())
    async with at(place, Orders, orders_service, *arguments, caller="payments") as port:
        with pytest.raises(Forbidden) as refused:
            await port.order(ANN, Mode.TEST, spell("ord", Ids(RealClock()).uuid()))
        assert refused.value.code == "not_permitted"
