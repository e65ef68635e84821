"""Money that moved after all was decided: it is believed, booked, and told to whoever waits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE, SILENCE
from tests.payments.events import checks, deliver, written
from tests.payments.till import Till, opened

from bezant.clock import MovableClock
from bezant.exchange import ProviderRequest
from bezant.payments.port import KeyInFlight, Payment, PaymentState


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def captured_there(till: Till, payment: Payment) -> Payment:
    """Capture everything at the provider itself, and let it tell so."""
    one = till.acquirer.authorisations[payment.reference]
    one.status, one.captured = "captured", one.amount
    await deliver(till, written("authorisation.captured", till.acquirer.shown(one.id)))
    return await till.now(payment)


async def answered(till: Till, key: str) -> Payment:
    """Ask under a key until it is answered; what was on its way may still be being written."""
    for _ in range(20):
        try:
            return await till.pay("20.00 EUR", key=key)
        except KeyInFlight:
            await till.converge(100)
            await asyncio.sleep(0.05)
    raise AssertionError("this is answered by nobody")


async def test_a_clock_that_moves_while_a_charge_is_on_its_way_does_not_make_us_lie(
    till: Till,
) -> None:
    async def hours_pass(request: ProviderRequest) -> None:
        if request.operation == "charge":
            till.acquirer.hold = None
            till.clock.move(timedelta(hours=6))
            await till.payments.walk()
            assert till.count("payment", "state = 11") == 1  # It was given up just now.

    till.acquirer.hold = hours_pass
    payment = await till.pay("20.00 EUR", key="once")
    assert payment.state is PaymentState.SUCCEEDED
    again = await till.pay("20.00 EUR", key="once")
    assert (again.state, again.captured) == (payment.state, payment.captured)
    assert again.replayed
    await till.agrees()


async def test_a_void_that_came_too_late_ends_as_a_capture(till: Till) -> None:
    payment = await till.authorized("20.00 EUR")
    till.acquirer.plan("void", ACT_THEN_SILENCE)
    assert (await till.void(payment)).state is PaymentState.UNKNOWN
    await till.converge()
    assert (await till.now(payment)).state is PaymentState.VOIDED
    after = await captured_there(till, payment)
    assert (after.state, after.captured) == (PaymentState.SUCCEEDED, payment.amount)
    assert (await till.refund(payment)).state == "succeeded"
    await till.agrees()


async def test_the_rest_of_a_part_that_is_captured_there_is_added(till: Till) -> None:
    payment = await till.authorized("20.00 EUR")
    await till.capture(payment, "5.00 EUR", last=False)
    till.acquirer.plan("capture", SILENCE)
    assert (await till.capture(payment, "5.00 EUR", last=False)).state is PaymentState.UNKNOWN
    await till.converge(200)
    assert (await till.now(payment)).captured.decimal() == "5.00"
    await till.refund(payment, "5.00 EUR")
    after = await captured_there(till, payment)
    assert (after.captured.decimal(), after.refunded.decimal()) == ("20.00", "5.00")
    assert after.expires_at is None
    await till.agrees()


async def test_a_capture_of_ours_is_not_counted_again_when_it_is_told(till: Till) -> None:
    payment = await till.authorized("20.00 EUR")

    async def told_before_the_answer(request: ProviderRequest) -> None:
        if request.operation == "capture":
            shown = till.acquirer.shown(payment.reference)
            await deliver(till, written("authorisation.captured", shown))

    till.acquirer.afterwards = told_before_the_answer
    await till.capture(payment)
    for _ in range(3):
        till.clock.move(timedelta(seconds=10))
        await till.payments.act_on_arrivals()
    assert till.count("attempt") == 2
    assert till.count("arrival", "due_at IS NOT NULL") == 0
    await till.agrees()


async def test_expiry_captures_and_voids_together_take_what_the_provider_took(till: Till) -> None:
    for _ in range(10):
        payment = await till.authorized("20.00 EUR")
        till.clock.move(timedelta(days=8))
        await asyncio.gather(
            till.payments.expire(),
            till.capture(payment),
            till.void(payment),
            till.capture(payment, "5.00 EUR"),
            return_exceptions=True,
        )
        one = till.acquirer.authorisations[payment.reference]
        assert (await till.now(payment)).captured.minor == one.captured
    await till.agrees()


async def test_a_caller_who_hangs_up_anywhere_is_charged_once_or_not_at_all(till: Till) -> None:
    for steps in range(16):
        asked = asyncio.create_task(till.pay("20.00 EUR", key=f"hung-up-{steps}"))
        for _ in range(3 * steps):
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    for steps in range(16):
        payment = await answered(till, f"hung-up-{steps}")
        assert payment.state in (PaymentState.SUCCEEDED, PaymentState.FAILED)
    assert till.count("payment") == 16
    await till.agrees()
