"""Killed anywhere, a payment ends within a minute with exactly one charge, or none, and booked."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from tests.harness.cluster import TestDatabase
from tests.harness.processes import Program, start_module
from tests.payments.acquirer import Acquirer, Authorisation
from tests.payments.dying import Died, Dying
from tests.payments.dying_program import FiledAcquirer
from tests.payments.events import checks
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.payments.failpoints import Point
from bezant.payments.port import Payment, PaymentsOf, PaymentState, RefundState

CHARGE = [
    Point.BEFORE_SEND,
    Point.AFTER_SEND,
    Point.BEFORE_BOOK,
    Point.AFTER_BOOK,
    Point.AFTER_SETTLE,
]
STORIES: Final = {
    "charge": (Point.BEFORE_BEGIN, *CHARGE),
    "retry": (Point.BEFORE_BEGIN, *CHARGE, Point.BEFORE_RETRY),
    "capture": (Point.BEFORE_BEGIN, *CHARGE),
    "void": (Point.BEFORE_BEGIN, Point.BEFORE_SEND, Point.AFTER_SEND, Point.AFTER_SETTLE),
    "refund": (Point.BEFORE_BEGIN, Point.AFTER_PROMISE, *CHARGE),
    "event": (
        Point.EVENT_STORED,
        Point.BEFORE_BOOK,
        Point.AFTER_BOOK,
        Point.AFTER_SETTLE,
    ),
}
"""Each step of a payment, and every point it reaches."""
BEFORE_IT_IS_SAID: Final = {Point.BEFORE_BEGIN, Point.AFTER_PROMISE, Point.BEFORE_SEND}
CONVERGED_SECONDS = 60
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


def _stepped(
    database: TestDatabase, book: Path, point: str, story: str, turn: int, clock: MovableClock
) -> Program:
    """Let another process take a step of a payment, and wait until it has ended."""
    program = start_module(
        "tests.payments.dying_program",
        database.module_dsn("ledger"), database.module_dsn("payments"),
        book, point, story, str(turn), clock.now().isoformat(),
    )  # fmt: skip
    program.wait(PROGRAM_SECONDS)
    return program


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("story", STORIES)
async def test_every_step_reaches_the_points_where_we_let_it_die(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path, story: str
) -> None:
    """The control of the kills below: there is no place they do not know."""
    lived = await asyncio.to_thread(
        _stepped, payments_database, tmp_path / "book.json", "none", story, 0, clock
    )
    reached = lived.wait_for_line("reached").split()[1:]
    assert {Point(one) for one in reached} == set(STORIES[story])


def test_there_is_no_point_where_nobody_dies() -> None:
    assert {point for points in STORIES.values() for point in points} == set(Point)


@pytest.mark.catalogue("T10", "T12")
@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    ("story", "point"), [(story, point) for story, points in STORIES.items() for point in points]
)
async def test_a_process_that_is_killed_leaves_nothing_unexplained(
    payments_database: TestDatabase,
    clock: MovableClock,
    tmp_path: Path,
    story: str,
    point: Point,
    rounds: int,
) -> None:
    book = tmp_path / "book.json"
    for turn in range(rounds):
        died = await asyncio.to_thread(
            _stepped, payments_database, book, point.value, story, turn, clock
        )
        assert died.wait() == -signal.SIGKILL, died.output
        clock.move(timedelta(seconds=1))
        async with opened(
            payments_database, clock, acquirer=FiledAcquirer(book), checks=checks(clock)
        ) as till:
            await _at_rest(till)
            await _as_if_alive(till, story, point, turn)
            await till.agrees()
            assert till.count("pending") == 0


async def _at_rest(till: Till) -> None:
    """Let a minute pass at most, until nothing is open and no event waits."""
    for _ in range(CONVERGED_SECONDS):
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
        if not till.count("pending") and not till.count("arrival", "due_at IS NOT NULL"):
            return
        till.clock.move(timedelta(seconds=1))
    raise AssertionError("after a minute something is still open")


async def _as_if_alive(till: Till, story: str, point: Point, turn: int) -> None:
    """Assert that what was killed has happened once or not at all, and that its key tells."""
    begun, said = point is not Point.BEFORE_BEGIN, point not in BEFORE_IT_IS_SAID
    captures = story not in ("capture", "void")
    charge = await till.pay(key=f"charge-{turn}", capture=captures)
    taken = taken_of(till, charge)
    match story:
        case "event":  # The caller was told that nobody knew; now everybody does.
            assert (charge.state, charge.replayed) == (PaymentState.UNKNOWN, True)
            assert (await till.now(charge)).state is PaymentState.SUCCEEDED
            assert [one.captured for one in taken] == [20_00]
        case "charge":
            state = PaymentState.SUCCEEDED if said or not begun else PaymentState.FAILED
            assert (charge.state, charge.replayed) == (state, begun)
            assert [one.captured for one in taken] == [20_00] * (said or not begun)
        case "retry":
            # Nobody knows that the first provider was not reached; it is asked, and says so.
            assert charge.replayed is begun
            assert charge.state in {PaymentState.SUCCEEDED, PaymentState.FAILED}
            assert len(taken) == (charge.state is PaymentState.SUCCEEDED)
        case "capture":
            again = await till.capture(charge, key=f"take-{turn}")
            done = said or not begun
            assert (again.state is PaymentState.SUCCEEDED, again.replayed) == (done, begun)
            assert [one.captured for one in taken] == [20_00 if done else 0]
        case "void":
            again = await till.void(charge, key=f"let-go-{turn}")
            done = said or not begun
            assert (again.state is PaymentState.VOIDED, again.replayed) == (done, begun)
            assert [one.status == "voided" for one in taken] == [done]
        case _:
            again = await till.refund(charge, "5.00 EUR", key=f"back-{turn}")
            done = said or not begun
            assert (again.state is RefundState.SUCCEEDED, again.replayed) == (done, begun)
            assert [one.refunded for one in taken] == [5_00 if done else 0]
            assert await till.balance("refund_payable", "card") == "0.00"


def taken_of(till: Till, payment: Payment) -> list[Authorisation]:
    """Return what the acquirer's book has of a payment."""
    book = till.acquirer.authorisations.values()
    return [one for one in book if one.key[4:-2] == payment.id[4:-2]]


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
