"""Every status a provider documents, and what it is to us; and refusals, in our words."""

from collections.abc import Mapping

import pytest
from tests.psp.recorded import RECORDED, Shape, answer
from tests.psp.shops import BANK, charge_of, step_of
from tests.psp.stories import AMOUNTS
from tests.psp.test_contract import put

from bezant.money import EUR, USD
from bezant.psp.port import Charge, DeclineCode, FollowUp, Result, Verdict
from bezant.psp.registry import connector_of

CHARGES: Mapping[str, Mapping[str, Result]] = {
    "stripe": {
        "succeeded": Result.CAPTURED,
        "requires_capture": Result.AUTHORIZED,
        "requires_action": Result.NEEDS_ACTION,
        "requires_confirmation": Result.APPROVED,
        "requires_payment_method": Result.DECLINED,
        "canceled": Result.VOIDED,
        "processing": Result.PENDING,
    },
    "card": {
        "captured": Result.CAPTURED,
        "authorised": Result.AUTHORIZED,
        "challenge": Result.NEEDS_ACTION,
        "declined": Result.DECLINED,
        "voided": Result.VOIDED,
        "expired": Result.VOIDED,
        "reviewing": Result.PENDING,
    },
    "coinbase": {
        "COMPLETED": Result.CAPTURED,
        "REFUNDED": Result.CAPTURED,
        "PARTIALLY_REFUNDED": Result.CAPTURED,
        "ACTIVE": Result.NEEDS_ACTION,
        "PROCESSING": Result.PENDING,
        "DEACTIVATED": Result.VOIDED,
        "EXPIRED": Result.VOIDED,
        "FAILED": Result.DECLINED,
    },
    "coinbase_commerce": {
        "COMPLETED": Result.CAPTURED,
        "NEW": Result.NEEDS_ACTION,
        "SIGNED": Result.PENDING,
        "PENDING": Result.PENDING,
        "EXPIRED": Result.VOIDED,
        "CANCELED": Result.VOIDED,
        "UNRESOLVED": Result.PENDING,
        "RESOLVED": Result.PENDING,
    },
}
ORDERS = {
    "CREATED": Result.NEEDS_ACTION,
    "SAVED": Result.NEEDS_ACTION,
    "PAYER_ACTION_REQUIRED": Result.NEEDS_ACTION,
    "APPROVED": Result.APPROVED,
    "VOIDED": Result.VOIDED,
    "COMPLETED": Result.CAPTURED,
    "PENDING_APPROVAL": Result.PENDING,
}
CAPTURES = {
    "COMPLETED": Result.CAPTURED,
    "REFUNDED": Result.CAPTURED,
    "PARTIALLY_REFUNDED": Result.CAPTURED,
    "PENDING": Result.PENDING,
    "DECLINED": Result.DECLINED,
    "FAILED": Result.DECLINED,
}
REFUNDS: Mapping[str, Mapping[str, Result]] = {
    "stripe": {
        "succeeded": Result.REFUNDED,
        "pending": Result.PENDING,
        "requires_action": Result.PENDING,
        "failed": Result.DECLINED,
        "canceled": Result.DECLINED,
    },
    "card": {
        "succeeded": Result.REFUNDED,
        "pending": Result.PENDING,
        "failed": Result.DECLINED,
    },
    "paypal": {
        "COMPLETED": Result.REFUNDED,
        "PENDING": Result.PENDING,
        "FAILED": Result.DECLINED,
        "CANCELLED": Result.DECLINED,
    },
    "coinbase": {
        "COMPLETED": Result.REFUNDED,
        "PENDING": Result.PENDING,
        "FAILED": Result.DECLINED,
    },
}


def charge_case(provider: str) -> tuple[Charge, Shape]:
    charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
    found = RECORDED[provider].yes("charge", charge)
    assert isinstance(found, dict)
    return charge, found


