"""Reading Coinbase's checkouts, which payment links share: snapshots of one thing at a time."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from bezant.exchange import ProviderAnswer
from bezant.money import Money
from bezant.psp.amounts import MajorUnits
from bezant.psp.answers import (
    body_of,
    declined,
    mismatch,
    same,
    turned_away,
    unheard,
    unreadable,
)
from bezant.psp.document import Document, NotReadable, read_json
from bezant.psp.port import (
    DeclineCode,
    FollowUp,
    Incoming,
    MalformedWebhook,
    NextAction,
    RefundNews,
    Result,
    Verdict,
)

DECIMALS: Final = 2
UNITS: Final = MajorUnits({}, decimals_max=DECIMALS)
_PAID: Final = frozenset({"COMPLETED", "REFUNDED", "PARTIALLY_REFUNDED"})
_OVER: Final = frozenset({"EXPIRED", "DEACTIVATED"})


def checkout(answer: ProviderAnswer, attempt: str, asked: Money) -> Verdict:
    """Read a checkout in answer to a charge or a question."""
    found = _heard(answer)
    return found if isinstance(found, Verdict) else _checkout(found, attempt, asked)


def closed(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read whether a checkout was closed; what is paid cannot be closed any more."""
    found = _heard(answer)
    if isinstance(found, Verdict):
        return found
    verdict = _checkout(found, step.charge_attempt, step.charged)
    match verdict.result:
        case Result.CAPTURED:
            return declined(DeclineCode.OTHER, "paid", step.reference)
        case Result.NEEDS_ACTION:
            return Verdict(Result.PENDING, step.reference, status=verdict.status)
        case _:
            return verdict


