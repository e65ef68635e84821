"""How Stripe charges: refuse, challenge, authorise, capture, debit a bank account, give up."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.movement import Moved
from bezant.sandbox.scripts import Effect
from bezant.sandbox.stripe_balance import bank_fee, book, card_fee
from bezant.sandbox.stripe_errors import INVALID, declined
from bezant.sandbox.stripe_events import tell
from bezant.sandbox.stripe_methods import BANK_TYPE
from bezant.sandbox.stripe_shapes import (
    Challenge,
    Charge,
    IntentStatus,
    PaymentIntent,
    PaymentMethod,
    Trouble,
)

WINDOW: Final = timedelta(days=7)
DEBIT_TAKES: Final = timedelta(days=4)
_NOT_DEBITED: Final = "The customer's bank account could not be debited."


def keep(page: Page, intent: PaymentIntent) -> None:
    """Keep an intent, found again by its customer."""
    page.put(intent, parent=intent.customer)


def confirm(page: Page, call: Call, intent: PaymentIntent, method: PaymentMethod) -> PaymentIntent:
    """Try to pay."""
    script = call.script
    effect = script.effect if script else None
    intent = replace(intent, trouble=None, challenge="", challenge_url="", method=method.id)
    if effect is Effect.DISPUTE:
        intent = replace(intent, dispute="fraudulent")
    if effect is Effect.RETURN and script is not None:
        code = script.code or "insufficient_funds"
        intent = replace(intent, returns=code, return_seconds=script.seconds)
    if script is not None and script.refusal:
        return refuse(page, call, intent, method, script.refusal)
    if method.type == BANK_TYPE:
        return _debit(page, call, intent, method)
    asks = method.habit.challenge or effect is Effect.CHALLENGE
    if asks or intent.three_d_secure in {"any", "challenge"}:
        if intent.off_session:
            return refuse(page, call, intent, method, "authentication_required")
        return _challenge(page, call, intent, method)
    return authorise(page, call, intent, method)


def authorise(
    page: Page, call: Call, intent: PaymentIntent, method: PaymentMethod
) -> PaymentIntent:
    """Ask the issuer, and take the money unless it is to be captured later."""
    if method.habit.decline:
        return refuse(page, call, intent, method, method.habit.decline)
    before = page.now + WINDOW if intent.manual else None
    charge = replace(_charge(page, intent, method), status="succeeded", capture_before=before)
    _use(page, method)
    page.move(
        Moved.AUTHORISATION,
        charge.id,
        intent.id,
        intent.currency.upper(),
        intent.amount,
        key=call.header("idempotency-key"),
    )
    intent = replace(intent, latest_charge=charge.id, challenge="", challenge_url="")
    if not intent.manual:
        return take(page, call, intent, charge, intent.amount, final=True)
    intent = replace(intent, status=IntentStatus.NEEDS_CAPTURE, capturable=intent.amount)
    page.put(charge, parent=intent.id)
    keep(page, intent)
    page.later("expire", intent.id, WINDOW)
    tell(page, "charge.succeeded", charge, call)
    tell(page, "payment_intent.amount_capturable_updated", intent, call)
    return intent


def take(
    page: Page, call: Call, intent: PaymentIntent, charge: Charge, amount: int, *, final: bool
) -> PaymentIntent:
    """Capture a part; with the final one the rest is given back."""
    first = not charge.captured and not intent.manual
    line = book(
        page,
        Moved.CHARGE,
        charge.id,
        intent.id,
        intent.currency,
        amount,
        fee=card_fee(amount),
        key=call.header("idempotency-key"),
    )
    captured = charge.amount_captured + amount
    charge = replace(charge, captured=True, amount_captured=captured, transaction=line.id)
    page.put(charge, parent=intent.id)
    rest = charge.amount - captured
    final = final or rest == 0
    intent = replace(
        intent,
        received=captured,
        capturable=0 if final else rest,
        status=IntentStatus.SUCCEEDED if final else IntentStatus.NEEDS_CAPTURE,
    )
    keep(page, intent)
    tell(page, "charge.succeeded" if first else "charge.captured", charge, call)
    if final:
        page.not_later("expire", intent.id)
        _release(page, intent, rest, call.header("idempotency-key"))
        tell(page, "payment_intent.succeeded", intent, call)
    disputed = intent.dispute or charge.method.habit.dispute
    if disputed:
        page.later("dispute", charge.id, timedelta(0))
    return intent


def cancel(page: Page, call: Call | None, intent: PaymentIntent, reason: str) -> PaymentIntent:
    """Give up what was not taken."""
    charge = page.get(Charge, intent.latest_charge) if intent.latest_charge else None
    if intent.status is IntentStatus.NEEDS_CAPTURE and charge is not None:
        key = call.header("idempotency-key") if call else ""
        _release(page, intent, intent.capturable, key)
        if not charge.captured:
            charge = replace(charge, amount_refunded=charge.amount)
            page.put(charge, parent=intent.id)
            tell(page, "charge.refunded", charge, call)
    taken = intent.received > 0
    intent = replace(
        intent,
        status=IntentStatus.SUCCEEDED if taken else IntentStatus.CANCELED,
        capturable=0,
        canceled_at=None if taken else page.now,
        cancellation_reason="" if taken else reason,
        challenge="",
        challenge_url="",
    )
    keep(page, intent)
    page.not_later("expire", intent.id)
    page.not_later("debit", intent.id)
    tell(page, "payment_intent.succeeded" if taken else "payment_intent.canceled", intent, call)
    return intent


def refuse(
    page: Page, call: Call | None, intent: PaymentIntent, method: PaymentMethod, code: str
) -> PaymentIntent:
    """Write down that the issuer, or the payer's bank, says no."""
    charge = _charge(page, intent, method)
    trouble = declined(code, charge.id, method.id)
    if method.type == BANK_TYPE:
        trouble = Trouble(INVALID, code, _NOT_DEBITED, charge=charge.id, method=method.id)
    charge = replace(charge, trouble=trouble)
    page.put(charge, parent=intent.id)
    intent = needs_other(page, replace(intent, latest_charge=charge.id), trouble)
    tell(page, "charge.failed", charge, call)
    tell(page, "payment_intent.payment_failed", intent, call)
    return intent


