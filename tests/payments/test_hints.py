"""PayPal's events are hints: what they say is fetched before it counts, and waits until it can."""

import json
from typing import Any

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.test_emulators import paid, till_at
from tests.payments.test_orderings import Everything
from tests.payments.test_providers_facts import at_rest
from tests.payments.till import MERCHANT
from tests.sandbox.stand import Town

from bezant.actor import Mode
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.money import EUR
from bezant.payments.port import Arrival, DisputesOf


@pytest.mark.catalogue("T41")
async def test_what_an_event_of_paypal_says_of_a_dispute_is_fetched_before_it_counts(
    city: Town, payments_database: TestDatabase
) -> None:
    """Its signature covers a checksum: a captured one fits any body that has the same."""
    checks: dict[str, Any] = {"paypal": Everything("paypal")}
    async with till_at("paypal", city, payments_database, checks=checks) as till:
        ours = await paid(till, "paypal", city)
        city.script("dispute", provider="paypal", operation="capture_order", seconds=60)
        disputed = await paid(till, "paypal", city)
        city.pass_time(minutes=2)
        real = next(one for one in city.box.letters if b"CUSTOMER.DISPUTE.CREATED" in one.body)
        charge = (await till.payments.attempts(MERCHANT, ours.mode, ours.id))[0]

        def lie(number: int, dispute: str, status: str) -> Arrival:
            told = json.loads(real.body)
            told["id"] = f"WH-LIE-{number}"
            thing = told["resource"]
            thing["dispute_id"], thing["status"] = dispute, status
            thing["dispute_outcome"] = {"outcome_code": "RESOLVED_BUYER_FAVOUR"}
            thing["dispute_amount"]["value"] = "20.00"
            thing["disputed_transactions"][0]["custom"] = charge.id
            thing["disputed_transactions"][0]["seller_transaction_id"] = charge.part
            return Arrival("paypal", Mode.TEST, real.headers, json.dumps(told).encode())

        known = json.loads(real.body)["resource"]["dispute_id"]
        await till.payments.arrive(lie(1, "PP-R-ABC-12345678", "RESOLVED"))
        await at_rest(till, city)
        assert till.count("dispute") == 0, "there is no such dispute"
        await till.payments.arrive(lie(2, known, "RESOLVED"))
        await at_rest(till, city)
        assert (await till.now(ours)).disputed == EUR(0)
        (found,) = (await till.payments.disputes(DisputesOf(MERCHANT, ours.mode))).disputes
        assert (found.payment, found.state, found.reference) == (disputed.id, "opened", known)
        await till.payments.arrive(Arrival("paypal", Mode.TEST, real.headers, real.body))
        await at_rest(till, city)
        assert till.count("dispute") == 1
        assert (await till.now(disputed)).disputed == EUR(20_00), "the control"
        assert await till.balance("dispute_reserve", MERCHANT) == "20.00"


async def test_while_paypal_does_not_answer_its_hints_wait(
    city: Town, payments_database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(request: ProviderRequest) -> ProviderAnswer:
        del request
        return ProviderAnswer(Sending.SILENT)

    checks: dict[str, Any] = {"paypal": Everything("paypal")}
    async with till_at("paypal", city, payments_database, checks=checks) as till:
        city.script("dispute", provider="paypal", operation="capture_order", seconds=60)
        payment = await paid(till, "paypal", city)
        city.pass_time(minutes=2)
        monkeypatch.setattr(till.acquirer, "send", silent)
        for letter in city.box.letters:
            await till.payments.arrive(Arrival("paypal", Mode.TEST, letter.headers, letter.body))
        for _ in range(10):  # Longer than an event waits that nobody can act upon.
            await till.acted()
            city.pass_time(minutes=10)
            await till.payments.act_on_arrivals()
        assert till.count("dispute") == 0
        assert till.count("arrival", "due_at IS NOT NULL") == len(city.box.letters)
        monkeypatch.undo()
        city.pass_time(minutes=10)
        await at_rest(till, city)
        assert (await till.now(payment)).disputed == EUR(20_00)
