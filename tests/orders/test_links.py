"""A payment link is used as often as it was made for, and no more, whoever races."""

import asyncio
from datetime import timedelta

import pytest
from tests.orders.shop import ANN, BOB, Shop
from tests.orders.till import DECLINED_CARD

from bezant.actor import Mode
from bezant.errors import BezantError
from bezant.money import EUR, Money
from bezant.orders.checkout import (
    CreateLink,
    LinksOf,
    Offer,
    OpenLink,
    PaymentLink,
    SessionState,
)
from bezant.orders.order import OrderStatus
from bezant.orders.port import (
    LinkClosed,
    LinkUsedUp,
    OrderKeyReused,
    SessionOver,
    UnknownPaymentLink,
)
from bezant.orders.store import checkout as store

pytestmark = pytest.mark.requirement("S000-14", part="payment links")


async def link(shop: Shop, **more: object) -> PaymentLink:
    offer = Offer(Money.of("20.00 EUR"), "A ticket")
    return await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, offer, **more))  # pyright: ignore[reportArgumentType]


async def follow(shop: Shop, made: PaymentLink):
    return await shop.orders.open_link(OpenLink(ANN, Mode.TEST, made.id))


async def test_a_link_is_paid(shop: Shop):
    made = await link(shop, uses_max=2)
    new = await follow(shop, made)
    assert new.session.link == made.id
    done = await shop.confirm(new)
    assert done.state is SessionState.COMPLETE
    seen = await shop.orders.link(ANN, Mode.TEST, made.id)
    assert (seen.uses, seen.open) == (1, True)
    await shop.follow()
    assert (await shop.orders.order(ANN, Mode.TEST, done.order)).status is OrderStatus.PAID


@pytest.mark.catalogue("T54")
async def test_a_link_for_one_is_paid_by_one_whoever_races(shop: Shop):
    twice = lost = 0
    for _ in range(40):
        made = await link(shop, uses_max=1)
        sessions = [await follow(shop, made) for _ in range(4)]
        outcomes = await asyncio.gather(
            *(shop.confirm(one) for one in sessions), return_exceptions=True
        )
        won = [one for one in outcomes if not isinstance(one, BaseException)]
        assert all(isinstance(one, LinkUsedUp) for one in outcomes if one not in won)
        twice += len(won) > 1
        lost += not won
    assert (twice, lost) == (0, 0)
    assert len(shop.till.held) == 40


@pytest.mark.catalogue("T54")
async def test_the_race_would_be_lost_by_looking_first(shop: Shop, monkeypatch: pytest.MonkeyPatch):
    """The negative control: counting what one has seen lets everybody through."""

    async def look_first(tx: object, link_id: object, now: object) -> bool:
        del tx, link_id, now
        await asyncio.sleep(0)
        return True

    made = await link(shop, uses_max=1)
    sessions = [await follow(shop, made) for _ in range(4)]
    monkeypatch.setattr(store, "use_link", look_first)
    await asyncio.gather(*(shop.confirm(one) for one in sessions), return_exceptions=True)
    assert len(shop.till.held) > 1


async def test_a_use_counts_while_somebody_pays_and_comes_back_when_they_do_not(shop: Shop):
    made = await link(shop, uses_max=1)
    first, second = await follow(shop, made), await follow(shop, made)
    await shop.confirm(first, DECLINED_CARD)
    with pytest.raises(LinkUsedUp):
        await shop.confirm(second)
    with pytest.raises(LinkUsedUp):
        await follow(shop, made)
    shop.clock.move(timedelta(hours=24))
    await shop.orders.end_overdue()
    third = await follow(shop, made)
    assert (await shop.confirm(third)).state is SessionState.COMPLETE
    with pytest.raises(SessionOver):
        await shop.confirm(first)


async def test_a_link_that_was_paid_stays_used(shop: Shop):
    made = await link(shop, uses_max=1)
    await shop.confirm(await follow(shop, made))
    shop.clock.move(timedelta(hours=24))
    await shop.orders.end_overdue()
    seen = await shop.orders.link(ANN, Mode.TEST, made.id)
    assert (seen.uses, seen.open) == (1, False)


async def test_a_link_ends_by_time_or_by_hand(shop: Shop):
    timed = await link(shop, expires_at=shop.clock.now() + timedelta(hours=1))
    closed = await link(shop)
    early = [await follow(shop, one) for one in (timed, closed)]
    assert not (await shop.orders.close_link(ANN, Mode.TEST, closed.id)).open
    shop.clock.move(timedelta(hours=1))
    for one in (timed, closed):
        with pytest.raises(LinkClosed):
            await follow(shop, one)
    for new in early:
        with pytest.raises(LinkUsedUp):
            await shop.confirm(new)
    assert shop.till.held == {}


async def test_links_are_made_once_and_listed(shop: Shop):
    offer = Offer(EUR(1_00))
    first = await shop.orders.create_link(CreateLink("k", ANN, Mode.TEST, offer))
    again = await shop.orders.create_link(CreateLink("k", ANN, Mode.TEST, offer))
    assert (again.id, again.replayed) == (first.id, True)
    with pytest.raises(OrderKeyReused):
        await shop.orders.create_link(CreateLink("k", ANN, Mode.TEST, offer, uses_max=1))
    page = await shop.orders.links(LinksOf(ANN, Mode.TEST))
    assert [one.id for one in page.links] == [first.id]
    with pytest.raises(UnknownPaymentLink):
        await shop.orders.link(BOB, Mode.TEST, first.id)
    with pytest.raises(UnknownPaymentLink):
        await shop.orders.link(ANN, Mode.TEST, "plink_1")
    for uses_max in (0, -1, 10**9):
        with pytest.raises(BezantError):
            await link(shop, uses_max=uses_max)


async def test_nobody_pays_in_a_session_that_ended_while_they_began(shop: Shop):
    made = await link(shop, uses_max=1)
    first, second = await follow(shop, made), await follow(shop, made)

    async def ended() -> None:
        shop.till.meanwhile = lambda: asyncio.sleep(0)
        await shop.orders.expire_session(ANN, Mode.TEST, first.session.id)

    shop.till.meanwhile = ended
    with pytest.raises(SessionOver):
        await shop.confirm(first)
    assert (await shop.confirm(second)).state is SessionState.COMPLETE, "its use came back"
    paid = [one for one in shop.till.held.values() if one.captured]
    assert len(paid) == 1
