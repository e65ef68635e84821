"""Money that was given back once is counted once, whoever tells of it first and by whatever name;
what was given back too often leaves nothing to be given once more.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE, SILENCE
from tests.payments.events import checks, deliver, deliver_meanwhile, written
from tests.payments.test_settlements import line, settled
from tests.payments.till import MERCHANT, Till, opened

from bezant.clock import MovableClock
from bezant.errors import Unavailable
from bezant.exchange import ProviderRequest
from bezant.ledger.port import PostTransfer, Transfer
from bezant.payments.port import (
    Attempt,
    FileUnfinished,
    Payment,
    PaymentBusy,
    Refund,
    RefundsOf,
    RefundState,
    RefundTooLarge,
)

TRIALS = 20


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


def made(till: Till) -> list[dict[str, Any]]:
    return [thing for kind, thing in till.acquirer.operations.values() if kind == "refund"]


async def refunds(till: Till, payment: Payment) -> tuple[Refund, ...]:
    return (await till.payments.refunds(RefundsOf(MERCHANT, payment.mode, payment.id))).refunds


async def given_late(till: Till, payment: Payment) -> dict[str, Any]:
    """Let the acquirer have given 5.00 for our last request, which nobody believes it has."""
    given = till.acquirer.give_back_here(payment.reference, 500)
    thing = {**given, "key": (await attempts(till, payment))[-1].id}
    till.acquirer.operations[thing["key"]] = till.acquirer.operations.pop(given["key"])[0], thing
    return thing


async def attempts(till: Till, payment: Payment) -> tuple[Attempt, ...]:
    return await till.payments.attempts(MERCHANT, payment.mode, payment.id)


async def calm(till: Till) -> None:
    for _ in range(60):
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
        if not till.count("pending") and not till.count("arrival", "due_at IS NOT NULL"):
            return
        till.clock.move(timedelta(seconds=15))
    raise AssertionError("something is still waiting")


async def test_a_file_that_names_ours_without_our_key_does_not_count_it_twice(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", ACT_THEN_SILENCE)
    assert (await till.refund(payment, "5.00 EUR")).state is RefundState.UNKNOWN
    (given,) = made(till)
    told = line("refund", given["id"], payment.reference, -500)
    with pytest.raises(PaymentBusy):
        await settled(till, told)
    await calm(till)
    await settled(till, told)
    await calm(till)
    states = [(one.state, one.amount.decimal()) for one in await refunds(till, payment)]
    assert states == [(RefundState.SUCCEEDED, "5.00")]
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"


async def test_while_ours_is_in_doubt_a_file_may_tell_of_another_amount(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", ACT_THEN_SILENCE)
    await till.refund(payment, "5.00 EUR")
    elsewhere = till.acquirer.give_back_here(payment.reference, 300)
    await settled(till, line("refund", elsewhere["id"], payment.reference, -300))
    await calm(till)
    assert (await till.now(payment)).refunded.decimal() == "8.00"
    assert await till.balance("merchant_payable", MERCHANT) == "12.00"


async def test_ours_that_a_file_told_of_after_we_gave_it_up_is_not_given_once_more(
    till: Till,
) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    refund = await till.refund(payment, "5.00 EUR")
    await calm(till)
    (gone,) = await refunds(till, payment)
    assert gone.state is RefundState.FAILED
    # It got there after all, and nobody here has heard of it before the file.
    key = (await attempts(till, payment))[-1].id
    given = till.acquirer.give_back_here(payment.reference, 500)
    await settled(till, line("refund", given["id"], payment.reference, -500))
    await calm(till)
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    thing = {**given, "key": key}
    till.acquirer.operations[key] = ("refund", thing)
    await deliver(till, written("refund.succeeded", thing))
    await calm(till)
    states = sorted(one.state.value for one in await refunds(till, payment))
    assert states == ["failed", "succeeded"]
    assert (await till.payments.refund(MERCHANT, payment.mode, refund.id)).state.value == "failed"
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"


async def test_what_was_given_after_all_and_has_no_room_leaves_nothing_to_give(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    await till.refund(payment, "12.00 EUR")
    await calm(till)
    key = (await attempts(till, payment))[-1].id
    assert (await till.refund(payment, "12.00 EUR")).state is RefundState.SUCCEEDED
    one = till.acquirer.authorisations[payment.reference]
    one.captured = 10_000  # This acquirer gives back more than it took.
    thing = {**made(till)[0], "id": "refund_late", "key": key}
    one.refunded += 1200
    till.acquirer.operations[key] = ("refund", thing)
    await deliver(till, written("refund.succeeded", thing))
    await calm(till)
    states = [one.state.value for one in await refunds(till, payment)]
    assert states == ["succeeded", "succeeded"]
    assert await till.balance("merchant_payable", MERCHANT) == "-4.00"
    assert (await till.now(payment)).refunded.decimal() == "20.00"
    with pytest.raises(RefundTooLarge):
        await till.refund(payment, "1.00 EUR")


async def test_a_file_that_comes_while_a_late_one_is_booked_does_not_count_it_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    await till.refund(payment, "5.00 EUR")
    await calm(till)
    given = await given_late(till, payment)
    told = line("refund", given["id"], payment.reference, -500)  # It does not name our key.
    post, late = till.ledger.post, f"tr_{given['key'].removeprefix('att_')}/late"
    files: list[str] = []

    async def posted(command: PostTransfer) -> Transfer:
        if command.id == late and not files:
            files.append(told)
            await settled(till, told)
        return await post(command)

    monkeypatch.setattr(till.ledger, "post", posted)
    await deliver(till, written("refund.succeeded", given))
    await calm(till)
    assert files, "the file came in between"
    assert [one.state for one in await refunds(till, payment)] == [RefundState.SUCCEEDED]
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"


async def test_a_late_one_that_the_book_does_not_take_is_booked_when_it_does(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    await till.refund(payment, "5.00 EUR")
    await calm(till)
    given = await given_late(till, payment)
    await till.freeze("merchant_payable", MERCHANT)
    await deliver(till, written("refund.succeeded", given))
    (refund,) = await refunds(till, payment)
    assert refund.state is RefundState.SUCCEEDED
    assert not (await attempts(till, payment))[-1].booked
    await till.thaw("merchant_payable", MERCHANT)
    await calm(till)
    assert (await attempts(till, payment))[-1].booked
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    await till.agrees()
    # And that one, too, may come back.
    await deliver(till, written("refund.failed", till.acquirer.refund_fails(given["id"])))
    await calm(till)
    assert (await refunds(till, payment))[0].state is RefundState.FAILED
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    await till.agrees()


async def test_one_that_comes_back_while_its_giving_is_booked_is_booked_as_well(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    await till.refund(payment, "5.00 EUR")
    await calm(till)
    given = await given_late(till, payment)
    post, name = till.ledger.post, f"tr_{given['key'].removeprefix('att_')}"
    between: list[str] = []

    async def posted(command: PostTransfer) -> Transfer:
        if command.id == f"{name}/came_back" and between == ["given"]:
            between.append("refused")
            raise Unavailable
        told = await post(command)
        if command.id == f"{name}/late" and not between:
            # Before whoever booked it can say so, another says it, and the refund comes back.
            between.append("given")
            await till.payments.walk()
            await deliver_meanwhile(
                till, written("refund.failed", till.acquirer.refund_fails(given["id"]))
            )
        return told

    monkeypatch.setattr(till.ledger, "post", posted)
    await deliver(till, written("refund.succeeded", given))
    assert between == ["given", "refused"]
    assert not (await attempts(till, payment))[-1].booked, "somebody still has to book it"
    await calm(till)
    assert [one.state for one in await refunds(till, payment)] == [RefundState.FAILED]
    assert await till.balance("merchant_payable", MERCHANT) == "20.00"
    await till.agrees()


async def test_one_that_fails_while_too_much_was_given_leaves_the_others_counted(
    till: Till,
) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    await till.refund(payment, "12.00 EUR")
    await calm(till)
    key = (await attempts(till, payment))[-1].id
    till.acquirer.plan("refund", SILENCE)
    assert (await till.refund(payment, "12.00 EUR")).state is RefundState.UNKNOWN
    given = till.acquirer.give_back_here(payment.reference, 1200)
    till.acquirer.operations[key] = ("refund", {**given, "key": key})
    await deliver(till, written("refund.succeeded", {**given, "key": key}))
    await calm(till)
    states = sorted(one.state.value for one in await refunds(till, payment))
    assert states == ["failed", "succeeded"]
    assert (await till.now(payment)).refunded.decimal() == "12.00"
    with pytest.raises(RefundTooLarge):
        await till.refund(payment, "8.01 EUR")
    await till.agrees()


async def test_what_was_given_elsewhere_waits_as_long_as_ours_is_in_doubt(till: Till) -> None:
    payment = await till.pay("10.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    assert (await till.refund(payment, "10.00 EUR")).state is RefundState.UNKNOWN
    await deliver(
        till, written("refund.succeeded", till.acquirer.give_back_here(payment.reference, 1000))
    )
    plan = till.acquirer.plan

    async def hush(request: ProviderRequest) -> None:
        plan("ask", *([SILENCE] if request.path.endswith("/refunds") else [""]))

    plan("ask", SILENCE)  # Every list is answered, and no question about ours.
    till.acquirer.hold = hush
    for _ in range(30):
        till.clock.move(timedelta(minutes=20))
        await till.payments.act_on_arrivals()
        await till.acted()
    assert till.count("arrival", "due_at IS NOT NULL") == 1, "it waits to be counted"
    till.acquirer.hold = None
    till.acquirer.plans.clear()
    for _ in range(10):
        till.clock.move(timedelta(minutes=20))
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
    states = sorted(one.state.value for one in await refunds(till, payment))
    assert states == ["failed", "succeeded"]
    await till.agrees()


async def test_a_payment_with_no_attempt_left_does_not_hold_up_a_file(till: Till) -> None:
    worn, other = await till.pay("20.00 EUR"), await till.pay("30.00 EUR")
    till.value(
        f"UPDATE payments.payment SET attempts = 254 WHERE id = '{worn.id[4:]}' RETURNING attempts"
    )
    given = till.acquirer.give_back_here(worn.reference, 500)
    await settled(
        till,
        line("refund", given["id"], worn.reference, -500),
        line("charge", "m1", other.reference, 3000),
        line("payout", "p1", "", -2500),
    )
    assert await till.balance("cash_at_bank", "main") == "25.00"
    assert await refunds(till, worn) == ()


async def test_a_part_of_a_refund_that_a_file_says_came_back_is_not_all_of_it(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    refund = await till.refund(payment, "20.00 EUR")
    await settled(till, line("refund", refund.reference, payment.reference, 500))
    await calm(till)
    (after,) = await refunds(till, payment)
    assert after.state is RefundState.SUCCEEDED
    assert await till.balance("merchant_payable", MERCHANT) == "0.00"


async def sent_again(till: Till, told: str, others: list[str]) -> list[str]:
    """Send files again, as whoever was refused does; return those that wait for another one."""
    waiting: list[str] = []
    for other in others:
        try:
            await settled(till, told, other)
        except FileUnfinished:
            waiting.append(other)
    return waiting


@pytest.mark.catalogue("T50")
async def test_events_and_files_race_to_tell_first_and_it_is_counted_once(till: Till) -> None:
    for trial in range(TRIALS):
        payment = await till.pay("20.00 EUR")
        given = till.acquirer.give_back_here(payment.reference, 500)
        told = line("refund", given["id"], payment.reference, -500)
        others = [line("charge", f"m{trial}_{at}", "auth_elsewhere", 100) for at in range(2)]
        answers = await asyncio.gather(
            deliver(till, written("refund.succeeded", given)),
            settled(till, told, others[0]),
            settled(till, told, others[1]),
            deliver(till, written("refund.succeeded", given)),
            return_exceptions=True,
        )
        for one in answers:
            assert not isinstance(one, BaseException) or isinstance(
                one, PaymentBusy | FileUnfinished
            ), one
        refused = await sent_again(till, told, others)
        assert await sent_again(till, told, refused) == [], "the one that was begun came first"
        await calm(till)
        assert len(await refunds(till, payment)) == 1
        assert (await till.now(payment)).refunded.decimal() == "5.00"
    assert await till.balance("merchant_payable", MERCHANT) == f"{15 * TRIALS}.00"
    assert await till.balance("refund_payable", "card") == "0.00"
