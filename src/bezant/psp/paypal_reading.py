"""Reading PayPal's orders, authorizations, captures, refunds, and errors."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from bezant.exchange import ProviderAnswer
from bezant.money import Money
from bezant.psp.answers import (
    body_of,
    declined,
    mismatch,
    same,
    turned_away,
    unheard,
    unreadable,
)
from bezant.psp.document import Document
from bezant.psp.paypal_words import ISSUES, UNCLEAR, money_of
from bezant.psp.port import (
    DeclineCode,
    FollowUp,
    NextAction,
    RefundNews,
    Result,
    Verdict,
)

ON_ITS_WAY: Final = timedelta(minutes=1)
"""So long a request may take to be worked on after it was sent."""
_APPROVE = frozenset({"payer-action", "approve"})


def order(answer: ProviderAnswer, attempt: str, asked: Money) -> Verdict:  # noqa: PLR0911 - a status each
    """Read an order: where the payer has to go, or what was taken or set aside."""
    found = _heard(answer)
    if isinstance(found, Verdict):
        return found
    reference, status = found.text("id"), found.text("status")
    units = found.each("purchase_units")
    if not reference or not status:
        return unreadable()
    if len(units) != 1 or _is_other(units[0], attempt, asked):
        return mismatch(reference)
    match status:
        case "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED":
            links = found.each("links")
            page = next((one.text("href") for one in links if one.text("rel") in _APPROVE), "")
            action = NextAction("approve", page)
            return Verdict(Result.NEEDS_ACTION, reference, action=action, status=status)
        case "APPROVED":
            return Verdict(Result.APPROVED, reference, status=status)
        case "VOIDED":
            return Verdict(Result.VOIDED, reference, status=status)
        case "COMPLETED":
            return _completed(units[0], reference, attempt, asked)
        case _:
            return Verdict(Result.PENDING, reference, status=status[:64])


def capture(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read a capture of ours."""
    found = _heard(answer)
    return found if isinstance(found, Verdict) else _our_part("capture", found, step)


