"""Attacks on the promise never to guess about money. Each of these once doubled or lost some."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.acquirer import CHALLENGE, SILENCE, Acquirer
from tests.payments.counter import Counter, asked, opened_counter
from tests.payments.dying import Died, Dying
from tests.payments.events import checks, deliver, deliver_meanwhile, written
from tests.payments.test_emulators import till_at
from tests.payments.test_evidence import told
from tests.payments.till import MERCHANT, Till, opened
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.exchange import ProviderAnswer, ProviderRequest
from bezant.payments.failpoints import Point
from bezant.payments.port import (
    BookRefused,
    FeeRule,
    FileUnfinished,
    MethodKind,
    Payment,
    PaymentState,
    PayWith,
    SettleFile,
    Settlement,
    Terms,
)
from bezant.psp.card import Card
from bezant.psp.port import FollowUp, Result, SettlementLine, Verdict


@pytest.fixture
async def till(payments_database: TestDatabase, clock: MovableClock) -> AsyncIterator[Till]:
    async with opened(payments_database, clock, checks=checks(clock)) as till:
        yield till


async def rules(till: Till, percent: int) -> None:
    await till.set_terms(Terms((), (FeeRule(Decimal(percent)),)))


async def calm(till: Till) -> None:
    """Let everything that is due for minutes be done."""
    await till.converge(120)
    for _ in range(8):
        till.clock.move(timedelta(seconds=20))
        await till.payments.walk()


@pytest.mark.parametrize("frozen", [False, True])
async def test_rules_that_change_between_booking_and_telling_do_not_book_twice(
    payments_database: TestDatabase, clock: MovableClock, frozen: bool
) -> None:
    acquirer = Acquirer()
    async with opened(
        payments_database, clock, acquirer=acquirer, failpoints=Dying(Point.AFTER_BOOK)
    ) as till:
        await rules(till, 1)
        await till.balance("merchant_payable", MERCHANT)
        if frozen:
            await till.freeze("merchant_payable", MERCHANT)
        with pytest.raises(Died):
            await till.pay("20.00 EUR", key="once")
    async with opened(payments_database, clock, acquirer=acquirer) as till:
        await rules(till, 2)
        if frozen:
            till.fresh()  # The till before this one has used the first name.
            await till.thaw("merchant_payable", MERCHANT)
        await calm(till)
        payment = await till.pay("20.00 EUR", key="once")
        fee = "0.40" if frozen else "0.20"
        assert payment.replayed
        assert (await till.now(payment)).fee.decimal() == fee
        assert await till.balance("fees_earned") == fee
        assert await till.balance("psp_receivable", "card") == "20.00"
        assert (await till.now(payment)).booked
        await till.agrees()


class Hinting(Card):
    """The acquirer, were its events hints and its payers' approvals for us to finish."""

    capabilities = replace(Card().capabilities, event_hint=True)

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        verdict = super().asked(operation, step, answer)
        if verdict.result is Result.AUTHORIZED:
            return replace(verdict, result=Result.APPROVED)
        return verdict


class Finishing(Acquirer):
    """Captures when it is told to finish."""

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        if request.operation == "finish":
            self.challenge_passed(request.path.split("/")[2])
            request = replace(request, path=f"/operations/{request.key}")
            answer = await super().send(request)
            shown = json.loads(answer.body)["object"]
            return replace(answer, body=json.dumps(shown).encode())
        return await super().send(request)


