"""The acquirer "card": built in, so that nothing at all is needed to try a payment.

    POST /authorisations               {key, amount, asset, card, capture?, reference?, return_url?}
    GET  /authorisations?key=          what was authorised under a key or a reference
    GET  /authorisations/{id}
    POST /authorisations/{id}/captures {key, amount?, final?}
    POST /authorisations/{id}/void     {key}
    POST /authorisations/{id}/refunds  {key, amount?}
    GET  /authorisations/{id}/refunds
    POST /disputes/{id}/evidence       {key, evidence}
    GET  /captures/{id}  /refunds/{id}  /disputes/{id}
    GET  /operations/{key}             what a call under this key did, whoever saw its answer

`Authorization: Bearer <key>` says who calls. Every POST carries its key in the body; the same
again answers the same, with `replayed: true` in the headers. A refused card is an authorisation
whose status is `declined`; errors are `{"error": {"code", "message", "field"}}`. Webhooks carry
`Card-Signature: t=<seconds>,v1=<hex>`, the HMAC-SHA256 of `<seconds>.<raw body>`.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from bezant.sandbox import card_disputes, card_payments
from bezant.sandbox.book import Page
from bezant.sandbox.card_report import report
from bezant.sandbox.card_requests import failure as problem
from bezant.sandbox.emulator import Access, Call, Facts, Failure, Route, SettlementFile
from bezant.sandbox.exchange import Answer, Kept
from bezant.sandbox.schedule import Delivery, Due
from bezant.secret import Secret

PROVIDER: Final = "card"
EVERYBODY: Final = Access(
    secret=Secret("card_test_bezant"), webhook_secret=Secret("cardwh_test_bezant")
)
"""What the demo uses; no secret at all."""
FORGER: Final = b"somebody who does not know the secret"


class _Key(msgspec.Struct, frozen=True):
    """What is read of a body before anything is done with it."""

    key: str = ""
    amount: str = ""


class Card:
    """The emulator."""

    provider = PROVIDER
    keeps_server_errors = False
    remembers = timedelta(days=30)
    retry_seconds: Sequence[int] = (5, 300, 1_800, 7_200, 18_000, 36_000, 86_400)

    def __init__(self, access: Access | None = None) -> None:
        self._access = access or EVERYBODY

    def routes(self) -> Sequence[Route]:
        return (*card_payments.ROUTES, *card_disputes.ROUTES)

    def prepare(self, page: Page) -> None:
        self._access.prepare(page)

    def admit(self, call: Call, page: Page) -> Answer | None:
        del page
        if call.path.startswith("/challenges/"):  # The payer's browser; its address is the secret.
            return None
        scheme, _, key = call.header("authorization").partition(" ")
        if scheme.lower() == "bearer" and self._access.secret.equals(key):
            return None
        return problem(401, "unauthorised", "this key may not call")

    def facts(self, call: Call) -> Facts:
        if call.method != "POST" or not call.body:
            return Facts()
        try:
            read = msgspec.json.decode(call.body, type=_Key)
        except msgspec.DecodeError:
            return Facts()
        return Facts(read.key, read.amount)

    def failed(self, call: Call, failure: Failure) -> Answer:
        del call
        match failure:
            case Failure.NO_ROUTE:
                return problem(404, "no_such_route", "there is nothing here")
            case Failure.TOO_LARGE:
                return problem(413, "too_large", "that is too long")
            case Failure.SERVER_ERROR:
                return problem(500, "internal", "something went wrong here")
            case Failure.RATE_LIMIT:
                limited = problem(429, "rate_limit", "too many requests")
                return limited.having(("retry-after", "1"))
            case Failure.IN_FLIGHT:
                return problem(409, "in_flight", "a request under this key is being worked on")
            case Failure.OTHER_REQUEST:
                return problem(422, "key_reused", "this key was used for another request")

    def replayed(self, call: Call, page: Page, kept: Kept) -> Answer:
        del call, page
        return kept.answer.having(("replayed", "true"))

    def dressed(self, call: Call, answer: Answer) -> Answer:
        return answer.having(("request-id", f"req_{call.request}"))

    def when_due(self, page: Page, due: Due) -> None:
        match due.work:
            case "expire":
                card_payments.expire(page, due.subject)
            case "dispute":
                card_disputes.open_dispute(page, due.subject)
            case "decide":
                card_disputes.decide(page, due.subject)
            case "refund":
                card_payments.finish_refund(page, due.subject)
            case work:
                raise AssertionError(work)

    def signed(self, page: Page, delivery: Delivery) -> Mapping[str, str]:
        secret = FORGER if delivery.forged else delivery.endpoint.secret.encode()
        seconds = str(int(page.now.timestamp()))
        told = f"{seconds}.".encode() + delivery.body
        signature = hmac.new(secret, told, hashlib.sha256).hexdigest()
        return {
            "content-type": "application/json",
            "card-signature": f"t={seconds},v1={signature}",
        }

    def settlement(self, page: Page, day: date) -> SettlementFile:
        return report(page, day)
