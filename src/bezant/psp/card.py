"""The built-in card sandbox: an acquirer of our own, so that nothing at all is needed to try.

Wire format: JSON; amounts are whole minor units as text; every POST carries our key in its body and
answers the same again; `GET /operations/{key}` tells what a key did. It has no live mode.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bezant.actor import Mode
from bezant.assets import known_assets
from bezant.errors import BezantError
from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest
from bezant.money import Money
from bezant.psp import table
from bezant.psp.amounts import asset_named
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
from bezant.psp.declines import CODES
from bezant.psp.document import Document, NotReadable, read_json
from bezant.psp.evidence import evidenced, told
from bezant.psp.port import (
    Capabilities,
    Charge,
    DeclineCode,
    DisputeNews,
    FollowUp,
    Incoming,
    MalformedWebhook,
    MethodKind,
    NextAction,
    RefundNews,
    Result,
    SettlementLine,
    Verdict,
)
from bezant.psp.writing import document, segment

NAME: Final = "card"
NOT_FOUND_SECONDS: Final = 30.0  # Longer than a request may still be on its way to it.
AUTHORIZATION_DAYS: Final = 7
_PARTS: Final = {"capture": "captures", "refund": "refunds", "void": "void"}
_DISPUTES: Final = {"open": "opened", "won": "won", "lost": "lost"}
_SETTLED: Final = {
    "charge": "charge",
    "refund": "refund",
    "refund_failed": "refund",
    "dispute": "dispute",
    "dispute_won": "dispute_reversal",
    "payout": "payout",
}

_TURNED: Final = frozenset({"refund_failed", "dispute_won"})
_GIVEN_OR_TAKEN: Final = frozenset({"refund", "dispute", "dispute_reversal"})


class Card:
    """The connector."""

    name: str = NAME
    capabilities: Capabilities = Capabilities(
        methods=frozenset({MethodKind.CARD}),
        assets=frozenset(code for code, _, _ in known_assets()),
        authorize=True,
        partial_capture=True,
        multiple_captures=True,
        refund=True,
        partial_refund=True,
        authorization_days=AUTHORIZATION_DAYS,
        not_found_after_seconds=NOT_FOUND_SECONDS,
        evidence=True,
    )

    def charge(self, charge: Charge) -> ProviderRequest:
        """Authorise, and capture at once if that is wanted."""
        fields = {
            "key": charge.attempt,
            "amount": str(charge.amount.minor),
            "asset": charge.amount.asset.code,
            "capture": charge.capture,
            "reference": charge.payment,
            "return_url": charge.return_url,
        }
        return ProviderRequest(
            NAME,
            charge.mode,
            "charge",
            "POST",
            "/authorisations",
            body=document(fields, card=True),
            encoding=Encoding.JSON,
            key=charge.attempt,
            tenant=charge.tenant,
            card=charge.card,
        )

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the authorisation."""
        found = _heard(answer)
        if isinstance(found, Verdict):
            return found
        return _authorisation(found, charge.attempt, charge.amount)

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Nothing is left to do after the payer's part, so look."""
        return _get(charge.mode, "finish", f"/authorisations/{segment(reference)}", charge.attempt)

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the authorisation again."""
        return self.charged(charge, answer)

    def capture(self, step: FollowUp) -> ProviderRequest:
        """Take a part or all of it."""
        return _post("capture", step, {"amount": str(step.amount.minor), "final": step.last})

    def captured(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the capture."""
        found = _heard(answer)
        return found if isinstance(found, Verdict) else _part(found, step, Result.CAPTURED)

    def void(self, step: FollowUp) -> ProviderRequest:
        """Let go of it."""
        return _post("void", step, {})

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the authorisation that is no longer."""
        found = _heard(answer)
        if isinstance(found, Verdict):
            return found
        return _authorisation(found, step.charge_attempt, step.charged)

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Give back a part or all of it."""
        return _post("refund", step, {"amount": str(step.amount.minor)})

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the refund."""
        found = _heard(answer)
        return found if isinstance(found, Verdict) else _part(found, step, Result.REFUNDED)

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Ask what a call under the step's key did."""
        key = step.charge_attempt if operation == "charge" else step.attempt
        return _get(step.mode, "ask", f"/operations/{segment(key)}", key)

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what it did; a key that did nothing is surely unknown there."""
        early = unasked(answer)
        if early:
            return early
        found = body_of(answer)
        if found is None:
            return unreadable()
        if answer.status == 404:
            sure = found.text("error", "code") == "not_found"
            return Verdict(Result.NOT_FOUND) if sure else unreadable()
        thing = found.inner("object")
        match operation:
            case "capture":
                return _part(thing, step, Result.CAPTURED)
            case "refund":
                return _part(thing, step, Result.REFUNDED)
            case _:
                return _authorisation(thing, step.charge_attempt, step.charged)

    def ask_refunds(self, step: FollowUp) -> ProviderRequest:
        """List the refunds of an authorisation."""
        path = f"/authorisations/{segment(step.reference)}/refunds"
        return _get(step.mode, "ask", path, step.attempt)

    def listed_refunds(self, step: FollowUp, answer: ProviderAnswer) -> Sequence[RefundNews] | None:
        """Read every refund as it is now."""
        found = None if unasked(answer) else body_of(answer)
        refunds = [] if found is None else found.each("refunds")
        if found is None or not found.has("refunds"):
            return None
        return [_listed(one, step.reference) for one in refunds]

    def evidence(
        self, mode: Mode, dispute: str, key: str, evidence: Mapping[str, str]
    ) -> ProviderRequest:
        """Send what speaks against a dispute."""
        body = document({"key": key, "evidence": told(evidence)})
        path = f"/disputes/{segment(dispute)}/evidence"
        return ProviderRequest(
            NAME, mode, "evidence", "POST", path, (), body, Encoding.JSON, key=key
        )

    def evidenced(self, answer: ProviderAnswer) -> Verdict:
        """Read whether it was taken."""
        return evidenced(answer, "code")

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read an event."""
        del headers
        return _event(body)

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read the report of a day."""
        needed = ("type", "id", "authorisation", "key", "asset", "gross", "fee", "occurred_at")
        return [
            _settled(line) for line in table.lines(file, needed) if line.text("type") != "total"
        ]


def _post(operation: str, step: FollowUp, fields: Mapping[str, object]) -> ProviderRequest:
    path = f"/authorisations/{segment(step.reference)}/{_PARTS[operation]}"
    body = document({"key": step.attempt, **fields})
    return ProviderRequest(
        NAME, step.mode, operation, "POST", path, (), body, Encoding.JSON, key=step.attempt
    )


def _get(mode: Mode, operation: str, path: str, key: str) -> ProviderRequest:
    return ProviderRequest(NAME, mode, operation, "GET", path, key=key)


def _heard(answer: ProviderAnswer) -> Document | Verdict:
    """Return what was answered, or the verdict if it is no yes already."""
    early = unheard(answer)
    if early:
        return early
    found = body_of(answer)
    code = found.text("error", "code")[:64] if found else ""
    if code and answer.status in {400, 402, 404, 409} and code != "in_flight":
        return declined(CODES.get(code, DeclineCode.OTHER), code)
    early = turned_away(answer)
    if early:
        return early
    return unreadable() if found is None or answer.status >= 400 else found


def _authorisation(found: Document, key: str, asked: Money) -> Verdict:  # noqa: PLR0911 - one a status
    reference, status = found.text("id"), found.text("status")
    amount = _money(found, "amount")
    if not reference or amount is None:
        return unreadable()
    if found.text("key") != key or not same(asked, amount):
        return mismatch(reference)
    match status:
        case "authorised":
            return Verdict(Result.AUTHORIZED, reference, amount=amount, status=status)
        case "captured":
            taken = _money(found, "captured")
            if taken is None or not 0 < taken.minor <= asked.minor:
                return mismatch(reference)
            return Verdict(Result.CAPTURED, reference, amount=taken, status=status)
        case "challenge":
            action = NextAction("redirect", found.text("challenge_url"))
            return Verdict(Result.NEEDS_ACTION, reference, action=action, status=status)
        case "declined":
            code = found.text("decline_code")[:64]
            return declined(CODES.get(code, DeclineCode.OTHER), code, reference, status)
        case "voided" | "expired":
            return Verdict(Result.VOIDED, reference, status=status)
        case _:
            return Verdict(Result.PENDING, reference, status=status[:64])


def _part(found: Document, step: FollowUp, done: Result) -> Verdict:
    part, status = found.text("id"), found.text("status")
    if not part:
        return unreadable()
    ours = found.text("key") == step.attempt and found.text("authorisation") == step.reference
    if not (ours and same(step.amount, _money(found, "amount"))):
        return mismatch(step.reference)
    return _state(done, step.reference, part, step.amount, status)


def _listed(one: Document, reference: str) -> RefundNews:
    part, amount = one.text("id"), _money(one, "amount")
    if not part or amount is None or one.text("authorisation") != reference:
        return RefundNews(part, "", unreadable())
    verdict = _state(Result.REFUNDED, reference, part, amount, one.text("status"))
    return RefundNews(part, one.text("key"), verdict)


def _state(done: Result, reference: str, part: str, amount: Money, status: str) -> Verdict:
    match status:
        case "captured" if done is Result.CAPTURED:
            return Verdict(done, reference, part, amount, status=status)
        case "succeeded" if done is Result.REFUNDED:
            return Verdict(done, reference, part, amount, status=status)
        case "failed":
            return declined(DeclineCode.OTHER, "failed", reference, status, part)
        case _:
            return Verdict(Result.PENDING, reference, part, amount, status=status[:64])


def _event(body: bytes) -> Incoming:
    try:
        found = read_json(body)
    except NotReadable as mistake:
        raise MalformedWebhook from mistake
    name, kind, thing = found.text("id"), found.text("type"), found.inner("data")
    amount = _money(thing, "amount")
    if not (name and kind and thing) or amount is None:
        raise MalformedWebhook
    at = _instant(found.text("created_at"))
    key, part, status = thing.text("key"), thing.text("id"), thing.text("status")
    reference = thing.text("authorisation")
    match kind.partition(".")[0]:
        case "authorisation":
            verdict = _authorisation(thing, key, amount)
            return Incoming(name, kind, "charge", key, part, verdict=verdict, occurred_at=at)
        case "refund":
            verdict = _state(Result.REFUNDED, reference, part, amount, status)
            return Incoming(name, kind, "refund", key, reference, part, verdict, occurred_at=at)
        case "dispute" if status in _DISPUTES:
            news = DisputeNews(part, _DISPUTES[status], amount, thing.text("reason")[:64])
            return Incoming(
                name, kind, "dispute", "", reference, part, dispute=news, occurred_at=at
            )
        case _:
            return Incoming(name, kind, "", occurred_at=at)


def _settled(line: table.Line) -> SettlementLine:
    kind = _SETTLED.get(line.text("type"))
    if kind is None:
        raise line.wrong("type is none of the known ones")
    name = line.text("id")
    return SettlementLine(
        kind=kind,
        reference=line.text("authorisation"),
        attempt=line.text("key"),
        gross=line.counted("gross", line.text("asset")),
        fee=line.counted("fee", line.text("asset")),
        occurred_at=line.at("occurred_at"),
        # What turns another movement back has its name, and is a movement of its own.
        id=f"{name}/{line.text('type')}" if line.text("type") in _TURNED else name,
        part=name if kind in _GIVEN_OR_TAKEN else "",
    )


def _money(found: Document, name: str) -> Money | None:
    asset, text = asset_named(found.text("asset")), found.text(name)
    if asset is None or not (text.isascii() and text.isdecimal()) or len(text) > 38:
        return None
    try:
        return Money(int(text), asset)
    except BezantError:
        return None


def _instant(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read if read.tzinfo else None
