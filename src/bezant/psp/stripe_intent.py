"""Reading a PaymentIntent, a refund, or an error of Stripe's."""

from collections.abc import Sequence

from bezant.money import Money
from bezant.psp.answers import declined, mismatch, same, unreadable
from bezant.psp.document import Document
from bezant.psp.port import (
    Charge,
    DeclineCode,
    FollowUp,
    NextAction,
    RefundNews,
    Result,
    Verdict,
)
from bezant.psp.stripe_words import UNITS, decline_of, fee_of, told


def charged_intent(found: Document, charge: Charge) -> Verdict:
    """Read the intent that our charge made."""
    if found.text("object") != "payment_intent":
        return unreadable()
    if found.text("metadata", "attempt") != charge.attempt:
        return mismatch(found.text("id"))
    verdict = _read_intent(found, charge.amount)
    if verdict.result is Result.CAPTURED and not same(charge.amount, verdict.amount):
        return mismatch(verdict.reference)
    return verdict


def captured_intent(found: Document, step: FollowUp) -> Verdict:
    """A capture is done when the intent succeeded, or holds the rest for the next one."""
    if _is_other(found, step):
        return mismatch(step.reference)
    status, currency = found.text("status"), found.text("currency")
    received = UNITS.read(found.whole("amount_received"), currency)
    if status == "succeeded" or (status == "requires_capture" and not step.last):
        if received is None or not step.amount <= received <= step.charged:
            return mismatch(step.reference)
        fee = fee_of(found.inner("latest_charge", "balance_transaction")) if step.last else None
        return Verdict(Result.CAPTURED, step.reference, amount=step.amount, fee=fee, status=status)
    if status == "canceled":
        return declined(DeclineCode.OTHER, "canceled", step.reference)
    return Verdict(Result.PENDING, step.reference, status=told(status))


def voided_intent(found: Document, step: FollowUp) -> Verdict:
    """Only `canceled` is a yes; what was captured cannot be let go of any more."""
    if _is_other(found, step):
        return mismatch(step.reference)
    status = found.text("status")
    match status:
        case "canceled":
            return Verdict(Result.VOIDED, step.reference, status=status)
        case "succeeded":
            return declined(DeclineCode.OTHER, "succeeded", step.reference)
        case _:
            return Verdict(Result.PENDING, step.reference, status=told(status))


def known_intent(operation: str, found: Document, step: FollowUp) -> Verdict:
    """Read from the intent what became of a step."""
    if found.text("object") != "payment_intent":
        return unreadable()
    if _is_other(found, step):
        return mismatch(found.text("id"))
    match operation:
        case "capture":
            return _captured_by(found, step)
        case "void":
            still_held = found.text("status") == "requires_capture"
            return Verdict(Result.NOT_FOUND) if still_held else voided_intent(found, step)
        case _:
            return _read_intent(found, step.charged)


def found_intent(operation: str, found: Document, step: FollowUp) -> Verdict:
    """Read what a search by our key found, or find it in a list: one intent, or none."""
    intents = found.each("data")
    if found.text("object") == "list":
        intents = [one for one in intents if one.text("metadata", "attempt") == step.charge_attempt]
    elif found.text("object") != "search_result":
        return unreadable()
    match intents:
        case [] if found.is_true("has_more"):
            return Verdict(Result.UNKNOWN, status="too_many_to_list")
        case []:
            return Verdict(Result.NOT_FOUND)
        case [one]:
            return known_intent(operation, one, step)
        case _:
            return mismatch()


def read_refund(found: Document, step: FollowUp) -> Verdict:
    """Read a refund; it must be ours, of this charge and of this amount."""
    amount = UNITS.read(found.whole("amount"), found.text("currency"))
    if found.text("object") != "refund" or not found.text("id"):
        return unreadable()
    ours = found.text("metadata", "attempt") == step.attempt
    of_it = found.text("payment_intent") == step.reference
    if not (ours and of_it and same(step.amount, amount)):
        return mismatch(step.reference)
    return _read_refund(found, step.amount)


def intent_news(found: Document) -> Verdict:
    """Read an intent as an event tells it: the amounts are its own, comparing is left to others."""
    amount = UNITS.read(found.whole("amount"), found.text("currency"))
    return unreadable() if amount is None else _read_intent(found, amount)


def refund_news(found: Document) -> Verdict:
    """Read a refund as an event tells it."""
    amount = UNITS.read(found.whole("amount"), found.text("currency"))
    return unreadable() if amount is None else _read_refund(found, amount)


def listed_refunds(found: Document, intent: str) -> Sequence[RefundNews] | None:
    """Read every refund in the list of an intent's refunds; nothing if it is no such list."""
    refunds = found.each("data")
    if found.text("object") != "list" or any(
        one.text("payment_intent") != intent or not one.text("id") for one in refunds
    ):
        return None
    return [
        RefundNews(one.text("id"), one.text("metadata", "attempt"), refund_news(one))
        for one in refunds
    ]


