"""Coinbase Business: checkouts, and payment links as an older dialect of the same.

Wire format: JSON, amounts in USDC as decimals with at most two places. Our key is a metadata entry
and, as a UUID made from it, the `X-Idempotency-Key`; of a refund it stands in the reason. The payer
sends the money, so a charge is a page to go to. Nothing is set aside and taken later.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from bezant.actor import Mode
from bezant.exchange import LOCAL, Encoding, ProviderAnswer, ProviderRequest
from bezant.psp import coinbase_reading, coinbase_settlement
from bezant.psp.answers import unasked
from bezant.psp.coinbase_metadata import metadata
from bezant.psp.coinbase_reading import DECIMALS, UNITS
from bezant.psp.port import (
    Capabilities,
    Charge,
    FollowUp,
    Incoming,
    MethodKind,
    NotOfferedByProvider,
    RefundNews,
    Result,
    SettlementLine,
    Verdict,
)
from bezant.psp.writing import document, segment

NAME: Final = "coinbase"
LINKS: Final = "coinbase_links"
NETWORK: Final = "base"
NOT_FOUND_SECONDS: Final = 60.0
TEXT_CHARACTERS_MAX: Final = 400


class Coinbase:
    """The connector, for the API of checkouts or of payment links."""

    def __init__(self, name: str = NAME) -> None:
        links = name == LINKS
        self.name: str = name
        self._things: Final = "/payment-links" if links else "/checkouts"
        self.capabilities: Capabilities = Capabilities(
            methods=frozenset({MethodKind.CRYPTO}),
            assets=frozenset({"USDC"}),
            decimals={"USDC": DECIMALS},
            authorize=False,
            partial_capture=False,
            multiple_captures=False,
            refund=not links,
            partial_refund=not links,
            authorization_days=0,
            not_found_after_seconds=NOT_FOUND_SECONDS,
        )

    def charge(self, charge: Charge) -> ProviderRequest:
        """Create a page on which the payer pays."""
        fields = {
            "amount": UNITS.write(charge.amount),
            "currency": charge.amount.asset.code,
            "network": NETWORK,
            "description": charge.description[:TEXT_CHARACTERS_MAX] or charge.payment,
            "successRedirectUrl": charge.return_url,
            "failRedirectUrl": charge.return_url,
            "metadata": metadata(charge),
        }
        told = {name: value for name, value in fields.items() if value}
        return self._post("charge", charge.mode, self._things, told, charge.attempt)

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the page's address."""
        return coinbase_reading.checkout(answer, charge.attempt, charge.amount)

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Nothing is left to do after the payer's part, so look."""
        return self._get("finish", charge.mode, reference, charge.attempt)

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read it again."""
        return coinbase_reading.checkout(answer, charge.attempt, charge.amount)

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
        path = f"{self._things}/{segment(step.reference)}/deactivate"
        return self._post("void", step.mode, path, {}, step.attempt)

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read whether it is closed."""
        return coinbase_reading.closed(answer, step)

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Send a part or all of it back."""
        if not self.capabilities.refund:
            raise NotOfferedByProvider
        fields = {
            "amount": UNITS.write(step.amount),
            "currency": step.amount.asset.code,
            "reason": f"{step.reason[:TEXT_CHARACTERS_MAX]} [{step.attempt}]".strip(),
        }
        path = f"{self._things}/{segment(step.reference)}/refund"
        return self._post("refund", step.mode, path, fields, step.attempt)

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the refund."""
        return coinbase_reading.refund(answer, step)

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Fetch it. A page whose address was lost needs no asking: nobody can pay there."""
        del operation  # One snapshot tells of all of them.
        if not step.reference:
            return ProviderRequest(self.name, step.mode, "ask", LOCAL, "", key=step.attempt)
        return self._get("ask", step.mode, step.reference, step.attempt)

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what is known of a step."""
        early = unasked(answer)
        if early:
            return early
        if not step.reference:
            return Verdict(Result.NOT_FOUND)
        if answer.status == 404:  # Coinbase gave us that id; not knowing it says nothing.
            return Verdict(Result.UNKNOWN, status="question_http_404")
        match operation:
            case "refund":
                return coinbase_reading.asked_refund(answer, step)
            case "void":
                return coinbase_reading.asked_closed(answer, step)
            case _:
                return coinbase_reading.checkout(answer, step.charge_attempt, step.charged)

    def ask_refunds(self, step: FollowUp) -> ProviderRequest:
        """Fetch the checkout, which lists its refunds."""
        return self._get("ask", step.mode, step.reference, step.attempt)

    def listed_refunds(self, step: FollowUp, answer: ProviderAnswer) -> Sequence[RefundNews] | None:
        """Read every refund as it is now."""
        return None if unasked(answer) else coinbase_reading.listed_refunds(answer, step.reference)

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read an event: a snapshot of the checkout."""
        del headers
        return coinbase_reading.event(body)

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read a report."""
        return coinbase_settlement.read(file)

    def _post(
        self, operation: str, mode: Mode, path: str, fields: Mapping[str, object], key: str
    ) -> ProviderRequest:
        headers = (("X-Idempotency-Key", idempotency_key(key)),)
        body = document(fields)
        return ProviderRequest(
            self.name, mode, operation, "POST", path, headers, body, Encoding.JSON, key=key
        )

    def _get(self, operation: str, mode: Mode, reference: str, key: str) -> ProviderRequest:
        path = f"{self._things}/{segment(reference)}"
        return ProviderRequest(self.name, mode, operation, "GET", path, key=key)


def idempotency_key(attempt: str) -> str:
    """Return the UUID that stands for our key: Coinbase takes version 4 only."""
    return str(UUID(bytes=hashlib.sha256(attempt.encode()).digest()[:16], version=4))
