"""A checkout with everything real but the money: the card goes to an emulator's own book."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.orders.court import ANN, BOSS, CLERK, Court, opened_court
from tests.orders.shop import WINDOW
from tests.sandbox.stand import Town, town
from tests.vault.canaries import everything_in, written

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.approvals.port import ApprovalsOf, Decide
from bezant.clock import MovableClock
from bezant.money import EUR, Money
from bezant.orders.checkout import (
    CheckoutSession,
    ConfirmSession,
    NewSession,
    Offer,
    OpenSession,
    SessionState,
    Way,
)
from bezant.orders.order import OrderStatus
from bezant.orders.port import CardOfAnotherSession, PaymentNotTaken
from bezant.payments.port import (
    ChangeTerms,
    CreatePayment,
    LimitExceeded,
    LimitRule,
    MethodKind,
    PaymentState,
    PayWith,
    Refund,
    RefundState,
    RequestRefund,
    Terms,
)
from bezant.sandbox import card, stripe

pytestmark = pytest.mark.requirement("S000-5", "S000-6", part="checkout to the provider's book")
GOOD, DECLINED = "4242424242424242", "4000000000000002"


@pytest.fixture
def city(tmp_path: Path, clock: MovableClock) -> Iterator[Town]:
    with town(card.Card(), stripe.Stripe(), folder=tmp_path / "town", clock=clock) as here:
        yield here


@pytest.fixture
async def court(
    database: TestDatabase, clock: MovableClock, tmp_path: Path, city: Town
) -> AsyncIterator[Court]:
    async with opened_court(database, clock, tmp_path, city) as court:
        yield court


async def checkout(court: Court, amount: str = "20.00 EUR", **more: object) -> NewSession:
    offer = Offer(Money.of(amount), "Two chairs", **more)  # pyright: ignore[reportArgumentType]
    return await court.orders.open_session(OpenSession("", ANN, Mode.TEST, offer))


async def pay(court: Court, new: NewSession, token: str) -> CheckoutSession:
    return await court.orders.confirm(
        ConfirmSession(ANN, Mode.TEST, new.session.id, new.client_secret, Way.CARD, token)
    )


async def status(court: Court, order: str) -> OrderStatus:
    await court.follow()
    return (await court.orders.order(ANN, Mode.TEST, order)).status


async def refund(court: Court, payment: str, amount: Money, key: str) -> Refund:
    return await court.payments.request_refund(
        RequestRefund(key, ANN, Mode.TEST, payment, CLERK, amount)
    )


async def charged(court: Court, payment: str) -> int:
    """Return how often the payer was charged for a payment, by the providers' own books."""
    attempts = await court.payments.attempts(ANN, Mode.TEST, payment)
    counts = [await asyncio.to_thread(court.town.charges, one.id) for one in attempts]
    return sum(counts)


async def test_from_the_payers_card_to_the_paid_order_and_back(court: Court):
    new = await checkout(court)
    face = await court.card(GOOD, checkout_session=new.session.id)
    done = await pay(court, new, face.token)
    assert (done.state, done.payment_state) == (SessionState.COMPLETE, "succeeded")
    assert await charged(court, done.payment) == 1
    assert await status(court, done.order) is OrderStatus.PAID
    given = await refund(court, done.payment, EUR(5_00), "r1")
    assert given.state is RefundState.SUCCEEDED
    assert await status(court, done.order) is OrderStatus.PART_REFUNDED
    await refund(court, done.payment, EUR(15_00), "r2")
    assert await status(court, done.order) is OrderStatus.REFUNDED


async def test_a_declined_card_and_then_a_good_one(court: Court):
    new = await checkout(court)
    first = await pay(court, new, (await court.card(DECLINED)).token)
    assert (first.state, first.payment_state) == (SessionState.OPEN, "declined")
    assert first.advice
    assert await status(court, first.order) is OrderStatus.OPEN
    done = await pay(court, new, (await court.card(GOOD)).token)
    assert (done.state, done.payment) == (SessionState.COMPLETE, first.payment)
    assert await charged(court, done.payment) == 1


async def test_money_set_aside_is_an_authorized_order(court: Court):
    new = await checkout(court, capture=False)
    done = await pay(court, new, (await court.card()).token)
    assert done.payment_state == "authorized"
    assert await status(court, done.order) is OrderStatus.AUTHORIZED


async def test_a_card_given_for_one_checkout_pays_no_other(court: Court):
    mine, theirs = await checkout(court), await checkout(court)
    face = await court.card(GOOD, checkout_session=theirs.session.id)
    with pytest.raises(CardOfAnotherSession):
        await pay(court, mine, face.token)
    assert (await pay(court, theirs, face.token)).state is SessionState.COMPLETE


