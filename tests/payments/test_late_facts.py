"""Money that moved after all was decided: it is believed, booked, and told to whoever waits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final
from uuid import UUID

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE, SILENCE, Authorisation
from tests.payments.events import checks, deliver, deliver_meanwhile, written
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.exchange import ProviderRequest
from bezant.ledger.port import PostTransfer, Transfer, TransfersOf
from bezant.payments.port import KeyInFlight, Payment, PaymentsOf, PaymentState
from bezant.payments.store import due
from bezant.payments.store.due import DueRow

BELIEVING: Final = 3
"""Whoever hears late looks at the attempt for the third time when it begins to believe."""


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


async def test_another_try_while_a_late_charge_is_believed_does_not_take_it_twice(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    till.acquirer.plan("charge", SILENCE)
    payment = await till.pay("20.00 EUR")
    await till.converge()
    first = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    post, refusals = till.ledger.post, list[str]()

    async def posted(command: PostTransfer) -> Transfer:
        if command.id == f"tr_{first.id.removeprefix('att_')}" and not refusals:
            refusals.append("")
            try:
                await till.confirm(payment)
            except BezantError as refusal:
                refusals[0] = refusal.code
        return await post(command)

    monkeypatch.setattr(till.ledger, "post", posted)
    await deliver(till, written("authorisation.captured", captured_late(till, first.id)))
    await till.converge()
    assert refusals == ["not_in_this_state"]
    after = await till.now(payment)
    assert (after.state, after.captured.decimal()) == (PaymentState.SUCCEEDED, "20.00")
    assert await till.balance("suspense") == "0.00"
    await till.agrees()


async def test_what_was_booked_for_a_payment_that_had_gone_on_is_taken_out_of_it(
    till: Till,
) -> None:
    async def meanwhile(request: ProviderRequest) -> None:
        if request.operation == "charge":
            till.acquirer.hold = None
            till.clock.move(timedelta(hours=6))
            await till.payments.walk()
            (row,) = (await till.payments.payments(PaymentsOf(MERCHANT, Mode.TEST))).payments
            assert (await till.confirm(row)).state is PaymentState.SUCCEEDED

    till.acquirer.hold = meanwhile
    after = await till.now(await till.pay("20.00 EUR"))
    assert (after.state, after.captured.decimal()) == (PaymentState.SUCCEEDED, "20.00")
    assert len(till.acquirer.charges()) == 2
    assert await till.balance("suspense") == "20.00"
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    await till.agrees()


async def test_a_charge_beside_the_payment_leaves_the_one_that_took_its_place_in_the_book(
    till: Till,
) -> None:
    till.acquirer.plan("charge", SILENCE)
    payment = await till.pay("20.00 EUR")
    await till.converge()
    first = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    assert (await till.confirm(payment)).state is PaymentState.SUCCEEDED
    await deliver(till, written("authorisation.captured", captured_late(till, first.id)))
    await till.converge()
    assert await booked(till, payment) == ["capture", "charged beside the payment"]
    assert await till.balance("suspense") == "20.00"
    await till.agrees()


async def test_a_part_that_was_captured_after_all_is_not_taken_for_another_one(
    till: Till,
) -> None:
    payment = await till.authorized("20.00 EUR")
    await till.capture(payment, "5.00 EUR", last=False)
    till.acquirer.plan("capture", SILENCE)
    await till.capture(payment, "6.00 EUR", last=False)
    await till.converge(200)
    second = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[-1]
    assert second.result == "not_reached"
    told = part_captured(till, payment, second.id, 600)
    await deliver(till, written("authorisation.captured", told))
    await till.converge()
    assert (await till.now(payment)).captured.decimal() == "11.00"
    assert await booked(till, payment) == ["capture", "capture"]
    assert await till.balance("merchant_payable", MERCHANT) == "11.00"
    await till.agrees()


async def test_a_late_capture_of_which_two_hear_at_once_is_not_called_a_stray_one(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await till.authorized("20.00 EUR")
    till.acquirer.plan("capture", SILENCE)
    await till.capture(payment)
    await till.converge(200)
    late = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[-1]
    fact = part_captured(till, payment, late.id, 2000)
    one, looks = due.one, list[DueRow | None]()

    async def looked(database: Database, attempt: UUID) -> DueRow | None:
        found = await one(database, attempt)
        looks.append(found)
        if len(looks) == BELIEVING:  # The other one hears of it, and is done, in between.
            await deliver_meanwhile(till, written("authorisation.captured", fact, "evt_other"))
        return found

    monkeypatch.setattr(due, "one", looked)
    await deliver(till, written("authorisation.captured", fact, "evt_one"))
    monkeypatch.undo()
    assert len(looks) > BELIEVING
    await till.converge()
    assert (await till.now(payment)).captured.decimal() == "20.00"
    assert await booked(till, payment) == ["capture"]
    assert await till.balance("suspense") == "0.00"
    await till.agrees()


def part_captured(till: Till, payment: Payment, attempt: str, minor: int) -> dict[str, object]:
    """Let the acquirer have captured for an attempt that nobody believed had reached it."""
    till.acquirer.authorisations[payment.reference].captured += minor
    told = {"id": payment.reference, "key": attempt, "asset": "EUR", "amount": str(minor)}
    return {**told, "captured": str(minor), "status": "captured"}


async def booked(till: Till, payment: Payment) -> list[str]:
    """Return why each transfer of a payment is in the book, oldest first."""
    query = TransfersOf(PLATFORM, payment.mode, reference=payment.id)
    return [one.reason for one in (await till.ledger.transfers(query)).transfers][::-1]


def captured_late(till: Till, attempt: str) -> dict[str, object]:
    """Let the acquirer have taken what nobody believed it had."""
    one = Authorisation("auth_late", attempt, "EUR", 2000, "captured", 2000)
    till.acquirer.authorisations[one.id] = one
    till.acquirer.operations[attempt] = ("authorisation", {"id": one.id})
    return till.acquirer.shown(one.id)


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
