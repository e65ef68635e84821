"""Charges and the payment methods they were made with, as Stripe shows them."""

from bezant.sandbox.stripe_errors import advice
from bezant.sandbox.stripe_requests import unix
from bezant.sandbox.stripe_shapes import Charge, PaymentMethod

Shown = dict[str, object]


def method(one: PaymentMethod) -> Shown:
    """Return a PaymentMethod."""
    told: Shown = {
        "id": one.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": _billing(one),
        "created": unix(one.created),
        "customer": one.customer or None,
        "livemode": False,
        "metadata": one.metadata,
        "type": one.type,
    }
    if one.card is not None:
        told["card"] = {
            **_card(one),
            "networks": {"available": [one.card.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }
    if one.bank is not None:
        told["us_bank_account"] = {
            **_bank(one),
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "status_details": {},
        }
    return told


def _billing(one: PaymentMethod) -> Shown:
    nowhere = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        "address": nowhere,
        "email": one.email or None,
        "name": one.name or None,
        "phone": None,
        "tax_id": None,
    }


def _card(one: PaymentMethod) -> Shown:
    card = one.card
    assert card is not None
    return {
        "brand": card.brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "fail" if card.habit.decline == "incorrect_cvc" else "pass",
        },
        "country": "US",
        "display_brand": card.brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
    }


def _bank(one: PaymentMethod) -> Shown:
    bank = one.bank
    assert bank is not None
    return {
        "account_holder_type": bank.holder_type,
        "account_type": bank.account_type,
        "bank_name": bank.bank_name,
        "financial_connections_account": None,
        "fingerprint": bank.fingerprint,
        "last4": bank.last4,
        "routing_number": bank.routing_number,
    }


def charge(one: Charge) -> Shown:
    """Return a Charge."""
    failed = one.trouble
    return {
        "id": one.id,
        "object": "charge",
        "amount": one.amount,
        "amount_captured": one.amount_captured,
        "amount_refunded": one.amount_refunded,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": one.transaction or None,
        "billing_details": _billing(one.method),
        "calculated_statement_descriptor": "BEZANT SANDBOX",
        "captured": one.captured,
        "created": unix(one.created),
        "currency": one.currency,
        "customer": one.customer or None,
        "description": one.description or None,
        "disputed": one.disputed,
        "failure_balance_transaction": None,
        "failure_code": failed.code if failed else None,
        "failure_message": failed.message if failed else None,
        "fraud_details": {},
        "livemode": False,
        "metadata": one.metadata,
        "on_behalf_of": None,
        "outcome": _outcome(one),
        "paid": one.status == "succeeded",
        "payment_intent": one.intent,
        "payment_method": one.method.id,
        "payment_method_details": _details(one),
        "receipt_email": one.receipt_email or None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": one.status == "succeeded" and one.amount_refunded == one.amount,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": one.status,
        "transfer_data": None,
        "transfer_group": one.transfer_group or None,
    }


def _outcome(one: Charge) -> Shown:
    declined = one.trouble.decline_code if one.trouble else ""
    approved = one.status != "failed"
    return {
        "advice_code": advice(declined) if declined else None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network" if approved else "declined_by_network",
        "reason": declined or None,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "Payment complete." if approved else "The bank declined the payment.",
        "type": "authorized" if approved else "issuer_declined",
    }


def _details(one: Charge) -> Shown:
    if one.method.card is None:
        return {"type": one.method.type, one.method.type: {**_bank(one.method), "mandate": None}}
    before = unix(one.capture_before) if one.capture_before else None
    return {
        "type": "card",
        "card": {
            **_card(one.method),
            "amount_authorized": one.amount,
            "authorization_code": None,
            "capture_before": before,
            "installments": None,
            "mandate": None,
            "multicapture": {"status": "available" if before else "unavailable"},
            "network": one.method.card.brand,
            "network_token": {"used": False},
            "three_d_secure": None,
            "wallet": None,
        },
    }
