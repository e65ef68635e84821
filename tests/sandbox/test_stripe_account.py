"""Stripe's own client looks: search, lists, events, webhooks, the balance and its report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import stripe
from tests.sandbox.official import CARD, SECRET, Pay, client_of
from tests.sandbox.stand import Box, Town, town

from bezant.clock import MovableClock, RealClock
from bezant.sandbox.stripe import EVERYBODY, Stripe


def test_an_attempt_is_found_by_metadata(client: stripe.StripeClient, pay: Pay):
    made = [pay(key=f"k{at}") for at in range(3)]
    found = client.v1.payment_intents.search(
        {"query": "metadata['payment']:'pay_k1' AND status:'succeeded'"}
    )
    assert [one.id for one in found] == [made[1].id]
    for query, count in (
        ("metadata['payment']:'nobody'", 0),
        ("amount>=2000", 3),
        ("amount<2000 OR currency:'eur'", 3),
        ("-metadata['payment']:'pay_k0' AND currency:'eur'", 2),
        ("metadata['other']:null", 3),
    ):
        assert len(client.v1.payment_intents.search({"query": query}).data) == count, query
    for wrong in ("amount=1", "colour:'blue'", "", "amount>1 AND amount<3 OR amount>5"):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_intents.search({"query": wrong})


def test_a_lagging_search_finds_what_is_new_only_later(
    striped: Town, client: stripe.StripeClient, pay: Pay
):
    pay()
    query = {"query": "metadata['payment']:'pay_k1'"}
    striped.script("stale", provider="stripe", operation="search", seconds=60)
    assert client.v1.payment_intents.search(query).data == []
    assert len(client.v1.payment_intents.search(query).data) == 1


def test_lists_have_pages(client: stripe.StripeClient, pay: Pay):
    made = [pay(key=f"k{at}").id for at in range(5)][::-1]
    page = client.v1.payment_intents.list({"limit": 2})
    assert ([one.id for one in page.data], page.has_more) == (made[:2], True)
    assert [one.id for one in page.auto_paging_iter()] == made
    before = client.v1.payment_intents.list({"limit": 2, "ending_before": made[3]})
    assert [one.id for one in before.data] == made[1:3]
    assert client.v1.payment_intents.list({"created": {"gt": 10**10}}).data == []


def test_expansions_put_the_object_in_the_place_of_its_id(client: stripe.StripeClient, pay: Pay):
    made = pay(expand=["latest_charge.balance_transaction", "payment_method"])
    line = made.latest_charge.balance_transaction
    assert (line.amount, line.fee, line.net) == (2000, 88, 1912)
    assert made.payment_method.card.last4 == "4242"
    listed = client.v1.payment_intents.list({"expand": ["data.latest_charge"]})
    assert listed.data[0].latest_charge.id == made.latest_charge.id
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.payment_intents.list({"expand": ["data.colour"]})


def test_webhooks_pass_the_official_verification_and_forgeries_do_not(tmp_path: Path, box: Box):
    now = MovableClock(RealClock().now())
    access = replace(EVERYBODY, webhook_url=box.url)
    with town(Stripe(access), folder=tmp_path, clock=now, box=box) as here:
        here.script("webhook_forge", provider="stripe", operation="payment_intent.succeeded")
        client = client_of(here)
        params = {"amount": 2000, "currency": "eur", "confirm": True}
        method = {"payment_method": "pm_card_visa", "payment_method_types": ["card"]}
        made = client.v1.payment_intents.create({**params, **method}, {"idempotency_key": "k1"})
        here.catch_up()
        accepted: list[stripe.Event] = []
        forged = 0
        for letter in box.letters:
            signature = letter.headers["stripe-signature"]
            try:
                event = stripe.Webhook.construct_event(letter.body, signature, SECRET)
            except stripe.SignatureVerificationError:
                forged += 1
            else:
                accepted.append(event)
    told = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
    assert ([one.type for one in accepted], forged) == (told, 1)
    assert accepted[2].data.object.id == made.id
    assert accepted[2].request.idempotency_key == "k1"


def test_endpoints_are_made_and_sent_what_they_want(
    striped: Town, client: stripe.StripeClient, pay: Pay
):
    params = {"url": f"{striped.box.url}/mine", "enabled_events": ["charge.succeeded"]}
    endpoint = client.v1.webhook_endpoints.create(params)
    pay()
    striped.catch_up()
    (mine,) = [one for one in striped.box.letters if one.path.endswith("/mine")]
    event = stripe.Webhook.construct_event(
        mine.body, mine.headers["stripe-signature"], endpoint.secret, tolerance=0
    )
    assert event.type == "charge.succeeded"
    assert client.v1.events.retrieve(event.id).data.object.id == event.data.object.id
    client.v1.webhook_endpoints.delete(endpoint.id)
    pay(key="k2")
    striped.catch_up()
    assert sum(one.path.endswith("/mine") for one in striped.box.letters) == 1
    kinds = {one.type for one in client.v1.events.list({"limit": 100}).auto_paging_iter()}
    assert kinds == {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}


@pytest.mark.requirement("G1", part="settlement files")
def test_the_report_the_balance_and_the_payout_agree_with_the_book(
    striped: Town, client: stripe.StripeClient, pay: Pay
):
    made = pay()
    pay(key="k2", amount=1234)
    pay("pm_card_createDispute", key="k3")
    client.v1.refunds.create({"payment_intent": made.id, "amount": 700})
    striped.catch_up()
    day = striped.clock.now().date()
    text = striped.get("inspection", f"/settlements/{day}/stripe").text
    head, *rows = [line.split(",") for line in text.splitlines()]
    net = sum(round(float(row[head.index("net")]) * 100) for row in rows)
    (settled,) = striped.get("inspection", f"/settlements/{day}").json()["settlements"]
    book = sum(int(one["amount"]) - int(one["fee"]) for one in settled["movements"])
    lines = list(client.v1.balance_transactions.list({"limit": 100}))
    assert len(rows) == len(settled["movements"]) == len(lines) == 5
    assert net == book == sum(line.net for line in lines)
    assert client.v1.balance.retrieve().pending[0].amount == book
    striped.pass_time(days=3)
    (payout,) = client.v1.payouts.list({})
    assert (payout.amount, payout.status) == (book, "paid")
    paid = client.v1.balance_transactions.list({"payout": payout.id, "limit": 100})
    assert sum(line.net for line in paid.data) == 0
    assert client.v1.balance.retrieve().available[0].amount == 0


def test_no_card_number_and_no_code_is_kept(
    striped: Town, client: stripe.StripeClient, pay: Pay, tmp_path: Path
):
    card = {**CARD, "cvc": "737"}
    client.v1.payment_methods.create({"type": "card", "card": card})
    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.create(
            {"type": "card", "card": {**card, "number": "4000000000009995", "exp_month": 13}}
        )
    (last, first) = striped.get("inspection", "/calls").json()["calls"]
    assert "card[number]" in json.dumps([first, last]) or "card%5Bnumber%5D" in first["sent"]
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"4242424242424242" not in written
    assert b"4000000000009995" not in written
    assert b"=737" not in written
    assert b"card%5Bexp_year%5D=2030" in written or b"card[exp_year]=2030" in written
