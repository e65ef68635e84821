"""A bank account: payers send money by SEPA credit transfer, found again by its reference.

There is nothing to ask a bank for before the money comes: a charge is answered here, with the
account and the reference the payer needs. What arrives is told by the bank's notifications
(camt.054) and statements (camt.053), and may be less or more than was asked. A refund is an order
to send money (pain.001), reported on by a pain.002.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bezant.exchange import LOCAL, Encoding, ProviderAnswer, ProviderRequest
from bezant.money import EUR, Money
from bezant.psp import bank_messages
from bezant.psp.answers import declined, mismatch, turned_away, unasked, unheard, unreadable
from bezant.psp.creditor_reference import reference_of
from bezant.psp.document import BYTES_MAX, NotReadable
from bezant.psp.port import (
    AmountNotAccepted,
    Capabilities,
    Charge,
    DeclineCode,
    FollowUp,
    Incoming,
    MalformedSettlement,
    MalformedWebhook,
    MethodKind,
    NextAction,
    NotOfferedByProvider,
    Result,
    SettlementLine,
    Verdict,
)
from bezant.psp.writing import query, segment

NAME: Final = "bank"
AMOUNT_MAX: Final = EUR(999_999_999_99)  # The scheme's own limit of one transfer.
NOT_FOUND_SECONDS: Final = 60.0
_REASONS: Final = {
    "AC01": DeclineCode.INCORRECT_NUMBER,
    "AC04": DeclineCode.METHOD_NOT_SUPPORTED,
    "AC06": DeclineCode.METHOD_NOT_SUPPORTED,
    "AG01": DeclineCode.METHOD_NOT_SUPPORTED,
    "AM04": DeclineCode.INSUFFICIENT_FUNDS,
    "MS03": DeclineCode.DO_NOT_HONOR,
}
_OURS: Final = "DU01"  # The bank has this order already: an earlier sending of ours arrived.


@dataclass(frozen=True, slots=True)
class BankAccount:
    """The account that receives the money: what payers are shown."""

    iban: str
    bic: str
    owner: str
    page: str = ""
    """Where a payer can order the transfer, if there is such a page."""


class Bank:
    """The connector of one account."""

    name: str = NAME
    capabilities: Capabilities = Capabilities(
        methods=frozenset({MethodKind.BANK_TRANSFER}),
        assets=frozenset({"EUR"}),
        authorize=False,
        partial_capture=False,
        multiple_captures=False,
        refund=True,
        partial_refund=True,
        authorization_days=0,
        not_found_after_seconds=NOT_FOUND_SECONDS,
        inexact=True,
    )

    def __init__(self, account: BankAccount) -> None:
        self._account: Final = account

    def charge(self, charge: Charge) -> ProviderRequest:
        """Ask nobody: the payer is told where to send the money."""
        if charge.amount.asset != EUR or not 0 < charge.amount.minor <= AMOUNT_MAX.minor:
            raise AmountNotAccepted
        return ProviderRequest(NAME, charge.mode, "charge", LOCAL, "", key=charge.attempt)

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Tell the payer the account and the reference."""
        del answer
        return self._waiting(charge.payment, charge.amount, charge.return_url)

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Nothing is left to do after the payer's part."""
        del reference
        return self.charge(charge)

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Still waiting, as far as we know."""
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
        """Wait no longer; the bank need not know."""
        return ProviderRequest(NAME, step.mode, "void", LOCAL, "", key=step.attempt)

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """What arrives all the same is told as any other money."""
        del answer
        return Verdict(Result.VOIDED, step.reference, status="no longer awaited")

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Order a transfer back to the account the money came from."""
        if step.now is None or "iban" not in step.saved or not step.saved.get("name"):
            raise NotOfferedByProvider("the payer's account is not known")
        body = bank_messages.order(step, self._account.iban, self._account.owner, step.now)
        headers = (("X-Request-ID", step.attempt),)
        return ProviderRequest(
            NAME,
            step.mode,
            "refund",
            "POST",
            "/payments",
            headers,
            body,
            Encoding.XML,
            step.attempt,
        )

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read how far the order is."""
        early = unheard(answer) or turned_away(answer)
        if early:
            return early
        if answer.status >= 300:
            return declined(DeclineCode.OTHER, f"http_{answer.status}", step.reference)
        return _reported(step, answer.body)

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Ask for the report on an order, or for what was booked today."""
        if operation == "refund":
            path = f"/payments/{segment(bank_messages.spelled_key(step.attempt))}"
        elif operation == "void" or step.now is None:
            return ProviderRequest(NAME, step.mode, "ask", LOCAL, "", key=step.attempt)
        else:
            day = step.now.date().isoformat()
            path = f"/accounts/{segment(self._account.iban)}/statements/{day}"
        return ProviderRequest(NAME, step.mode, "ask", "GET", path, key=step.attempt)

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what is known. Money of other days is told by the statements of those days."""
        early = unasked(answer)
        if early:
            return early
        if operation == "void":
            return self.voided(step, answer)
        if answer.status == 404:
            return Verdict(Result.NOT_FOUND if operation == "refund" else Result.UNKNOWN)
        if operation == "refund":
            return _reported(step, answer.body)
        if answer.status == 204:
            return self._waiting(step.payment, step.charged, "")
        return self._arrived(step, answer.body)

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read a notification of what was booked just now."""
        del headers
        try:
            if len(body) > BYTES_MAX:
                raise NotReadable("too long")
            lines = bank_messages.booked(body, self._account.iban)
            name = bank_messages.message_id(body)
        except NotReadable as mistake:
            raise MalformedWebhook from mistake
        if not name:
            raise MalformedWebhook
        if len(lines) != 1:
            return Incoming(name, "camt.054", "statement", lines=lines)
        return _single(name, lines[0])

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read a statement."""
        try:
            return bank_messages.booked(file, self._account.iban)
        except NotReadable as mistake:
            raise MalformedSettlement(str(mistake)) from mistake

    def _waiting(self, payment: str, amount: Money, return_url: str) -> Verdict:
        reference = reference_of(payment)
        account = self._account
        facts = {
            "iban": account.iban,
            "bic": account.bic,
            "name": account.owner,
            "reference": reference,
            "amount": amount.decimal(),
            "currency": amount.asset.code,
        }
        url = ""
        if account.page:
            asked = [
                ("creditor_iban", account.iban),
                ("amount", amount.decimal()),
                ("reference", reference),
                ("return_url", return_url),
            ]
            url = account.page + query([pair for pair in asked if pair[1]])
        action = NextAction("bank_transfer", url, facts)
        return Verdict(Result.NEEDS_ACTION, reference, action=action, status="awaited")

    def _arrived(self, step: FollowUp, body: bytes) -> Verdict:
        try:
            lines = bank_messages.booked(body, self._account.iban)
        except NotReadable:
            return unreadable()
        reference = reference_of(step.payment)
        ours = [one for one in lines if one.kind == "charge" and one.reference == reference]
        if not ours:
            return self._waiting(step.payment, step.charged, "")
        amount = Money(sum(one.gross.minor for one in ours), EUR)
        counted = ",".join([one.id for one in ours])
        return Verdict(
            Result.CAPTURED, reference, counted, amount, status="booked", payer=ours[-1].payer
        )


def _single(name: str, line: SettlementLine) -> Incoming:
    lines = (line,)
    match line.kind:
        case "charge" if line.reference and line.gross.minor > 0:
            verdict = Verdict(
                Result.CAPTURED,
                line.reference,
                line.id,
                line.gross,
                status="booked",
                payer=line.payer,
            )
            return Incoming(
                name,
                "camt.054",
                "charge",
                "",
                line.reference,
                line.id,
                verdict,
                occurred_at=line.occurred_at,
                lines=lines,
            )
        case _:
            return Incoming(
                name, "camt.054", "statement", occurred_at=line.occurred_at, lines=lines
            )


def _reported(step: FollowUp, body: bytes) -> Verdict:
    try:
        name, status, reason = bank_messages.report(body)
    except NotReadable:
        return unreadable()
    part = bank_messages.spelled_key(step.attempt)
    if name != part:
        return mismatch(step.reference)
    match status:
        case "ACSC" | "ACCC":
            return Verdict(Result.REFUNDED, step.reference, part, step.amount, status=status)
        case "RJCT" if reason == _OURS:
            return Verdict(Result.UNKNOWN, step.reference, part, status=reason)
        case "RJCT" | "CANC":
            code = _REASONS.get(reason, DeclineCode.OTHER)
            return declined(code, reason[:64] or status, step.reference, status, part)
        case _:
            return Verdict(Result.PENDING, step.reference, part, step.amount, status=status[:64])
