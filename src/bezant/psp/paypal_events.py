"""Reading PayPal's events. They are hints: their signature covers a checksum of the body only, so
whatever they tell is fetched again before it counts.
"""

from datetime import datetime
from typing import Final

from bezant.exchange import ProviderAnswer
from bezant.psp.answers import body_of
from bezant.psp.document import Document, NotReadable, read_json
from bezant.psp.paypal_words import money_of
from bezant.psp.port import DisputeNews, Incoming, MalformedWebhook

_GIVEN_BACK: Final = frozenset({"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED"})
_OUTCOMES: Final = {
    "RESOLVED_BUYER_FAVOUR": "lost",
    "RESOLVED_SELLER_FAVOUR": "won",
    "RESOLVED_WITH_PAYOUT": "won",
    "CANCELED_BY_BUYER": "won",
    "ACCEPTED": "accepted",
    "DENIED": "won",
}


def read(body: bytes) -> Incoming:
    """Read an event."""
    try:
        found = read_json(body)
    except NotReadable as mistake:
        raise MalformedWebhook from mistake
    name, kind, thing = found.text("id"), found.text("event_type"), found.inner("resource")
    if not (name and kind and thing):
        raise MalformedWebhook
    at = instant(found.text("create_time"))
    if kind.startswith("CUSTOMER.DISPUTE."):
        dispute = thing.text("dispute_id")
        return Incoming(name, kind, "dispute" if dispute else "", part=dispute, occurred_at=at)
    if kind.startswith("CHECKOUT.ORDER."):
        units = thing.each("purchase_units")
        attempt = units[0].text("custom_id") if units else ""
        return Incoming(name, kind, "charge", attempt, thing.text("id"), occurred_at=at)
    order = thing.text("supplementary_data", "related_ids", "order_id")
    if kind in _GIVEN_BACK or kind.startswith("PAYMENT.REFUND."):
        attempt = thing.text("invoice_id") or thing.text("custom_id")
        return Incoming(
            name, kind, "refund", attempt, order or _capture(thing), thing.text("id"),
            occurred_at=at,
        )  # fmt: skip
    if kind.startswith("PAYMENT.CAPTURE."):
        attempt = thing.text("invoice_id") or thing.text("custom_id")
        return Incoming(name, kind, "charge", attempt, order, thing.text("id"), occurred_at=at)
    if kind.startswith("PAYMENT.AUTHORIZATION."):
        attempt = thing.text("custom_id") or thing.text("invoice_id")
        return Incoming(name, kind, "charge", attempt, order, thing.text("id"), occurred_at=at)
    return Incoming(name, kind, "", occurred_at=at)


def asked_dispute(dispute: str, answer: ProviderAnswer) -> Incoming | None:
    """Read a dispute that was fetched by its id."""
    if answer.status == 404:
        return Incoming(dispute, "", "")
    found = body_of(answer)
    if found is None or found.text("dispute_id") != dispute:
        return None
    return _dispute(dispute, found)


def instant(text: str) -> datetime | None:
    """Read an instant as PayPal writes it."""
    try:
        read_at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read_at if read_at.tzinfo else None


def _capture(thing: Document) -> str:
    """Return the capture a refund is of: it stands in a link only."""
    links = thing.each("links")
    up = next((one.text("href") for one in links if one.text("rel") == "up"), "")
    return up.rpartition("/captures/")[2]


def _dispute(name: str, thing: Document) -> Incoming:
    amount = money_of(thing, "dispute_amount")
    about = thing.each("disputed_transactions")
    if amount is None or not about or not thing.text("dispute_id"):
        return Incoming(name, "", "")
    part = thing.text("dispute_id")
    news = DisputeNews(
        part,
        _state(thing),
        amount,
        thing.text("reason")[:64],
        instant(thing.text("seller_response_due_date")),
    )
    return Incoming(
        name,
        thing.text("status")[:64],
        "dispute",
        about[0].text("custom") or about[0].text("invoice_number"),
        about[0].text("seller_transaction_id"),
        part,
        dispute=news,
    )


def _state(thing: Document) -> str:
    match thing.text("status"):
        case "RESOLVED":
            return _OUTCOMES.get(thing.text("dispute_outcome", "outcome_code"), "under_review")
        case "UNDER_REVIEW" | "WAITING_FOR_BUYER_RESPONSE":
            return "under_review"
        case _:
            return "opened"
