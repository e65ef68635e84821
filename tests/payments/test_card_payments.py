"""A card payment: stored before it is sent, booked before it is told, and never guessed about."""

import pytest
from tests.payments.till import MERCHANT, STRANGER, Till

from bezant.actor import PLATFORM, Mode
from bezant.payments.port import (
    NotInThisState,
    PaymentsOf,
    PaymentState,
    UnknownCustomer,
    UnknownPayment,
)


async def test_a_card_is_charged_booked_and_told(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    assert payment.state is PaymentState.SUCCEEDED
    assert payment.captured.decimal() == "20.00"
    assert payment.provider == "card"
    assert payment.reference == "auth_1"
    assert payment == await till.now(payment)
    assert await till.balance("psp_receivable", "card") == "20.00"
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    assert till.count("pending") == 0
    await till.agrees()


async def test_a_declined_card_moves_nothing_and_says_what_to_do(till: Till) -> None:
    till.acquirer.plan("charge", "insufficient_funds")
    payment = await till.pay()
    assert payment.state is PaymentState.DECLINED
    assert payment.declined is not None
    assert payment.declined.code == "insufficient_funds"
    assert "not enough money" in payment.declined.advice
    assert await till.balance("psp_receivable", "card") == "0.00"
    assert payment == await till.now(payment)


async def test_what_is_set_aside_is_captured_in_parts(till: Till) -> None:
    payment = await till.authorized("30.00 EUR")
    assert payment.state is PaymentState.AUTHORIZED
    first = await till.capture(payment, "10.00 EUR", last=False)
    assert (first.state, first.captured.decimal()) == (PaymentState.PARTLY_CAPTURED, "10.00")
    second = await till.capture(payment, "5.00 EUR")
    assert (second.state, second.captured.decimal()) == (PaymentState.SUCCEEDED, "15.00")
    assert second == await till.now(payment)
    await till.agrees()


async def test_what_is_set_aside_is_let_go(till: Till) -> None:
    payment = await till.authorized()
    voided = await till.void(payment)
    assert voided.state is PaymentState.VOIDED
    assert till.acquirer.authorisations["auth_1"].status == "voided"
    await till.agrees()


async def test_a_refund_reverses_the_book(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    refund = await till.refund(payment, "5.00 EUR")
    assert refund.state == "succeeded"
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    assert await till.balance("refund_payable", "card") == "0.00"
    await till.agrees()


@pytest.mark.parametrize("happening", ["silence", "act_then_silence", "garbage"])
async def test_silence_is_unknown_until_the_provider_was_asked(till: Till, happening: str) -> None:
    till.acquirer.plan("charge", happening)
    payment = await till.pay()
    assert payment.state is PaymentState.UNKNOWN
    assert till.count("pending") == 1
    await till.converge()
    payment = await till.now(payment)
    acted = happening == "act_then_silence"
    assert payment.state is (PaymentState.SUCCEEDED if acted else PaymentState.FAILED)
    assert payment.failure == ("" if acted else "never_arrived")
    assert len(till.acquirer.charges()) == acted
    assert till.count("pending") == 0
    await till.agrees()


async def test_the_platforms_people_see_every_merchants_payments(till: Till) -> None:
    mine, other = await till.pay(), await till.pay(tenant=STRANGER)
    page = await till.payments.payments(PaymentsOf(PLATFORM, Mode.TEST))
    assert {one.id for one in page.payments} == {mine.id, other.id}
    seen = await till.payments.payment(PLATFORM, Mode.TEST, other.id)
    assert seen.id == other.id
    with pytest.raises(UnknownPayment):
        await till.payments.payment(MERCHANT, Mode.TEST, other.id)
    with pytest.raises(UnknownPayment):
        await till.payments.payment(PLATFORM, Mode.LIVE, other.id)


async def test_a_payment_that_waits_for_a_way_to_pay_is_paid_later_or_given_up(
    till: Till,
) -> None:
    waiting = await till.pay(pay_with=None)
    assert (waiting.state, till.acquirer.calls) == (PaymentState.CREATED, [])
    till.acquirer.plan("charge", "lost_card")
    declined = await till.confirm(waiting)
    assert declined.state is PaymentState.DECLINED
    paid = await till.confirm(waiting)
    assert (paid.state, paid.declined) == (PaymentState.SUCCEEDED, None)
    with pytest.raises(NotInThisState):
        await till.confirm(waiting)
    other = await till.pay(pay_with=None)
    assert (await till.void(other)).state is PaymentState.VOIDED
    with pytest.raises(NotInThisState):
        await till.confirm(other)
    await till.agrees()


async def test_the_platforms_people_see_who_pays_and_strangers_do_not(till: Till) -> None:
    payment = await till.pay(customer_email="ann@shop.example", customer_name="Ann")
    seen = await till.payments.customer(PLATFORM, Mode.TEST, payment.customer)
    assert (seen.name, seen.email) == ("Ann", "ann@shop.example")
    for tenant, mode in ((STRANGER, Mode.TEST), (MERCHANT, Mode.LIVE), (PLATFORM, Mode.LIVE)):
        with pytest.raises(UnknownCustomer):
            await till.payments.customer(tenant, mode, payment.customer)