def refund(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read a refund of ours."""
    found = _heard(answer)
    return found if isinstance(found, Verdict) else _our_part("refund", found, step)


def void(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read a void: 204 is PayPal's yes without words."""
    early = unheard(answer)
    if early:
        return early
    if answer.status == 204:
        return Verdict(Result.VOIDED, step.reference, step.part, status="VOIDED")
    found = _heard(answer)
    return found if isinstance(found, Verdict) else _authorization(found, step)


def asked_void(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read from the authorization whether it is void."""
    found = body_of(answer)
    if found is None or answer.status == 404:
        return unreadable()
    verdict = _authorization(found, step)
    return Verdict(Result.NOT_FOUND) if verdict.result is Result.AUTHORIZED else verdict


def asked_part(operation: str, answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Find our capture or refund in the order that lists them all."""
    found = body_of(answer)
    if found is None or answer.status == 404:
        return unreadable()
    units = found.each("purchase_units")
    if found.text("id") != step.reference or len(units) != 1:
        return mismatch(step.reference)
    for one in units[0].each("payments", f"{operation}s"):
        if step.attempt in {one.text("invoice_id"), one.text("custom_id")}:
            return _our_part(operation, one, step)
    return Verdict(Result.NOT_FOUND)


def listed_refunds(answer: ProviderAnswer, reference: str) -> Sequence[RefundNews] | None:
    """Read every refund an order lists; one made on PayPal's pages may bear its capture's names."""
    found = body_of(answer)
    if found is None or found.text("id") != reference:
        return None
    return [
        RefundNews(
            one.text("id"),
            one.text("custom_id") or one.text("invoice_id"),
            _refund(one, reference),
        )
        for unit in found.each("purchase_units")
        for one in unit.each("payments", "refunds")
        if one.text("id")
    ]


def searched(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read the search of the account's transactions; it lags, and says up to when it knows."""
    found = body_of(answer)
    if found is None or answer.status == 404:
        return unreadable()
    for one in found.each("transaction_details"):
        about = one.inner("transaction_info")
        if step.charge_attempt in {about.text("custom_field"), about.text("invoice_id")}:
            return _transaction(about, step)
    known_to, wanted = found.text("last_refreshed_datetime"), step.sent_at
    whole = found.whole("total_pages") in {0, 1}
    if whole and wanted is not None and _is_after(known_to, wanted + ON_ITS_WAY):
        return Verdict(Result.NOT_FOUND)
    return Verdict(Result.UNKNOWN, status="not_refreshed")


def _transaction(about: Document, step: FollowUp) -> Verdict:
    part, status = about.text("transaction_id"), about.text("transaction_status")
    if not same(step.charged, money_of(about, "transaction_amount")):
        return mismatch()
    match status:
        case "S":
            return Verdict(Result.CAPTURED, "", part, step.charged, status=status)
        case "D":
            return declined(DeclineCode.OTHER, "denied", part=part)
        case _:
            return Verdict(Result.PENDING, "", part, status=status[:64])


def _heard(answer: ProviderAnswer) -> Document | Verdict:
    early = unheard(answer) or turned_away(answer)
    if early:
        return early
    found = body_of(answer)
    if found is None:
        return unreadable()
    return found if answer.status < 300 else _refusal(found)


def _refusal(found: Document) -> Verdict:
    """Read an error: `details[].issue` says more than `name`."""
    issues = [one.text("issue") for one in found.each("details")] or [found.text("name")]
    raw = issues[0][:64]
    if not raw or UNCLEAR & set(issues):
        return Verdict(Result.UNKNOWN, status=raw or "error")
    if raw == "ORDER_NOT_APPROVED":
        return Verdict(Result.PENDING, status=raw)
    return declined(ISSUES.get(raw, DeclineCode.OTHER), raw)


def _is_other(unit: Document, attempt: str, asked: Money) -> bool:
    """Tell whether a unit says that it is of another charge or amount; silence is no harm, the
    order was named by its id.
    """
    other_key = unit.text("custom_id") not in {"", attempt}
    return other_key or (unit.has("amount") and not same(asked, money_of(unit, "amount")))


def _completed(unit: Document, reference: str, attempt: str, asked: Money) -> Verdict:
    authorizations = unit.each("payments", "authorizations")
    captures = unit.each("payments", "captures")
    if authorizations:
        return _authorized(authorizations[0], reference, asked)
    if len(captures) != 1 or captures[0].text("invoice_id") not in {"", attempt}:
        return mismatch(reference)
    verdict = _capture(captures[0], reference)
    told = verdict.result is not Result.CAPTURED or same(asked, verdict.amount)
    return verdict if told else mismatch(reference)


def _authorization(found: Document, step: FollowUp) -> Verdict:
    if found.text("id") != step.part:
        return mismatch(step.reference)
    verdict = _authorized(found, step.reference, step.charged)
    if found.text("status") in {"CAPTURED", "PARTIALLY_CAPTURED"}:
        return declined(DeclineCode.OTHER, "captured", step.reference)
    return verdict


def _authorized(found: Document, reference: str, asked: Money) -> Verdict:
    part, status = found.text("id"), found.text("status")
    if not part or not same(asked, money_of(found, "amount")):
        return mismatch(reference)
    match status:
        case "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED":
            return Verdict(Result.AUTHORIZED, reference, part, asked, status=status)
        case "VOIDED" | "EXPIRED":
            return Verdict(Result.VOIDED, reference, part, status=status)
        case "DENIED":
            return declined(DeclineCode.CARD_DECLINED, status, reference, part=part)
        case _:
            return Verdict(Result.PENDING, reference, part, status=status[:64])


def _our_part(operation: str, found: Document, step: FollowUp) -> Verdict:
    keys = {found.text("invoice_id"), found.text("custom_id")}
    amount = money_of(found, "amount")
    # A capture inherits the custom id of its order, so either name may be the step's.
    if step.attempt not in keys and keys != {""}:
        return mismatch(step.reference)
    if not found.text("id") or not same(step.amount, amount):
        return mismatch(step.reference)
    read = _capture if operation == "capture" else _refund
    return read(found, step.reference)


def _capture(found: Document, reference: str) -> Verdict:
    part, status = found.text("id"), found.text("status")
    amount = money_of(found, "amount")
    match status:
        case "COMPLETED" | "REFUNDED" | "PARTIALLY_REFUNDED":
            fee = money_of(found, "seller_receivable_breakdown", "paypal_fee")
            return Verdict(Result.CAPTURED, reference, part, amount, fee=fee, status=status)
        case "DECLINED" | "FAILED":
            raw = found.text("processor_response", "response_code")[:64] or status
            return declined(DeclineCode.CARD_DECLINED, raw, reference, status, part)
        case _:
            return Verdict(Result.PENDING, reference, part, amount, status=status[:64])


def _refund(found: Document, reference: str) -> Verdict:
    part, status = found.text("id"), found.text("status")
    amount = money_of(found, "amount")
    match status:
        case "COMPLETED":
            return Verdict(Result.REFUNDED, reference, part, amount, status=status)
        case "CANCELLED" | "FAILED":
            return declined(DeclineCode.OTHER, status, reference, status, part)
        case _:
            return Verdict(Result.PENDING, reference, part, amount, status=status[:64])


def _is_after(text: str, moment: datetime) -> bool:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return False
    return read.tzinfo is not None and read >= moment