def needs_other(page: Page, intent: PaymentIntent, trouble: Trouble) -> PaymentIntent:
    """Let an intent wait for another payment method, and say why."""
    intent = replace(
        intent,
        status=IntentStatus.NEEDS_METHOD,
        method="",
        trouble=trouble,
        challenge="",
        challenge_url="",
    )
    keep(page, intent)
    return intent


def _challenge(
    page: Page, call: Call, intent: PaymentIntent, method: PaymentMethod
) -> PaymentIntent:
    secret = page.new_id("", 32)
    intent = replace(
        intent,
        status=IntentStatus.NEEDS_ACTION,
        challenge=secret,
        challenge_url=f"{call.base_url}/authenticate/{intent.id}/{secret}",
        method=method.id,
    )
    keep(page, intent)
    page.put(Challenge(secret, intent.id))
    tell(page, "payment_intent.requires_action", intent, call)
    return intent


def _debit(page: Page, call: Call, intent: PaymentIntent, method: PaymentMethod) -> PaymentIntent:
    assert method.bank is not None
    if not method.bank.verified and intent.verification != "skip":
        intent = replace(intent, status=IntentStatus.NEEDS_ACTION, method=method.id)
        keep(page, intent)
        tell(page, "payment_intent.requires_action", intent, call)
        return intent
    return debit(page, call, intent, method)


def debit(page: Page, call: Call, intent: PaymentIntent, method: PaymentMethod) -> PaymentIntent:
    """Send a debit on its way; days later it arrives or comes back."""
    charge = replace(_charge(page, intent, method), status="pending")
    page.put(charge, parent=intent.id)
    page.mark(intent.id, call.header("idempotency-key"))
    intent = replace(intent, status=IntentStatus.PROCESSING, latest_charge=charge.id)
    keep(page, intent)
    _use(page, method)
    page.later("debit", intent.id, DEBIT_TAKES)
    tell(page, "charge.pending", charge, call)
    tell(page, "payment_intent.processing", intent, call)
    return intent


def debit_arrives(page: Page, id_: str) -> None:
    """End a debit: the bank paid, or did not."""
    intent = page.get(PaymentIntent, id_)
    charge = page.get(Charge, intent.latest_charge) if intent else None
    assert intent is not None
    assert charge is not None
    no = charge.method.habit.decline
    if no:
        trouble = Trouble(INVALID, no, _NOT_DEBITED, charge=charge.id, method=charge.method.id)
        charge = replace(charge, status="failed", trouble=trouble)
        page.put(charge, parent=intent.id)
        intent = needs_other(page, intent, trouble)
        tell(page, "charge.failed", charge)
        tell(page, "payment_intent.payment_failed", intent)
        return
    fee = bank_fee(charge.amount)
    line = book(
        page,
        Moved.CHARGE,
        charge.id,
        intent.id,
        intent.currency,
        charge.amount,
        fee=fee,
        card=False,
    )
    charge = replace(
        charge,
        status="succeeded",
        captured=True,
        amount_captured=charge.amount,
        transaction=line.id,
    )
    page.put(charge, parent=intent.id)
    intent = replace(intent, status=IntentStatus.SUCCEEDED, received=charge.amount)
    keep(page, intent)
    tell(page, "charge.succeeded", charge)
    tell(page, "payment_intent.succeeded", intent)
    if intent.returns:
        page.later("return", charge.id, timedelta(seconds=intent.return_seconds))
    elif intent.dispute or charge.method.habit.dispute:
        page.later("dispute", charge.id, timedelta(0))


def _charge(page: Page, intent: PaymentIntent, method: PaymentMethod) -> Charge:
    return Charge(
        page.new_id("py_" if method.type == BANK_TYPE else "ch_"),
        intent.id,
        intent.amount,
        intent.currency,
        page.now,
        "failed",
        method,
        description=intent.description,
        customer=intent.customer,
        receipt_email=intent.receipt_email,
        transfer_group=intent.transfer_group,
        metadata=intent.metadata,
    )


def _use(page: Page, method: PaymentMethod) -> None:
    if not method.customer:
        page.put(replace(method, used=True))


def _release(page: Page, intent: PaymentIntent, rest: int, key: str) -> None:
    if rest > 0:
        asset = intent.currency.upper()
        page.move(Moved.VOID, intent.latest_charge, intent.id, asset, -rest, key=key)
