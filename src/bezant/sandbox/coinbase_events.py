"""Coinbase's webhooks: two families of events, each signed in its own way."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_objects import Charge, Checkout, CommerceEvent, Dialect
from bezant.sandbox.coinbase_values import instant
from bezant.sandbox.coinbase_views import charge as charge_view
from bezant.sandbox.coinbase_views import checkout as checkout_view
from bezant.sandbox.schedule import Delivery

API_VERSION: Final = "2018-03-22"
_FAMILIES: Final = {Dialect.CHECKOUTS: "checkout", Dialect.PAYMENT_LINKS: "payment_link"}
_SIGNED_HEADERS: Final = "content-type x-event-id x-event-type"
_FORGER: Final = "somebody who does not know the secret"
_HEX: Final = "0123456789abcdef"


def new_uuid(page: Page) -> str:
    """Draw a UUID of version 4."""
    drawn = page.new_id("", 32, _HEX)
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-a{drawn[17:20]}-{drawn[20:]}"


def emit_business(page: Page, one: Checkout, what: str) -> None:
    """Tell what became of a checkout or a payment link."""
    kind = f"{_FAMILIES[one.dialect]}.{what}"
    body = msgspec.json.encode(checkout_view(page, one) | {"eventType": kind})
    page.emit(new_uuid(page), kind, body)


def emit_commerce(page: Page, one: Charge, what: str) -> None:
    """Tell what became of a charge."""
    id_ = new_uuid(page)
    kind = f"charge:{what}"
    event = {
        "id": id_,
        "resource": "event",
        "type": kind,
        "api_version": API_VERSION,
        "created_at": instant(page.now),
        "data": charge_view(page, one),
    }
    page.put(CommerceEvent(id=id_, body=msgspec.json.encode(event).decode()), parent=one.id)
    told = {
        "id": new_uuid(page),
        "attempt_number": 1,
        "scheduled_for": instant(page.now),
        "event": event,
    }
    page.emit(id_, kind, msgspec.json.encode(told))


def signed(page: Page, delivery: Delivery) -> Mapping[str, str]:
    """Return the headers of a webhook, in the way of its family."""
    secret = _FORGER if delivery.forged else delivery.endpoint.secret
    if delivery.kind.startswith("charge:"):
        proof = _hmac(secret, delivery.body)
        return {"content-type": "application/json", "x-cc-webhook-signature": proof}
    headers = {
        "content-type": "application/json",
        "x-event-id": delivery.event,
        "x-event-type": delivery.kind,
    }
    stamp = str(int(page.now.timestamp()))
    values = ".".join(headers[name] for name in _SIGNED_HEADERS.split())
    plain = _hmac(secret, f"{stamp}.".encode() + delivery.body)
    told = f"{stamp}.{_SIGNED_HEADERS}.{values}.".encode() + delivery.body
    whole = _hmac(secret, told)
    proof = f"t={stamp},v0={plain},h={_SIGNED_HEADERS},v1={whole}"
    return headers | {"x-hook0-signature": proof}


def _hmac(secret: str, told: bytes) -> str:
    return hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
