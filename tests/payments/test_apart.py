"""Payments mean the same near and far: the same answers, repeats and refusals."""

from dataclasses import replace

import pytest
from tests.payments.till import CARD, CLERK, MERCHANT, STRANGER

from bezant.actor import Mode
from bezant.money import Money
from bezant.payments.port import (
    CreatePayment,
    KeyReused,
    Payments,
    PaymentState,
    RefundTooLarge,
    RequestRefund,
    UnknownPayment,
)

pytestmark = pytest.mark.requirement("S004-7", part="payments")
ASKED = CreatePayment(
    "one", MERCHANT, Mode.TEST, Money.of("20.00 EUR"), CARD, metadata={"cart": "7"}, order="o-1"
)


async def test_a_payment_is_charged_repeated_and_given_back(payments: Payments) -> None:
    payment = await payments.create(ASKED)
    assert (payment.state, payment.metadata) == (PaymentState.SUCCEEDED, {"cart": "7"})
    again = await payments.create(ASKED)
    assert replace(again, replayed=False) == payment
    assert again.replayed
    with pytest.raises(KeyReused):
        await payments.create(replace(ASKED, amount=Money.of("21.00 EUR")))
    with pytest.raises(UnknownPayment):
        await payments.payment(STRANGER, Mode.TEST, payment.id)
    asked = RequestRefund("back", MERCHANT, Mode.TEST, payment.id, CLERK, Money.of("20.01 EUR"))
    with pytest.raises(RefundTooLarge) as refused:
        await payments.request_refund(asked)
    assert refused.value.facts == {"left": "20.00 EUR"}
    refund = await payments.request_refund(replace(asked, amount=Money.of("20.00 EUR")))
    assert refund.state == "succeeded"
    attempts = await payments.attempts(MERCHANT, Mode.TEST, payment.id)
    assert [one.operation.value for one in attempts] == ["charge", "refund"]