def refund_case(provider: str) -> tuple[FollowUp, Shape]:
    charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
    step = step_of(charge, Verdict(Result.CAPTURED, "ref_1", "part_1"))
    found = RECORDED[provider].yes("refund", step)
    assert isinstance(found, dict)
    return step, found


def rows(table: Mapping[str, Mapping[str, Result]]) -> list[tuple[str, str, Result]]:
    return [
        (provider, status, result)
        for provider, statuses in table.items()
        for status, result in statuses.items()
    ]


@pytest.mark.parametrize(("provider", "status", "result"), rows(CHARGES))
def test_each_status_of_a_charge(provider: str, status: str, result: Result):
    charge, shape = charge_case(provider)
    path = RECORDED[provider].statuses["charge"]
    told = connector_of(provider).charged(charge, answer(put(shape, path, status)))
    assert told.result is result
    assert told.reference
    if result is Result.DECLINED:
        assert told.decline is not None


@pytest.mark.parametrize(("status", "result"), list(ORDERS.items()))
def test_each_status_of_an_order(status: str, result: Result):
    charge, shape = charge_case("paypal")
    told = connector_of("paypal").charged(charge, answer(put(shape, ("status",), status)))
    assert told.result is result


@pytest.mark.parametrize(("status", "result"), list(CAPTURES.items()))
def test_each_status_of_a_paypal_capture(status: str, result: Result):
    charge, shape = charge_case("paypal")
    path = RECORDED["paypal"].statuses["charge"]
    told = connector_of("paypal").finished(charge, answer(put(shape, path, status)))
    assert told.result is result


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("CREATED", Result.AUTHORIZED),
        ("PARTIALLY_CAPTURED", Result.AUTHORIZED),
        ("CAPTURED", Result.AUTHORIZED),
        ("PENDING", Result.PENDING),
        ("DENIED", Result.DECLINED),
        ("VOIDED", Result.VOIDED),
        ("EXPIRED", Result.VOIDED),
        ("SOMETHING", Result.PENDING),
    ],
)
def test_each_status_of_a_paypal_authorization(status: str, result: Result):
    charge, shape = charge_case("paypal")
    held = {
        "authorizations": [
            {
                "id": "0AW2184448108334S",
                "status": status,
                "amount": {"currency_code": "EUR", "value": "12.00"},
            }
        ]
    }
    said = answer(put(shape, ("purchase_units", 0, "payments"), held))
    told = connector_of("paypal").finished(charge, said)
    assert told.result is result
    assert told.part == ("0AW2184448108334S" if result is not Result.VOIDED else told.part)


@pytest.mark.parametrize(("provider", "status", "result"), rows(REFUNDS))
def test_each_status_of_a_refund(provider: str, status: str, result: Result):
    step, shape = refund_case(provider)
    path = RECORDED[provider].statuses["refund"]
    told = connector_of(provider).refunded(step, answer(put(shape, path, status)))
    assert told.result is result


def test_every_result_is_reached_by_somebody():
    reached = {
        *(result for _, _, result in rows(CHARGES)),
        *(result for _, _, result in rows(REFUNDS)),
        *ORDERS.values(),
    }
    # Those of what was not heard at all are in the suite of every connector.
    elsewhere = {Result.NOT_SENT, Result.OUTAGE, Result.UNKNOWN, Result.NOT_FOUND}
    assert reached | elsewhere == set(Result)


def stripe_error(kind: str, code: str, decline: str = "") -> Shape:
    return {"error": {"type": kind, "code": code, "decline_code": decline, "message": "…"}}


