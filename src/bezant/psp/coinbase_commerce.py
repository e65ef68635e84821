"""Coinbase Commerce: its charges API, the oldest dialect, for accounts that still have it.

Wire format: JSON, a price in a currency, paid in whatever coin the payer has; the last line of the
charge's timeline says how far it is. What arrives may be less or more than the price. There is no
idempotency key, no refund and no time in the signature of events, so events are hints.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bezant.actor import Mode
from bezant.exchange import LOCAL, Encoding, ProviderAnswer, ProviderRequest
from bezant.money import Money, total
from bezant.psp import coinbase_settlement
from bezant.psp.amounts import MajorUnits
from bezant.psp.answers import (
    body_of,
    declined,
    mismatch,
    same,
    turned_away,
    unasked,
    unheard,
    unreadable,
)
from bezant.psp.coinbase_metadata import metadata
from bezant.psp.document import Document, NotReadable, read_json
from bezant.psp.port import (
    Capabilities,
    Charge,
    DeclineCode,
    FollowUp,
    Incoming,
    MalformedWebhook,
    MethodKind,
    NextAction,
    NotOfferedByProvider,
    Result,
    SettlementLine,
    Verdict,
)
from bezant.psp.writing import document, segment

NAME: Final = "coinbase_commerce"
VERSION: Final = "2018-03-22"
NOT_FOUND_SECONDS: Final = 60.0
NAME_CHARACTERS_MAX: Final = 100
TEXT_CHARACTERS_MAX: Final = 200
UNITS: Final = MajorUnits({}, decimals_max=2)
_ARRIVED: Final = frozenset({"UNRESOLVED", "RESOLVED"})
_OVER: Final = frozenset({"EXPIRED", "CANCELED"})


class Commerce:
    """The connector."""

    name: str = NAME
    capabilities: Capabilities = Capabilities(
        methods=frozenset({MethodKind.CRYPTO}),
        assets=frozenset({"EUR", "GBP", "USD"}),
        authorize=False,
        partial_capture=False,
        multiple_captures=False,
        refund=False,
        partial_refund=False,
        authorization_days=0,
        not_found_after_seconds=NOT_FOUND_SECONDS,
        event_hint=True,
        inexact=True,
    )

    def charge(self, charge: Charge) -> ProviderRequest:
        """Create a page on which the payer pays."""
        fields = {
            "name": charge.descriptor[:NAME_CHARACTERS_MAX] or charge.payment,
            "description": charge.description[:TEXT_CHARACTERS_MAX] or charge.payment,
            "pricing_type": "fixed_price",
            "local_price": {
                "amount": UNITS.write(charge.amount),
                "currency": charge.amount.asset.code,
            },
            "metadata": metadata(charge),
            "redirect_url": charge.return_url,
            "cancel_url": charge.return_url,
        }
        told = {name: value for name, value in fields.items() if value}
        return _post("charge", charge.mode, "/charges", told, charge.attempt)

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the page's address."""
        found = _heard(answer)
        return (
            found if isinstance(found, Verdict) else _charge(found, charge.attempt, charge.amount)
        )

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Nothing is left to do after the payer's part, so look."""
        return _get("finish", charge.mode, reference, charge.attempt)

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read it again."""
        return self.charged(charge, answer)

    def capture(self, step: FollowUp) -> ProviderRequest:
        """Nothing is set aside here."""
        del step
        raise NotOfferedByProvider

    def captured(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Nothing is set aside here."""
        del step, answer
        raise NotOfferedByProvider

    def void(self, step: FollowUp) -> ProviderRequest:
        """Close the page, so that nobody can pay any more."""
        path = f"/charges/{segment(step.reference)}/cancel"
        return _post("void", step.mode, path, {}, step.attempt)

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read whether it is closed."""
        found = _heard(answer)
        return found if isinstance(found, Verdict) else _closed(found, step)

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Commerce sends nothing back by itself."""
        del step
        raise NotOfferedByProvider

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Commerce sends nothing back by itself."""
        del step, answer
        raise NotOfferedByProvider

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Fetch it. A page whose address was lost needs no asking: nobody can pay there."""
        del operation
        if not step.reference:
            return ProviderRequest(NAME, step.mode, "ask", LOCAL, "", key=step.attempt)
        return _get("ask", step.mode, step.reference, step.attempt)

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what is known of a step."""
        early = unasked(answer)
        if early:
            return early
        if not step.reference:
            return Verdict(Result.NOT_FOUND)
        if answer.status == 404:  # Coinbase gave us that id; not knowing it says nothing.
            return Verdict(Result.UNKNOWN, status="question_http_404")
        found = _heard(answer)
        if isinstance(found, Verdict):
            return found
        if operation != "void":
            return _charge(found, step.charge_attempt, step.charged)
        verdict = _closed(found, step)
        is_open = verdict.result is Result.PENDING and verdict.status == "NEW"
        return Verdict(Result.NOT_FOUND) if is_open else verdict

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read an event: a hint."""
        del headers
        return _event(body)

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read a report."""
        return coinbase_settlement.read(file)


def _post(
    operation: str, mode: Mode, path: str, fields: Mapping[str, object], key: str
) -> ProviderRequest:
    headers = (("X-CC-Version", VERSION),)
    body = document(fields)
    return ProviderRequest(
        NAME, mode, operation, "POST", path, headers, body, Encoding.JSON, key=key
    )


def _get(operation: str, mode: Mode, reference: str, key: str) -> ProviderRequest:
    headers = (("X-CC-Version", VERSION),)
    path = f"/charges/{segment(reference)}"
    return ProviderRequest(NAME, mode, operation, "GET", path, headers, key=key)


def _heard(answer: ProviderAnswer) -> Document | Verdict:
    early = unheard(answer) or turned_away(answer)
    if early:
        return early
    found = body_of(answer)
    if found is None:
        return unreadable()
    if answer.status < 300:
        return found.inner("data")
    raw = found.text("error", "type")[:64]
    return declined(DeclineCode.OTHER, raw) if raw else Verdict(Result.UNKNOWN, status="error")


def _charge(found: Document, attempt: str, asked: Money) -> Verdict:  # noqa: PLR0911 - a status each
    reference, status, context = found.text("id"), *_standing(found)
    if not reference or not status:
        return unreadable()
    price = found.inner("pricing", "local")
    amount = UNITS.read(price.text("amount"), price.text("currency"))
    if found.text("metadata", "attempt") != attempt or not same(asked, amount):
        return mismatch(reference)
    if status in _OVER:
        return Verdict(Result.VOIDED, reference, status=status)
    if status in _ARRIVED:
        arrived = _arrived(found, asked)
        if arrived is None or not arrived:
            return Verdict(Result.PENDING, reference, status=f"{status} {context}".strip())
        return Verdict(
            Result.CAPTURED, reference, amount=arrived, status=f"{status} {context}".strip()
        )
    match status:
        case "NEW":
            page = NextAction("crypto", found.text("hosted_url"), _addresses(found), _end(found))
            return Verdict(Result.NEEDS_ACTION, reference, action=page, status=status)
        case "COMPLETED":
            return Verdict(Result.CAPTURED, reference, amount=asked, status=status)
        case _:
            return Verdict(Result.PENDING, reference, status=status[:64])


def _closed(found: Document, step: FollowUp) -> Verdict:
    verdict = _charge(found, step.charge_attempt, step.charged)
    match verdict.result:
        case Result.CAPTURED:
            return declined(DeclineCode.OTHER, "paid", step.reference)
        case Result.NEEDS_ACTION:
            return Verdict(Result.PENDING, step.reference, status=verdict.status)
        case _:
            return verdict


def _standing(found: Document) -> tuple[str, str]:
    """Return the last status of the timeline, and what is said about it."""
    timeline = found.each("timeline")
    return (timeline[-1].text("status"), timeline[-1].text("context")) if timeline else ("", "")


def _arrived(found: Document, asked: Money) -> Money | None:
    """Add up what the chain confirmed, in the currency of the price."""
    amounts: list[Money] = []
    for one in found.each("payments"):
        if one.text("status").upper() == "CONFIRMED":
            value = one.inner("value", "local")
            amount = UNITS.read(value.text("amount"), value.text("currency"))
            if amount is None or amount.asset != asked.asset:
                return None
            amounts.append(amount)
    return total(amounts, asked.asset)


def _addresses(found: Document) -> dict[str, str]:
    addresses = found.inner("addresses")
    known = ("bitcoin", "ethereum", "usdc", "litecoin", "dogecoin", "bitcoincash")
    return {name: addresses.text(name) for name in known if addresses.text(name)}


def _end(found: Document) -> datetime | None:
    return _instant(found.text("expires_at"))


def _instant(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None


def _event(body: bytes) -> Incoming:
    try:
        found = read_json(body).inner("event")
    except NotReadable as mistake:
        raise MalformedWebhook from mistake
    name, kind, thing = found.text("id"), found.text("type"), found.inner("data")
    if not (name and kind and thing):
        raise MalformedWebhook
    at = _instant(found.text("created_at"))
    if not kind.startswith("charge:"):
        return Incoming(name, kind, "", occurred_at=at)
    attempt = thing.text("metadata", "attempt")
    return Incoming(name, kind, "charge", attempt, thing.text("id"), occurred_at=at)
