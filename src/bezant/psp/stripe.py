"""Stripe: PaymentIntents for cards and ACH debits, created and confirmed in one call.

Wire format: form-encoded requests, JSON answers, amounts as whole minor units. Our key is the
`Idempotency-Key` and stands in `metadata[attempt]`, so that a charge is found again even when its
answer was lost. Events are read in `stripe_events.py`, settlement files in `stripe_settlement.py`.

At the real Stripe, raw card numbers need a permission on the account ("raw card data APIs").
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from bezant.actor import Mode
from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest
from bezant.psp import stripe_events, stripe_settlement
from bezant.psp.answers import body_of, turned_away, unasked, unheard, unreadable
from bezant.psp.evidence import evidenced, placed
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
from bezant.psp.stripe_intent import (
    captured_intent,
    charged_intent,
    found_intent,
    known_intent,
    listed_refunds,
    read_refund,
    refund_among,
    refusal,
    step_refusal,
    voided_intent,
)
from bezant.psp.stripe_words import ASSETS_TAKEN, UNITS
from bezant.psp.writing import Form, form, query, segment

NAME: Final = "stripe"
VERSION: Final = "2025-03-31.basil"
"""The API version our reading was written for; Stripe keeps answering in it."""
NOT_FOUND_SECONDS: Final = 60.0
"""Lists are never behind, and our connection is gone long before: what is not begun is not made."""
LISTED: Final = timedelta(hours=1)
"""So long a charge is looked for in the list of all that was made about then. After that it is
searched by our key: the search shows a charge "in under a minute", and during outages later, so
only an hour of silence is believed.
"""
AROUND: Final = timedelta(minutes=2)
"""Our clock and Stripe's may differ, and a charge is made some time after it was sent."""
LIST_MAX: Final = 100  # As many as Stripe lists at once.
AUTHORIZATION_DAYS: Final = 7  # Most card networks; Stripe cancels what is older.
DESCRIPTOR_CHARACTERS_MAX: Final = 22
_FEE: Final = ("expand[]", "latest_charge.balance_transaction")


