"""Coinbase: Checkouts, Payment Links before them, and the charges of Commerce before those.

The business APIs (`/api/v1/…`) are called with a bearer token that a CDP key signs for each single
request; Commerce (`/charges`, `/events`) with `X-CC-Api-Key`. Payers send coins on pages of ours.
Who agreed on a key of their own (`Access`) gives its name and, as the secret, its public half.

Each of the three APIs has an emulator of its own beside a platform, under the name of its connector
and with a book of its own: a customer has one of them, and its report tells of that one only.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from bezant.sandbox import (
    coinbase_checkouts,
    coinbase_commerce,
    coinbase_pages,
    coinbase_subscriptions,
)
from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_errors import answer, is_commerce, of_failure
from bezant.sandbox.coinbase_events import signed
from bezant.sandbox.coinbase_keys import Refused, check, known_public_key
from bezant.sandbox.coinbase_settlement import settlement
from bezant.sandbox.coinbase_views import BASE_NOTE
from bezant.sandbox.emulator import Access, Call, Facts, Failure, Route, SettlementFile
from bezant.sandbox.exchange import Answer, Kept
from bezant.sandbox.schedule import Delivery, Due
from bezant.secret import Secret

PROVIDER: Final = "coinbase"
LINKS: Final = "coinbase_links"
COMMERCE: Final = "coinbase_commerce"
KNOWN_KEY_NAME: Final = "organizations/bezant-sandbox/apiKeys/known-to-everybody"
EVERYBODY: Final = Access(
    name=KNOWN_KEY_NAME,
    secret=Secret(known_public_key()),
    webhook_secret=Secret("coinbasewh_test_bezant"),
)
"""What the demo uses; `coinbase_keys.known_private_key()` signs for it."""
COMMERCE_KEY: Final = Secret("commerce_test_bezant")
_PAYERS: Final = frozenset({"checkout_page", "pay_checkout", "charge_page", "pay_charge"})
_KEYED: Final = frozenset({"create_checkout", "create_payment_link", "refund"})


class _Named(msgspec.Struct, frozen=True):
    id: str = ""


class _Price(msgspec.Struct, frozen=True):
    amount: str = ""


class _Amounts(msgspec.Struct, frozen=True):
    """What is read of a body before anything is done with it."""

    amount: str = ""
    local_price: _Price = _Price()


class Coinbase:
    """The emulator."""

    keeps_server_errors = False
    remembers = timedelta(days=1)
    # With growing pauses up to an hour, for three days.
    retry_seconds: Sequence[int] = (
        *(5, 10, 30, 60, 120, 300, 600, 1_200, 1_800),
        *(3_600,) * 70,
    )

    def __init__(self, access: Access | None = None, provider: str = PROVIDER) -> None:
        self.provider = provider
        self._access = access or EVERYBODY

    def routes(self) -> Sequence[Route]:
        return (*_CHECKOUTS, *_LINKS, *_COMMERCE, *_SUBSCRIPTIONS, *_PAGES)

    def prepare(self, page: Page) -> None:
        self._access.prepare(page)

    def admit(self, call: Call, page: Page) -> Answer | None:
        if page.note(BASE_NOTE) != call.base_url:
            page.write_note(BASE_NOTE, call.base_url)
        if call.operation in _PAYERS:
            return None
        if is_commerce(call):
            if COMMERCE_KEY.equals(call.header("x-cc-api-key")):
                return None
            return answer(call, 401, "authentication_error", "This API key is not known here.")
        scheme, _, token = call.header("authorization").partition(" ")
        if scheme.lower() != "bearer":
            return answer(call, 401, "unauthorized", "The bearer token is missing.")
        try:
            check(token, self._access.name, self._access.secret.reveal(), call, page.now)
        except Refused as why:
            return answer(call, 401, "unauthorized", str(why))
        return None

    def facts(self, call: Call) -> Facts:
        key = call.header("x-idempotency-key") if call.operation in _KEYED else ""
        try:
            read = msgspec.json.decode(call.body, type=_Amounts)
        except msgspec.DecodeError:
            return Facts(key, scope=call.operation)
        return Facts(key, read.amount or read.local_price.amount, call.operation)

    def failed(self, call: Call, failure: Failure) -> Answer:
        return of_failure(call, failure)

    def replayed(self, call: Call, page: Page, kept: Kept) -> Answer:
        if call.operation == "refund":
            return kept.answer
        made = msgspec.json.decode(kept.answer.body, type=_Named)
        return coinbase_checkouts.again(page, made.id) or kept.answer

    def dressed(self, call: Call, answer: Answer) -> Answer:
        return answer.having(("x-request-id", call.request))

    def when_due(self, page: Page, due: Due) -> None:
        match due.work:
            case "expire_checkout":
                coinbase_checkouts.expire(page, due.subject)
            case "settle_checkout":
                coinbase_checkouts.settle(page, due.subject)
            case "finish_refund":
                coinbase_checkouts.finish_refund(page, due.subject)
            case "expire_charge":
                coinbase_commerce.expire(page, due.subject)
            case "confirm_sending":
                coinbase_commerce.confirm(page, due.subject)
            case work:
                raise AssertionError(work)

    def signed(self, page: Page, delivery: Delivery) -> Mapping[str, str]:
        return signed(page, delivery)

    def settlement(self, page: Page, day: date) -> SettlementFile:
        return settlement(page, day)


_CHECKOUT: Final = "/api/v1/checkouts"
_CHECKOUTS: Final = (
    Route("POST", _CHECKOUT, "create_checkout", coinbase_checkouts.create),
    Route("GET", _CHECKOUT, "list_checkouts", coinbase_checkouts.find),
    Route("GET", _CHECKOUT + "/{id}", "show_checkout", coinbase_checkouts.show),
    Route("POST", _CHECKOUT + "/{id}/deactivate", "deactivate", coinbase_checkouts.deactivate),
    Route("POST", _CHECKOUT + "/{id}/refund", "refund", coinbase_checkouts.refund),
)
_LINK: Final = "/api/v1/payment-links"
_LINKS: Final = (
    Route("POST", _LINK, "create_payment_link", coinbase_checkouts.create),
    Route("GET", _LINK, "list_payment_links", coinbase_checkouts.find),
    Route("GET", _LINK + "/{id}", "show_payment_link", coinbase_checkouts.show),
    Route("POST", _LINK + "/{id}/deactivate", "deactivate", coinbase_checkouts.deactivate),
)
_COMMERCE: Final = (
    Route("POST", "/charges", "create_charge", coinbase_commerce.create),
    Route("GET", "/charges", "list_charges", coinbase_commerce.find),
    Route("GET", "/charges/{id}", "show_charge", coinbase_commerce.show),
    Route("POST", "/charges/{id}/cancel", "cancel_charge", coinbase_commerce.cancel),
    Route("POST", "/charges/{id}/resolve", "resolve_charge", coinbase_commerce.resolve),
    Route("GET", "/events", "list_events", coinbase_commerce.find_events),
    Route("GET", "/events/{id}", "show_event", coinbase_commerce.show_event),
)
_SUBSCRIPTION: Final = "/platform/v2/data/webhooks/subscriptions"
_SUBSCRIPTIONS: Final = (
    Route("POST", _SUBSCRIPTION, "subscribe", coinbase_subscriptions.create),
    Route("GET", _SUBSCRIPTION, "list_subscriptions", coinbase_subscriptions.find),
    Route("GET", _SUBSCRIPTION + "/{id}", "show_subscription", coinbase_subscriptions.show),
    Route("DELETE", _SUBSCRIPTION + "/{id}", "unsubscribe", coinbase_subscriptions.drop),
)
_PAGES: Final = (
    Route("GET", "/payment-links/{slug}", "checkout_page", coinbase_pages.checkout_page),
    Route("POST", "/payment-links/{slug}/pay", "pay_checkout", coinbase_pages.checkout_paid),
    Route("GET", "/pay/{code}", "charge_page", coinbase_pages.charge_page),
    Route("POST", "/pay/{code}/send", "pay_charge", coinbase_pages.charge_sent),
)
