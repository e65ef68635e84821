"""Disputes: the money is set aside until somebody has decided, and the book says where it is."""

import itertools
from collections.abc import AsyncIterator

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.events import checks, deliver, written
from tests.payments.till import MERCHANT, Till, opened

from bezant.clock import MovableClock
from bezant.payments.port import (
    Dispute,
    DisputesOf,
    DisputeState,
    Payment,
    RefundTooLarge,
)


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def told(till: Till, payment: Payment, status: str, amount: int = 5000) -> None:
    thing = {
        "id": f"dis_{payment.reference}", "authorisation": payment.reference, "asset": "EUR",
        "amount": str(amount), "status": status, "reason": "fraudulent",
    }  # fmt: skip
    await deliver(till, written(f"dispute.{status}", thing))


async def only(till: Till, payment: Payment) -> Dispute:
    page = await till.payments.disputes(DisputesOf(MERCHANT, payment.mode, payment.id))
    assert len(page.disputes) == 1
    return page.disputes[0]


async def balances(till: Till) -> dict[str, str]:
    return {
        "psp_receivable": await till.balance("psp_receivable", "card"),
        "merchant_payable": await till.balance("merchant_payable", MERCHANT),
        "dispute_reserve": await till.balance("dispute_reserve", MERCHANT),
        "dispute_receivable": await till.balance("dispute_receivable", "card"),
    }


async def test_an_open_dispute_sets_the_money_aside(till: Till) -> None:
    payment = await till.pay("100.00 EUR")
    await told(till, payment, "open")
    dispute = await only(till, payment)
    assert (dispute.state, dispute.reason) == (DisputeState.OPENED, "fraudulent")
    assert (await till.now(payment)).disputed.decimal() == "50.00"
    assert await balances(till) == {
        "psp_receivable": "50.00",
        "merchant_payable": "50.00",
        "dispute_reserve": "50.00",
        "dispute_receivable": "50.00",
    }
    with pytest.raises(RefundTooLarge):
        await till.refund(payment, "50.01 EUR")


@pytest.mark.catalogue("T40")
@pytest.mark.parametrize("end", ["won", "lost"])
async def test_events_of_a_dispute_in_any_order_come_to_the_same(till: Till, end: str) -> None:
    orders = [*list(itertools.permutations(("open", end))), ("open", "open", end, end)]
    for order in orders:
        payment = await till.pay("100.00 EUR")
        for status in order:
            await told(till, payment, status)
        dispute = await only(till, payment)
        assert dispute.state.value == end
        disputed = (await till.now(payment)).disputed.decimal()
        assert disputed == ("0.00" if end == "won" else "50.00")
    kept = "100.00" if end == "won" else "50.00"
    whole = f"{int(float(kept)) * len(orders)}.00"
    assert await balances(till) == {
        "psp_receivable": whole,
        "merchant_payable": whole,
        "dispute_reserve": "0.00",
        "dispute_receivable": "0.00",
    }


async def test_a_dispute_the_book_refuses_is_booked_later(till: Till) -> None:
    payment = await till.pay("100.00 EUR")
    await till.freeze("merchant_payable", MERCHANT)
    await told(till, payment, "open")
    assert await till.payments.book_disputes() == 1
    await till.thaw("merchant_payable", MERCHANT)
    assert await till.payments.book_disputes() == 0
    assert (await balances(till))["dispute_reserve"] == "50.00"
    assert till.count("dispute", "NOT booked") == 0
