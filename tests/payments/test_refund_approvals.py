"""Refunds under control: above a threshold nothing moves until a second person agrees."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.second_person import SecondPerson
from tests.payments.test_feed import fed as events_of
from tests.payments.till import CLERK, MERCHANT, Till, opened

from bezant.actor import Caller
from bezant.clock import MovableClock
from bezant.payments import approving
from bezant.payments.port import RefundState, RefundTooLarge, RequestRefund, StatsOf


@pytest.fixture
def person() -> SecondPerson:
    return SecondPerson()


@pytest.fixture
async def careful(
    payments_database: TestDatabase, clock: MovableClock, person: SecondPerson
) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, approvals=person, thresholds=["50.00 EUR"]) as till:
        yield till


async def test_up_to_the_threshold_nobody_is_asked(careful: Till, person: SecondPerson) -> None:
    payment = await careful.pay("100.00 EUR")
    assert (await careful.refund(payment, "50.00 EUR")).state is RefundState.SUCCEEDED
    assert not person.proposed


async def test_what_waits_is_told_apart_from_what_is_given(
    careful: Till, person: SecondPerson
) -> None:
    payment = await careful.pay("90.00 EUR")
    assert payment.refunds_awaiting is not None
    assert payment.refunds_awaiting.minor == 0
    waiting = await careful.refund(payment, "60.00 EUR")
    await careful.refund(payment, "1.00 EUR", key="small")  # Above it, with what was asked before.

    async def told() -> tuple[str, str]:
        now = await careful.now(payment)
        assert now.refunds_awaiting is not None
        return now.refunded.decimal(), now.refunds_awaiting.decimal()

    async def fed() -> tuple[str, str]:
        last = (await events_of(careful))[-1].event
        refunded = last.data["refunded"]
        assert isinstance(refunded, dict)
        stats = await careful.payments.stats(
            StatsOf(
                MERCHANT, payment.mode, payment.created_at, careful.clock.now() + timedelta(days=1)
            )
        )
        return refunded["amount"], stats.assets[0].refunded.decimal()

    assert await told() == ("0.00", "61.00")
    assert await fed() == ("0.00", "0.00")
    with pytest.raises(RefundTooLarge):
        await careful.refund(payment, "29.01 EUR")
    person.says[waiting.approval] = True
    assert await careful.payments.take_up_approved() == 1
    assert await told() == ("60.00", "1.00")
    assert await fed() == ("60.00", "60.00")
    person.says = dict.fromkeys(person.proposed, False)
    assert await careful.payments.take_up_approved() == 1
    assert await told() == ("60.00", "0.00")
    assert await fed() == ("60.00", "60.00")


@pytest.mark.catalogue("T77")
async def test_above_it_nothing_moves_until_somebody_agrees(
    careful: Till, person: SecondPerson
) -> None:
    payment = await careful.pay("100.00 EUR")
    refund = await careful.refund(payment, "60.00 EUR", key="big")
    assert refund.state is RefundState.NEEDS_APPROVAL
    assert await careful.payments.take_up_approved() == 0
    assert careful.acquirer.authorisations["auth_1"].refunded == 0
    with pytest.raises(RefundTooLarge):  # What waits is counted.
        await careful.refund(payment, "40.01 EUR")

    person.says[refund.approval] = True
    assert await careful.payments.take_up_approved() == 1
    assert await careful.payments.take_up_approved() == 0
    after = await careful.payments.refund(MERCHANT, payment.mode, refund.id)
    assert after.state is RefundState.SUCCEEDED
    assert careful.acquirer.authorisations["auth_1"].refunded == 6000
    again = await careful.refund(payment, "60.00 EUR", key="big")
    assert (again.replayed, again.state) == (True, RefundState.NEEDS_APPROVAL)
    assert len(person.proposed) == 1
    await careful.agrees()


async def test_what_is_rejected_can_be_given_back_otherwise(
    careful: Till, person: SecondPerson
) -> None:
    payment = await careful.pay("100.00 EUR")
    refund = await careful.refund(payment, "100.00 EUR")
    person.says[refund.approval] = False
    assert await careful.payments.take_up_approved() == 1
    after = await careful.payments.refund(MERCHANT, payment.mode, refund.id)
    assert (after.state, after.failure) == (RefundState.REJECTED, "approval_rejected")
    assert (await careful.now(payment)).refunded.decimal() == "0.00"
    assert (await careful.refund(payment, "50.00 EUR")).state is RefundState.SUCCEEDED


@pytest.mark.catalogue("T77")
async def test_a_payload_changed_after_the_approval_is_not_done(
    careful: Till, person: SecondPerson
) -> None:
    payment = await careful.pay("100.00 EUR")
    refund = await careful.refund(payment, "60.00 EUR")
    person.says[refund.approval] = True
    with psycopg.connect(careful.database.administrator_dsn, autocommit=True) as connection:
        connection.execute("UPDATE payments.refund SET amount = 9000")
    assert await careful.payments.take_up_approved() == 0
    assert careful.acquirer.authorisations["auth_1"].refunded == 0


async def test_a_module_gives_back_what_nobody_wanted_without_asking(careful: Till) -> None:
    payment = await careful.pay("100.00 EUR")
    module = replace(CLERK, caller=Caller.MODULE, subject="orders")
    refund = await careful.payments.request_refund(
        RequestRefund("heal", MERCHANT, payment.mode, payment.id, module)
    )
    assert refund.state is RefundState.SUCCEEDED


async def test_a_large_refund_does_not_become_small_in_parts(
    careful: Till, person: SecondPerson
) -> None:
    payment = await careful.pay("100.00 EUR")
    assert (await careful.refund(payment, "30.00 EUR")).state is RefundState.SUCCEEDED
    assert (await careful.refund(payment, "20.00 EUR")).state is RefundState.SUCCEEDED
    more = await careful.refund(payment, "0.01 EUR")
    assert more.state is RefundState.NEEDS_APPROVAL
    assert list(person.proposed) != []


async def test_refunds_that_nobody_decides_hold_up_nobodys(
    careful: Till, person: SecondPerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approving, "APPROVALS_MAX", 3)
    waiting = [await careful.refund(await careful.pay("60.00 EUR"), "60.00 EUR") for _ in range(5)]
    person.says[waiting[-1].approval] = True
    rounds = [await careful.payments.take_up_approved() for _ in range(3)]
    assert sum(rounds) == 1
    after = await careful.payments.refund(MERCHANT, waiting[-1].mode, waiting[-1].id)
    assert after.state is RefundState.SUCCEEDED
