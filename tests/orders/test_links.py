"""A payment link is used as often as it was made for, and no more, whoever races."""

import asyncio
from datetime import timedelta

import pytest
from tests.orders.shop import ANN, BOB, CARD, WINDOW, Shop
from tests.orders.till import ACTION_CARD, DECLINED_CARD, OUTAGE_CARD

from bezant.actor import Mode
from bezant.errors import BezantError, Unavailable
from bezant.money import EUR, Money
from bezant.orders.checkout import (
    CreateLink,
    LinksOf,
    NewSession,
    Offer,
    OpenLink,
    PaymentLink,
    ReadSession,
    SessionState,
)
from bezant.orders.order import OrderStatus
from bezant.orders.port import (
    CheckoutBusy,
    LinkClosed,
    LinkUsedUp,
    OrderKeyReused,
    SessionOver,
    UnknownPaymentLink,
)
from bezant.orders.store import checkout as store
from bezant.payments.port import PaymentState

pytestmark = pytest.mark.requirement("S000-14", part="payment links")
TRIES_MAX = 2_000


async def link(shop: Shop, **more: object) -> PaymentLink:
    offer = Offer(Money.of("20.00 EUR"), "A ticket")
    return await shop.orders.create_link(CreateLink("", ANN, Mode.TEST, offer, **more))  # pyright: ignore[reportArgumentType]


async def uses(shop: Shop, made: PaymentLink) -> int:
    return (await shop.orders.link(ANN, Mode.TEST, made.id)).uses


async def follow(shop: Shop, made: PaymentLink) -> NewSession:
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
    await shop.confirm(first, ACTION_CARD)
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


@pytest.mark.parametrize("card", [DECLINED_CARD, OUTAGE_CARD])
async def test_a_try_that_came_to_nothing_gives_its_use_back_at_once(shop: Shop, card: str):
    made = await link(shop, uses_max=1)
    first, second = await follow(shop, made), await follow(shop, made)
    tried = await shop.confirm(first, card)
    assert (tried.state, (await uses(shop, made))) == (SessionState.OPEN, 0)
    assert (await shop.confirm(second)).state is SessionState.COMPLETE
    with pytest.raises(LinkUsedUp):
        await shop.confirm(first)
    assert await uses(shop, made) == 1
    assert len([one for one in shop.till.held.values() if one.captured]) == 1


async def test_who_was_declined_may_try_again_by_another_payment(shop: Shop):
    made = await link(shop, uses_max=1)
    new = await follow(shop, made)
    tried = await shop.confirm(new, DECLINED_CARD)
    assert tried.advice == "Try another card."
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert (seen.state, seen.advice) == (SessionState.OPEN, tried.advice), "told on every look"
    done = await shop.confirm(new)
    assert done.state is SessionState.COMPLETE
    assert done.payment != tried.payment
    assert shop.till.held[tried.payment].state is PaymentState.VOIDED, "it charges nobody any more"
    assert await uses(shop, made) == 1


async def test_a_try_that_is_repeated_is_told_what_it_came_to_and_is_no_new_one(shop: Shop):
    made = await link(shop, uses_max=1)
    new = await follow(shop, made)
    tried = await shop.confirm(new, DECLINED_CARD, key="once")
    again = await shop.confirm(new, DECLINED_CARD, key="once")
    assert (again.payment, again.payment_state) == (tried.payment, "declined")
    assert (len(shop.till.held), await uses(shop, made)) == (1, 0)
    other = await shop.confirm(new, DECLINED_CARD, key="twice")
    assert other.payment != tried.payment, "the control: another key is another try"


async def test_a_no_that_comes_later_gives_the_use_back_as_well(shop: Shop):
    made = await link(shop, uses_max=1)
    first, second = await follow(shop, made), await follow(shop, made)
    waits = await shop.confirm(first, ACTION_CARD)
    await shop.follow()
    await shop.orders.give_back_uses()
    assert await uses(shop, made) == 1, "the control: the payer is still at it"
    shop.till.decline(waits.payment)
    await shop.follow()
    await shop.orders.give_back_uses()
    assert await uses(shop, made) == 0
    assert (await shop.confirm(second)).state is SessionState.COMPLETE


async def test_a_no_that_turns_out_to_be_a_yes_counts_as_a_use_again(shop: Shop):
    made = await link(shop, uses_max=1)
    first, second = await follow(shop, made), await follow(shop, made)
    tried = await shop.confirm(first, DECLINED_CARD)
    await shop.follow()
    assert await uses(shop, made) == 0, "the control: it was given back"
    shop.till.pay(tried.payment)
    for _ in range(2):
        await shop.follow()
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, first.session.id))
    assert (seen.state, await uses(shop, made)) == (SessionState.COMPLETE, 1)
    with pytest.raises(LinkUsedUp):
        await shop.confirm(second)
    shop.till.capture(tried.payment)
    await shop.follow()
    assert await uses(shop, made) == 1, "what is told of it later is no further use"


