"""Stripe's own client gives money back, and others take it back; debits that fail days later."""

import pytest
import stripe
from tests.sandbox.official import CARD, Pay, bank
from tests.sandbox.stand import Town


def test_refunds_never_exceed_the_charge(striped: Town, client: stripe.StripeClient, pay: Pay):
    made = pay()
    client.v1.refunds.create({"payment_intent": made.id, "amount": 1500})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"payment_intent": made.id, "amount": 501})
    rest = client.v1.refunds.create({"charge": made.latest_charge})
    assert (rest.amount, rest.status) == (500, "succeeded")
    with pytest.raises(stripe.InvalidRequestError) as over:
        client.v1.refunds.create({"charge": made.latest_charge})
    assert over.value.code == "charge_already_refunded"
    charge = client.v1.charges.retrieve(made.latest_charge, {"expand": ["refunds"]})
    assert charge.refunded
    assert sum(one.amount for one in charge.refunds) == 2000


def test_a_refund_that_fails_comes_back(striped: Town, client: stripe.StripeClient, pay: Pay):
    number = "4000" + "000000005126"
    method = client.v1.payment_methods.create({"type": "card", "card": {**CARD, "number": number}})
    made = pay(method.id)
    refund = client.v1.refunds.create({"payment_intent": made.id})
    striped.pass_time(days=2)
    refund = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (refund.status, refund.failure_balance_transaction.amount) == ("failed", 2000)
    assert client.v1.charges.retrieve(made.latest_charge).amount_refunded == 0


@pytest.mark.parametrize(
    ("evidence", "status", "left"),
    [("winning_evidence", "won", 2000), ("losing_evidence", "lost", 0)],
)
def test_a_dispute_is_decided_by_its_evidence(
    striped: Town, client: stripe.StripeClient, pay: Pay, evidence: str, status: str, left: int
):
    made = pay("pm_card_createDispute")
    striped.catch_up()
    (dispute,) = client.v1.disputes.list({"payment_intent": made.id}).data
    assert (dispute.status, dispute.amount, dispute.reason) == (
        "needs_response",
        2000,
        "fraudulent",
    )
    with pytest.raises(stripe.InvalidRequestError) as disputed:
        client.v1.refunds.create({"payment_intent": made.id})
    assert disputed.value.code == "charge_disputed"
    evidence_ = {"uncategorized_text": evidence}
    client.v1.disputes.update(dispute.id, {"evidence": evidence_, "submit": True})
    striped.catch_up()
    assert client.v1.disputes.retrieve(dispute.id).status == status
    (payment,) = striped.get("inspection", "/charges?key=k1").json()["payments"]
    kinds = {"charge", "dispute", "dispute_won"}
    kept = sum(int(one["amount"]) for one in payment["movements"] if one["kind"] in kinds)
    assert kept == left


def test_a_dispute_without_an_answer_is_lost(striped: Town, client: stripe.StripeClient, pay: Pay):
    made = pay("pm_card_createDispute")
    striped.pass_time(days=9)
    (dispute,) = client.v1.disputes.list({"payment_intent": made.id}).data
    assert dispute.status == "lost"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("000111111113", "account_closed"),
        ("000111111116", "no_account"),
        ("000222222227", "insufficient_funds"),
        ("000333333335", "debit_not_authorized"),
    ],
)
def test_a_debit_may_fail_days_later(
    striped: Town, client: stripe.StripeClient, number: str, code: str
):
    made = bank(client, number)
    assert made.status == "processing"
    striped.pass_time(days=4)
    made = client.v1.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]})
    assert (made.status, made.last_payment_error.code) == ("requires_payment_method", code)
    assert (made.latest_charge.status, striped.charges("k1")) == ("failed", 0)


def test_a_debit_arrives_after_four_days_and_may_be_taken_back(
    striped: Town, client: stripe.StripeClient
):
    striped.script("return", provider="stripe", code="insufficient_funds", seconds=86_400)
    made = bank(client, "000123456789")
    striped.pass_time(days=3)
    assert client.v1.payment_intents.retrieve(made.id).status == "processing"
    striped.pass_time(days=1)
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"
    assert striped.charges("k1") == 1
    striped.pass_time(days=1)
    (dispute,) = client.v1.disputes.list({"payment_intent": made.id}).data
    assert (dispute.status, dispute.reason) == ("lost", "insufficient_funds")


def test_a_bank_account_is_verified_by_what_was_sent_there(
    striped: Town, client: stripe.StripeClient
):
    made = bank(client, "000123456789", payment_method_options={})
    assert made.next_action.type == "verify_with_microdeposits"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.verify_microdeposits(made.id, {"descriptor_code": "SM11AB"})
    made = client.v1.payment_intents.verify_microdeposits(made.id, {"descriptor_code": "SM11AA"})
    assert made.status == "processing"