async def test_what_was_declined_is_not_finished_when_its_payer_approves_later(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    acquirer = Finishing()
    options: dict[str, Any] = {
        "acquirer": acquirer, "connectors": {"card": Hinting()}, "checks": checks(clock),
    }  # fmt: skip
    async with opened(payments_database, clock, **options) as till:
        acquirer.plan("charge", "insufficient_funds")
        payment = await till.pay("20.00 EUR")
        assert payment.state is PaymentState.DECLINED
        acquirer.authorisations[payment.reference].status = "authorised"
        await deliver(till, written("authorisation.approved", acquirer.shown(payment.reference)))
        assert [one.operation for one in acquirer.calls] == ["charge", "ask"]
        assert (await till.now(payment)).state is PaymentState.DECLINED
        assert await till.balance("psp_receivable", "card") == "0.00"
        # Money that moved all the same is believed, once it is asked about.
        acquirer.challenge_passed(payment.reference)
        await deliver(till, written("authorisation.captured", acquirer.shown(payment.reference)))
        assert (await till.now(payment)).state is PaymentState.SUCCEEDED
        await till.agrees()


async def test_a_yes_that_loses_the_race_against_a_no_is_believed(till: Till) -> None:
    payment = await challenged(till)
    till.acquirer.challenge_passed(payment.reference)
    booking = till.parts.booking
    captured = booking.captured

    async def and_meanwhile(*given: Any) -> Any:
        booking.captured = captured  # pyright: ignore[reportAttributeAccessIssue]
        booked = await captured(*given)
        one = till.acquirer.authorisations[payment.reference]
        one.status = "declined"
        told = written("authorisation.declined", till.acquirer.shown(one.id))
        await deliver_meanwhile(till, told)
        one.status = "captured"
        return booked

    booking.captured = and_meanwhile  # pyright: ignore[reportAttributeAccessIssue]
    await deliver(till, written("authorisation.captured", till.acquirer.shown(payment.reference)))
    after = await till.now(payment)
    assert till.value("SELECT count(*) FROM payments.step WHERE kind = 7") == 1
    assert after.state is PaymentState.SUCCEEDED
    assert after.captured == after.amount
    await till.agrees()


@pytest.mark.parametrize("part", [2000, 1200])
async def test_what_is_captured_at_the_provider_itself_is_a_fact_of_money(
    till: Till, part: int
) -> None:
    payment = await till.authorized("20.00 EUR")
    one = till.acquirer.authorisations[payment.reference]
    one.status, one.captured = "captured", part
    for _ in range(2):
        await deliver(till, written("authorisation.captured", till.acquirer.shown(one.id)))
    after = await till.now(payment)
    assert after.state is PaymentState.SUCCEEDED
    assert after.captured.minor == part
    await till.agrees()
    refund = await till.refund(payment)
    assert refund.state == "succeeded"
    assert one.refunded == part
    await till.agrees()


async def challenged(till: Till) -> Payment:
    till.acquirer.plan("charge", CHALLENGE)
    payment = await till.pay("20.00 EUR")
    assert payment.state is PaymentState.NEEDS_ACTION
    return payment


async def transferred(town: Town, payment: Payment, amount: str) -> None:
    """Let the payer send money by bank transfer."""
    assert payment.next_action is not None
    facts = payment.next_action.facts
    body = {
        "creditor_iban": facts["iban"], "amount": amount, "reference": facts["reference"],
        "instant": True,
    }  # fmt: skip
    assert town.post("bank", "/transfers", json=body).status_code == 201


@pytest.mark.parametrize("asked_first", [False, True])
async def test_money_a_payer_sends_twice_is_in_the_book_twice(
    city: Town, payments_database: TestDatabase, asked_first: bool
) -> None:
    async with till_at("bank", city, payments_database) as till:
        kind = PayWith(MethodKind.BANK_TRANSFER)
        payment = await till.pay("20.00 EUR", pay_with=kind)
        await transferred(city, payment, "20.00")
        if asked_first:
            city.pass_time(minutes=2)
            await till.payments.walk()
            assert (await till.now(payment)).state is PaymentState.SUCCEEDED
        await transferred(city, payment, "5.00")
        city.pass_time(minutes=2)
        again = [*city.box.letters]
        await told(till, city)
        city.box.letters.extend(again)  # Banks, too, tell things more than once.
        await told(till, city)
        city.pass_time(seconds=5)  # Of two told at once one has to wait for the other.
        await till.payments.act_on_arrivals()
        await till.payments.walk()
        after = await till.now(payment)
        assert after.captured.decimal() == "25.00"
        assert after.booked
        assert await till.balance("psp_receivable", "bank") == "25.00"
        assert await till.balance("merchant_payable", MERCHANT) == "25.00"
        assert till.count("pending") == 0
        assert till.count("arrival", "due_at IS NOT NULL") == 0


HEAD = "type,id,authorisation,key,asset,gross,fee,net,occurred_at"


async def settled(till: Till, *lines: str) -> Settlement:
    written_lines = [f"{one},2026-08-02T10:00:00Z" for one in lines]
    file = "\n".join((HEAD, *written_lines)) + "\n"
    return await till.payments.settle(SettleFile("card", Mode.TEST, file.encode()))


async def test_a_movement_that_stands_twice_in_a_file_counts_once(till: Till) -> None:
    payment = await till.pay("100.00 EUR")
    line = f"charge,m1,{payment.reference},,EUR,10000,100,9900"
    with pytest.raises(Invalid):
        await settled(till, line, line.replace("10000", "10001"), "payout,p1,,,EUR,-9900,0,-9900")
    assert till.count("settled_line") == 0
    await settled(till, line, line, "payout,p1,,,EUR,-9900,0,-9900")
    assert await till.balance("psp_receivable", "card") == "0.00"
    assert await till.balance("cash_at_bank", "main") == "99.00"


async def test_an_altered_file_does_not_swallow_what_another_one_began(till: Till) -> None:
    payment = await till.pay("100.00 EUR")
    lines = [f"charge,m1,{payment.reference},,EUR,10000,100,9900", "payout,p1,,,EUR,-9900,0,-9900"]
    await till.balance("cash_at_bank", "main")
    await till.freeze("cash_at_bank", "main")
    with pytest.raises(BookRefused):
        await settled(till, *lines)
    await till.thaw("cash_at_bank", "main")
    altered = (*lines, "charge,m2,auth_elsewhere,,EUR,500,0,500", "payout,p2,,,EUR,-500,0,-500")
    with pytest.raises(FileUnfinished):
        await settled(till, *altered)
    assert await till.balance("cash_at_bank", "main") == "0.00"
    await settled(till, *lines)
    assert await till.balance("cash_at_bank", "main") == "99.00"
    await settled(till, *altered)
    assert await till.balance("cash_at_bank", "main") == "104.00"
    assert await till.balance("psp_receivable", "card") == "0.00"


async def test_payers_do_not_wait_for_a_file_that_takes_long_to_read(
    payments_database: TestDatabase, clock: MovableClock
) -> None:
    paid = threading.Event()

    class Slow(Card):
        def settlement(self, file: bytes) -> Sequence[SettlementLine]:
            assert paid.wait(30), "nobody could pay meanwhile"
            return super().settlement(file)

    async with opened(payments_database, clock, connectors={"card": Slow()}) as till:
        file = asyncio.create_task(settled(till, "charge,m1,auth_elsewhere,,EUR,500,0,500"))
        await till.pay("20.00 EUR")
        paid.set()
        assert (await file).unmatched == ("auth_elsewhere",)


@pytest.mark.parametrize(
    "other", [{"amount": "3000", "captured": "3000"}, {"asset": "USD"}, {"asset": "JPY"}]
)
async def test_an_event_about_other_money_is_asked_about(till: Till, other: dict[str, str]) -> None:
    payment = await challenged(till)
    till.acquirer.challenge_passed(payment.reference)
    truth = till.acquirer.shown(payment.reference)
    till.acquirer.plan("ask", SILENCE)
    await deliver(till, written("authorisation.captured", {**truth, **other}))
    assert (await till.now(payment)).captured.decimal() == "0.00"
    await till.converge(120)
    after = await till.now(payment)
    assert after.captured == after.amount
    await till.agrees()


async def test_a_refunds_event_about_other_money_is_asked_about(till: Till) -> None:
    payment = await till.pay("20.00 EUR")
    till.acquirer.plan("refund", SILENCE)
    refund = await till.refund(payment, "5.00 EUR")
    assert refund.state == "unknown"
    attempt = (await till.payments.attempts(MERCHANT, Mode.TEST, payment.id))[-1]
    told = {
        "id": "refund_1", "key": attempt.id, "authorisation": payment.reference, "asset": "EUR",
        "amount": "50000", "status": "succeeded",
    }  # fmt: skip
    await deliver(till, written("refund.succeeded", told))
    await till.converge(200)
    assert (await till.payments.refund(MERCHANT, Mode.TEST, refund.id)).state == "failed"
    await till.agrees()


@pytest.fixture
async def counter(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(payments_database, clock, tmp_path, family="merchant") as counter:
        yield counter


CARD_NUMBER = "4242424242424242"


@pytest.mark.parametrize(
    "more",
    [
        {"pay_with": {"card": CARD_NUMBER}},
        {"description": f"paid with {CARD_NUMBER}."},
        {"description": "paid with 4242-4242 4242 4242"},
        {"order": CARD_NUMBER},
        {"descriptor": CARD_NUMBER},
        {"priority": CARD_NUMBER},
        {"return_url": f"https://shop.example/{CARD_NUMBER}"},
        {"metadata": {"card": CARD_NUMBER}},
        {"metadata": {CARD_NUMBER: "card"}},
        {"metadata": {"amex": "378282246310005"}},
    ],
)
async def test_a_card_number_in_another_field_is_refused_and_stored_nowhere(
    counter: Counter, more: dict[str, object]
) -> None:
    answer = await counter.send("POST", "/v1/payments", asked(**more))
    assert answer.status_code == 400
    assert "4242" not in answer.text
    assert counter.till.count("payment") == counter.till.count("request") == 0


@pytest.mark.parametrize(
    "text",
    ["4242424242424241", "+49 1511 2345 674", "1234567812345670", "DE89 3704 0044 0532 0130 00",
     "pay_4242424242424242", "ref4242424242424242"],
)  # fmt: skip
async def test_other_long_numbers_are_taken_as_they_are(counter: Counter, text: str) -> None:
    paid = await counter.paid(description=text, metadata={"number": text})
    assert (paid["description"], paid["metadata"]) == (text, {"number": text})


async def test_a_card_number_is_refused_in_every_later_step(counter: Counter) -> None:
    payment = (await counter.paid(capture=False))["id"]
    steps: list[tuple[str, str, object]] = [
        ("POST", f"/v1/payments/{payment}/confirm", {"pay_with": {"card": CARD_NUMBER}}),
        ("POST", f"/v1/payments/{payment}/void", {"reason": CARD_NUMBER}),
        ("POST", "/v1/refunds", {"payment": payment, "reason": CARD_NUMBER}),
        ("POST", "/v1/customers", {"name": CARD_NUMBER}),
        ("POST", "/v1/customers", {"email": f"{CARD_NUMBER}@shop.example"}),
        ("PATCH", f"/v1/payments/{payment}", {"description": CARD_NUMBER}),
        ("PATCH", f"/payments/{payment}/refund", {"reason": CARD_NUMBER}),
    ]
    for method, path, body in steps:
        answer = await counter.send(method, path, body, by=counter.ann.keys["admin"])
        assert answer.status_code == 400, (path, answer.text)
        assert CARD_NUMBER not in answer.text
