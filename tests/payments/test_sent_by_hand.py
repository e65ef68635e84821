"""Where a provider gives nothing back by itself, somebody sends the money and tells us: it is a
refund like any other, counted once.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.dying import Died, Dying
from tests.payments.events import checks
from tests.payments.second_person import SecondPerson
from tests.payments.test_settlements import line, settled
from tests.payments.till import CLERK, MERCHANT, Till, opened

from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.money import Money
from bezant.payments.failpoints import Point
from bezant.payments.port import (
    CountedBefore,
    KeyReused,
    Payment,
    Refund,
    RefundsOf,
    RefundState,
    RefundTooLarge,
    RequestRefund,
    StepNotOffered,
)
from bezant.psp.card import Card
from bezant.psp.port import Capabilities


class Stingy(Card):
    """An acquirer that takes money and gives none back."""

    capabilities: Capabilities = replace(Card.capabilities, refund=False, partial_refund=False)


CONNECTORS: Final = {"card": Stingy()}


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(
        payments_database, clock, connectors=CONNECTORS, checks=checks(clock)
    ) as till:
        yield till


async def given(till: Till, payment: Payment, amount: str, sent: str, key: str = "") -> Refund:
    return await till.payments.request_refund(
        RequestRefund(
            key or till.fresh("sent"), MERCHANT, payment.mode, payment.id, CLERK,
            Money.of(amount), sent=sent,
        )
    )  # fmt: skip


async def test_it_says_what_to_do_and_nothing_is_asked_of_the_provider(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    with pytest.raises(StepNotOffered) as refused:
        await till.refund(payment, "5.00 EUR")
    assert refused.value.field == "sent"
    assert "from your account there" in refused.value.detail
    assert refused.value.facts == {"reference": payment.reference}
    assert (await till.now(payment)).refunded.minor == 0
    assert [call.operation for call in till.acquirer.calls] == ["charge"]


async def test_what_somebody_has_sent_is_a_refund_and_is_in_the_book(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    refund = await given(till, payment, "5.00 EUR", "0xabc", key="once")
    assert (refund.state, refund.reference) == (RefundState.SUCCEEDED, "0xabc")
    again = await given(till, payment, "5.00 EUR", "0xabc", key="once")
    assert (again.id, again.replayed) == (refund.id, True)
    with pytest.raises(KeyReused):
        await given(till, payment, "5.00 EUR", "0xabd", key="once")
    assert [call.operation for call in till.acquirer.calls] == ["charge"]
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    assert await till.balance("psp_receivable", "card") == "15.00"
    assert await till.balance("refund_payable", "card") == "0.00"
    with pytest.raises(RefundTooLarge):
        await given(till, payment, "15.01 EUR", "0xabe")


async def test_one_movement_is_one_refund_whoever_tells_of_it(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    await given(till, payment, "5.00 EUR", "0xabc")
    with pytest.raises(CountedBefore):
        await given(till, payment, "5.00 EUR", "0xabc")
    await settled(till, line("refund", "0xabc", payment.reference, -500))
    await till.converge()
    refunds = await till.payments.refunds(RefundsOf(MERCHANT, payment.mode, payment.id))
    assert len(refunds.refunds) == 1
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    # And the other way round: what the file told first is not told to us again.
    await settled(till, line("refund", "0xdef", payment.reference, -300))
    await till.converge()
    with pytest.raises(CountedBefore):
        await given(till, payment, "3.00 EUR", "0xdef")
    assert (await till.now(payment)).refunded.decimal() == "8.00"
    assert await till.balance("merchant_payable", MERCHANT) == "12.00"


async def test_a_large_one_is_counted_when_a_second_person_has_agreed_to_this_movement(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    person = SecondPerson()
    async with opened(
        payments_database, clock, connectors=CONNECTORS, approvals=person,
        thresholds=["10.00 EUR"],
    ) as till:  # fmt: skip
        payment = await till.pay("20.00 EUR")
        refund = await given(till, payment, "20.00 EUR", "0xabc")
        assert refund.state is RefundState.NEEDS_APPROVAL
        assert "0xabc" in person.proposed[refund.approval].summary
        assert await till.balance("merchant_payable", MERCHANT) == "20.00"
        person.says[refund.approval] = True
        await till.payments.take_up_approved()
        after = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert (after.state, after.reference) == (RefundState.SUCCEEDED, "0xabc")
        assert await till.balance("merchant_payable", MERCHANT) == "0.00"


async def test_one_that_waits_for_a_second_person_is_not_counted_beside_the_file_that_tells_of_it(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    person = SecondPerson()
    async with opened(
        payments_database, clock, connectors=CONNECTORS, checks=checks(clock), approvals=person,
        thresholds=["5.00 EUR"],
    ) as till:  # fmt: skip
        payment = await till.pay("20.00 EUR")
        refund = await given(till, payment, "6.00 EUR", "0xabc")
        assert refund.state is RefundState.NEEDS_APPROVAL
        await settled(till, line("refund", "0xabc", payment.reference, -600))
        await till.converge()
        person.says[refund.approval] = True
        await till.payments.take_up_approved()
        await till.converge()
        after = await till.payments.refund(MERCHANT, payment.mode, refund.id)
        assert after.state is RefundState.REJECTED
        assert (await till.now(payment)).refunded.decimal() == "6.00"
        assert await till.balance("merchant_payable", MERCHANT) == "14.00"
        # What is left may still be given.
        last = await given(till, payment, "14.00 EUR", "0xabd")
        assert last.state is RefundState.NEEDS_APPROVAL


@pytest.mark.parametrize("point", [Point.AFTER_PROMISE, Point.BEFORE_SEND, Point.AFTER_BOOK])
async def test_killed_anywhere_it_is_counted_once(
    payments_database: TestDatabase, clock: MovableClock, point: Point
) -> None:
    async with opened(payments_database, clock, connectors=CONNECTORS) as till:
        payment = await till.pay("20.00 EUR")
        acquirer = till.acquirer
    failpoints = Dying(point)
    async with opened(
        payments_database, clock, connectors=CONNECTORS, acquirer=acquirer, failpoints=failpoints
    ) as till:
        with pytest.raises(Died):
            await given(till, payment, "5.00 EUR", "0xabc")
    async with opened(payments_database, clock, connectors=CONNECTORS, acquirer=acquirer) as till:
        await till.converge()
        (refund,) = (
            await till.payments.refunds(RefundsOf(MERCHANT, payment.mode, payment.id))
        ).refunds
        assert (refund.state, refund.reference) == (RefundState.SUCCEEDED, "0xabc")
        assert await till.balance("merchant_payable", MERCHANT) == "15.00"
        assert await till.balance("refund_payable", "card") == "0.00"


async def test_a_provider_that_gives_back_is_asked_for_it(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    async with opened(payments_database, clock) as till:
        payment = await till.pay("20.00 EUR")
        with pytest.raises(StepNotOffered):
            await given(till, payment, "5.00 EUR", "0xabc")
        with pytest.raises(Invalid):
            await given(till, payment, "5.00 EUR", "line\nbreak")