class Stripe:
    """The connector."""

    name: str = NAME
    capabilities: Capabilities = Capabilities(
        methods=frozenset({MethodKind.CARD, MethodKind.BANK_ACCOUNT}),
        assets=ASSETS_TAKEN,
        decimals=UNITS.decimals,
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
        """Create and confirm a PaymentIntent."""
        card = charge.method is MethodKind.CARD
        fields = [
            ("amount", str(UNITS.write(charge.amount))),
            ("currency", charge.amount.asset.code.lower()),
            ("confirm", "true"),
            ("capture_method", "automatic" if charge.capture else "manual"),
            ("metadata[attempt]", charge.attempt),
            ("metadata[payment]", charge.payment),
            ("description", charge.description),
            ("receipt_email", charge.customer_email),
            ("return_url", charge.return_url),
            _FEE,
            *(_card_fields(charge) if card else _account_fields(charge)),
        ]
        new_card = card and "payment_method" not in charge.saved
        body = form(fields, card_below="payment_method_data[card]" if new_card else "")
        return ProviderRequest(
            NAME,
            charge.mode,
            "charge",
            "POST",
            "/v1/payment_intents",
            _headers(charge.attempt),
            body,
            Encoding.FORM,
            key=charge.attempt,
            tenant=charge.tenant,
            card=charge.card if new_card else "",
        )

    def charged(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the PaymentIntent, or the error with one inside."""
        early = unheard(answer) or turned_away(answer)
        if early:
            return early
        found = body_of(answer)
        if found is None:
            return unreadable()
        if answer.status >= 400:
            return refusal(found)
        return charged_intent(found, charge)

    def finish(self, charge: Charge, reference: str) -> ProviderRequest:
        """Confirm an intent that waits for us after the payer's part."""
        return _post(
            "finish",
            charge.mode,
            f"{_intent_path(reference)}/confirm",
            [("return_url", charge.return_url), _FEE],
            f"{charge.attempt}-finish",
        )

    def finished(self, charge: Charge, answer: ProviderAnswer) -> Verdict:
        """Read the same intent again."""
        return self.charged(charge, answer)

    def capture(self, step: FollowUp) -> ProviderRequest:
        """Capture; what we captured under which key is written into the metadata."""
        amount = str(UNITS.write(step.amount))
        fields = [("amount_to_capture", amount), (f"metadata[{step.attempt}]", amount)]
        fields.append(_FEE)
        if not step.last:
            fields.append(("final_capture", "false"))
        path = f"{_intent_path(step.reference)}/capture"
        return _post("capture", step.mode, path, fields, step.attempt)

    def captured(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """A capture is done when the intent says so: it succeeded, or waits for the next one."""
        early = unheard(answer) or turned_away(answer)
        if early:
            return early
        found = body_of(answer)
        if found is None:
            return unreadable()
        if answer.status >= 400:
            return step_refusal(found)
        return captured_intent(found, step)

    def void(self, step: FollowUp) -> ProviderRequest:
        """Cancel the intent."""
        return _post("void", step.mode, f"{_intent_path(step.reference)}/cancel", [], step.attempt)

    def voided(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read whether it is canceled."""
        early = unheard(answer) or turned_away(answer)
        if early:
            return early
        found = body_of(answer)
        if found is None:
            return unreadable()
        if answer.status >= 400:
            return step_refusal(found)
        return voided_intent(found, step)

    def refund(self, step: FollowUp) -> ProviderRequest:
        """Refund a part or all of what was captured."""
        fields = [
            ("payment_intent", step.reference),
            ("amount", str(UNITS.write(step.amount))),
            ("metadata[attempt]", step.attempt),
            ("metadata[payment]", step.payment),
            ("expand[]", "balance_transaction"),
        ]
        return _post("refund", step.mode, "/v1/refunds", fields, step.attempt)

    def refunded(self, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read the refund."""
        early = unheard(answer) or turned_away(answer)
        if early:
            return early
        found = body_of(answer)
        if found is None:
            return unreadable()
        if answer.status >= 400:
            return step_refusal(found)
        return read_refund(found, step)

    def ask(self, operation: str, step: FollowUp) -> ProviderRequest:
        """Fetch the intent, or find it while its id is not known; list its refunds."""
        if operation == "refund":
            return self.ask_refunds(step)
        if step.reference:
            return _get(step, _intent_path(step.reference) + query([_FEE]))
        return _get(step, _finding(step))

    def asked(self, operation: str, step: FollowUp, answer: ProviderAnswer) -> Verdict:
        """Read what is known of a step."""
        early = unasked(answer)
        if early:
            return early
        found = body_of(answer)
        if found is None:
            return unreadable()
        if operation == "refund":
            return refund_among(found, step)
        if answer.status == 404:  # Stripe gave us that id; not knowing it says nothing.
            return Verdict(Result.UNKNOWN, status="question_http_404")
        if not step.reference:
            return found_intent(operation, found, step)
        return known_intent(operation, found, step)

    def ask_refunds(self, step: FollowUp) -> ProviderRequest:
        """List the refunds of an intent: ours, and those made on the dashboard."""
        asked = [("payment_intent", step.reference), ("limit", str(LIST_MAX))]
        return _get(step, "/v1/refunds" + query(asked))

    def listed_refunds(self, step: FollowUp, answer: ProviderAnswer) -> Sequence[RefundNews] | None:
        """Read every refund as it is now."""
        found = None if unasked(answer) else body_of(answer)
        return None if found is None else listed_refunds(found, step.reference)

    def evidence(
        self, mode: Mode, dispute: str, key: str, evidence: Mapping[str, str]
    ) -> ProviderRequest:
        """Send what speaks against a dispute, and let it be decided."""
        fields = [(f"evidence[{name}]", text) for name, text in placed(evidence).items()]
        path = f"/v1/disputes/{segment(dispute)}"
        return _post("evidence", mode, path, [*fields, ("submit", "true")], key)

    def evidenced(self, answer: ProviderAnswer) -> Verdict:
        """Read whether it was taken."""
        return evidenced(answer, "code")

    def incoming(self, headers: Mapping[str, str], body: bytes) -> Incoming:
        """Read an event."""
        del headers  # All of it stands in the body.
        return stripe_events.read(body)

    def settlement(self, file: bytes) -> Sequence[SettlementLine]:
        """Read an itemised balance report."""
        return stripe_settlement.read(file)


def _card_fields(charge: Charge) -> Form:
    kept = charge.saved.get("payment_method", "")
    yield "payment_method_types[]", "card"
    yield "payment_method", kept
    yield "customer", charge.saved.get("customer", "")
    yield "payment_method_data[type]", "" if kept else "card"
    yield "statement_descriptor_suffix", charge.descriptor[:DESCRIPTOR_CHARACTERS_MAX]
    if not charge.capture:
        # Accounts that may capture several times do; the others capture once, as before.
        yield "payment_method_options[card][request_multicapture]", "if_available"


def _account_fields(charge: Charge) -> Form:
    """A debit of a US bank account (ACH): saved at Stripe, or given by its numbers."""
    saved = charge.saved
    kept = saved.get("payment_method", "")
    yield "payment_method_types[]", "us_bank_account"
    yield "payment_method", kept
    yield "customer", saved.get("customer", "")
    if not kept:
        below = "payment_method_data[us_bank_account]"
        yield "payment_method_data[type]", "us_bank_account"
        yield f"{below}[routing_number]", saved.get("routing_number", "")
        yield f"{below}[account_number]", saved.get("account_number", "")
        yield f"{below}[account_holder_type]", saved.get("account_holder_type", "individual")
        yield "payment_method_data[billing_details][name]", charge.customer_name
        yield "payment_method_data[billing_details][email]", charge.customer_email
    # The rules of ACH ask for the payer's consent; ours was taken when the account was given.
    yield "mandate_data[customer_acceptance][type]", "offline"


def _get(step: FollowUp, path: str) -> ProviderRequest:
    headers = (("Stripe-Version", VERSION),)
    return ProviderRequest(
        NAME, step.mode, "ask", "GET", path, headers, key=step.attempt, tenant=step.tenant
    )


def _post(operation: str, mode: Mode, path: str, fields: Form, key: str) -> ProviderRequest:
    body = form(fields)
    return ProviderRequest(
        NAME, mode, operation, "POST", path, _headers(key), body, Encoding.FORM, key=key
    )


def _finding(step: FollowUp) -> str:
    """Ask for an intent by our key, which stands in its metadata."""
    sent_at, now = step.sent_at, step.now
    if sent_at is None or now is None or now - sent_at > LISTED:
        wanted = f"metadata['attempt']:'{step.charge_attempt}'"
        return "/v1/payment_intents/search" + query([("query", wanted), ("limit", "2")])
    begin, end = sent_at - AROUND, sent_at + AROUND
    return "/v1/payment_intents" + query(
        [
            ("created[gte]", str(int(begin.timestamp()))),
            ("created[lte]", str(int(end.timestamp()))),
            ("limit", str(LIST_MAX)),
        ]
    )


def _headers(key: str) -> tuple[tuple[str, str], ...]:
    return (("Idempotency-Key", key), ("Stripe-Version", VERSION))


def _intent_path(reference: str) -> str:
    return f"/v1/payment_intents/{segment(reference)}"
