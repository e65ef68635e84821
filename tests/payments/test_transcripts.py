"""Transcripts: what went wrong at a provider can be read, by its merchant, and no card is in it."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.harness.waiting import until
from tests.payments.acquirer import ACT_THEN_SILENCE, NOT_SENT, OUTAGE, SILENCE
from tests.payments.counter import Counter, asked, opened_counter
from tests.payments.test_wire import back, far
from tests.payments.till import MERCHANT, STRANGER, Till

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.jobs import Turn
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.payments.jobs import TRANSCRIPTS_KEPT, ticks
from bezant.payments.port import Payment, Transcript, UnknownPayment
from bezant.payments.store import transcript as stored
from bezant.payments.transcribing import Room
from bezant.psp.shown import Shown


@pytest.fixture
async def counter(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(payments_database, clock, tmp_path) as made:
        yield made


async def kept(till: Till, payment: Payment, count: int) -> tuple[Transcript, ...]:
    """Wait until so many calls of a payment are kept, and return them."""
    await until(lambda: till.count("transcript") >= count, f"{count} calls are kept")
    return await till.payments.transcripts(MERCHANT, payment.mode, payment.id)


async def test_a_decline_is_kept_with_its_reason_and_without_the_card(till: Till) -> None:
    till.acquirer.plan("charge", "lost_card")
    payment = await till.pay(mode=Mode.LIVE)
    (told,) = await kept(till, payment, 1)
    (attempt,) = await till.payments.attempts(MERCHANT, Mode.LIVE, payment.id)
    assert (told.attempt, told.key, told.provider) == (attempt.id, attempt.id, "card")
    assert (told.method, told.path, told.operation) == ("POST", "/authorisations", "charge")
    assert told.sending is Sending.ANSWERED
    assert json.loads(told.answer)["decline_code"] == "lost_card"
    request = json.loads(told.request)
    assert request["amount"] == "2000"
    assert "card" not in request
    assert told.result.startswith("declined")


@pytest.mark.parametrize("quoted", ["4242 4242 4242 4242", "Marie Marked", "marked\x00"])
async def test_what_was_made_of_an_answer_quotes_no_card_and_no_name(
    till: Till, monkeypatch: pytest.MonkeyPatch, quoted: str
) -> None:
    send = till.acquirer.send

    async def quoting(request: ProviderRequest) -> ProviderAnswer:
        answer = await send(request)
        return replace(
            answer, body=json.dumps({**json.loads(answer.body), "status": quoted}).encode()
        )

    monkeypatch.setattr(till.acquirer, "send", quoting)
    payment = await till.pay()
    (told,) = await kept(till, payment, 1)
    assert told.sending is Sending.ANSWERED
    assert told.result == "pending: •"
    assert quoted not in str(told)


@pytest.mark.parametrize(
    ("happening", "sending"),
    [(SILENCE, Sending.SILENT), (NOT_SENT, Sending.NOT_SENT), (OUTAGE, Sending.ANSWERED)],
)
async def test_what_was_not_answered_well_is_kept_of_every_provider_asked(
    till: Till, happening: str, sending: Sending
) -> None:
    till.acquirer.plan("charge", happening)
    payment = await till.pay(mode=Mode.LIVE)
    first, *_ = await kept(till, payment, 1)
    assert (first.sending, first.provider) == (sending, "card")
    assert (first.answer == "") == (happening != OUTAGE)


async def test_what_went_well_is_kept_in_test_mode_only(till: Till) -> None:
    paid = await till.pay(mode=Mode.LIVE)
    tried = await till.pay(mode=Mode.TEST)
    (told,) = await kept(till, tried, 1)
    assert told.status == 201
    assert json.loads(told.answer)["status"] == "captured"
    # Written in the order in which they happened: were it kept, it would be there by now.
    assert await till.payments.transcripts(MERCHANT, Mode.LIVE, paid.id) == ()


async def test_the_questions_after_a_silence_are_kept_up_to_a_bound(till: Till) -> None:
    till.acquirer.plan("charge", ACT_THEN_SILENCE)
    till.acquirer.plan("ask", *[SILENCE] * 40)
    payment = await till.pay(mode=Mode.LIVE)
    await till.converge(7_200)
    told = await kept(till, payment, stored.OF_ATTEMPT_MAX)
    assert len(told) == stored.OF_ATTEMPT_MAX
    assert [one.operation for one in told[:3]] == ["charge", "ask", "ask"]
    assert list(told) == sorted(told, key=lambda one: one.asked_at)


def test_there_is_room_for_so_many_a_second_and_each_second_anew() -> None:
    room = Room(2)
    taken = [room.take(at) for at in (7.0, 7.3, 7.9, 7.999, 8.0, 8.1, 8.2, 12.0)]
    assert taken == [True, True, False, False, True, True, False, True]


async def test_no_payment_fails_because_its_calls_cannot_be_read(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError

    monkeypatch.setattr(Shown, "answer", broken)
    till.acquirer.plan("charge", "lost_card")
    assert (await till.pay()).state == "declined"
    assert (await till.pay()).state == "succeeded"
    monkeypatch.undo()
    till.acquirer.plan("charge", "lost_card")
    assert len(await kept(till, await till.pay(), 1)) == 1
    await till.agrees()


async def test_no_payment_fails_because_its_calls_cannot_be_kept(till: Till) -> None:
    with psycopg.connect(till.database.administrator_dsn, autocommit=True) as connection:
        connection.execute("REVOKE INSERT ON payments.transcript FROM bezant_payments")
    till.acquirer.plan("charge", "lost_card")
    assert (await till.pay()).state == "declined"
    assert (await till.pay()).state == "succeeded"
    await till.agrees()


async def test_they_are_forgotten_after_a_while_and_not_before(
    till: Till, clock: MovableClock
) -> None:
    dsn = till.database.module_dsn("payments")
    async with AsyncExitStack() as stack:
        database = await Database.open(dsn, name="payments", size_max=2, clock=clock)
        stack.push_async_callback(database.close)
        (forget,) = [
            one for one in ticks(till.payments, database, clock) if one.name == "payments.forget"
        ]
        till.acquirer.plan("charge", "lost_card")
        payment = await till.pay(mode=Mode.LIVE)
        assert len(await kept(till, payment, 1)) == 1
        clock.move(TRANSCRIPTS_KEPT - timedelta(hours=1))
        await forget.run(Turn(1, 1, 1))
        assert till.count("transcript") == 1
        clock.move(timedelta(hours=2))
        await forget.run(Turn(1, 1, 1))
        assert till.count("transcript") == 0


async def test_only_whose_payment_it_is_may_read_it_in_its_mode(till: Till) -> None:
    till.acquirer.plan("charge", "lost_card")
    payment = await till.pay(mode=Mode.LIVE)
    assert len(await kept(till, payment, 1)) == 1
    assert len(await till.payments.transcripts(PLATFORM, Mode.LIVE, payment.id)) == 1
    for tenant, mode in ((STRANGER, Mode.LIVE), (MERCHANT, Mode.TEST)):
        with pytest.raises(UnknownPayment):
            await till.payments.transcripts(tenant, mode, payment.id)


async def test_over_http_another_merchant_is_told_that_there_is_no_such_payment(
    counter: Counter,
) -> None:
    counter.till.acquirer.plan("charge", "lost_card")
    made = await counter.send("POST", "/v1/payments", asked("9.00"))
    path = f"/v1/payments/{made.json()['id']}/transcripts"
    await until(lambda: counter.till.count("transcript") == 1, "the call is kept")
    told = (await counter.get(path)).json()["data"]
    assert [json.loads(one["answer"])["decline_code"] for one in told] == ["lost_card"]
    assert (await counter.get(path, counter.bob.keys["developer"])).status_code == 404


async def test_transcripts_and_previews_travel_unchanged(till: Till) -> None:
    till.acquirer.plan("charge", "lost_card")
    payment = await till.pay()
    told = await kept(till, payment, 1)
    assert back("transcripts", told) == told
    assert far("transcripts", MERCHANT, Mode.TEST, payment.id) == (
        MERCHANT, Mode.TEST, payment.id,
    )  # fmt: skip
