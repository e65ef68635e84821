"""The same key and request have one effect, however often and wherever they are sent."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import Acquirer
from tests.payments.till import MERCHANT, STRANGER, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.money import Money
from bezant.payments.http.bodies import PaymentAnswer
from bezant.payments.port import (
    ChangePayment,
    KeyInFlight,
    KeyReused,
    MerchantsOnly,
    Payment,
    PaymentState,
    RefundTooLarge,
)

SENDERS = 50
TRIALS = 40


@pytest.mark.catalogue("T53")
async def test_fifty_at_once_under_one_key_charge_once(till: Till) -> None:
    command = till.asking(key="the-key")

    async def sent() -> Payment | BezantError:
        while True:
            try:
                return await till.payments.create(command)
            except KeyInFlight as wait:
                assert wait.retry_after_seconds
                await asyncio.sleep(0.01)

    answers = await asyncio.gather(*(sent() for _ in range(SENDERS)))
    assert len(till.acquirer.charges()) == 1
    assert till.count("payment") == 1
    bodies = {_body(one) for one in answers if isinstance(one, Payment)}
    assert len(bodies) == 1
    assert sum(not one.replayed for one in answers if isinstance(one, Payment)) == 1
    await till.agrees()


@pytest.mark.catalogue("T53")
async def test_under_one_key_other_requests_are_refused(till: Till) -> None:
    first = till.asking("20.00 EUR", key="the-key")
    others = [
        replace(first, amount=Money.of(f"{20 + place}.00 EUR")) for place in range(1, SENDERS)
    ]
    answers = await asyncio.gather(
        *(till.payments.create(one) for one in (first, *others)), return_exceptions=True
    )
    made = [one for one in answers if isinstance(one, Payment)]
    assert len(made) == 1
    assert len(till.acquirer.charges()) == 1
    assert all(isinstance(one, KeyReused) for one in answers if not isinstance(one, Payment))


@pytest.mark.catalogue("T53")
async def test_forty_times_fifty_at_once_have_forty_effects(till: Till) -> None:
    """Half of them send the same, half something else, all under one key."""
    for trial in range(TRIALS):
        same = till.asking("20.00 EUR", key=f"trial-{trial}")
        other = replace(same, amount=Money.of("30.00 EUR"))
        answers = await asyncio.gather(
            *(till.payments.create(other if place % 2 else same) for place in range(SENDERS)),
            return_exceptions=True,
        )
        made = [one for one in answers if isinstance(one, Payment)]
        assert len({one.id for one in made}) == 1
        assert sum(not one.replayed for one in made) == 1
        refused = [one for one in answers if not isinstance(one, Payment)]
        assert all(isinstance(one, KeyInFlight | KeyReused) for one in refused)
        assert sum(isinstance(one, KeyReused) for one in refused) >= SENDERS // 2 - 1
    assert till.count("payment") == len(till.acquirer.charges()) == TRIALS
    await till.agrees()


async def test_keys_are_apart_for_merchants_and_modes(till: Till) -> None:
    await till.pay(key="same")
    other = await till.pay(key="same", tenant=STRANGER)
    live = await till.pay(key="same", mode=Mode.LIVE)
    assert not other.replayed
    assert not live.replayed
    assert len(till.acquirer.charges()) == 3


async def test_a_repeat_is_told_what_was_told_first(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    acquirer = Acquirer()
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        command = till.asking(key="first", metadata={"cart": "7"}, description="a book")
        first = await till.payments.create(command)
        await till.refund(first, "5.00 EUR")
        note = {"cart": "", "desk": "3"}
        await till.payments.change(
            ChangePayment(MERCHANT, first.mode, first.id, "another book", note)
        )
        changed = await till.now(first)
        assert changed.metadata == {"desk": "3"}
        assert changed.description == "another book"
        assert changed.refunded.decimal() == "5.00"
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        again = await till.payments.create(command)
        assert again.replayed
        assert _body(again) == _body(first)
    assert len(acquirer.charges()) == 1


async def test_every_step_of_a_payment_is_repeated_safely(till: Till) -> None:
    payment = await till.authorized("20.00 EUR")
    one = await till.capture(payment, "20.00 EUR", key="take")
    other = await till.capture(payment, "20.00 EUR", key="take")
    assert (other.replayed, _body(other)) == (True, _body(one))
    with pytest.raises(KeyReused):
        await till.capture(payment, "19.00 EUR", key="take")
    given = await till.refund(payment, "5.00 EUR", key="back")
    again = await till.refund(payment, "5.00 EUR", key="back")
    assert (again.replayed, replace(again, replayed=False)) == (True, given)
    with pytest.raises(KeyReused):
        await till.refund(payment, "6.00 EUR", key="back")
    assert till.acquirer.authorisations["auth_1"].refunded == 500
    await till.agrees()


async def test_what_was_refused_before_anything_happened_may_be_asked_again(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    with pytest.raises(RefundTooLarge):
        await till.refund(payment, "20.01 EUR", key="back")
    assert (await till.refund(payment, "20.00 EUR", key="back")).state == "succeeded"


async def test_an_unknown_answer_is_repeated_as_it_was(till: Till) -> None:
    till.acquirer.plan("charge", "act_then_silence")
    command = till.asking(key="silent")
    first = await till.payments.create(command)
    assert first.state is PaymentState.UNKNOWN
    again = await till.payments.create(command)
    assert (again.replayed, again.state) == (True, PaymentState.UNKNOWN)
    assert len(till.acquirer.charges()) == 1


async def test_the_platform_has_no_payments_of_its_own(till: Till) -> None:
    with pytest.raises(MerchantsOnly):
        await till.pay(tenant="platform")
    assert till.count("payment") == 0
    assert (await till.pay(tenant=MERCHANT)).state is PaymentState.SUCCEEDED


def _body(payment: Payment) -> bytes:
    """Return a payment as it is answered."""
    return msgspec.json.encode(PaymentAnswer.of(payment))
