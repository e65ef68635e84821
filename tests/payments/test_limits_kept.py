"""What is counted under limits: for the way to pay that is charged, as long as it is needed, in
nobody else's way. Who agrees to other limits is told of all that changes with them.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.test_limits import counted, limited, refused
from tests.payments.till import MERCHANT, STRANGER, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Tx
from bezant.db.jobs import Turn
from bezant.errors import Unavailable
from bezant.money import EUR
from bezant.payments import jobs, limiting
from bezant.payments.amending import SUMMARY_CHARACTERS_MAX, summary
from bezant.payments.http.fees import FeesChangeModel
from bezant.payments.http.limits import LimitsChangeModel
from bezant.payments.port import (
    ConfirmPayment,
    FeeRule,
    LimitRule,
    MethodKind,
    PaymentState,
    PayWith,
    RoutingRule,
    Terms,
    TermsChange,
    TermsState,
)
from bezant.payments.store import limit as stored
from bezant.payments.told import Facts
from bezant.psp.card import Card
from bezant.psp.paypal import PayPal

pytestmark = [pytest.mark.catalogue("T55"), pytest.mark.requirement("S002-3", part="limits")]
CARDS = LimitRule("EUR", per_day=30_00, method=MethodKind.CARD)
WORDY = tuple(
    LimitRule("EUR", 10**9, 10**10 + place, 10**11, f"mer_{place:032x}", Mode.LIVE, MethodKind.CARD)
    for place in range(5)
)
CHEAP, DEAR = (FeeRule(Decimal("1.4")),), (FeeRule(Decimal(99)),)
ROUTE = (RoutingRule(1, "card"),)


async def test_a_try_in_another_way_gives_back_the_room_of_the_one_before(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    both = {"card": Card(), "paypal": PayPal()}
    async with opened(payments_database, clock, connectors=both) as till:
        await limited(till, CARDS)
        till.acquirer.plan("charge", "insufficient_funds", "silence")
        declined = await till.pay("30.00 EUR")
        assert declined.state is PaymentState.DECLINED
        paypal = PayWith(MethodKind.PAYPAL)
        again = ConfirmPayment(
            "again", MERCHANT, Mode.TEST, declined.id, paypal, "https://shop.example/"
        )
        assert (await till.payments.confirm(again)).method is MethodKind.PAYPAL
        assert (counted(till), till.count("limit_taken")) == (0, 0)
        till.acquirer.plan("charge", "insufficient_funds")
        third = await till.pay("30.00 EUR")
        assert (await till.confirm(third)).state is PaymentState.SUCCEEDED
        assert counted(till) == 30_00, "the control: a card again takes what it takes"
        await refused(till, "0.01 EUR")


async def test_a_crowd_at_one_merchant_leaves_the_sessions_to_others(till: Till) -> None:
    """More of them than there are sessions wait for a room that somebody else holds."""
    await limited(till, LimitRule("EUR", per_day=10**9, tenant=MERCHANT))
    await till.pay("1.00 EUR")
    waiting = await till.pay("1.00 EUR", pay_with=None)
    other = await till.pay("1.00 EUR", tenant=STRANGER)
    with psycopg.connect(till.database.administrator_dsn) as holder:
        holder.execute("SELECT id FROM payments.limit_use FOR UPDATE")
        crowd = [asyncio.create_task(till.pay("1.00 EUR")) for _ in range(12)]
        crowd += [asyncio.create_task(till.confirm(waiting))]
        await _one_waits(till)
        assert (await till.payments.payment(STRANGER, Mode.TEST, other.id)).id == other.id
        assert _waiting(till) == 1, "the others wait without a session"
        holder.rollback()
    for one in await asyncio.gather(*crowd):
        assert one.state is PaymentState.SUCCEEDED
    assert counted(till) == 14_00


def _waiting(till: Till) -> int:
    return int(till.value("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"))


async def _one_waits(till: Till) -> None:
    async with asyncio.timeout(60):
        while _waiting(till) == 0:
            await asyncio.sleep(0.01)


async def test_who_waits_too_long_is_told_to_come_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiting, "TURN_SECONDS", 0.05)
    turns = limiting.Turns()
    mine = Facts(uuid4(), MERCHANT, Mode.TEST, EUR(1), True, till.clock.now())
    async with turns.of(mine):
        with pytest.raises(Unavailable):
            async with turns.of(mine):
                raise AssertionError("two at once")
        async with (
            turns.of(replace(mine, tenant=STRANGER)),
            turns.of(replace(mine, mode=Mode.LIVE)),
        ):
            pass
    async with turns.of(mine):
        pass


def long_ago(till: Till, payments: int) -> None:
    """Store what so many payments took in a month long ago, and what became of them."""
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO payments.limit_use (tenant, live, asset, method, span, begins_on, used)"
            " VALUES (gen_random_uuid(), true, 'EUR', 0, 2, '2020-01-01', 5)"
        )
        connection.execute(
            "INSERT INTO payments.limit_taken SELECT gen_random_uuid(), u.id, 1"
            " FROM payments.limit_use AS u, generate_series(1, %s)"
            " WHERE u.begins_on = '2020-01-01'",
            (payments,),
        )
        connection.execute(
            "INSERT INTO payments.limit_change (use, change) SELECT t.use, -1"
            " FROM payments.limit_taken AS t INNER JOIN payments.limit_use AS u ON u.id = t.use"
            " WHERE u.begins_on = '2020-01-01'"
        )


def old(till: Till) -> tuple[int, int, int]:
    """Return how much is left of it."""
    about = "use IN (SELECT id FROM payments.limit_use WHERE begins_on = '2020-01-01')"
    return (
        till.count("limit_taken", about),
        till.count("limit_change", about),
        till.count("limit_use", "begins_on = '2020-01-01'"),
    )


async def forget(till: Till) -> None:
    """Run the tick as a worker does."""
    ticks = jobs.ticks(till.payments, till.parts.database, till.clock)
    (tick,) = (one for one in ticks if one.name == "payments.forget")
    await tick.run(Turn(1, 1, 1))


async def test_room_of_long_ago_goes_in_pieces_and_what_still_counts_stays(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await limited(till, LimitRule("EUR", per_day=100_00))
    await till.pay("60.00 EUR")
    long_ago(till, 25)
    monkeypatch.setattr(jobs, "FORGET_MAX", 10)
    pieces: list[int] = []
    taken = stored.forget_taken

    async def noted(tx: Tx, before: date, most: int) -> int:
        pieces.append(await taken(tx, before, most))
        return pieces[-1]

    monkeypatch.setattr(stored, "forget_taken", noted)
    assert old(till) == (25, 25, 1)
    await forget(till)
    assert old(till) == (0, 0, 0)
    assert pieces == [10, 10, 5]
    assert (counted(till), till.count("limit_taken")) == (60_00, 1)
    await refused(till, "40.01 EUR")


async def test_room_that_cannot_be_forgotten_keeps_nothing_else(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await till.pay("1.00 EUR", key="long-ago")
    long_ago(till, 5)
    till.clock.move(jobs.KEYS_KEPT + timedelta(days=1))
    await till.pay("1.00 EUR", key="now")
    assert till.count("request") == 2

    async def fails(tx: Tx, before: date, most: int) -> int:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(stored, "forget_taken", fails)
        with pytest.raises(Unavailable):
            await forget(till)
    assert till.count("request") == 1
    assert old(till) == (5, 5, 1), "and the room itself waits for the next round"
    await forget(till)
    assert old(till) == (0, 0, 0)


def test_all_kinds_of_rules_that_change_are_named_before_any_is_listed() -> None:
    now = Terms(fees=CHEAP)
    said = summary(Terms(ROUTE, DEAR, WORDY), now)
    assert len(said) == SUMMARY_CHARACTERS_MAX
    assert said.startswith(
        "Limit payments by 5 rules instead of 0. Charge fees by 1 rules instead of 1."
        " Route by 1 rules instead of 0. Limits: "
    )
    assert said.endswith("…")
    only = summary(replace(now, fees=DEAR), now)
    assert only == "Charge fees by 1 rules instead of 1. Fees: 99 %"
    routed = summary(Terms(ROUTE, DEAR), now)
    assert routed.endswith("Fees: 99 %. Routing: 1. card")


def test_a_change_tells_which_other_rules_an_agreement_would_replace() -> None:
    now = Terms(fees=CHEAP)
    moment = datetime(2026, 11, 20, tzinfo=UTC)

    def change(terms: Terms, state: TermsState = TermsState.NEEDS_APPROVAL) -> TermsChange:
        return TermsChange("trm_1", state, terms, "mem_1", "apr_1", moment, None)

    all_of_it = change(Terms(ROUTE, DEAR, WORDY))
    assert FeesChangeModel.of(all_of_it, now).also == ["routing", "limits"]
    assert LimitsChangeModel.of(all_of_it, now).also == ["routing", "fees"]
    fees, limits = change(replace(now, fees=DEAR)), change(replace(now, limits=WORDY))
    assert (FeesChangeModel.of(fees, now).also, LimitsChangeModel.of(fees, now).also) == (
        [], ["fees"],
    )  # fmt: skip
    assert (FeesChangeModel.of(limits, now).also, LimitsChangeModel.of(limits, now).also) == (
        ["limits"], [],
    )  # fmt: skip
    decided = change(Terms(ROUTE, DEAR, WORDY), TermsState.OVERTAKEN)
    assert FeesChangeModel.of(decided, now).also == []
