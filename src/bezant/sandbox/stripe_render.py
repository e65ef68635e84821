"""Objects as Stripe shows them, and what `expand[]` puts in place of an id."""

from typing import Final

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.stripe_errors import advice
from bezant.sandbox.stripe_render_charge import Shown, charge, method
from bezant.sandbox.stripe_requests import unix
from bezant.sandbox.stripe_shapes import (
    Charge,
    Customer,
    Dispute,
    Event,
    IntentStatus,
    PaymentIntent,
    PaymentMethod,
    Payout,
    Refund,
    Transaction,
    Trouble,
    WebhookEndpoint,
)

API_VERSION: Final = "2026-10-28.endive"


def shown(page: Page, thing: object) -> Shown:
    """Return any object as Stripe shows it."""
    match thing:
        case PaymentIntent():
            told = intent(page, thing)
        case Charge():
            told = charge(thing)
        case PaymentMethod():
            told = method(thing)
        case Refund():
            told = refund(thing)
        case Dispute():
            told = dispute(page, thing)
        case Transaction():
            told = transaction(page, thing)
        case Payout():
            told = payout(page, thing)
        case Customer():
            told = customer(thing)
        case _:
            raise AssertionError(thing)
    return told


def intent(page: Page, one: PaymentIntent) -> Shown:
    """Return a PaymentIntent."""
    return {
        "id": one.id,
        "object": "payment_intent",
        "amount": one.amount,
        "amount_capturable": one.capturable,
        "amount_details": {"tip": {}},
        "amount_received": one.received,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True}
        if one.automatic_methods
        else None,
        "canceled_at": unix(one.canceled_at) if one.canceled_at else None,
        "cancellation_reason": one.cancellation_reason or None,
        "capture_method": "manual" if one.manual else "automatic",
        "client_secret": one.client_secret,
        "confirmation_method": "manual" if one.confirmed_by_hand else "automatic",
        "created": unix(one.created),
        "currency": one.currency,
        "customer": one.customer or None,
        "description": one.description or None,
        "last_payment_error": trouble(page, one.trouble) if one.trouble else None,
        "latest_charge": one.latest_charge or None,
        "livemode": False,
        "metadata": one.metadata,
        "next_action": _next_action(one),
        "on_behalf_of": None,
        "payment_method": one.method or None,
        "payment_method_options": _options(one),
        "payment_method_types": one.method_types,
        "processing": None,
        "receipt_email": one.receipt_email or None,
        "review": None,
        "setup_future_usage": one.future_usage or None,
        "shipping": None,
        "source": None,
        "statement_descriptor": one.descriptor or None,
        "statement_descriptor_suffix": one.descriptor_suffix or None,
        "status": one.status,
        "transfer_data": None,
        "transfer_group": one.transfer_group or None,
    }


def _options(one: PaymentIntent) -> Shown:
    return {
        kind: {"verification_method": one.verification}
        if kind == "us_bank_account"
        else {
            "installments": None,
            "mandate_options": None,
            "network": None,
            "request_three_d_secure": one.three_d_secure,
        }
        for kind in one.method_types
        if kind in {"card", "us_bank_account"}
    }


def _next_action(one: PaymentIntent) -> Shown | None:
    if one.status is not IntentStatus.NEEDS_ACTION:
        return None
    if one.method_types == ("us_bank_account",) or not one.challenge:
        return {
            "type": "verify_with_microdeposits",
            "verify_with_microdeposits": {
                "arrival_date": unix(one.created),
                "hosted_verification_url": one.challenge_url,
                "microdeposit_type": "descriptor_code",
            },
        }
    if one.return_url:
        told = {"url": one.challenge_url, "return_url": one.return_url}
        return {"type": "redirect_to_url", "redirect_to_url": told}
    told = {"type": "three_d_secure_redirect", "stripe_js": one.challenge_url}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": told}


def trouble(page: Page, one: Trouble) -> Shown:
    """Return the error of an attempt to pay."""
    told: Shown = {"type": one.type, "code": one.code, "message": one.message}
    told["doc_url"] = f"https://stripe.com/docs/error-codes/{one.code.replace('_', '-')}"
    if one.decline_code:
        told |= {"decline_code": one.decline_code, "advice_code": advice(one.decline_code)}
    if one.charge:
        told["charge"] = one.charge
    used = page.get(PaymentMethod, one.method) if one.method else None
    if used is not None:
        told["payment_method"] = method(used)
    return told


