"""Events of Stripe, the endpoints they are sent to, and how they are signed."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.schedule import Delivery
from bezant.sandbox.stripe_errors import missing, refuse
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import API_VERSION, endpoint, event, shown
from bezant.sandbox.stripe_requests import Wish
from bezant.sandbox.stripe_shapes import Event, WebhookEndpoint

FORGER: Final = b"whsec_somebody_who_does_not_know_it"
ENDPOINTS_MAX: Final = 16


def tell(page: Page, kind: str, thing: object, call: Call | None = None) -> None:
    """Keep an event, and send it."""
    key = call.header("idempotency-key") if call else ""
    request = f"req_{call.request}" if call else ""
    body = msgspec.json.encode(shown(page, thing))
    made = Event(page.new_id("evt_"), kind, page.now, body, request, key)
    page.put(made, name=kind)
    pending = sum(one.wants(kind) for one in page.endpoints())
    page.emit(made.id, kind, msgspec.json.encode(event(made, pending)))


def signed(page: Page, delivery: Delivery) -> Mapping[str, str]:
    """Return the headers of a webhook: the HMAC of time and raw body, by the endpoint's secret."""
    secret = FORGER if delivery.forged else delivery.endpoint.secret.encode()
    seconds = str(int(page.now.timestamp()))
    text = f"{seconds}.".encode() + delivery.body
    signature = hmac.new(secret, text, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json; charset=utf-8",
        "stripe-signature": f"t={seconds},v1={signature}",
    }


def list_events(call: Call, page: Page) -> Answer:
    wish = Wish(
        call,
        "type",
        "types",
        "created",
        "limit",
        "starting_after",
        "ending_before",
        "delivery_success",
    )
    kind = wish.text("type")
    kinds = wish.many("types")
    found = wish.page_of(
        page,
        Event,
        lambda one: event(one, 0),
        name=kind if kind and "*" not in kind else None,
        wanted=lambda one: (
            (not kinds or one.type in kinds)
            and (not kind.endswith(".*") or one.type.startswith(kind[:-1]))
            and wish.within("created", one.created)
        ),
    )
    return told(page, wish, found)


def show_event(call: Call, page: Page) -> Answer:
    found = page.get(Event, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "event")
    return told(page, Wish(call), event(found, 0))


def create_endpoint(call: Call, page: Page) -> Answer:
    """Begin to send events to an address; the answer alone holds the secret."""
    wish = Wish(call, "url", "enabled_events", "description", "metadata", "api_version", "connect")
    url = wish.needed("url")
    if not url.startswith(("http://", "https://")):
        raise refuse("Invalid URL: it must start with http:// or https://", param="url")
    events = tuple(wish.many("enabled_events"))
    if not events:
        raise refuse(
            "Missing required param: enabled_events.",
            code="parameter_missing",
            param="enabled_events",
        )
    if wish.text("api_version", API_VERSION) != API_VERSION:
        raise refuse(f"This sandbox speaks {API_VERSION} only.", param="api_version")
    if len(page.endpoints()) >= ENDPOINTS_MAX:
        raise refuse(f"You have reached the maximum of {ENDPOINTS_MAX} test webhook endpoints.")
    made = WebhookEndpoint(
        page.new_id("we_"), url, events, page.now, wish.text("description"), wish.metadata()
    )
    secret = page.new_id("whsec_", 32)
    page.put(made)
    page.set_endpoint(made.id, url, secret, *events)
    return Answer.json(200, endpoint(made, secret))


def change_endpoint(call: Call, page: Page) -> Answer:
    wish = Wish(call, "url", "enabled_events", "description", "metadata")
    old = _endpoint(call, page)
    made = replace(
        old,
        url=wish.text("url", old.url),
        events=tuple(wish.many("enabled_events")) or old.events,
        description=wish.text("description", old.description),
        metadata=wish.metadata(old.metadata),
    )
    page.put(made)
    secret = next(one.secret for one in page.endpoints() if one.id == made.id)
    page.set_endpoint(made.id, made.url, secret, *made.events)
    return Answer.json(200, endpoint(made))


def list_endpoints(call: Call, page: Page) -> Answer:
    wish = Wish(call, "limit", "starting_after", "ending_before")
    live = {one.id for one in page.endpoints()}
    found = wish.page_of(page, WebhookEndpoint, endpoint, wanted=lambda one: one.id in live)
    return told(page, wish, found)


def show_endpoint(call: Call, page: Page) -> Answer:
    return Answer.json(200, endpoint(_endpoint(call, page)))


def delete_endpoint(call: Call, page: Page) -> Answer:
    made = _endpoint(call, page)
    page.drop_endpoint(made.id)
    return Answer.json(200, {"id": made.id, "object": "webhook_endpoint", "deleted": True})


def _endpoint(call: Call, page: Page) -> WebhookEndpoint:
    found = page.get(WebhookEndpoint, call.at("id"))
    if found is None or found.id not in {one.id for one in page.endpoints()}:
        raise missing(call.at("id"), "webhook endpoint")
    return found


ROUTES: Final = (
    Route("GET", "/v1/events", "list_events", list_events, frozenset()),
    Route("GET", "/v1/events/{id}", "retrieve", show_event, frozenset()),
    Route("POST", "/v1/webhook_endpoints", "create_endpoint", create_endpoint, frozenset()),
    Route("GET", "/v1/webhook_endpoints", "list", list_endpoints, frozenset()),
    Route("GET", "/v1/webhook_endpoints/{id}", "retrieve", show_endpoint, frozenset()),
    Route("POST", "/v1/webhook_endpoints/{id}", "update", change_endpoint, frozenset()),
    Route("DELETE", "/v1/webhook_endpoints/{id}", "delete", delete_endpoint, frozenset()),
)
