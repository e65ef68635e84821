"""Killed anywhere, a payment ends within a minute with exactly one charge, or none, and booked."""

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import Acquirer
from tests.payments.dying import Died, Dying
from tests.payments.dying_program import remembered
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock, RealClock
from bezant.payments.failpoints import Point
from bezant.payments.port import PaymentsOf, PaymentState

CHARGE = [
    Point.BEFORE_SEND,
    Point.AFTER_SEND,
    Point.BEFORE_BOOK,
    Point.AFTER_BOOK,
    Point.AFTER_SETTLE,
]
PROGRAM_SECONDS = 60


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("point", CHARGE)
async def test_a_charge_that_dies_anywhere_is_finished_by_itself(
    payments_database: TestDatabase, clock: MovableClock, point: Point
) -> None:
    acquirer = Acquirer()
    dying = Dying(point)
    async with opened(payments_database, clock, failpoints=dying, acquirer=acquirer) as till:
        with pytest.raises(Died):
            await till.pay("20.00 EUR", key="charge")
    assert dying.reached[point] == 1
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await till.converge()
        await _settled(till, charges=point is not Point.BEFORE_SEND)


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("point", CHARGE)
async def test_a_capture_that_dies_anywhere_is_finished_by_itself(
    payments_database: TestDatabase, clock: MovableClock, point: Point
) -> None:
    acquirer = Acquirer()
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        payment = await till.authorized("20.00 EUR")
    async with opened(payments_database, clock, failpoints=Dying(point), acquirer=acquirer) as till:
        with pytest.raises(Died):
            await till.capture(payment, key="take")
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await till.converge()
        after = await till.now(payment)
        captured = point is not Point.BEFORE_SEND
        assert after.state is (PaymentState.SUCCEEDED if captured else PaymentState.AUTHORIZED)
        again = await till.capture(payment, key="take")
        assert again.replayed
        assert again.state is after.state
        if not captured:
            assert (await till.capture(payment)).state is PaymentState.SUCCEEDED
        await till.agrees()


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("point", [Point.AFTER_PROMISE, *CHARGE])
async def test_a_refund_that_dies_anywhere_is_finished_by_itself(
    payments_database: TestDatabase, clock: MovableClock, point: Point
) -> None:
    acquirer = Acquirer()
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        payment = await till.pay("20.00 EUR")
    async with opened(payments_database, clock, failpoints=Dying(point), acquirer=acquirer) as till:
        with pytest.raises(Died):
            await till.refund(payment, "5.00 EUR", key="back")
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await till.converge()
        given = acquirer.authorisations["auth_1"].refunded
        assert given == (0 if point in (Point.AFTER_PROMISE, Point.BEFORE_SEND) else 500)
        assert (await till.now(payment)).refunded.minor == given
        assert await till.balance("refund_payable", "card") == "0.00"
        await till.agrees()


@pytest.mark.catalogue("T10")
@pytest.mark.parametrize(
    ("story", "point"),
    [
        ("charge", Point.BEFORE_SEND),
        ("charge", Point.AFTER_SEND),
        ("charge", Point.AFTER_BOOK),
        ("charge", Point.AFTER_SETTLE),
        ("retry", Point.BEFORE_RETRY),
        ("capture", Point.AFTER_SEND),
        ("refund", Point.AFTER_SEND),
    ],
)
async def test_a_process_that_is_killed_leaves_nothing_unexplained(
    payments_database: TestDatabase, tmp_path: Path, story: str, point: Point
) -> None:
    book = tmp_path / "book.json"
    arguments = [
        payments_database.module_dsn("ledger"), payments_database.module_dsn("payments"),
        str(book), point.value, story,
    ]  # fmt: skip
    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.payments.dying_program", *arguments],
        timeout=PROGRAM_SECONDS,
        check=False,
        capture_output=True,
    )
    assert died.returncode == -9, died.stderr.decode()
    clock = MovableClock(RealClock().now() + timedelta(seconds=1))
    acquirer = remembered(book)
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await till.converge()
        await _settled(till, charges=bool(acquirer.charges()))
        assert len(acquirer.charges()) <= 1
        given = acquirer.authorisations["auth_1"].refunded if story == "refund" else 0
        assert given == (500 if story == "refund" else 0)


@pytest.mark.catalogue("T16")
async def test_a_frozen_sender_that_wakes_up_late_changes_nothing_twice(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    acquirer = Acquirer()
    frozen, woken = asyncio.Event(), asyncio.Event()

    async def freeze(request: object) -> None:
        if getattr(request, "operation", "") == "charge":
            frozen.set()
            await woken.wait()

    async with opened(payments_database, clock, acquirer=acquirer) as till:
        acquirer.hold = freeze
        sending = asyncio.create_task(till.pay("20.00 EUR", key="charge"))
        await frozen.wait()
        await till.converge()
        given_up = (await till.payments.payments(PaymentsOf(MERCHANT, Mode.TEST))).payments[0]
        assert (given_up.state, given_up.failure) == (PaymentState.FAILED, "never_arrived")
        woken.set()
        await sending
        after = await till.now(given_up)
        assert after.state is PaymentState.SUCCEEDED, "money that was taken is a fact"
        await _settled(till, charges=True)


async def test_money_the_book_refuses_is_stored_and_booked_later(till: Till) -> None:
    await till.pay("1.00 EUR")
    await till.freeze("merchant_payable", MERCHANT)
    payment = await till.pay("20.00 EUR")
    assert payment.state is PaymentState.SUCCEEDED
    assert not payment.booked
    assert till.count("pending", "state = 4") == 1
    till.clock.move(timedelta(minutes=1))
    await till.payments.walk()
    assert not (await till.now(payment)).booked
    await till.thaw("merchant_payable", MERCHANT)
    till.clock.move(timedelta(minutes=1))
    await till.payments.walk()
    assert (await till.now(payment)).booked
    assert await till.balance("psp_receivable", "card") == "21.00"
    await till.agrees()


async def _settled(till: Till, *, charges: bool) -> None:
    """Assert that the payment ended, as the acquirer's book says, and that its key answers."""
    payment = (await till.payments.payments(PaymentsOf(MERCHANT, Mode.TEST))).payments[0]
    known = {PaymentState.SUCCEEDED, PaymentState.AUTHORIZED} if charges else {PaymentState.FAILED}
    assert payment.state in known
    assert len(till.acquirer.charges()) == charges
    capture = payment.capture
    again = await till.pay("20.00 EUR", key="charge", capture=capture)
    assert again.replayed
    assert again.id == payment.id
    assert till.count("payment") == 1
    await till.agrees()


@pytest.mark.catalogue("T16")
async def test_a_frozen_refund_that_wakes_up_late_is_given_once(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    acquirer = Acquirer()
    frozen, woken = asyncio.Event(), asyncio.Event()

    async def freeze(request: object) -> None:
        if getattr(request, "operation", "") == "refund":
            frozen.set()
            await woken.wait()

    async with opened(payments_database, clock, acquirer=acquirer) as till:
        payment = await till.pay("20.00 EUR")
        acquirer.hold = freeze
        sending = asyncio.create_task(till.refund(payment, "5.00 EUR"))
        await frozen.wait()
        await till.converge()
        assert (await till.now(payment)).refunded.minor == 0
        woken.set()
        assert (await sending).state == "succeeded", "money that was given is a fact"
        assert (await till.now(payment)).refunded.decimal() == "5.00"
        assert await till.balance("refund_payable", "card") == "0.00"
        assert await till.balance("merchant_payable", MERCHANT) == "15.00"
        await till.agrees()