def refund(one: Refund) -> Shown:
    """Return a Refund."""
    return {
        "id": one.id,
        "object": "refund",
        "amount": one.amount,
        "balance_transaction": one.transaction or None,
        "charge": one.charge,
        "created": unix(one.created),
        "currency": one.currency,
        "destination_details": {"type": "card" if one.charge.startswith("ch_") else "ach"},
        "failure_balance_transaction": one.failure_transaction or None,
        **({"failure_reason": one.failure_reason} if one.failure_reason else {}),
        "metadata": one.metadata,
        "payment_intent": one.intent,
        "reason": one.reason or None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": one.status,
        "transfer_reversal": None,
    }


def dispute(page: Page, one: Dispute) -> Shown:
    """Return a Dispute; its transactions are always whole."""
    lines = [page.get(Transaction, id_) for id_ in one.transactions]
    return {
        "id": one.id,
        "object": "dispute",
        "amount": one.amount,
        "balance_transactions": [transaction(page, line) for line in lines if line],
        "charge": one.charge,
        "created": unix(one.created),
        "currency": one.currency,
        "enhanced_eligibility_types": [],
        "evidence": one.evidence,
        "evidence_details": {
            "due_by": unix(one.due_by),
            "enhanced_eligibility": {},
            "has_evidence": bool(one.evidence),
            "past_due": page.now > one.due_by,
            "submission_count": one.submissions,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": one.metadata,
        "payment_intent": one.intent,
        "reason": one.reason,
        "status": one.status,
    }


def transaction(page: Page, one: Transaction) -> Shown:
    """Return a BalanceTransaction."""
    fees = [
        {
            "amount": one.fee,
            "application": None,
            "currency": one.currency,
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return {
        "id": one.id,
        "object": "balance_transaction",
        "amount": one.amount,
        "available_on": unix(one.available_on),
        "balance_type": "payments",
        "created": unix(one.created),
        "currency": one.currency,
        "description": one.description or None,
        "exchange_rate": None,
        "fee": one.fee,
        "fee_details": fees if one.fee else [],
        "net": one.amount - one.fee,
        "reporting_category": one.category,
        "source": one.source,
        "status": "available" if page.now >= one.available_on else "pending",
        "type": one.type,
    }


def payout(page: Page, one: Payout) -> Shown:
    """Return a Payout."""
    return {
        "id": one.id,
        "object": "payout",
        "amount": one.amount,
        "arrival_date": unix(one.arrival),
        "automatic": True,
        "balance_transaction": one.transaction,
        "created": unix(one.created),
        "currency": one.currency,
        "description": "STRIPE PAYOUT",
        "destination": None,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed",
        "source_type": "card",
        "statement_descriptor": None,
        "status": "paid" if page.now >= one.arrival else "in_transit",
        "type": "bank_account",
    }


def customer(one: Customer) -> Shown:
    """Return a Customer, or what is left of one."""
    if one.deleted:
        return {"id": one.id, "object": "customer", "deleted": True}
    return {
        "id": one.id,
        "object": "customer",
        "balance": 0,
        "created": unix(one.created),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": one.description or None,
        "email": one.email or None,
        "livemode": False,
        "metadata": one.metadata,
        "name": one.name or None,
        "phone": one.phone or None,
        "tax_exempt": "none",
    }


def event(one: Event, pending: int) -> Shown:
    """Return an Event."""
    return {
        "id": one.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": unix(one.created),
        "data": {"object": msgspec.Raw(one.object)},
        "livemode": False,
        "pending_webhooks": pending,
        "request": {"id": one.request or None, "idempotency_key": one.key or None},
        "type": one.type,
    }


def endpoint(one: WebhookEndpoint, secret: str = "") -> Shown:
    """Return a WebhookEndpoint; its secret is told once, when it is made."""
    told: Shown = {
        "id": one.id,
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": unix(one.created),
        "description": one.description or None,
        "enabled_events": one.events,
        "livemode": False,
        "metadata": one.metadata,
        "status": "enabled",
        "url": one.url,
    }
    return {**told, "secret": secret} if secret else told
