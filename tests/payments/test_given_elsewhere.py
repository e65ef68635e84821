"""Money that went back without our asking, and money that came back after it was given: facts, in
whatever order they are told, and however they race with what we do ourselves.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE, SILENCE
from tests.payments.events import checks, deliver, written
from tests.payments.second_person import SecondPerson
from tests.payments.till import MERCHANT, Till, opened

from bezant.clock import MovableClock
from bezant.payments.port import (
    Payment,
    PaymentBusy,
    Refund,
    RefundsOf,
    RefundState,
    RefundTooLarge,
)

RACES = 60


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def told(till: Till, refund: dict[str, Any], status: str = "") -> None:
    """Let the acquirer tell of a refund, as it is or as it was once."""
    shown = {**refund, **({"status": status} if status else {})}
    await deliver(till, written(f"refund.{shown['status']}", shown))


async def refunds(till: Till, payment: Payment) -> tuple[Refund, ...]:
    page = await till.payments.refunds(RefundsOf(MERCHANT, payment.mode, payment.id))
    return page.refunds


async def calm(till: Till) -> None:
    """Let time pass until every event was acted on and everything is booked."""
    for _ in range(60):
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
        if not till.count("pending") and not till.count("arrival", "due_at IS NOT NULL"):
            return
        till.clock.move(timedelta(seconds=15))
    raise AssertionError("something is still waiting")


@pytest.mark.requirement("S004-1", part="refunds made at the provider")
async def test_a_refund_made_on_the_dashboard_is_a_refund_of_its_payment(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    given = till.acquirer.give_back_here(payment.reference, 500)
    await told(till, given)
    (refund,) = await refunds(till, payment)
    assert (refund.state, refund.amount.decimal()) == (RefundState.SUCCEEDED, "5.00")
    assert (refund.requested_by, refund.reference) == ("card", given["id"])
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    attempts = await till.payments.attempts(MERCHANT, payment.mode, payment.id)
    assert attempts[-1].why == "it was done at the provider itself"
    await calm(till)
    assert await till.balance("psp_receivable", "card") == "15.00"
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    assert await till.balance("refund_payable", "card") == "0.00"
    await till.agrees()
    with pytest.raises(RefundTooLarge):
        await till.refund(payment, "15.01 EUR")
    assert (await till.refund(payment, "15.00 EUR")).state is RefundState.SUCCEEDED
    await till.agrees()


@pytest.mark.requirement("S004-1", part="refunds that come back")
async def test_a_refund_that_comes_back_is_the_merchants_money_again(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    refund = await till.refund(payment, "20.00 EUR")
    assert refund.state is RefundState.SUCCEEDED
    await told(till, till.acquirer.refund_fails(refund.reference))
    (after,) = await refunds(till, payment)
    assert (after.state, after.failure) == (RefundState.FAILED, "failed")
    assert (await till.now(payment)).refunded.decimal() == "0.00"
    await calm(till)
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    assert await till.balance("refund_payable", "card") == "0.00"
    await till.agrees()
    last = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[-1]
    assert (last.result, last.state.value) == ("came_back", "declined")
    steps = "SELECT string_agg(type, ' ' ORDER BY ticket) FROM payments.step_event"
    assert till.value(steps).split()[-2:] == ["refund.succeeded", "refund.came_back"]
    # It can be given once more, and then stays given.
    assert (await till.refund(payment, "20.00 EUR")).state is RefundState.SUCCEEDED
    await till.agrees()


@pytest.mark.catalogue("T40")
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("ours", [True, False])
async def test_events_of_a_refund_that_comes_back_may_come_in_any_order(
    till: Till, ours: bool, times: int
) -> None:
    orders = [
        [one for one in order for _ in range(times)]
        for order in itertools.permutations(("pending", "succeeded", "failed"))
    ]
    for order in orders:
        payment = await till.pay("20.00 EUR")
        if ours:
            name = (await till.refund(payment, "5.00 EUR")).reference
        else:
            name = till.acquirer.give_back_here(payment.reference, 500)["id"]
        failed = till.acquirer.refund_fails(name)
        for status in order:
            await told(till, failed, status)
        await calm(till)
        states = [one.state for one in await refunds(till, payment)]
        assert states == ([RefundState.FAILED] if ours else []), order
        assert (await till.now(payment)).refunded.decimal() == "0.00", order
    assert await till.balance("refund_payable", "card") == "0.00"
    assert await till.balance("merchant_payable", MERCHANT) == f"{20 * len(orders)}.00"
    await till.agrees()


async def test_a_dashboards_refund_that_comes_back_is_told_as_such(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    given = till.acquirer.give_back_here(payment.reference, 2000)
    for _ in range(2):
        await told(till, given)
    await calm(till)
    assert await till.balance("merchant_payable", MERCHANT) == "0.00"
    failed = till.acquirer.refund_fails(given["id"])
    for status in ("failed", "succeeded", "failed"):
        await told(till, failed, status)
    await calm(till)
    (refund,) = await refunds(till, payment)
    assert refund.state is RefundState.FAILED
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    await till.agrees()


@pytest.mark.catalogue("T50")
async def test_our_refund_and_the_dashboards_race_for_the_same_money(till: Till) -> None:
    won = {"ours": 0, "theirs": 0}
    for trial in range(RACES):
        payment = await till.pay("10.00 EUR")
        if trial % 2:
            given = till.acquirer.give_back_here(payment.reference, 1000)
            answers = await asyncio.gather(
                till.refund(payment, "10.00 EUR"), told(till, given), return_exceptions=True
            )
        else:
            answers = await asyncio.gather(till.refund(payment, "10.00 EUR"))
            with pytest.raises(AssertionError, match="no more to give back"):
                till.acquirer.give_back_here(payment.reference, 1000)
        for one in answers:
            if isinstance(one, BaseException):
                assert isinstance(one, RefundTooLarge | PaymentBusy), one
        await calm(till)
        states = sorted(one.state.value for one in await refunds(till, payment))
        assert states.count("succeeded") == 1, states
        assert set(states) <= {"succeeded", "failed"}
        assert (await till.now(payment)).refunded.decimal() == "10.00"
        won["theirs" if trial % 2 else "ours"] += 1
    assert won == {"ours": RACES // 2, "theirs": RACES // 2}
    assert await till.balance("merchant_payable", MERCHANT) == "0.00"
    assert await till.balance("refund_payable", "card") == "0.00"
    await till.agrees()


async def test_while_ours_is_in_doubt_the_dashboards_waits_to_be_counted(till: Till) -> None:
    payment = await till.pay("10.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    assert (await till.refund(payment, "10.00 EUR")).state is RefundState.UNKNOWN
    await told(till, till.acquirer.give_back_here(payment.reference, 1000))
    assert len(await refunds(till, payment)) == 1
    await calm(till)
    states = sorted(one.state.value for one in await refunds(till, payment))
    assert states == ["failed", "succeeded"]
    assert (await till.now(payment)).refunded.decimal() == "10.00"
    await till.agrees()


async def test_what_waits_for_agreement_gives_way_to_what_was_given(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    person = SecondPerson()
    async with opened(
        payments_database, clock, checks=checks(clock), approvals=person, thresholds=["1.00 EUR"]
    ) as till:
        payment = await till.pay("20.00 EUR")
        waiting = await till.refund(payment, "15.00 EUR")
        assert waiting.state is RefundState.NEEDS_APPROVAL
        await told(till, till.acquirer.give_back_here(payment.reference, 500))
        after = await till.payments.refund(MERCHANT, payment.mode, waiting.id)
        assert after.state is RefundState.NEEDS_APPROVAL, "there is room for both"
        await told(till, till.acquirer.give_back_here(payment.reference, 1000))
        after = await till.payments.refund(MERCHANT, payment.mode, waiting.id)
        assert (after.state, after.failure) == (RefundState.REJECTED, "given_elsewhere")
        assert (await till.now(payment)).refunded.decimal() == "15.00"
        person.says[waiting.approval] = True
        assert await till.payments.take_up_approved() == 0
        await calm(till)
        await till.agrees()


async def test_a_refund_that_is_heard_of_before_its_answer_is_counted_once(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", ACT_THEN_SILENCE)
    assert (await till.refund(payment, "20.00 EUR")).state is RefundState.UNKNOWN
    for _ in range(3):
        (_, given), *_ = [one for one in till.acquirer.operations.values() if one[0] == "refund"]
        await told(till, given)
    await calm(till)
    (refund,) = await refunds(till, payment)
    assert refund.state is RefundState.SUCCEEDED
    await till.agrees()


async def test_while_the_book_refuses_nothing_is_lost(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    await till.freeze("merchant_payable", MERCHANT)
    given = till.acquirer.give_back_here(payment.reference, 2000)
    await told(till, given)
    await told(till, till.acquirer.refund_fails(given["id"]))
    for _ in range(20):
        till.clock.move(timedelta(minutes=10))
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
    assert till.count("arrival", "due_at IS NOT NULL") == 1, "it waits for the book"
    await till.thaw("merchant_payable", MERCHANT)
    for _ in range(10):
        till.clock.move(timedelta(minutes=20))
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
    assert till.count("pending") == 0
    (refund,) = await refunds(till, payment)
    assert refund.state is RefundState.FAILED
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    await till.agrees()


async def test_a_refund_of_a_charge_we_do_not_know_changes_nothing(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    given = till.acquirer.give_back_here(payment.reference, 500)
    await told(till, {**given, "authorisation": "auth_elsewhere", "id": "refund_elsewhere"})
    for _ in range(12):
        till.clock.move(timedelta(minutes=10))
        await till.payments.act_on_arrivals()
        await till.acted()
    assert till.value("SELECT note FROM payments.arrival") == "unmatched"
    assert await refunds(till, payment) == ()
    assert await till.balance("psp_receivable", "card") == "20.00"


async def test_what_an_event_makes_up_about_a_refund_is_not_believed(till: Till) -> None:
    """The provider's list decides, even against an event that bears its signature."""
    payment = await till.pay("20.00 EUR")
    given = till.acquirer.give_back_here(payment.reference, 500)
    await told(till, {**given, "id": "refund_made_up", "amount": "2000"})
    (refund,) = await refunds(till, payment)
    assert (refund.reference, refund.amount.decimal()) == (given["id"], "5.00")
