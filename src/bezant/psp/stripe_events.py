"""Reading Stripe's events: snapshots of the object they are about, as it was at that moment."""

from datetime import UTC, datetime
from typing import Final

from bezant.psp.document import Document, NotReadable, read_json
from bezant.psp.port import DisputeNews, Incoming, MalformedWebhook
from bezant.psp.stripe_intent import intent_news, refund_news
from bezant.psp.stripe_words import UNITS, told

# Inquiries (`warning_…`) are left out: no money is moved by them.
_DISPUTE_STATES: Final = {
    "needs_response": "opened",
    "under_review": "under_review",
    "won": "won",
    "lost": "lost",
}
SECONDS_MAX: Final = 253_402_300_799  # The last second of the year 9999.


def read(body: bytes) -> Incoming:
    """Read an event."""
    try:
        found = read_json(body)
    except NotReadable as mistake:
        raise MalformedWebhook from mistake
    kind, name = found.text("type"), found.text("id")
    thing = found.inner("data", "object")
    if found.text("object") != "event" or not (kind and name and thing):
        raise MalformedWebhook
    occurred_at = instant(found.whole("created"))
    match thing.text("object"):
        case "payment_intent":
            return _charge(name, kind, thing, occurred_at)
        case "refund":
            return _refund(name, kind, thing, occurred_at)
        case "dispute":
            return _dispute(name, kind, thing, occurred_at)
        case "payout":
            part = thing.text("id")
            return Incoming(name, kind, "payout", part=part, occurred_at=occurred_at)
        case _:
            return Incoming(name, kind, "", occurred_at=occurred_at)


def instant(seconds: int | None) -> datetime | None:
    """Read an instant as Stripe writes it."""
    if seconds is None or not 0 <= seconds <= SECONDS_MAX:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _charge(name: str, kind: str, thing: Document, occurred_at: datetime | None) -> Incoming:
    return Incoming(
        name,
        kind,
        "charge",
        thing.text("metadata", "attempt"),
        thing.text("id"),
        verdict=intent_news(thing),
        occurred_at=occurred_at,
    )


def _refund(name: str, kind: str, thing: Document, occurred_at: datetime | None) -> Incoming:
    return Incoming(
        name,
        kind,
        "refund",
        thing.text("metadata", "attempt"),
        thing.text("payment_intent"),
        thing.text("id"),
        refund_news(thing),
        occurred_at=occurred_at,
    )


def _dispute(name: str, kind: str, thing: Document, occurred_at: datetime | None) -> Incoming:
    state = _DISPUTE_STATES.get(thing.text("status"))
    amount = UNITS.read(thing.whole("amount"), thing.text("currency"))
    if state is None or amount is None:
        return Incoming(name, kind, "", occurred_at=occurred_at)
    return Incoming(
        name,
        kind,
        "dispute",
        reference=thing.text("payment_intent"),
        part=thing.text("id"),
        dispute=DisputeNews(
            thing.text("id"),
            state,
            amount,
            told(thing.text("reason")),
            instant(thing.whole("evidence_details", "due_by")),
        ),
        occurred_at=occurred_at,
    )
