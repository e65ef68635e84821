"""PayPal: Orders v2, approved by the payer on PayPal's pages and then captured or authorised.

Wire format: JSON, amounts as decimals in major units. Our key is the `PayPal-Request-Id`, and the
`custom_id` and `invoice_id` of everything we make. A charge is two calls: the order, and, once the
payer approved it, `finish`. Events are hints only (`paypal_events.py`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from bezant.actor import Mode
from bezant.exchange import LOCAL, Encoding, ProviderAnswer, ProviderRequest
from bezant.psp import paypal_events, paypal_reading, paypal_settlement
from bezant.psp.answers import unasked, unheard
from bezant.psp.paypal_words import ASSETS_TAKEN, UNITS, money
from bezant.psp.port import (
    Capabilities,
    Charge,
    FollowUp,
    Incoming,
    MethodKind,
    RefundNews,
    Result,
    SettlementLine,
    Verdict,
)
from bezant.psp.writing import document, query, segment

NAME: Final = "paypal"
AUTHORIZATION_DAYS: Final = 29
"""Of which PayPal promises the money for the first three."""
NOT_FOUND_SECONDS: Final = 60.0
SEARCH: Final = timedelta(days=1)
TEXT_CHARACTERS_MAX: Final = 127
DESCRIPTOR_CHARACTERS_MAX: Final = 22
NOTE_CHARACTERS_MAX: Final = 255


class PayPal:
    """The connector."""

    name: str = NAME
    capabilities: Capabilities = Capabilities(
        methods=frozenset({MethodKind.PAYPAL}),
        assets=ASSETS_TAKEN,
        decimals=UNITS.decimals,
        authorize=True,
        partial_capture=True,
        multiple_captures=True,
        refund=True,
        partial_refund=True,
        authorization_days=AUTHORIZATION_DAYS,
        not_found_after_seconds=NOT_FOUND_SECONDS,
        event_hint=True,
    )

    def charge(self, charge: Charge) -> ProviderRequest:
        """Create an order; one for a saved PayPal account is completed at once."""
        unit: dict[str, object] = {
            "amount": money(charge.amount),
            "custom_id": charge.attempt,
            "invoice_id": charge.attempt,
        }
        if charge.description:
            unit["description"] = charge.description[:TEXT_CHARACTERS_MAX]
        if charge.descriptor:
            unit["soft_descriptor"] = charge.descriptor[:DESCRIPTOR_CHARACTERS_MAX]
        fields = {
            "intent": "CAPTURE" if charge.capture else "AUTHORIZE",
            "purchase_units": [unit],
            "payment_source": {"paypal": _source(charge)},
        }
        return _post("charge", charge.mode, "/v2/checkout/orders", fields, charge.attempt)

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the order."""
        return paypal_reading.order(answer, charge.attempt, charge.amount)

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Capture or authorise the approved order."""
        verb = "capture" if charge.capture else "authorize"
        path = f"/v2/checkout/orders/{segment(reference)}/{verb}"
        return _post("finish", charge.mode, path, {}, f"{charge.attempt}-finish")

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the order again."""
        return paypal_reading.order(answer, charge.attempt, charge.amount)

    def capture(self, step: FollowUp) -> ProviderRequest:
        """Capture a part or all of the authorization."""
        fields = {
            "amount": money(step.amount),
            "invoice_id": step.attempt,
            "final_capture": step.last,
        }
        path = f"/v2/payments/authorizations/{segment(step.part)}/capture"
        return _post("capture", step.mode, path, fields, step.attempt)

    def captured(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the capture."""
        return paypal_reading.capture(answer, step)

    def void(self, step: FollowUp) -> ProviderRequest:
        """Void the authorization."""
        path = f"/v2/payments/authorizations/{segment(step.part)}/void"
        return _post("void", step.mode, path, {}, step.attempt)

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read whether it is void."""
        return paypal_reading.void(answer, step)

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Refund a part or all of a capture."""
        fields: dict[str, object] = {
            "amount": money(step.amount),
            "custom_id": step.attempt,
            "invoice_id": step.attempt,
        }
        if step.reason:
            fields["note_to_payer"] = step.reason[:NOTE_CHARACTERS_MAX]
        path = f"/v2/payments/captures/{segment(step.part)}/refund"
        return _post("refund", step.mode, path, fields, step.attempt)

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the refund."""
        return paypal_reading.refund(answer, step)

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Fetch the order, which lists what was done with it.

        An order whose answer was lost needs no asking: without its address nobody can approve it,
        and it ends by itself. Only a saved account was charged without anybody's approval: there
        the account's transactions are searched.
        """
        if operation == "void":
            return _get(step.mode, f"/v2/payments/authorizations/{segment(step.part)}", step)
        if step.reference:
            return _get(step.mode, f"/v2/checkout/orders/{segment(step.reference)}", step)
        if step.saved and step.now is not None:
            around = _around(step.sent_at, step.now)
            return _get(step.mode, "/v1/reporting/transactions" + around, step)
        return ProviderRequest(NAME, step.mode, "ask", LOCAL, "", key=step.attempt)

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what is known of a step."""
        if operation == "charge" and not step.reference and not step.saved:
            return Verdict(Result.NOT_FOUND) if answer.status == 204 else _nothing(answer)
        early = unasked(answer)
        if early:
            return early
        match operation:
            case "void":
                return paypal_reading.asked_void(answer, step)
            case "charge" if not step.reference:
                return paypal_reading.searched(answer, step)
            case "charge":
                return paypal_reading.order(answer, step.charge_attempt, step.charged)
            case _:
                return paypal_reading.asked_part(operation, answer, step)

    def ask_refunds(self, step: FollowUp) -> ProviderRequest:
        """Fetch the order, which lists what was given back of it by anybody."""
        return _get(step.mode, f"/v2/checkout/orders/{segment(step.reference)}", step)

    def listed_refunds(self, step: FollowUp, answer: ProviderAnswer) -> Sequence[RefundNews] | None:
        """Read every refund as it is now."""
        return None if unasked(answer) else paypal_reading.listed_refunds(answer, step.reference)

    def ask_dispute(self, mode: Mode, dispute: str) -> ProviderRequest:
        """Fetch a dispute: what an event says of it is a hint."""
        path = f"/v1/customer/disputes/{segment(dispute)}"
        return ProviderRequest(NAME, mode, "ask", "GET", path, key=dispute)

    def asked_dispute(self, dispute: str, answer: ProviderAnswer) -> Incoming | None:
        """Read how far it is, and what it is about."""
        return None if unasked(answer) else paypal_events.asked_dispute(dispute, answer)

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read an event: a hint."""
        del headers
        return paypal_events.read(body)

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read a settlement report."""
        return paypal_settlement.read(file)


def _source(charge: Charge) -> Mapping[str, object]:
    if "vault_id" in charge.saved:
        return {"vault_id": charge.saved["vault_id"]}
    context = {
        "return_url": charge.return_url,
        "cancel_url": charge.return_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    source: dict[str, object] = {
        "experience_context": {name: value for name, value in context.items() if value}
    }
    if charge.customer_email:
        source["email_address"] = charge.customer_email
    return source


def _nothing(answer: ProviderAnswer) -> Verdict:
    return unheard(answer) or Verdict(Result.UNKNOWN, status=f"question_http_{answer.status}")


def _around(sent_at: datetime | None, now: datetime) -> str:
    """Ask about the time of sending, however long ago: a search that leaves it out finds nothing,
    and that would be taken for an answer.
    """
    begin = (sent_at or now) - SEARCH
    end = min(now, begin + 2 * SEARCH)
    return query(
        [
            ("start_date", begin.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("end_date", end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
            ("fields", "transaction_info"),
            ("page_size", "500"),
        ]
    )


def _post(
    operation: str, mode: Mode, path: str, fields: Mapping[str, object], key: str
) -> ProviderRequest:
    headers = (("PayPal-Request-Id", key), ("Prefer", "return=representation"))
    body = document(fields)
    return ProviderRequest(
        NAME, mode, operation, "POST", path, headers, body, Encoding.JSON, key=key
    )


def _get(mode: Mode, path: str, step: FollowUp) -> ProviderRequest:
    return ProviderRequest(NAME, mode, "ask", "GET", path, key=step.attempt, tenant=step.tenant)
