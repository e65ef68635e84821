"""Races that lost money in payment systems of others, by name; here they must not.

| what went wrong elsewhere | here |
| --- | --- |
| two refunds of 60 on a payment of 100 both succeed | `test_races.py`: two refunds at once |
| a negative refund passes | `test_races.py`: a refund of nothing or less |
| more captured than authorised, or refunded than captured | `test_races.py`: captures at once |
| the event and the answer both capture, then both are refunded | below |
| the event wins, and the caller is told an error although the money was taken | below |
| a refund and a dispute return the same money | below |
| a settled payment is refunded while it is paid out | below |
| checked, the provider called, and only then stored | `test_crash.py`: killed at every point |
| a transfer is reversed twice, a hold is not counted | `tests/ledger` |
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE, GARBAGE
from tests.payments.events import checks, deliver, written
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.exchange import ProviderRequest
from bezant.payments.port import (
    Payment,
    PaymentBusy,
    PaymentState,
    Refund,
    RefundTooLarge,
    SettleFile,
)
from bezant.psp.card import Card

TRIALS = 60
LOST = 10  # Each waits half a minute of its clock until a lost answer is believed to be lost.
HEAD = "type,id,authorisation,key,asset,gross,fee,net,occurred_at"


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def together(*asked: Awaitable[object]) -> list[object]:
    """Return every answer or refusal; anything else is a mistake of ours."""
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for one in answers:
        if isinstance(one, BaseException) and not isinstance(one, BezantError):
            raise one
    return list(answers)


async def at_rest(till: Till) -> None:
    """Let time pass until every event was acted on and everything is booked."""
    for _ in range(60):
        await till.payments.walk()
        await till.payments.act_on_arrivals()
        await till.acted()
        if not till.count("pending") and not till.count("arrival", "due_at IS NOT NULL"):
            return
        till.clock.move(timedelta(seconds=15))
    raise AssertionError("something is still waiting")


@pytest.mark.catalogue("T42", "T50")
async def test_an_event_and_an_answer_both_capture_and_one_refund_gives_it_back(
    till: Till,
) -> None:
    payments: list[Payment] = []
    telling: list[asyncio.Task[object]] = []

    async def told_at_once(request: ProviderRequest) -> None:
        if request.operation == "capture":
            shown = till.acquirer.shown(request.path.split("/")[2])
            telling.append(
                asyncio.create_task(deliver(till, written("authorisation.captured", shown)))
            )

    till.acquirer.afterwards = told_at_once
    for _ in range(TRIALS):
        payment = await till.authorized("100.00 EUR")
        captured = await till.capture(payment)
        assert (captured.state, captured.captured.decimal()) == (PaymentState.SUCCEEDED, "100.00")
        payments.append(payment)
    await asyncio.gather(*telling)
    await at_rest(till)
    assert till.count("step", "kind = 6") == TRIALS
    for payment in payments:
        answers = await together(*(till.refund(payment) for _ in range(3)))
        assert sum(isinstance(one, Refund) for one in answers) == 1
        refused = [one for one in answers if isinstance(one, RefundTooLarge | PaymentBusy)]
        assert len(refused) == 2
    assert all(one.captured == one.refunded for one in till.acquirer.charges())
    assert await till.balance("merchant_payable", MERCHANT) == "0.00"
    await till.agrees()


@pytest.mark.catalogue("T42")
@pytest.mark.parametrize("spoilt", ["lost", "unreadable"])
async def test_when_the_event_wins_the_caller_is_not_told_an_error(
    payments_database: TestDatabase, clock: MovableClock, spoilt: str
) -> None:
    """The money was taken, and the answer that says so was spoilt: the event says it, too."""
    only = {"card": Card()}  # Else another provider is preferred once this one fails so often.
    async with opened(payments_database, clock, checks=checks(clock), connectors=only) as till:
        await event_wins(till, spoilt)


async def event_wins(till: Till, spoilt: str) -> None:

    async def told_first(request: ProviderRequest) -> None:
        if request.operation == "capture" and request.method == "POST":
            one = till.acquirer.authorisations[request.path.split("/")[2]]
            one.status, one.captured = "captured", one.amount
            await deliver(till, written("authorisation.captured", till.acquirer.shown(one.id)))

    for _ in range(LOST):
        till.acquirer.hold = None
        payment = await till.authorized("10.00 EUR")
        till.acquirer.hold = told_first
        till.acquirer.plan("capture", GARBAGE if spoilt == "unreadable" else ACT_THEN_SILENCE)
        answer = await till.capture(payment)
        told = (PaymentState.SUCCEEDED, PaymentState.UNKNOWN, PaymentState.AUTHORIZED)
        assert answer.state in told, "an error although it was paid"
        await at_rest(till)
        after = await till.now(payment)
        assert (after.state, after.captured.decimal()) == (PaymentState.SUCCEEDED, "10.00")
    assert till.count("step", "kind = 6") == LOST
    assert await till.balance("psp_receivable", "card") == f"{LOST * 10}.00"


@pytest.mark.catalogue("T51")
async def test_a_refund_and_a_dispute_never_return_the_same_money(till: Till) -> None:
    won = {"refund": 0, "dispute": 0}
    for trial in range(TRIALS):
        payment = await till.pay("100.00 EUR")
        thing = {
            "id": f"dis_{payment.reference}", "authorisation": payment.reference, "asset": "EUR",
            "amount": "6000", "status": "open", "reason": "fraudulent",
        }  # fmt: skip
        steps: list[Awaitable[object]] = [
            till.refund(payment, "60.00 EUR"),
            deliver(till, written("dispute.open", thing)),
        ]
        answers = await together(*(steps if trial % 2 else reversed(steps)))
        given = sum(isinstance(one, Refund) for one in answers)
        refused = sum(isinstance(one, RefundTooLarge | PaymentBusy) for one in answers)
        assert given + refused == 1
        after = await till.now(payment)
        assert after.disputed.decimal() == "60.00", "what a bank took back is a fact"
        assert after.refunded.decimal() == ("60.00" if given else "0.00")
        won["refund" if given else "dispute"] += 1
        # Whoever comes second finds what the first one took.
        with pytest.raises(RefundTooLarge):
            await till.refund(payment, "40.01 EUR")
    assert sum(won.values()) == TRIALS, won
    disputed = 60 * TRIALS
    assert await till.balance("dispute_reserve", MERCHANT) == f"{disputed}.00"
    assert await till.balance("refund_payable", "card") == "0.00"


@pytest.mark.catalogue("T51")
async def test_money_that_is_disputed_first_is_never_refunded(till: Till) -> None:
    payment = await till.pay("100.00 EUR")
    thing = {
        "id": "dis_1", "authorisation": payment.reference, "asset": "EUR", "amount": "10000",
        "status": "open", "reason": "fraudulent",
    }  # fmt: skip
    await deliver(till, written("dispute.open", thing))
    answers = await together(*(till.refund(payment, "0.01 EUR") for _ in range(TRIALS)))
    assert all(isinstance(one, RefundTooLarge) for one in answers)
    assert till.acquirer.authorisations[payment.reference].refunded == 0


@pytest.mark.catalogue("T56", "T06")
async def test_what_is_paid_out_and_refunded_at_once_is_counted_once(till: Till) -> None:
    at = "2026-08-02T10:00:00Z"

    def file(*rows: str) -> SettleFile:
        return SettleFile("card", Mode.TEST, "\n".join((HEAD, *rows, "")).encode())

    payments = [await till.pay("10.00 EUR") for _ in range(TRIALS)]
    for number, payment in enumerate(payments):
        out = file(
            f"charge,c{number},{payment.reference},,EUR,1000,0,1000,{at}",
            f"payout,p{number},,,EUR,-1000,0,-1000,{at}",
        )
        steps = [till.payments.settle(out), till.refund(payment), till.payments.settle(out)]
        await together(*(steps if number % 2 else reversed(steps)))
    await at_rest(till)
    for payment in payments:
        assert (await till.now(payment)).refunded.decimal() == "10.00"
    # The provider is owed what it has given back since, and takes it with the next file.
    assert await till.balance("psp_receivable", "card") == f"-{TRIALS * 10}.00"
    assert await till.balance("cash_at_bank", "main") == f"{TRIALS * 10}.00"
    rows = [
        f"refund,{told['id']},{told['authorisation']},{key},EUR,-1000,0,-1000,{at}"
        for key, (kind, told) in till.acquirer.operations.items()
        if kind == "refund"
    ]
    assert len(rows) == TRIALS
    taken = TRIALS * 1000
    await till.payments.settle(file(*rows, f"payout,back,,,EUR,{taken},0,{taken},{at}"))
    for name, of in (("psp_receivable", "card"), ("refund_payable", "card"), ("suspense", "")):
        assert await till.balance(name, of) == "0.00", name
    assert await till.balance("cash_at_bank", "main") == "0.00"
    assert await till.balance("merchant_payable", MERCHANT) == "0.00"


@pytest.mark.catalogue("T56")
async def test_a_refund_comes_back_once_however_often_that_is_told(till: Till) -> None:
    payments = [await till.pay("10.00 EUR") for _ in range(TRIALS)]
    for payment in payments:
        refund = await till.refund(payment)
        failed = till.acquirer.refund_fails(refund.reference)
        await together(
            *(deliver(till, written("refund.failed", failed)) for _ in range(3)),
            till.refund(payment, "10.00 EUR"),
        )
    await at_rest(till)
    for payment in payments:
        after = await till.now(payment)
        at_the_acquirer = till.acquirer.authorisations[payment.reference]
        assert after.refunded.minor == at_the_acquirer.refunded
    assert till.count("step", "kind = 27") == TRIALS
    await till.agrees()
