"""Providers' events: believed if signed, acted on once, in whatever order they come."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import ACT_THEN_SILENCE, CHALLENGE, SILENCE
from tests.payments.events import SECRET, checks, deliver, signed, written
from tests.payments.till import MERCHANT, Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError
from bezant.exchange import ProviderRequest
from bezant.payments.port import Arrival, KeyInFlight, Payment, PaymentsOf, PaymentState
from bezant.psp.port import UnknownProvider

RACES = 34  # Of each of three orders: a hundred in all.
LONG_RACES = 334


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def challenged(till: Till) -> Payment:
    till.acquirer.plan("charge", CHALLENGE)
    payment = await till.pay("20.00 EUR")
    assert payment.state is PaymentState.NEEDS_ACTION
    assert payment.next_action is not None
    assert payment.next_action.url == "https://bank.example/challenge"
    return payment


@pytest.mark.catalogue("T40")
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_events_in_any_order_and_number_come_to_the_same(till: Till, times: int) -> None:
    stories = ("challenge", "pending_review", "captured")
    orders = set(itertools.permutations(stories * times)) if times < 2 else [
        [one for one in order for _ in range(times)] for order in itertools.permutations(stories)
    ]  # fmt: skip
    for order in orders:
        payment = await challenged(till)
        till.acquirer.challenge_passed(payment.reference)
        for status in order:
            event = written(
                f"authorisation.{status}", till.acquirer.shown(payment.reference, status)
            )
            await deliver(till, event)
        after = await till.now(payment)
        assert after.state is PaymentState.SUCCEEDED, order
        assert after.captured.decimal() == "20.00"
    assert till.count("pending") == 0
    await till.agrees()


async def test_the_same_event_is_one_event(till: Till) -> None:
    payment = await challenged(till)
    till.acquirer.challenge_passed(payment.reference)
    event = written("authorisation.captured", till.acquirer.shown(payment.reference), "evt_same")
    assert not (await deliver(till, event)).repeated
    assert (await deliver(till, event)).repeated
    assert till.count("arrival") == 1
    assert till.count("step", "kind = 6") == 1
    await till.agrees()


@pytest.mark.catalogue("T41")
@pytest.mark.parametrize("forged", ["nothing", "secret", "body", "stale", "future", "header"])
async def test_what_is_not_signed_is_not_stored(till: Till, forged: str) -> None:
    payment = await challenged(till)
    body = written("authorisation.captured", till.acquirer.shown(payment.reference, "captured"))
    headers = signed(till.clock, body, "wrong" if forged == "secret" else SECRET)
    match forged:
        case "nothing":
            headers = {}
        case "body":
            body = body.replace(b"2000", b"2001")
        case "stale":
            till.clock.move(timedelta(minutes=6))
        case "future":
            later = MovableClock(till.clock.now() + timedelta(minutes=6))
            headers = signed(later, body)
        case "header":
            headers = {"card-signature": "v1=00"}
        case _:
            pass
    with pytest.raises(BezantError):
        await till.payments.arrive(Arrival("card", Mode.TEST, headers, body))
    assert till.count("arrival") == 0
    assert (await till.now(payment)).state is PaymentState.NEEDS_ACTION
    await deliver(till, written("authorisation.captured", _passed(till, payment)))
    assert (await till.now(payment)).state is PaymentState.SUCCEEDED


async def test_nobody_is_known_by_another_name(till: Till) -> None:
    with pytest.raises(UnknownProvider):
        await till.payments.arrive(Arrival("nobody", Mode.TEST, {}, b"{}"))


async def test_an_event_about_somebody_elses_charge_changes_nothing(till: Till) -> None:
    payment = await challenged(till)
    thing = {**till.acquirer.shown(payment.reference, "captured"), "key": "att_" + "0" * 32}
    thing["id"] = "auth_of_somebody_else"
    await deliver(till, written("authorisation.captured", thing))
    for _ in range(12):
        till.clock.move(timedelta(minutes=10))
        await till.payments.act_on_arrivals()
    assert till.value("SELECT note FROM payments.arrival") == "unmatched"
    assert (await till.now(payment)).state is PaymentState.NEEDS_ACTION


@pytest.mark.catalogue("T42")
@pytest.mark.parametrize("races", [RACES, pytest.param(LONG_RACES, marks=pytest.mark.long)])
@pytest.mark.parametrize("order", ["before", "together", "after"])
async def test_an_answer_and_an_event_race_and_count_once(
    till: Till, order: str, races: int
) -> None:
    racing: list[asyncio.Task[object]] = []

    async def event_first(request: ProviderRequest) -> None:
        if request.operation != "charge":
            return
        reference = f"auth_{len(till.acquirer.authorisations)}"
        event = written("authorisation.captured", till.acquirer.shown(reference))
        if order == "before":
            await deliver(till, event)
        else:
            racing.append(asyncio.create_task(deliver(till, event)))

    if order != "after":
        till.acquirer.afterwards = event_first
    for _ in range(races):
        payment = await till.pay("10.00 EUR")
        if order == "after":
            await deliver(
                till, written("authorisation.captured", till.acquirer.shown(payment.reference))
            )
        assert payment.state is PaymentState.SUCCEEDED
    await asyncio.gather(*racing)
    assert till.count("step", "kind = 6") == races
    assert await till.balance("merchant_payable", MERCHANT) == f"{races * 10}.00"
    assert till.count("pending") == 0
    await till.agrees()


@pytest.mark.catalogue("T42")
async def test_an_event_on_the_way_does_not_answer_in_place_of_the_provider(till: Till) -> None:
    seen: list[PaymentState] = []

    async def event_first(request: ProviderRequest) -> None:
        if request.operation == "charge":
            await deliver(
                till, written("authorisation.made", till.acquirer.shown("auth_1", "processing"))
            )
            page = await till.payments.payments(PaymentsOf(MERCHANT, Mode.TEST))
            seen.append(page.payments[0].state)
            with pytest.raises(KeyInFlight):
                await till.payments.create(command)

    till.acquirer.afterwards = event_first
    command = till.asking("10.00 EUR")
    first = await till.payments.create(command)
    again = await till.payments.create(command)
    assert seen == [PaymentState.PROCESSING]
    assert (first.state, again.replayed) == (PaymentState.SUCCEEDED, True)
    assert replace(again, replayed=False) == first


async def test_an_event_ends_the_silence(till: Till) -> None:
    till.acquirer.plan("charge", ACT_THEN_SILENCE)
    payment = await till.pay("20.00 EUR")
    assert payment.state is PaymentState.UNKNOWN
    await deliver(till, written("authorisation.captured", till.acquirer.shown("auth_1")))
    assert (await till.now(payment)).state is PaymentState.SUCCEEDED
    await till.agrees()


async def test_a_charge_that_was_given_up_and_is_heard_of_is_money(till: Till) -> None:
    till.acquirer.plan("charge", SILENCE)
    payment = await till.pay("20.00 EUR")
    await till.converge()
    assert (await till.now(payment)).state is PaymentState.FAILED
    attempt = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    thing = {
        "id": "auth_late", "key": attempt.id, "asset": "EUR", "amount": "2000",
        "captured": "2000", "status": "captured",
    }  # fmt: skip
    await deliver(till, written("authorisation.captured", thing))
    after = await till.now(payment)
    assert (after.state, after.reference) == (PaymentState.SUCCEEDED, "auth_late")
    assert await till.balance("psp_receivable", "card") == "20.00"


async def test_an_event_that_was_stored_before_a_crash_is_acted_on(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        payment = await challenged(till)
        acquirer = till.acquirer
        body = written("authorisation.captured", _passed(till, payment))
        await till.payments.arrive(Arrival("card", Mode.TEST, signed(clock, body), body))
        await till.acted()
        till.value(
            "UPDATE payments.arrival SET due_at = stored_at, note = NULL, digest = NULL,"
            f" body = '\\x{body.hex()}' RETURNING 1"
        )
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        assert await till.payments.act_on_arrivals() == 1
        assert (await till.now(payment)).state is PaymentState.SUCCEEDED
        await till.agrees()


async def test_what_an_event_said_is_kept_until_it_was_acted_on(till: Till) -> None:
    payment = await challenged(till)
    body = written("authorisation.captured", _passed(till, payment))
    arrival = Arrival("card", Mode.TEST, signed(till.clock, body), body)
    assert not (await till.payments.arrive(arrival)).repeated
    await till.acted()
    told = "SELECT json_build_array(note, encode(body, 'hex'), headers, encode(digest, 'hex'))"
    digest = sha256(body).hexdigest()
    assert till.value(f"{told} FROM payments.arrival") == ["done", "", {}, digest]
    assert (await till.payments.arrive(arrival)).repeated, "it is known without its words"


async def test_what_nobody_could_act_on_stays_for_whoever_looks(till: Till) -> None:
    thing = {
        "id": "auth_other", "key": "not ours", "asset": "EUR", "amount": "2000",
        "captured": "2000", "status": "captured",
    }  # fmt: skip
    body = written("authorisation.captured", thing)
    await deliver(till, body)
    for _ in range(20):
        till.clock.move(timedelta(hours=1))
        await till.payments.act_on_arrivals()
    told = "SELECT json_build_array(note, encode(body, 'hex'), encode(digest, 'hex'))"
    kept = ["unmatched", body.hex(), sha256(body).hexdigest()]
    assert till.value(f"{told} FROM payments.arrival") == kept


def _passed(till: Till, payment: Payment) -> dict[str, object]:
    till.acquirer.challenge_passed(payment.reference)
    return till.acquirer.shown(payment.reference)


async def test_money_taken_twice_is_in_the_book_and_waits_for_somebody(till: Till) -> None:
    till.acquirer.plan("charge", SILENCE)
    payment = await till.pay("20.00 EUR")
    await till.converge()
    first = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[0]
    assert (await till.confirm(payment)).state is PaymentState.SUCCEEDED
    thing = {
        "id": "auth_late", "key": first.id, "asset": "EUR", "amount": "2000",
        "captured": "2000", "status": "captured",
    }  # fmt: skip
    for _ in range(2):
        await deliver(till, written("authorisation.captured", thing))
    after = await till.now(payment)
    assert (after.state, after.captured.decimal()) == (PaymentState.SUCCEEDED, "20.00")
    assert await till.balance("psp_receivable", "card") == "40.00"
    assert await till.balance("suspense") == "20.00"


@pytest.mark.parametrize("named", ["by our key", "by the charge"])
async def test_a_refund_that_takes_its_time_ends_by_an_event(till: Till, named: str) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", ACT_THEN_SILENCE)
    refund = await till.refund(payment, "5.00 EUR")
    assert refund.state == "unknown"
    attempt = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[-1]
    thing = {
        "id": "refund_2", "authorisation": payment.reference, "asset": "EUR", "amount": "500",
        "key": attempt.id if named == "by our key" else "", "status": "succeeded",
    }  # fmt: skip
    await deliver(till, written("refund.succeeded", thing))
    after = await till.payments.refund(MERCHANT, payment.mode, refund.id)
    assert after.state == "succeeded"
    assert await till.balance("refund_payable", "card") == "0.00"
    await till.agrees()


async def test_a_refund_that_was_given_up_and_is_heard_of_was_given(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    refund = await till.refund(payment, "5.00 EUR")
    await till.converge()
    failed = await till.payments.refund(MERCHANT, payment.mode, refund.id)
    assert (failed.state, failed.failure) == ("failed", "never_arrived")
    attempt = (await till.payments.attempts(MERCHANT, payment.mode, payment.id))[-1]
    thing = {
        "id": "refund_late", "authorisation": payment.reference, "asset": "EUR",
        "amount": "500", "key": attempt.id, "status": "succeeded",
    }  # fmt: skip
    till.acquirer.authorisations[payment.reference].refunded = 500
    for _ in range(2):
        await deliver(till, written("refund.succeeded", thing))
    after = await till.payments.refund(MERCHANT, payment.mode, refund.id)
    assert (after.state, after.failure) == ("succeeded", "")
    assert (await till.now(payment)).refunded.decimal() == "5.00"
    assert await till.balance("merchant_payable", MERCHANT) == "15.00"
    await till.agrees()
