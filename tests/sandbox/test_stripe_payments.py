"""Stripe's own client makes payments: refused, repeated, captured, confirmed by the payer."""

import pytest
import stripe
from tests.sandbox.official import CARD, Pay
from tests.sandbox.stand import Town


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000009987", "card_declined", "lost_card"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4000000000000119", "processing_error", "processing_error"),
    ],
)
def test_a_refused_card_is_a_card_error_with_its_code(
    striped: Town,
    client: stripe.StripeClient,
    pay: Pay,
    number: str,
    code: str,
    decline_code: str,
):
    method = client.v1.payment_methods.create({"type": "card", "card": {**CARD, "number": number}})
    with pytest.raises(stripe.CardError) as refused:
        pay(method.id)
    assert (refused.value.http_status, refused.value.code) == (402, code)
    assert refused.value.error.decline_code == decline_code
    failed = refused.value.error.payment_intent
    assert failed.status == "requires_payment_method"
    charge = client.v1.charges.retrieve(failed.latest_charge)
    assert (charge.status, charge.failure_code, charge.paid) == ("failed", code, False)
    assert striped.charges("pay_k1") == 0


def test_a_number_that_is_none_is_refused_at_once(client: stripe.StripeClient):
    with pytest.raises(stripe.CardError) as refused:
        card = {**CARD, "number": "4242424242424241"}
        client.v1.payment_methods.create({"type": "card", "card": card})
    assert refused.value.code == "incorrect_number"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": 49}, "amount_too_small", "amount"),
        ({"amount": 10**8}, "amount_too_large", "amount"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"currency": "xyz"}, None, "currency"),
        ({"colour": "blue"}, "parameter_unknown", "colour"),
        ({"payment_method": "pm_nobody"}, "resource_missing", "payment_method"),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
    ],
)
def test_a_wrong_parameter_is_named(
    striped: Town, pay: Pay, params: dict[str, object], code: str, param: str
):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        pay(**params)
    assert (refused.value.code, refused.value.param) == (code, param)
    assert pay().status == "succeeded"  # Nothing was remembered under the key.


def test_a_wrong_key_and_no_key_are_authentication_errors(striped: Town):
    wrong = stripe.StripeClient("sk_test_other", base_addresses={"api": striped.urls["stripe"]})
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key provided"):
        wrong.v1.balance.retrieve()
    answer = striped.get("stripe", "/v1/balance", headers={"authorization": ""})
    assert answer.status_code == 401
    assert "You did not provide an API key" in answer.json()["error"]["message"]


def test_what_is_not_there_is_missing(client: stripe.StripeClient):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.retrieve("pi_nobody")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_the_same_key_answers_the_same_and_charges_once(striped: Town, pay: Pay):
    first, again = pay(), pay()
    assert first.last_response.headers.get("idempotent-replayed") is None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    original = again.last_response.headers["original-request"]
    assert original == first.last_response.headers["request-id"]
    assert again.last_response.body == first.last_response.body
    with pytest.raises(stripe.IdempotencyError) as other:
        pay(amount=2001)
    assert (other.value.http_status, other.value.error.type) == (400, "idempotency_error")
    assert striped.charges("k1") == 1


def test_a_refused_card_is_remembered_under_its_key(pay: Pay):
    refusals: list[str] = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            pay("pm_card_visa_chargeDeclined")
        refusals.append(refused.value.error.payment_intent.id)
    assert refusals[0] == refusals[1]


def test_a_key_is_forgotten_after_a_day(striped: Town, pay: Pay):
    first = pay()
    striped.pass_time(hours=24, seconds=1)
    assert pay().id != first.id
    assert striped.charges("k1") == 2