def refund_among(found: Document, step: FollowUp) -> Verdict:
    """Find our refund in the list of a charge's refunds."""
    if found.text("object") != "list":
        return unreadable()
    for one in found.each("data"):
        if one.text("metadata", "attempt") == step.attempt:
            return read_refund(one, step)
    # A charge with more than a hundred refunds: somebody has to look.
    more = found.is_true("has_more")
    return Verdict(Result.UNKNOWN, status="more_refunds") if more else Verdict(Result.NOT_FOUND)


def refusal(found: Document) -> Verdict:
    """Read an error in answer to a charge."""
    error = found.inner("error")
    reference = error.text("payment_intent", "id")
    if _is_unclear(error):
        return Verdict(Result.UNKNOWN, reference, status=told(error.text("code") or "error"))
    decline = decline_of(error)
    return Verdict(Result.DECLINED, reference, decline=decline, status=told(decline.raw))


def step_refusal(found: Document) -> Verdict:
    """Read an error in answer to a later step. Where the intent is in another state than we
    thought, an earlier request of ours may be the reason: asking will tell.
    """
    error = found.inner("error")
    if _is_unclear(error) or error.text("code").endswith("_unexpected_state"):
        return Verdict(Result.UNKNOWN, status=told(error.text("code") or "error"))
    decline = decline_of(error)
    return Verdict(Result.DECLINED, decline=decline, status=told(decline.raw))


def _is_unclear(error: Document) -> bool:
    # `idempotency_error`: something was done under this key before, and it was something else.
    return error.text("type") not in {"card_error", "invalid_request_error"}


def _read_intent(found: Document, asked: Money) -> Verdict:  # noqa: PLR0911 - one a status
    """Read how far an intent is; the amounts must be those that were asked for."""
    reference, status = found.text("id"), found.text("status")
    currency = found.text("currency")
    if not reference or not same(asked, UNITS.read(found.whole("amount"), currency)):
        return mismatch(reference)
    match status:
        case "succeeded":
            received = UNITS.read(found.whole("amount_received"), currency)
            if received is None or not 0 < received.minor <= asked.minor:
                return mismatch(reference)
            fee = fee_of(found.inner("latest_charge", "balance_transaction"))
            return Verdict(Result.CAPTURED, reference, amount=received, fee=fee, status=status)
        case "requires_capture":
            return Verdict(Result.AUTHORIZED, reference, amount=asked, status=status)
        case "requires_action":
            action = _action(found.inner("next_action"))
            return Verdict(Result.NEEDS_ACTION, reference, action=action, status=status)
        case "requires_confirmation":
            return Verdict(Result.APPROVED, reference, status=status)
        case "canceled":
            return Verdict(Result.VOIDED, reference, status=status)
        case "requires_payment_method":
            decline = decline_of(found.inner("last_payment_error"))
            return Verdict(Result.DECLINED, reference, decline=decline, status=status)
        case _:  # `processing`, and whatever Stripe may think of next.
            return Verdict(Result.PENDING, reference, status=told(status))


def _read_refund(found: Document, amount: Money) -> Verdict:
    reference, part = found.text("payment_intent"), found.text("id")
    status = found.text("status")
    match status:
        case "succeeded":
            return Verdict(Result.REFUNDED, reference, part, amount, status=status)
        case "failed" | "canceled":
            raw = told(found.text("failure_reason") or status)
            return declined(DeclineCode.OTHER, raw, reference, status, part)
        case _:
            return Verdict(Result.PENDING, reference, part, amount, status=told(status))


def _captured_by(found: Document, step: FollowUp) -> Verdict:
    """Tell whether our capture is among what was captured: its key stands in the metadata."""
    status, currency = found.text("status"), found.text("currency")
    received = UNITS.read(found.whole("amount_received"), currency)
    if found.text("metadata", step.attempt) == str(UNITS.write(step.amount)):
        if received is None or received < step.amount:
            return mismatch(step.reference)
        return Verdict(Result.CAPTURED, step.reference, amount=step.amount, status=status)
    if status == "requires_capture":
        return Verdict(Result.NOT_FOUND, step.reference, status=status)
    if status == "canceled":
        return declined(DeclineCode.OTHER, "canceled", step.reference)
    # It succeeded by somebody else's hand, at the dashboard perhaps: not our capture.
    return Verdict(Result.UNKNOWN, step.reference, status=told(status))


def _is_other(found: Document, step: FollowUp) -> bool:
    """Tell whether this is another charge than the one the step is about."""
    other_id = bool(step.reference) and found.text("id") != step.reference
    other_key = found.text("metadata", "attempt") != step.charge_attempt
    amount = UNITS.read(found.whole("amount"), found.text("currency"))
    return other_id or other_key or not same(step.charged, amount)


def _action(action: Document) -> NextAction:
    kind = action.text("type")
    match kind:
        case "redirect_to_url":
            return NextAction("redirect", action.text(kind, "url"))
        case "verify_with_microdeposits":
            page = action.text(kind, "hosted_verification_url")
            return NextAction("verify_micro_deposits", page)
        case _:
            return NextAction(told(kind))