async def test_who_is_believed_when_the_last_use_is_taken_is_paid_all_the_same(
    shop: Shop, capsys: pytest.CaptureFixture[str]
):
    made = await link(shop, uses_max=1)
    first, second = await follow(shop, made), await follow(shop, made)
    tried = await shop.confirm(first, DECLINED_CARD)
    assert (await shop.confirm(second)).state is SessionState.COMPLETE
    shop.till.pay(tried.payment)
    await shop.follow()
    assert await uses(shop, made) == 1
    for new in (first, second):
        order = await shop.orders.order(ANN, Mode.TEST, new.session.order)
        assert order.status is OrderStatus.PAID
    assert "link.paid_too_often" in capsys.readouterr().err


async def test_what_could_not_be_given_back_at_once_is_later(shop: Shop):
    made = await link(shop, uses_max=1)
    new = await follow(shop, made)

    def silent(name: str) -> None:
        if name == "void":
            raise Unavailable

    shop.till.before = silent
    assert (await shop.confirm(new, DECLINED_CARD)).payment_state == "declined"
    await shop.follow()
    await shop.orders.give_back_uses()
    assert await uses(shop, made) == 1
    shop.till.before = lambda _: None
    await shop.orders.give_back_uses()
    assert await uses(shop, made) == 1, "it waits a minute before it asks again"
    shop.clock.move(timedelta(minutes=1))
    await shop.orders.give_back_uses()
    assert await uses(shop, made) == 0


async def test_a_payer_in_two_tabs_does_not_lose_the_use_they_pay_with(shop: Shop):
    """While one try's use is about to be given back, the other tab pays by the same payment."""
    made = await link(shop, uses_max=1)
    new, other = await follow(shop, made), await follow(shop, made)

    async def second_tab() -> None:
        shop.till.before_void = lambda: asyncio.sleep(0)
        await shop.confirm(new)

    shop.till.before_void = second_tab
    await shop.confirm(new, DECLINED_CARD)
    seen = await shop.orders.session(ReadSession(ANN, Mode.TEST, new.session.id))
    assert (seen.state, await uses(shop, made)) == (SessionState.COMPLETE, 1)
    with pytest.raises(LinkUsedUp):
        await shop.confirm(other)


async def insist(shop: Shop, new: NewSession, card: str, paid: list[str]) -> None:
    """Be declined once, then try with a good card until two have paid."""
    means = [DECLINED_CARD, card]
    for _ in range(TRIES_MAX):
        if not means or len(paid) == 2:
            return
        try:
            told = await shop.confirm(new, means[0])
        except (LinkUsedUp, CheckoutBusy):
            await asyncio.sleep(0.002)
            continue
        del means[0]
        if told.state is SessionState.COMPLETE:
            paid.append(told.payment)


@pytest.mark.catalogue("T54")
async def test_however_many_are_declined_the_last_use_is_paid_once(shop: Shop):
    """Every payer is declined once and tries again until they have paid or nobody else can."""
    for trial in range(20):
        made = await link(shop, uses_max=2)
        sessions = [await follow(shop, made) for _ in range(5)]
        paid: list[str] = []
        cards = [f"card_{trial:016}{at:016}" for at in range(5)]
        await asyncio.gather(
            *(insist(shop, *payer, paid) for payer in zip(sessions, cards, strict=True))
        )
        assert (len(paid), await uses(shop, made)) == (2, 2)
    captured = [one for one in shop.till.held.values() if one.captured]
    assert len(captured) == 40


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


async def test_every_key_given_to_payments_is_our_own(shop: Shop):
    """Whatever a merchant has used as a key, it is in the way of none of our steps."""
    made = await link(shop, uses_max=3)
    for card in (DECLINED_CARD, OUTAGE_CARD):
        await shop.confirm(await follow(shop, made), card)
    left = await follow(shop, made)
    await shop.confirm(left, ACTION_CARD)
    await shop.orders.expire_session(ANN, Mode.TEST, left.session.id)
    plain = await shop.session()
    for card in (OUTAGE_CARD, CARD):
        await shop.confirm(plain, card)
    for capture in (True, False):
        shop.till.money_without_order(ANN, shop.ids.new("ord"), EUR(1_00), capture=capture)
    await shop.follow()
    shop.clock.move(WINDOW)
    await shop.healing.heal()
    given = [one.split(" ", 2) for one in shop.till.answers]
    steps = {f"{name} {key.rpartition(':')[2]}" for name, _, key in given}
    assert {"void let-go", "void void", "refund refund"} < steps, "they were all taken"
    assert {name for name, _, _ in given} == {"create", "confirm", "void", "refund"}
    assert [key for _, _, key in given if not key.startswith("orders ")] == []
