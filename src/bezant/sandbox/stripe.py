"""Stripe: PaymentIntents with cards and American bank accounts, refunds, disputes, the balance.

The wire format is that of version 2026-10-28.endive, so the official clients work when they are
pointed here; what is shown of it is the same since 2025-03-31.basil. A parameter this emulator does
not know is refused, as Stripe refuses its own unknown ones, and never silently dropped.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from bezant.sandbox import (
    stripe_balance,
    stripe_challenge,
    stripe_charges,
    stripe_charging,
    stripe_disputes,
    stripe_events,
    stripe_intents,
    stripe_methods,
)
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Access, Call, Facts, Failure, Route, SettlementFile
from bezant.sandbox.exchange import Answer, Kept
from bezant.sandbox.schedule import Delivery, Due
from bezant.sandbox.stripe_errors import INVALID, problem
from bezant.sandbox.stripe_render import API_VERSION
from bezant.secret import Secret

PROVIDER: Final = "stripe"
EVERYBODY: Final = Access(
    secret=Secret("sk_test_bezant"), webhook_secret=Secret("whsec_test_bezant")
)
"""What the demo uses; no secret at all."""
IDEMPOTENCY: Final = "idempotency_error"
_OPEN: Final = "/authenticate/"


class Stripe:
    """The emulator."""

    provider = PROVIDER
    keeps_server_errors = True
    remembers = timedelta(hours=24)
    retry_seconds: Sequence[int] = (300, 1_800, 7_200, 18_000, 36_000, *[43_200] * 4)

    def __init__(self, access: Access | None = None) -> None:
        self._access = access or EVERYBODY

    def routes(self) -> Sequence[Route]:
        return (
            *stripe_intents.ROUTES,
            *stripe_methods.ROUTES,
            *stripe_charges.ROUTES,
            *stripe_disputes.ROUTES,
            *stripe_balance.ROUTES,
            *stripe_events.ROUTES,
            *stripe_challenge.ROUTES,
        )

    def prepare(self, page: Page) -> None:
        self._access.prepare(page)

    def admit(self, call: Call, page: Page) -> Answer | None:
        del page
        if call.path.startswith(_OPEN):  # The payer's browser; the address itself is the secret.
            return None
        key = call.secret()
        if not key:
            return problem(
                401,
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY').",
            )
        if self._access.secret.equals(key):
            return None
        hidden = f"{key[:8]}{'*' * 8}{key[-4:]}" if len(key) > 16 else "*" * len(key)
        return problem(401, f"Invalid API Key provided: {hidden}")

    def facts(self, call: Call) -> Facts:
        key = call.header("idempotency-key") if call.method == "POST" else ""
        form = call.form
        return Facts(key, form.get("amount") or form.get("amount_to_capture") or "")

    def failed(self, call: Call, failure: Failure) -> Answer:
        key = call.header("idempotency-key")
        match failure:
            case Failure.NO_ROUTE:
                return problem(
                    404,
                    f"Unrecognized request URL ({call.method}: {call.path}). Please see "
                    "https://stripe.com/docs or we can help at https://support.stripe.com/.",
                )
            case Failure.TOO_LARGE:
                return problem(413, "The request is too large.")
            case Failure.SERVER_ERROR:
                return problem(
                    500, "An unexpected error has occurred on our side.", kind="api_error"
                )
            case Failure.RATE_LIMIT:
                return problem(
                    429,
                    "Request rate limit exceeded. Learn more about rate limits here "
                    "https://stripe.com/docs/rate-limits.",
                    kind=INVALID,
                    code="rate_limit",
                ).having(("stripe-rate-limited-reason", "global-rate"))
            case Failure.IN_FLIGHT:
                return problem(
                    409,
                    "There is currently another in-progress request using this Idempotent Key "
                    f"({key}). Please try again later.",
                    kind=IDEMPOTENCY,
                    code="idempotency_key_in_use",
                )
            case Failure.OTHER_REQUEST:
                return problem(
                    400,
                    "Keys for idempotent requests can only be used with the same parameters they "
                    f"were first used with. Try using a key other than '{key}' if you meant to "
                    "execute a different request.",
                    kind=IDEMPOTENCY,
                )

    def replayed(self, call: Call, page: Page, kept: Kept) -> Answer:
        del call, page
        told = ("original-request", f"req_{kept.request}"), ("idempotent-replayed", "true")
        return kept.answer.having(*told)

    def dressed(self, call: Call, answer: Answer) -> Answer:
        version = call.header("stripe-version") or API_VERSION
        told = [("request-id", f"req_{call.request}"), ("stripe-version", version)]
        if key := call.header("idempotency-key"):
            told.append(("idempotency-key", key))
        return answer.having(*told)

    def when_due(self, page: Page, due: Due) -> None:
        match due.work:
            case "expire":
                stripe_intents.expire(page, due.subject)
            case "debit":
                stripe_charging.debit_arrives(page, due.subject)
            case "refund":
                stripe_charges.refund_arrives(page, due.subject)
            case "return":
                stripe_disputes.take_back(page, due.subject)
            case "dispute":
                stripe_disputes.open_dispute(page, due.subject)
            case "decide":
                stripe_disputes.decide(page, due.subject)
            case "payout":
                stripe_balance.pay_out(page, due.subject)
            case work:
                raise AssertionError(work)

    def signed(self, page: Page, delivery: Delivery) -> Mapping[str, str]:
        return stripe_events.signed(page, delivery)

    def settlement(self, page: Page, day: date) -> SettlementFile:
        return stripe_balance.report(page, day)
