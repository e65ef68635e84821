"""Races for the same money: together they never take or give more than there is."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from tests.payments.till import MERCHANT, Till

from bezant.errors import BezantError
from bezant.payments import following
from bezant.payments.port import (
    AmountTooSmall,
    CaptureTooLarge,
    NotInThisState,
    Payment,
    PaymentBusy,
    PaymentState,
    Refund,
    RefundTooLarge,
    VoidPayment,
)
from bezant.payments.store.read import PaymentRow

TRIALS = 60
LONG_TRIALS = 500


async def settled(*asked: Awaitable[object]) -> list[object]:
    """Return every answer or refusal; anything else is a mistake of ours."""
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for one in answers:
        if isinstance(one, BaseException) and not isinstance(one, BezantError):
            raise one
    return list(answers)


@pytest.mark.catalogue("T50")
@pytest.mark.parametrize("trials", [TRIALS, pytest.param(LONG_TRIALS, marks=pytest.mark.long)])
async def test_two_refunds_at_once_never_exceed_what_was_captured(till: Till, trials: int) -> None:
    for _ in range(trials):
        payment = await till.pay("100.00 EUR")
        answers = await settled(*(till.refund(payment, "60.00 EUR") for _ in range(4)))
        given = [one for one in answers if isinstance(one, Refund)]
        refused = [one for one in answers if isinstance(one, RefundTooLarge | PaymentBusy)]
        assert len(given) == 1
        assert len(refused) == 3
    assert all(one.refunded <= one.captured for one in till.acquirer.charges())
    await till.agrees()


@pytest.mark.catalogue("T50")
async def test_many_small_refunds_at_once_add_up_to_no_more_than_was_captured(till: Till) -> None:
    payment = await till.pay("10.00 EUR")
    waiting = [f"{place % 3 + 1}.00 EUR" for place in range(16)]
    while waiting:
        answers = await settled(*(till.refund(payment, one) for one in waiting))
        paired = zip(waiting, answers, strict=True)
        waiting = [one for one, answer in paired if isinstance(answer, PaymentBusy)]
    after = await till.now(payment)
    assert after.refunded <= after.captured
    assert till.acquirer.authorisations["auth_1"].refunded == after.refunded.minor
    await till.agrees()


@pytest.mark.catalogue("T50")
def test_adding_up_before_inserting_gives_too_much_back(till: Till) -> None:
    """The way not to do it, to see that the race would be noticed."""

    def naive() -> int:
        with (
            psycopg.connect(till.database.administrator_dsn, autocommit=True) as setup,
            psycopg.connect(till.database.administrator_dsn) as one,
            psycopg.connect(till.database.administrator_dsn) as other,
        ):
            setup.execute("CREATE TABLE naive (amount int)")
            for connection in (one, other):
                row = connection.execute("SELECT coalesce(sum(amount), 0) FROM naive").fetchone()
                if row is not None and row[0] + 60 <= 100:
                    connection.execute("INSERT INTO naive VALUES (60)")
            one.commit()
            other.commit()
            row = setup.execute("SELECT sum(amount) FROM naive").fetchone()
            return 0 if row is None else row[0]

    assert naive() > 100


@pytest.mark.catalogue("T50")
@pytest.mark.parametrize("amount", ["0.00 EUR", "-5.00 EUR"])
async def test_a_refund_of_nothing_or_less_is_refused(till: Till, amount: str) -> None:
    payment = await till.pay("20.00 EUR")
    with pytest.raises(AmountTooSmall):
        await till.refund(payment, amount)
    assert till.count("refund") == 0


async def test_there_is_no_refund_before_a_capture(till: Till) -> None:
    payment = await till.authorized()
    with pytest.raises(NotInThisState):
        await till.refund(payment, "1.00 EUR")


@pytest.mark.catalogue("T51")
async def test_captures_at_once_never_exceed_what_is_set_aside(till: Till) -> None:
    for _ in range(TRIALS):
        payment = await till.authorized("100.00 EUR")
        await settled(*(till.capture(payment, "60.00 EUR", last=False) for _ in range(4)))
        after = await till.now(payment)
        assert after.captured.decimal() == "60.00"
        with pytest.raises(CaptureTooLarge):
            await till.capture(payment, "40.01 EUR", last=False)
    assert all(one.captured <= one.amount for one in till.acquirer.charges())
    await till.agrees()


@pytest.mark.catalogue("T51")
async def test_of_capture_and_void_exactly_one_wins(till: Till) -> None:
    won = {"captured": 0, "voided": 0}
    for trial in range(TRIALS):
        payment = await till.authorized("10.00 EUR")
        steps = [till.capture(payment), till.void(payment)]
        first, second = steps if trial % 2 else reversed(steps)
        begun = asyncio.ensure_future(settled(first))
        # From at once to long after: one of the two always wins when it has time enough.
        await asyncio.wait({begun}, timeout=None if trial >= TRIALS - 2 else trial / 2_000)
        answers = [*await settled(second), *await begun]
        assert sum(isinstance(one, Payment) for one in answers) == 1
        after = await till.now(payment)
        at_the_acquirer = till.acquirer.authorisations[after.reference].status
        assert at_the_acquirer == ("captured" if after.captured else "voided")
        assert after.state in (PaymentState.SUCCEEDED, PaymentState.VOIDED)
        won[at_the_acquirer] += 1
    assert all(won.values()), won
    await till.agrees()


@pytest.mark.catalogue("T51")
async def test_of_capture_and_expiry_exactly_one_wins(till: Till) -> None:
    for trial in range(TRIALS):
        payment = await till.authorized("10.00 EUR")
        till.clock.move(timedelta(days=7, seconds=1))
        steps: list[Awaitable[object]] = [till.capture(payment), till.payments.expire()]
        await settled(*(steps if trial % 2 else reversed(steps)))
        after = await till.now(payment)
        assert after.state in (PaymentState.SUCCEEDED, PaymentState.EXPIRED)
        one = till.acquirer.authorisations[after.reference]
        assert (one.status == "captured") == (after.state is PaymentState.SUCCEEDED)
    await till.agrees()


async def test_an_authorization_is_let_go_when_its_time_is_over(till: Till) -> None:
    payment = await till.authorized()
    assert await till.payments.expire() == 0
    till.clock.move(timedelta(days=7, seconds=1))
    assert await till.payments.expire() == 1
    after = await till.now(payment)
    assert after.state is PaymentState.EXPIRED
    assert till.acquirer.authorisations["auth_1"].status == "voided"
    with pytest.raises(NotInThisState):
        await till.capture(payment)


@pytest.mark.catalogue("T56")
async def test_a_refund_is_given_once_and_not_given_again(till: Till) -> None:
    payment = await till.pay("10.00 EUR")
    answers = await settled(*(till.refund(payment) for _ in range(8)))
    assert sum(isinstance(one, Refund) for one in answers) == 1
    with pytest.raises(RefundTooLarge):
        await till.refund(payment)
    assert till.acquirer.authorisations["auth_1"].refunded == 1000
    await till.agrees()


@pytest.mark.catalogue("T51")
async def test_what_was_set_aside_meanwhile_is_not_given_up_behind_the_providers_back(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A void that saw an unpaid payment, and comes to write when its payer has just paid."""
    payment = await till.pay(pay_with=None, capture=False)
    seen = following.found

    async def slowly(*asked: Any) -> PaymentRow:
        row = await seen(*asked)
        monkeypatch.undo()
        assert (await till.confirm(payment)).state is PaymentState.AUTHORIZED
        return row

    monkeypatch.setattr(following, "found", slowly)
    with pytest.raises(PaymentBusy):
        await till.void(payment)
    assert (await till.now(payment)).state is PaymentState.AUTHORIZED
    assert till.acquirer.authorisations["auth_1"].status != "voided"
    assert (await till.void(payment)).state is PaymentState.VOIDED, "asked again, it is told"
    assert till.acquirer.authorisations["auth_1"].status == "voided"
    await till.agrees()


@pytest.mark.catalogue("T51")
async def test_a_void_of_the_unpaid_only_touches_nothing_of_a_payers(till: Till) -> None:
    held, unpaid = await till.authorized(), await till.pay(pay_with=None)
    command = VoidPayment(till.fresh("void"), MERCHANT, held.mode, held.id, unpaid_only=True)
    with pytest.raises(NotInThisState):
        await till.payments.void(command)
    assert (await till.now(held)).state is PaymentState.AUTHORIZED
    gone = await till.payments.void(replace(command, key=till.fresh("void"), payment=unpaid.id))
    assert gone.state is PaymentState.VOIDED
