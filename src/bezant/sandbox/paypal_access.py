"""Who may call PayPal, and where it calls back: tokens, webhook endpoints, and their seal."""

import base64
import binascii
from datetime import timedelta
from typing import Final

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Access, Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.paypal_errors import refused
from bezant.sandbox.paypal_events import Transmission, certificate, is_ours
from bezant.sandbox.paypal_objects import ID_LENGTH, IDS, Event, Token
from bezant.sandbox.paypal_requests import decode
from bezant.sandbox.paypal_views import View, base, link
from bezant.sandbox.schedule import Endpoint

TOKEN: Final = timedelta(hours=9)
RENEWED_BEFORE: Final = timedelta(minutes=5)
"""A token that is about to end is not handed out again."""
EVENTS_LISTED: Final = 20
_LAST_GRANTED: Final = "token"
_SCOPE: Final = (
    "https://uri.paypal.com/services/payments/payment/authcapture "
    "https://uri.paypal.com/services/payments/refund "
    "https://uri.paypal.com/services/applications/webhooks "
    "https://uri.paypal.com/services/disputes/update-seller"
)


class EventType(msgspec.Struct, frozen=True):
    """A type of event by its name."""

    name: str


class WebhookRequest(msgspec.Struct, frozen=True):
    """Where events go."""

    url: str
    event_types: tuple[EventType, ...]


def grant(call: Call, page: Page, access: Access) -> Answer:
    """Hand out a token to who knows the client's secret."""
    name, secret = _basic(call.header("authorization"))
    if name != access.name or not access.secret.equals(secret):
        return _oauth_error(401, "invalid_client", "Client Authentication failed")
    if call.form.get("grant_type") != "client_credentials":
        return _oauth_error(400, "unsupported_grant_type", "Grant Type is not supported")
    token = page.get(Token, page.note(_LAST_GRANTED) or "")
    if token is None or token.expires_at - page.now < RENEWED_BEFORE:
        token = Token(id=page.new_id("A21AA", 92), expires_at=page.now + TOKEN)
        page.put(token)
        page.write_note(_LAST_GRANTED, token.id)
    left = token.expires_at - page.now
    return Answer.json(
        200,
        {
            "scope": _SCOPE,
            "access_token": token.id,
            "token_type": "Bearer",
            "app_id": "APP-80W284485P519543T",
            "expires_in": int(left.total_seconds()),
            "nonce": f"{page.now:%Y-%m-%dT%H:%M:%SZ}{page.new_id('', 43)}",
        },
    )


def refusal(call: Call, page: Page) -> Answer | None:
    """Return a refusal for a call without a token that is good."""
    scheme, _, shown = call.header("authorization").partition(" ")
    if scheme.lower() != "bearer" or not shown:
        return _oauth_error(401, "invalid_token", "Authorization header is missing")
    token = page.get(Token, shown)
    if token is None:
        return _oauth_error(401, "invalid_token", "Token signature verification failed")
    if token.expires_at <= page.now:
        return _oauth_error(401, "invalid_token", "Access Token has expired")
    return None


def show_certificate(call: Call, page: Page) -> Answer:
    """Show the certificate that seals our webhooks."""
    del call
    return Answer.text(200, certificate(page), "application/x-pem-file")


def verify(call: Call, page: Page) -> Answer:
    """Tell whether a transmission was ours."""
    ours = is_ours(page, decode(call, call.body, Transmission))
    return Answer.json(200, {"verification_status": "SUCCESS" if ours else "FAILURE"})


def add_webhook(call: Call, page: Page) -> Answer:
    """Send events there from now on."""
    asked = decode(call, call.body, WebhookRequest)
    if not asked.url.startswith(("http://", "https://")) or not asked.event_types:
        raise refused(call, "INVALID_PARAMETER_VALUE", "/url")
    id_ = page.new_id("", ID_LENGTH, IDS)
    page.set_endpoint(id_, asked.url, "", *(one.name for one in asked.event_types))
    made = next(one for one in page.endpoints() if one.id == id_)
    return Answer.json(201, _webhook(page, made))


def list_webhooks(call: Call, page: Page) -> Answer:
    """List where events go."""
    del call
    return Answer.json(200, {"webhooks": [_webhook(page, one) for one in page.endpoints()]})


def show_webhook(call: Call, page: Page) -> Answer:
    """Show one place where events go."""
    return Answer.json(200, _webhook(page, _known(call, page)))


def drop_webhook(call: Call, page: Page) -> Answer:
    """Send no events there any more."""
    page.drop_endpoint(_known(call, page).id)
    return Answer(204)


def list_events(call: Call, page: Page) -> Answer:
    """List the last events."""
    del call
    events = [_event(one) for one in page.find(Event, limit=EVENTS_LISTED)]
    return Answer.json(200, {"events": events, "count": len(events), "links": []})


def show_event(call: Call, page: Page) -> Answer:
    """Show one event."""
    return Answer.json(200, _event(_known_event(call, page)))


def resend(call: Call, page: Page) -> Answer:
    """Send an event once more."""
    one = _known_event(call, page)
    shown = _event(one)
    page.emit(one.id, str(shown["event_type"]), one.body.encode())
    return Answer.json(202, shown)


def _known(call: Call, page: Page) -> Endpoint:
    found = [one for one in page.endpoints() if one.id == call.at("id")]
    if not found:
        raise refused(call, "INVALID_RESOURCE_ID")
    return found[0]


def _known_event(call: Call, page: Page) -> Event:
    found = page.get(Event, call.at("id"))
    if found is None:
        raise refused(call, "INVALID_RESOURCE_ID")
    return found


def _event(one: Event) -> View:
    return msgspec.json.decode(one.body, type=View)


def _webhook(page: Page, one: Endpoint) -> View:
    at = f"{base(page)}/v1/notifications/webhooks/{one.id}"
    types = [{"name": name} for name in sorted(one.events)]
    links = [link(at, "self"), link(at, "delete", "DELETE")]
    return {"id": one.id, "url": one.url, "event_types": types, "links": links}


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, secret


def _oauth_error(status: int, error: str, description: str) -> Answer:
    return Answer.json(status, {"error": error, "error_description": description})