def test_a_capture_takes_no_more_than_was_authorised(
    striped: Town, client: stripe.StripeClient, pay: Pay
):
    made = pay(capture_method="manual")
    assert (made.status, made.amount_capturable) == ("requires_capture", 2000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.capture(made.id, {"amount_to_capture": 2001})
    assert refused.value.code == "amount_too_large"
    made = client.v1.payment_intents.capture(made.id, {"amount_to_capture": 1500})
    assert (made.status, made.amount_received, made.amount_capturable) == ("succeeded", 1500, 0)
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.payment_intents.capture(made.id)
    assert again.value.code == "payment_intent_unexpected_state"
    (payment,) = striped.get("inspection", "/charges?key=k1").json()["payments"]
    moved = [(one["kind"], one["amount"]) for one in payment["movements"]]
    assert moved == [("authorisation", "2000"), ("charge", "1500"), ("void", "-500")]


def test_several_captures_need_multicapture_and_end_at_what_was_authorised(
    client: stripe.StripeClient, pay: Pay
):
    once = pay(capture_method="manual")
    part = {"amount_to_capture": 500, "final_capture": False}
    with pytest.raises(stripe.InvalidRequestError, match="multicapture"):
        client.v1.payment_intents.capture(once.id, part)
    options = {"card": {"request_multicapture": "if_available"}}
    made = pay(key="k2", capture_method="manual", payment_method_options=options)
    made = client.v1.payment_intents.capture(made.id, part)
    assert (made.status, made.amount_capturable) == ("requires_capture", 1500)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.capture(made.id, {"amount_to_capture": 1501})
    made = client.v1.payment_intents.capture(made.id)
    assert (made.status, made.amount_received) == ("succeeded", 2000)


def test_an_authorisation_is_given_up_after_seven_days(
    striped: Town, client: stripe.StripeClient, pay: Pay
):
    made = pay(capture_method="manual")
    charge = client.v1.charges.retrieve(made.latest_charge)
    before = charge.payment_method_details.card.capture_before
    assert before == made.created + 7 * 86_400
    striped.pass_time(days=7)
    made = client.v1.payment_intents.retrieve(made.id)
    assert (made.status, made.cancellation_reason) == ("canceled", "automatic")
    assert striped.charges("k1") == 0


def test_what_succeeded_is_not_canceled(client: stripe.StripeClient, pay: Pay):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.cancel(pay().id)
    assert refused.value.code == "payment_intent_unexpected_state"
    made = pay(key="k2", capture_method="manual")
    made = client.v1.payment_intents.cancel(made.id, {"cancellation_reason": "abandoned"})
    assert (made.status, made.cancellation_reason) == ("canceled", "abandoned")


@pytest.mark.parametrize("number", ["4000000000003220", "4000002500003155", "4000002760003184"])
def test_a_challenge_is_answered_on_the_issuers_page(
    striped: Town, client: stripe.StripeClient, pay: Pay, number: str
):
    method = client.v1.payment_methods.create({"type": "card", "card": {**CARD, "number": number}})
    made = pay(method.id, return_url="https://shop.example/back")
    assert (made.status, striped.charges("k1")) == ("requires_action", 0)
    url = made.next_action.redirect_to_url.url
    assert "3D Secure" in striped.get("stripe", url, headers={"authorization": ""}).text
    back = striped.post("stripe", f"{url}/complete", headers={"authorization": ""})
    assert back.status_code == 303
    assert back.headers["location"].startswith(
        f"https://shop.example/back?payment_intent={made.id}"
    )
    assert back.headers["location"].endswith("redirect_status=succeeded")
    striped.post("stripe", f"{url}/fail", headers={"authorization": ""})  # Too late to say no.
    assert client.v1.payment_intents.retrieve(made.id).status == "succeeded"
    assert striped.charges("k1") == 1


def test_a_refused_challenge_lets_the_payer_try_another_card(
    striped: Town, client: stripe.StripeClient, pay: Pay
):
    made = pay("pm_card_threeDSecure2Required", return_url="https://shop.example/back")
    url = made.next_action.redirect_to_url.url
    forged = f"{url[:-5]}xxxxx/complete"
    assert striped.post("stripe", forged, headers={"authorization": ""}).status_code == 404
    striped.post("stripe", f"{url}/fail", headers={"authorization": ""})
    made = client.v1.payment_intents.retrieve(made.id)
    assert made.status == "requires_payment_method"
    assert made.last_payment_error.code == "payment_intent_authentication_failure"
    made = client.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"})
    assert (made.status, striped.charges("k1")) == ("succeeded", 1)


def test_nobody_is_asked_when_the_payer_is_away(pay: Pay):
    with pytest.raises(stripe.CardError) as refused:
        pay("pm_card_authenticationRequired", off_session=True)
    assert refused.value.code == "authentication_required"


def test_a_method_without_an_owner_pays_once(client: stripe.StripeClient, pay: Pay):
    method = client.v1.payment_methods.create({"type": "card", "card": CARD})
    pay(method.id)
    with pytest.raises(stripe.InvalidRequestError, match="previously used"):
        pay(method.id, key="k2")
    owner = client.v1.customers.create({"email": "ada@shop.example"})
    method = client.v1.payment_methods.create({"type": "card", "card": CARD})
    client.v1.payment_methods.attach(method.id, {"customer": owner.id})
    for key in ("k3", "k4"):
        assert pay(method.id, key=key, customer=owner.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        pay(method.id, key="k5")
    assert [one.id for one in client.v1.customers.payment_methods.list(owner.id)] == [method.id]
