"""No merchant takes more than the platform allows: at once, in a day, in a month."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import Acquirer
from tests.payments.dying import Died, Dying
from tests.payments.till import CARD, ITSELF, MERCHANT, STRANGER, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.money import Money
from bezant.payments.failpoints import Point
from bezant.payments.port import (
    ChangeTerms,
    CreatePayment,
    LimitExceeded,
    LimitRule,
    MethodKind,
    Payment,
    Payments,
    PaymentState,
    Terms,
)

pytestmark = [pytest.mark.catalogue("T55"), pytest.mark.requirement("S002-3", part="limits")]
AT_ONCE = 60
ROOM = 10
DAY = LimitRule("EUR", per_day=100_00)
GONE = "state IN (1, 8, 9, 10, 11)"


async def limited(till: Till, *rules: LimitRule) -> None:
    """Let these limits hold."""
    await till.set_terms(Terms(limits=rules))


async def refused(till: Till, amount: str, **more: object) -> dict[str, str]:
    """Ask for a payment that a limit refuses, and return what is told about it."""
    before = till.count("payment"), len(till.acquirer.calls)
    with pytest.raises(LimitExceeded) as refusal:
        await till.pay(amount, **more)
    assert (refusal.value.status, refusal.value.code) == (422, "limit_exceeded")
    assert (till.count("payment"), len(till.acquirer.calls)) == before, "nothing is stored or said"
    return dict(refusal.value.facts)


def taken(till: Till, where: str = "true") -> int:
    """Add up what payments take, from what they are and not from what was counted."""
    return int(
        till.value(
            "SELECT coalesce(sum(CASE WHEN state = 7 THEN captured ELSE amount END), 0)"
            f" FROM payments.payment WHERE NOT {GONE} AND {where}"
        )
    )


def counted(till: Till, span: int = 1) -> int:
    """Return what is counted, of every period together."""
    return int(
        till.value(
            "SELECT coalesce(sum(u.used + coalesce((SELECT sum(n.change)"
            " FROM payments.limit_change AS n WHERE n.use = u.id), 0)), 0)"
            f" FROM payments.limit_use AS u WHERE u.span = {span}"
        )
    )


def succeeded(answers: Sequence[object]) -> list[Payment]:
    """Return the payments among answers, of which all others are refusals by a limit."""
    payments = [one for one in answers if isinstance(one, Payment)]
    others = [one for one in answers if not isinstance(one, Payment)]
    assert all(isinstance(one, LimitExceeded) for one in others), others
    return payments


@pytest.mark.parametrize("bound", ["per_payment", "per_day", "per_month"])
async def test_a_limit_is_reached_exactly_and_not_by_one_unit_more(till: Till, bound: str) -> None:
    await limited(till, LimitRule("EUR", **{bound: 100_00}))
    told = await refused(till, "100.01 EUR")
    assert (told["limit"], told["most"], told["remaining"]) == (bound, "100.00 EUR", "100.00 EUR")
    if bound == "per_payment":
        for _ in range(2):
            assert (await till.pay("100.00 EUR")).state is PaymentState.SUCCEEDED
        assert counted(till) == 0
        return
    await till.pay("99.99 EUR")
    assert (await refused(till, "0.02 EUR"))["remaining"] == "0.01 EUR"
    await till.pay("0.01 EUR")
    told = await refused(till, "0.01 EUR")
    renews = {"per_day": "2026-08-02T00:00:00Z", "per_month": "2026-09-01T00:00:00Z"}
    assert told == {
        "limit": bound,
        "most": "100.00 EUR",
        "remaining": "0.00 EUR",
        "renews_at": renews[bound],
    }
    assert taken(till) == counted(till, 1 if bound == "per_day" else 2) == 100_00
    await till.agrees()


async def test_sixty_at_once_take_the_room_of_ten(till: Till, clock: MovableClock) -> None:
    await limited(till, DAY)
    async with opened(till.database, clock, acquirer=till.acquirer) as other:
        # Two processes with a memory of their own; nothing but the database is between them.
        tills = [till, other]
        keys = [f"race-{place}" for place in range(AT_ONCE)]
        answers = await asyncio.gather(
            *(tills[place % 2].pay("10.00 EUR", key=key) for place, key in enumerate(keys)),
            return_exceptions=True,
        )
    assert len(succeeded(answers)) == ROOM == len(till.acquirer.charges())
    assert taken(till) == counted(till) == 100_00
    again = [await till.pay("10.00 EUR", key=one) for one in keys if one in _keys(answers, keys)]
    assert all(one.replayed for one in again), "a repeat takes no room, and is answered"
    await till.agrees()


def _keys(answers: Sequence[object], keys: Sequence[str]) -> list[str]:
    paired = zip(keys, answers, strict=True)
    return [key for key, answer in paired if isinstance(answer, Payment)]


def test_adding_up_before_inserting_takes_too_much(till: Till) -> None:
    """The control: without a row that is held, two who look at once both find room."""
    statement = "SELECT coalesce(sum(amount), 0) + 60 <= 100 FROM room"
    dsn = till.database.administrator_dsn
    with psycopg.connect(dsn) as one, psycopg.connect(dsn, autocommit=True) as other:
        other.execute("CREATE TABLE room (amount integer)")
        for connection in (one, other):
            row = connection.execute(statement).fetchone()
            assert row == (True,)
            connection.execute("INSERT INTO room VALUES (60)")
        one.commit()
        assert other.execute("SELECT sum(amount) FROM room").fetchone() == (120,)


@pytest.mark.parametrize(
    ("before", "after", "bound", "renews"),
    [
        ("2026-11-20T23:59:59.999999", "2026-11-21T00:00:00", "per_day", "2026-11-21"),
        ("2026-12-31T23:59:59.999999", "2027-01-01T00:00:00", "per_day", "2027-01-01"),
        ("2026-11-30T23:59:59.999999", "2026-12-01T00:00:00", "per_month", "2026-12-01"),
        ("2026-12-31T23:59:59.999999", "2027-01-01T00:00:00", "per_month", "2027-01-01"),
        ("2028-02-29T23:59:59.999999", "2028-03-01T00:00:00", "per_month", "2028-03-01"),
    ],
)
async def test_room_is_there_again_at_midnight_and_at_the_end_of_the_month(
    till: Till, before: str, after: str, bound: str, renews: str
) -> None:
    await limited(till, LimitRule("EUR", **{bound: 100_00}))
    _move_to(till.clock, before)
    await till.pay("100.00 EUR")
    assert (await refused(till, "0.01 EUR"))["renews_at"] == f"{renews}T00:00:00Z"
    _move_to(till.clock, after)
    await till.pay("100.00 EUR")
    await refused(till, "0.01 EUR")
    assert taken(till) == 200_00


async def test_a_new_day_is_no_new_month(till: Till) -> None:
    await limited(till, LimitRule("EUR", per_day=60_00, per_month=100_00))
    await till.pay("60.00 EUR")
    assert (await refused(till, "10.00 EUR"))["limit"] == "per_day"
    till.clock.move(timedelta(days=1))
    told = await refused(till, "50.00 EUR")
    assert (told["limit"], told["remaining"]) == ("per_month", "40.00 EUR")
    await till.pay("40.00 EUR")
    assert (counted(till, 1), counted(till, 2)) == (100_00, 100_00)


def _move_to(clock: MovableClock, moment: str) -> None:
    clock.move(datetime.fromisoformat(moment).replace(tzinfo=UTC) - clock.now())


async def test_every_merchant_and_mode_has_room_of_their_own(till: Till) -> None:
    await limited(
        till,
        DAY,
        LimitRule("EUR", per_day=30_00, tenant=STRANGER),
        LimitRule("EUR", per_day=20_00, tenant=STRANGER, mode=Mode.LIVE),
    )
    for tenant, mode, most in (
        (MERCHANT, Mode.TEST, "100.00 EUR"),
        (MERCHANT, Mode.LIVE, "100.00 EUR"),
        (STRANGER, Mode.TEST, "30.00 EUR"),
        (STRANGER, Mode.LIVE, "20.00 EUR"),
    ):
        await till.pay(most, tenant=tenant, mode=mode)
        told = await refused(till, "0.01 EUR", tenant=tenant, mode=mode)
        assert told["most"] == most
    assert (await till.pay("500.00 USD")).state is PaymentState.SUCCEEDED, "no limit is about it"


async def test_a_way_to_pay_has_its_own_limit_within_that_of_all(till: Till) -> None:
    cards = LimitRule("EUR", per_day=30_00, method=MethodKind.CARD)
    others = LimitRule("EUR", per_day=1, method=MethodKind.PAYPAL)
    await limited(till, DAY, cards, others)
    await till.pay("30.00 EUR")
    told = await refused(till, "1.00 EUR")
    assert (told["most"], told["method"]) == ("30.00 EUR", "card")
    await limited(till, DAY, replace(cards, per_day=500_00))
    till.parts.rulebook.forget()
    await till.pay("70.00 EUR")
    told = await refused(till, "1.00 EUR")
    assert told["most"] == "100.00 EUR"
    assert "method" not in told


async def test_what_comes_to_nothing_gives_its_room_back(till: Till) -> None:
    await limited(till, DAY)
    till.acquirer.plan("charge", "insufficient_funds")
    declined = await till.pay("100.00 EUR")
    assert declined.state is PaymentState.DECLINED
    set_aside = await till.authorized("100.00 EUR")
    await refused(till, "0.01 EUR")
    assert (await till.void(set_aside)).state is PaymentState.VOIDED
    part = await till.authorized("100.00 EUR")
    await till.capture(part, "25.00 EUR")
    await till.pay("75.00 EUR")
    await refused(till, "0.01 EUR")
    await till.refund(part)
    await refused(till, "0.01 EUR")
    assert taken(till) == counted(till) == 100_00
    await till.agrees()


async def test_what_is_not_known_keeps_its_room_until_it_is(till: Till) -> None:
    await limited(till, DAY)
    till.acquirer.plan("charge", "act_then_silence", "silence")
    acted = await till.pay("60.00 EUR")
    never = await till.pay("40.00 EUR")
    assert acted.state is never.state is PaymentState.UNKNOWN
    await refused(till, "0.01 EUR")
    await till.converge()
    assert (await till.now(acted)).state is PaymentState.SUCCEEDED
    assert (await till.now(never)).state is PaymentState.FAILED
    await till.pay("40.00 EUR")
    await refused(till, "0.01 EUR")
    assert taken(till) == counted(till) == 100_00


async def test_another_try_takes_room_again_on_the_day_it_is_made(till: Till) -> None:
    await limited(till, DAY)
    till.acquirer.plan("charge", "insufficient_funds")
    declined = await till.pay("100.00 EUR")
    full = await till.pay("100.00 EUR")
    assert full.state is PaymentState.SUCCEEDED
    with pytest.raises(LimitExceeded):
        await till.confirm(declined)
    assert (await till.now(declined)).state is PaymentState.DECLINED
    till.clock.move(timedelta(days=1))
    assert (await till.confirm(declined)).state is PaymentState.SUCCEEDED
    await refused(till, "0.01 EUR")
    assert taken(till) == counted(till) == 200_00


async def test_what_waits_for_a_way_to_pay_takes_no_room_until_it_is_charged(till: Till) -> None:
    await limited(till, replace(DAY, per_payment=100_00))
    first = await till.pay("100.00 EUR", pay_with=None)
    second = await till.pay("100.00 EUR", pay_with=None)
    await refused(till, "100.01 EUR", pay_with=None)
    answers = await asyncio.gather(
        till.confirm(first), till.confirm(second), return_exceptions=True
    )
    assert len(succeeded(answers)) == 1
    assert taken(till) == counted(till) == 100_00


async def test_money_that_moved_although_it_was_given_up_takes_room_as_a_fact(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    acquirer = Acquirer()
    frozen, woken = asyncio.Event(), asyncio.Event()

    async def freeze(request: object) -> None:
        if getattr(request, "operation", "") == "charge" and not frozen.is_set():
            frozen.set()
            await woken.wait()

    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await limited(till, DAY)
        acquirer.hold = freeze
        sending = asyncio.create_task(till.pay("60.00 EUR", key="charge"))
        await frozen.wait()
        await till.converge()
        await till.pay("60.00 EUR")
        woken.set()
        assert (await sending).state is PaymentState.SUCCEEDED
        told = await refused(till, "0.01 EUR")
        assert told["remaining"] == "0.00 EUR"
        assert taken(till) == counted(till) == 120_00, "what was taken is told as it is"


@pytest.mark.parametrize("point", [Point.BEFORE_SEND, Point.AFTER_SEND, Point.AFTER_SETTLE])
async def test_who_dies_between_has_taken_the_room_once_or_not_at_all(
    payments_database: TestDatabase, clock: MovableClock, point: Point
) -> None:
    acquirer = Acquirer()
    dying = Dying(point)
    async with opened(payments_database, clock, failpoints=dying, acquirer=acquirer) as till:
        await limited(till, DAY)
        with pytest.raises(Died):
            await till.pay("100.00 EUR", key="charge")
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await refused(till, "0.01 EUR")
        await till.converge()
        if point is Point.BEFORE_SEND:
            await till.pay("100.00 EUR")
        await refused(till, "0.01 EUR")
        assert taken(till) == counted(till) == 100_00
        await till.agrees()


async def test_limits_that_are_raised_keep_what_was_taken(till: Till) -> None:
    await limited(till, DAY)
    await till.pay("100.00 EUR")
    await limited(till, replace(DAY, per_day=150_00))
    assert (await refused(till, "50.01 EUR"))["remaining"] == "50.00 EUR"
    await limited(till, replace(DAY, per_day=50_00))
    assert (await refused(till, "0.01 EUR"))["remaining"] == "0.00 EUR"
    await limited(till)
    await till.pay("1000.00 EUR")


async def test_without_a_limit_nothing_is_counted(till: Till) -> None:
    await limited(till, replace(DAY, tenant=STRANGER))
    await till.pay("1000.00 EUR")
    assert till.count("limit_use") == 0
    assert till.count("payment", "limited") == 0


@pytest.mark.parametrize(
    "limits",
    [
        (LimitRule("EUR"),),
        (LimitRule("", per_day=1),),
        (LimitRule("XXQ", per_day=1),),
        (LimitRule("EUR", per_day=-1),),
        (LimitRule("EUR", per_day=1, tenant="mer_x"),),
        (DAY, replace(DAY, per_day=1)),
    ],
)
async def test_limits_that_cannot_be_are_refused(till: Till, limits: tuple[LimitRule, ...]) -> None:
    with pytest.raises(BezantError) as refusal:
        await till.payments.change_terms(ChangeTerms(ITSELF, Terms(limits=limits)))
    assert refusal.value.status == 400
    assert await till.payments.terms() == Terms()


async def test_a_limit_means_the_same_near_and_far(payments: Payments) -> None:
    await payments.change_terms(ChangeTerms(ITSELF, Terms(limits=(DAY,))))
    assert (await payments.terms()).limits == (DAY,)
    asked = CreatePayment("one", MERCHANT, Mode.TEST, Money.of("10.00 EUR"), CARD)
    answers = await asyncio.gather(
        *(payments.create(replace(asked, key=f"race-{place}")) for place in range(AT_ONCE)),
        return_exceptions=True,
    )
    assert len(succeeded(answers)) == ROOM
    with pytest.raises(LimitExceeded) as refusal:
        await payments.create(asked)
    assert refusal.value.facts == {
        "limit": "per_day",
        "most": "100.00 EUR",
        "remaining": "0.00 EUR",
        "renews_at": "2026-11-21T00:00:00Z",
    }