async def test_two_tabs_charge_the_payer_once(court: Court):
    new = await checkout(court)
    tokens = [(await court.card()).token for _ in range(4)]
    outcomes = await asyncio.gather(
        *(pay(court, new, token) for token in tokens), return_exceptions=True
    )
    won = [one for one in outcomes if isinstance(one, CheckoutSession)]
    assert won
    assert await charged(court, won[0].payment) == 1
    assert await status(court, won[0].order) is OrderStatus.PAID


async def test_a_large_refund_waits_for_a_second_person(court: Court):
    new = await checkout(court, "500.00 EUR")
    done = await pay(court, new, (await court.card()).token)
    asked = await refund(court, done.payment, EUR(500_00), "r1")
    assert asked.state is RefundState.NEEDS_APPROVAL
    assert await status(court, done.order) is OrderStatus.PAID
    waiting = await court.approvals.approvals(ApprovalsOf(BOSS, ANN))
    assert [one.id for one in waiting.approvals] == [asked.approval]
    await court.approvals.approve(Decide(BOSS, asked.approval))
    await court.payments.take_up_approved()
    assert await status(court, done.order) is OrderStatus.REFUNDED


async def test_no_key_of_the_merchants_stands_in_a_payers_way(court: Court):
    new = await checkout(court)
    key = f"checkout:{new.session.id}"
    own = await court.payments.create(CreatePayment(key, ANN, Mode.TEST, EUR(1_00)))
    done = await pay(court, new, (await court.card()).token)
    assert done.state is SessionState.COMPLETE
    assert done.payment != own.id


@pytest.mark.requirement("S004-5", part="money without an order")
async def test_money_without_an_order_goes_back_to_the_payers_card(court: Court):
    token = (await court.card()).token
    for capture, end in ((True, "succeeded"), (False, "voided")):
        made = await court.payments.create(
            CreatePayment(
                f"k{capture}",
                ANN,
                Mode.TEST,
                EUR(20_00),
                PayWith(MethodKind.CARD, token),
                capture=capture,
                order=court.ids.new("ord"),
            )
        )
        await court.follow()
        court.clock.move(WINDOW)
        assert await court.healing.heal() == 1
        await court.follow()
        assert await court.healing.heal() == 1
        await court.follow()
        healed = await court.payments.payment(ANN, Mode.TEST, made.id)
        assert healed.state is PaymentState(end)
        assert healed.refunded == healed.captured
        assert healed.metadata["without_order"].startswith("refund re_" if capture else "voided")
        assert await court.healing.heal() == 0


@pytest.mark.catalogue("T80")
@pytest.mark.requirement("S003-7")
async def test_no_number_is_kept_anywhere_but_sealed(court: Court):
    numbers = [GOOD, DECLINED, "4000000000009995", "5555555555554444", "4000000000000119"]
    for number in numbers:
        new = await checkout(court)
        done = await pay(court, new, (await court.card(number)).token)
        if done.state is SessionState.COMPLETE:
            await refund(court, done.payment, EUR(1_00), done.payment)
    await court.follow()
    rows = list(everything_in(court.database.administrator_dsn))
    assert {table.partition(".")[0] for table, _ in rows} >= {
        "vault",
        "payments",
        "orders",
        "ledger",
    }
    forms = [form for number in numbers for form in written(number)]
    assert [table for table, row in rows if any(form in row for form in forms)] == []
    assert not [table for table, row in rows if re.search(rb"(?i)cvc\W{1,4}123", row)]


@pytest.mark.parametrize(
    "limit",
    [
        LimitRule("EUR", per_payment=1_000_00, tenant=ANN),
        LimitRule("EUR", per_day=1_000_00, tenant=ANN),
    ],
    ids=["at once", "in a day"],
)
async def test_a_payer_does_not_learn_what_the_merchant_may_take(court: Court, limit: LimitRule):
    by = Actor(Caller.MODULE, "sample", PLATFORM, Mode.TEST, frozenset({"settings.write"}))
    await court.payments.change_terms(ChangeTerms(by, Terms(limits=(limit,))))
    card = (await court.card()).token
    with pytest.raises(PaymentNotTaken) as refused:
        await pay(court, await checkout(court, "1001.00 EUR"), card)
    assert (refused.value.facts, refused.value.field) == ({}, None)
    assert refused.value.detail == PaymentNotTaken.title()
    # Positive controls: it is the limit that says no, and its merchant is told of it.
    much = CreatePayment("m", ANN, Mode.TEST, EUR(1_001_00), PayWith(MethodKind.CARD, card))
    with pytest.raises(LimitExceeded) as told:
        await court.payments.create(much)
    assert told.value.facts
    done = await pay(court, await checkout(court, "900.00 EUR"), card)
    assert done.state is SessionState.COMPLETE