def asked_closed(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read whether a checkout is closed; one that is still open was not."""
    verdict = closed(answer, step)
    is_open = verdict.result is Result.PENDING and verdict.status == "ACTIVE"
    return Verdict(Result.NOT_FOUND) if is_open else verdict


def refund(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Read the refund that was just made."""
    found = _heard(answer)
    if isinstance(found, Verdict):
        return found
    made = found.inner("refund")
    if found.text("checkout", "id") != step.reference or not made:
        return unreadable() if not made else mismatch(step.reference)
    return _refund(made, step)


def asked_refund(answer: ProviderAnswer, step: FollowUp) -> Verdict:
    """Find our refund among those of the checkout, by the key in its reason."""
    found = _heard(answer)
    if isinstance(found, Verdict):
        return found
    if found.text("id") != step.reference:
        return mismatch(step.reference)
    for one in found.each("refunds"):
        if f"[{step.attempt}]" in one.text("reason"):
            return _refund(one, step)
    return Verdict(Result.NOT_FOUND)


def listed_refunds(answer: ProviderAnswer, reference: str) -> Sequence[RefundNews] | None:
    """Read every refund of a checkout; our key stands in the reasons of ours."""
    found = body_of(answer)
    if found is None or found.text("id") != reference:
        return None
    made = [
        (one, UNITS.read(one.text("amount"), one.text("currency"))) for one in found.each("refunds")
    ]
    return [
        RefundNews(
            one.text("id"),
            _key_in(one.text("reason")),
            unreadable() if amount is None else _state(one, reference, amount),
        )
        for one, amount in made
    ]


def event(body: bytes) -> Incoming:
    """Read an event. It has no id of its own: the same bytes are the same event."""
    try:
        found = read_json(body)
    except NotReadable as mistake:
        raise MalformedWebhook from mistake
    kind, reference = found.text("eventType"), found.text("id")
    if not kind or not reference:
        raise MalformedWebhook
    name = hashlib.sha256(body).hexdigest()
    at = instant(found.text("updatedAt"))
    attempt = found.text("metadata", "attempt")
    amount = UNITS.read(found.text("amount"), found.text("currency"))
    if ".refund." in kind:
        return _refund_event(found, name, kind, at)
    if ".payment." not in kind or amount is None:
        return Incoming(name, kind, "", reference=reference, occurred_at=at)
    verdict = _checkout(found, attempt, amount)
    return Incoming(name, kind, "charge", attempt, reference, verdict=verdict, occurred_at=at)


def instant(text: str) -> datetime | None:
    """Read an instant as Coinbase writes it."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None


def _refund_event(found: Document, name: str, kind: str, at: datetime | None) -> Incoming:
    """An event shows every refund so far: it is about the one that changed last."""
    reference = found.text("id")
    made = sorted(
        found.each("refunds"), key=lambda one: one.text("completedAt") or one.text("createdAt")
    )
    if not made:
        return Incoming(name, kind, "refund", reference=reference, occurred_at=at)
    last = made[-1]
    attempt = _key_in(last.text("reason"))
    amount = UNITS.read(last.text("amount"), last.text("currency"))
    verdict = None if amount is None else _state(last, reference, amount)
    part = last.text("id")
    return Incoming(name, kind, "refund", attempt, reference, part, verdict, occurred_at=at)


def _key_in(reason: str) -> str:
    key = reason.rpartition("[")[2]
    return key.removesuffix("]") if key.endswith("]") else ""


def _heard(answer: ProviderAnswer) -> Document | Verdict:
    early = unheard(answer) or turned_away(answer)
    if early:
        return early
    found = body_of(answer)
    if found is None:
        return unreadable()
    if answer.status < 300:
        return found
    raw = found.text("errorType")[:64]
    if not raw or "idempotency" in raw:
        return Verdict(Result.UNKNOWN, status=raw or "error")
    return declined(DeclineCode.OTHER, raw)


def _checkout(found: Document, attempt: str, asked: Money) -> Verdict:  # noqa: PLR0911 - a status each
    reference, status = found.text("id"), found.text("status")
    if not reference or not status:
        return unreadable()
    amount = UNITS.read(found.text("amount"), found.text("currency"))
    if found.text("metadata", "attempt") != attempt or not same(asked, amount):
        return mismatch(reference)
    if status in _PAID:
        return _paid(found, reference, asked)
    if status in _OVER:
        return Verdict(Result.VOIDED, reference, status=status)
    match status:
        case "ACTIVE":
            return Verdict(Result.NEEDS_ACTION, reference, action=_page(found), status=status)
        case "FAILED":
            return declined(DeclineCode.OTHER, status, reference)
        case _:
            return Verdict(Result.PENDING, reference, status=status[:64])


def _paid(found: Document, reference: str, asked: Money) -> Verdict:
    settled = found.inner("settlement")
    currency = settled.text("currency")
    total = UNITS.read(settled.text("totalAmount"), currency)
    if settled and not same(asked, total):
        return mismatch(reference)
    fee = UNITS.read(settled.text("feeAmount"), currency)
    status = found.text("status")
    return Verdict(Result.CAPTURED, reference, amount=asked, fee=fee, status=status)


def _refund(made: Document, step: FollowUp) -> Verdict:
    amount = UNITS.read(made.text("amount"), made.text("currency"))
    ours = f"[{step.attempt}]" in made.text("reason")
    if not (ours and same(step.amount, amount)):
        return mismatch(step.reference)
    return _state(made, step.reference, step.amount)


def _state(made: Document, reference: str, amount: Money) -> Verdict:
    part, status = made.text("id"), made.text("status")
    match status:
        case "COMPLETED":
            return Verdict(Result.REFUNDED, reference, part, amount, status=status)
        case "FAILED":
            return declined(DeclineCode.OTHER, status, reference, part=part)
        case _:
            return Verdict(Result.PENDING, reference, part, amount, status=status[:64])


def _page(found: Document) -> NextAction:
    facts = {name: found.text(name) for name in ("address", "amount", "currency", "network")}
    told = {name: value for name, value in facts.items() if value}
    return NextAction("crypto", found.text("url"), told, instant(found.text("expiresAt")))