@pytest.mark.parametrize(
    ("status", "body", "result", "code"),
    [
        (402, stripe_error("card_error", "card_declined", "insufficient_funds"),
         Result.DECLINED, DeclineCode.INSUFFICIENT_FUNDS),
        (402, stripe_error("card_error", "expired_card"),
         Result.DECLINED, DeclineCode.EXPIRED_CARD),
        (402, stripe_error("card_error", "card_declined", "brand_new"),
         Result.DECLINED, DeclineCode.CARD_DECLINED),
        (402, stripe_error("card_error", "brand_new"), Result.DECLINED, DeclineCode.OTHER),
        (400, stripe_error("invalid_request_error", "amount_too_small"),
         Result.DECLINED, DeclineCode.OTHER),
        (400, stripe_error("idempotency_error", "x"), Result.UNKNOWN, None),
        (402, stripe_error("api_error", "x"), Result.UNKNOWN, None),
        (424, stripe_error("api_error", "x"), Result.UNKNOWN, None),
        (400, stripe_error("brand_new_error", "x"), Result.UNKNOWN, None),
        (400, {}, Result.UNKNOWN, None),
    ],
)  # fmt: skip
def test_stripes_refusals(status: int, body: Shape, result: Result, code: DeclineCode | None):
    told = connector_of("stripe").charged(charge_of("stripe"), answer(body, status))
    assert told.result is result
    assert (told.decline.code if told.decline else None) is code


def test_a_state_stripe_did_not_expect_is_asked_about():
    stripe = connector_of("stripe")
    charge = charge_of("stripe")
    step = step_of(charge, Verdict(Result.AUTHORIZED, "pi_1"))
    body = stripe_error("invalid_request_error", "payment_intent_unexpected_state")
    for reader in (stripe.captured, stripe.voided):
        assert reader(step, answer(body, 400)).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("issue", "result", "code"),
    [
        ("INSTRUMENT_DECLINED", Result.DECLINED, DeclineCode.CARD_DECLINED),
        ("PAYEE_BLOCKED_TRANSACTION", Result.DECLINED, DeclineCode.FRAUD_SUSPECTED),
        ("TRANSACTION_REFUSED", Result.DECLINED, DeclineCode.CARD_DECLINED),
        ("BRAND_NEW_ISSUE", Result.DECLINED, DeclineCode.OTHER),
        ("ORDER_NOT_APPROVED", Result.PENDING, None),
        ("ORDER_ALREADY_CAPTURED", Result.UNKNOWN, None),
        ("DUPLICATE_INVOICE_ID", Result.UNKNOWN, None),
    ],
)
def test_paypals_refusals(issue: str, result: Result, code: DeclineCode | None):
    body: Shape = {
        "name": "UNPROCESSABLE_ENTITY",
        "details": [{"issue": issue, "description": "…"}],
        "debug_id": "90957fca61718",
    }
    told = connector_of("paypal").finished(charge_of("paypal"), answer(body, 422))
    assert told.result is result
    assert (told.decline.code if told.decline else None) is code


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("coinbase", {"errorType": "invalid_request", "errorMessage": "…"}),
        ("coinbase_commerce", {"error": {"type": "invalid_request", "message": "…"}}),
        ("card", {"error": {"code": "incorrect_number", "message": "…"}}),
    ],
)
def test_other_refusals(provider: str, body: Shape):
    charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
    told = connector_of(provider, BANK).charged(charge, answer(body, 400))
    assert told.result is Result.DECLINED


def test_what_arrived_at_commerce_is_added_up_from_what_the_chain_confirmed():
    commerce = connector_of("coinbase_commerce")
    charge, shape = charge_case("coinbase_commerce")
    unresolved = put(shape, ("data", "timeline", 1, "status"), "UNRESOLVED")
    data = unresolved["data"]
    assert isinstance(data, dict)
    data["payments"] = [
        {"status": "CONFIRMED", "value": {"local": {"amount": "5.00", "currency": "USD"}}},
        {"status": "CONFIRMED", "value": {"local": {"amount": "4.50", "currency": "USD"}}},
        {"status": "PENDING", "value": {"local": {"amount": "9.00", "currency": "USD"}}},
    ]
    told = commerce.charged(charge, answer(unresolved))
    assert (told.result, told.amount) == (Result.CAPTURED, USD(9_50))
    data["payments"][0]["value"]["local"]["currency"] = "EUR"
    assert commerce.charged(charge, answer(unresolved)).result is Result.PENDING
