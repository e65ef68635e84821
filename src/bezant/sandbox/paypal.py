"""PayPal: Orders v2, Payments v2, disputes and webhooks, as its REST API speaks them.

The payer approves on a page (`/checkoutnow`), choosing how the payment will go on; the accounts
`saved-wealthy`, `saved-declined` … can be charged without asking. Errors can be
asked for by scripts, or by the header `PayPal-Mock-Response` as at PayPal's own sandbox. PayPal
says of `PayPal-Request-Id` only that a repeat gets the latest state of the first request; that the
same id with another body is refused is ours, because a silent answer would hide a mistake.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from bezant.sandbox import (
    paypal_access,
    paypal_authorizations,
    paypal_disputes,
    paypal_money,
    paypal_orders,
    paypal_pages,
    paypal_refunds,
    paypal_search,
)
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Access, Call, Facts, Failure, Route, SettlementFile
from bezant.sandbox.exchange import Answer, Kept
from bezant.sandbox.paypal_errors import of_failure
from bezant.sandbox.paypal_events import CERTIFICATE_PATH, make_seal, sealed
from bezant.sandbox.paypal_objects import Payer, SavedAccount
from bezant.sandbox.paypal_settlement import settlement
from bezant.sandbox.paypal_views import BASE_NOTE
from bezant.sandbox.schedule import Delivery, Due
from bezant.secret import Secret

PROVIDER: Final = "paypal"
EVERYBODY: Final = Access(
    name="paypal-client-bezant",
    secret=Secret("paypal_test_bezant"),
    webhook_id="1BEZANT0SANDBOX00",
)
"""What the demo uses; no secret at all."""
_PAYERS: Final = frozenset({"approval_page", "approve", "cancel", "certificate", "token"})
_KEYED: Final = frozenset(
    {
        "create_order",
        "capture_order",
        "authorize_order",
        "capture_authorization",
        "reauthorize",
        "void",
        "refund",
    }
)


class _Named(msgspec.Struct, frozen=True):
    """The id of whatever was answered."""

    id: str = ""


class _Value(msgspec.Struct, frozen=True):
    value: str = ""


class _Unit(msgspec.Struct, frozen=True):
    amount: _Value = _Value()


class _Amounts(msgspec.Struct, frozen=True):
    """What is read of a body before anything is done with it."""

    amount: _Value = _Value()
    purchase_units: tuple[_Unit, ...] = ()


class PayPal:
    """The emulator."""

    provider = PROVIDER
    keeps_server_errors = False
    remembers = timedelta(days=45)
    # 25 times within three days.
    retry_seconds: Sequence[int] = (60, 120, 240, 480, 960, 1_920, 3_600, *(13_990,) * 18)

    def __init__(self, access: Access | None = None) -> None:
        self._access = access or EVERYBODY

    def routes(self) -> Sequence[Route]:
        return (
            Route("POST", "/v1/oauth2/token", "token", self._token),
            *_ORDERS,
            *_PAYMENTS,
            *_DISPUTES,
            *_NOTIFICATIONS,
            *_PAGES,
        )

    def prepare(self, page: Page) -> None:
        self._access.prepare(page)
        make_seal(page)
        for payer in Payer:
            page.put(SavedAccount(id=f"saved-{payer}", payer=payer))

    def admit(self, call: Call, page: Page) -> Answer | None:
        if page.note(BASE_NOTE) != call.base_url:
            page.write_note(BASE_NOTE, call.base_url)
        return None if call.operation in _PAYERS else paypal_access.refusal(call, page)

    def facts(self, call: Call) -> Facts:
        key = call.header("paypal-request-id") if call.operation in _KEYED else ""
        return Facts(key, _amount(call.body), call.operation)

    def failed(self, call: Call, failure: Failure) -> Answer:
        return of_failure(call, failure)

    def replayed(self, call: Call, page: Page, kept: Kept) -> Answer:
        if call.operation == "void":
            return paypal_authorizations.voided_again(call, page, call.at("id"))
        if kept.answer.status >= 400:
            return self._after_challenge(call, page)
        made = msgspec.json.decode(kept.answer.body, type=_Named).id
        match call.operation:
            case "capture_authorization":
                return paypal_refunds.taken_again(call, page, made)
            case "reauthorize":
                return paypal_authorizations.again(call, page, made)
            case "refund":
                return paypal_refunds.again(call, page, made)
            case _:
                return paypal_orders.again(call, page, made)

    def dressed(self, call: Call, answer: Answer) -> Answer:
        return answer.having(("paypal-debug-id", call.request))

    def when_due(self, page: Page, due: Due) -> None:
        match due.work:
            case "clear":
                paypal_money.clear(page, due.subject)
            case "expire":
                paypal_authorizations.expire(page, due.subject)
            case "reverse":
                paypal_money.reverse(page, due.subject)
            case "refund_fails":
                paypal_refunds.fail(page, due.subject)
            case "dispute":
                paypal_disputes.raise_dispute(page, due.subject)
            case "lose":
                paypal_disputes.lose(page, due.subject)
            case work:
                raise AssertionError(work)

    def signed(self, page: Page, delivery: Delivery) -> Mapping[str, str]:
        return sealed(page, delivery)

    def settlement(self, page: Page, day: date) -> SettlementFile:
        return settlement(page, day)

    def _token(self, call: Call, page: Page) -> Answer:
        return paypal_access.grant(call, page, self._access)

    def _after_challenge(self, call: Call, page: Page) -> Answer:
        """Go on with an order whose payer had to come back, and has."""
        order = paypal_orders.known(call, page)
        if paypal_orders.waits_for_payer(order):
            return paypal_orders.ask_payer(call, page, order)
        if paypal_orders.is_paid(order):
            return paypal_orders.again(call, page, order.id)
        captured = call.operation == "capture_order"
        return (paypal_orders.capture if captured else paypal_orders.authorize)(call, page)


def _amount(body: bytes) -> str:
    try:
        read = msgspec.json.decode(body, type=_Amounts)
    except msgspec.DecodeError:
        return ""
    return read.amount.value or next((unit.amount.value for unit in read.purchase_units), "")


_ORDER: Final = "/v2/checkout/orders"
_ORDERS: Final = (
    Route("POST", _ORDER, "create_order", paypal_orders.create),
    Route("GET", _ORDER + "/{id}", "show_order", paypal_orders.show),
    Route("POST", _ORDER + "/{id}/capture", "capture_order", paypal_orders.capture),
    Route("POST", _ORDER + "/{id}/authorize", "authorize_order", paypal_orders.authorize),
)
_AUTHORIZATION: Final = "/v2/payments/authorizations/{id}"
_CAPTURE: Final = "/v2/payments/captures/{id}"
_PAYMENTS: Final = (
    Route("GET", _AUTHORIZATION, "show_authorization", paypal_authorizations.show),
    Route(
        "POST", _AUTHORIZATION + "/capture", "capture_authorization", paypal_authorizations.capture
    ),
    Route("POST", _AUTHORIZATION + "/void", "void", paypal_authorizations.void),
    Route(
        "POST", _AUTHORIZATION + "/reauthorize", "reauthorize", paypal_authorizations.reauthorize
    ),
    Route("GET", _CAPTURE, "show_capture", paypal_refunds.show_taken),
    Route("POST", _CAPTURE + "/refund", "refund", paypal_refunds.refund),
    Route("GET", "/v2/payments/refunds/{id}", "show_refund", paypal_refunds.show),
    Route("GET", "/v1/reporting/transactions", "search_transactions", paypal_search.search),
)
_DISPUTE: Final = "/v1/customer/disputes/{id}"
_DISPUTES: Final = (
    Route("GET", "/v1/customer/disputes", "list_disputes", paypal_disputes.find),
    Route("GET", _DISPUTE, "show_dispute", paypal_disputes.show),
    Route("POST", _DISPUTE + "/accept-claim", "accept_claim", paypal_disputes.accept_claim),
    Route("POST", _DISPUTE + "/provide-evidence", "evidence", paypal_disputes.provide_evidence),
    Route("POST", _DISPUTE + "/adjudicate", "adjudicate", paypal_disputes.adjudicate),
)
_NOTIFICATION: Final = "/v1/notifications"
_WEBHOOKS: Final = _NOTIFICATION + "/webhooks"
_EVENTS: Final = _NOTIFICATION + "/webhooks-events"
_NOTIFICATIONS: Final = (
    Route("GET", CERTIFICATE_PATH, "certificate", paypal_access.show_certificate),
    Route(
        "POST", _NOTIFICATION + "/verify-webhook-signature", "verify_webhook", paypal_access.verify
    ),
    Route("POST", _WEBHOOKS, "add_webhook", paypal_access.add_webhook),
    Route("GET", _WEBHOOKS, "list_webhooks", paypal_access.list_webhooks),
    Route("GET", _WEBHOOKS + "/{id}", "show_webhook", paypal_access.show_webhook),
    Route("DELETE", _WEBHOOKS + "/{id}", "drop_webhook", paypal_access.drop_webhook),
    Route("GET", _EVENTS, "list_events", paypal_access.list_events),
    Route("GET", _EVENTS + "/{id}", "show_event", paypal_access.show_event),
    Route("POST", _EVENTS + "/{id}/resend", "resend_event", paypal_access.resend),
)
_PAGES: Final = (
    Route("GET", "/checkoutnow", "approval_page", paypal_pages.approval),
    Route("POST", "/checkoutnow/{id}/approve", "approve", paypal_pages.approved),
    Route("POST", "/checkoutnow/{id}/cancel", "cancel", paypal_pages.cancelled),
)
