"""What an order, a checkout and a link may be; which payments need an order. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bezant.actor import Mode
from bezant.errors import Invalid
from bezant.money import AmountTooLarge, Money
from bezant.orders.checkout import Offer, Way
from bezant.orders.order import OrdersOf
from bezant.orders.port import (
    METADATA_KEYS_MAX,
    ORIGINS_MAX,
    PAGE_MAX,
    TEXT_CHARACTERS_MAX,
    MalformedOffer,
)
from bezant.secret import holds_card_number

SESSION_LIFE: Final = timedelta(hours=24)
SESSION_LIFE_MAX: Final = timedelta(days=30)
LINK_LIFE_MAX: Final = timedelta(days=3_650)
USES_MAX: Final = 1_000_000
DESCRIPTOR_CHARACTERS_MAX: Final = 22  # The longest that card schemes print on a statement.
URL_CHARACTERS_MAX: Final = 2_000
METADATA_KEY_CHARACTERS_MAX: Final = 40
ORDER_PREFIX: Final = "ord_"
AMOUNT_MAX: Final = 10**32 - 1  # What a payment can be, and so what is asked of a payer.
# What payments refuse is refused here: else a payer would be told what the merchant did wrong.
_ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?\Z")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_REALM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_DESCRIPTOR: Final = re.compile(r"[A-Za-z0-9 .,&*/+-]*\Z")


class StoredOffer(msgspec.Struct, frozen=True):
    """An offer as it is stored, but for its amount."""

    description: str = ""
    descriptor: str = ""
    ways: tuple[Way, ...] = ()
    capture: bool = True
    return_url: str = ""
    cancel_url: str = ""
    metadata: dict[str, str] = {}
    sign_in: str = ""


def well_formed(offer: Offer) -> None:
    """Refuse an offer nobody could pay, or that leads payers astray."""
    positive(offer.amount)
    text(offer.description, "description")
    descriptor = offer.descriptor
    if len(descriptor) > DESCRIPTOR_CHARACTERS_MAX or not _DESCRIPTOR.match(descriptor):
        raise MalformedOffer(
            f"a descriptor has at most {DESCRIPTOR_CHARACTERS_MAX} plain characters",
            field="descriptor",
        )
    no_card(descriptor, "descriptor")
    web_address(offer.return_url, "return_url")
    web_address(offer.cancel_url, "cancel_url")
    check_metadata(offer.metadata)
    if offer.sign_in and not _REALM.match(offer.sign_in):
        raise MalformedOffer("this is no name of a realm", field="sign_in")
    if len(set(offer.ways)) != len(offer.ways):
        raise MalformedOffer("name each way to pay once", field="methods")


def limit(asked: int) -> int:
    """Return how long a page may be."""
    return max(1, min(asked, PAGE_MAX))


def whole(amount: Money) -> Decimal:
    """Return an amount as it is stored: whole minor units."""
    return Decimal(amount.minor)


def positive(amount: Money) -> None:
    """Refuse to be paid nothing, or less."""
    if amount.minor <= 0:
        raise MalformedOffer("an amount here is more than nothing", field="amount")
    if amount.minor > AMOUNT_MAX:
        raise AmountTooLarge(field="amount")


def text(value: str, field: str) -> str:
    """Return a text that can be stored and shown."""
    if len(value) > TEXT_CHARACTERS_MAX or (value and not value.isprintable()):
        raise MalformedOffer(
            f"this is at most {TEXT_CHARACTERS_MAX} characters in one line", field=field
        )
    no_card(value, field)
    return value


def no_card(value: str, field: str) -> None:
    """Refuse a text with a card's number in it: only the vault may ever hold one."""
    if holds_card_number(value):
        raise MalformedOffer("a card's number does not belong here: tokenize it", field=field)


def web_address(value: str, field: str) -> None:
    """Refuse what a browser should not be sent to."""
    if not value:
        return
    if len(value) > URL_CHARACTERS_MAX or not _VISIBLE.match(value) or not _leads_well(value):
        raise MalformedOffer("an address to return to begins with https://", field=field)
    no_card(value, field)


def _leads_well(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:  # Its words repeat the address.
        return False
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return (
        bool(parts.hostname)
        and parts.username is None
        and port != 0
        and address.startswith(("https://", "http://") if local else "https://")
    )


def origins(told: Sequence[str]) -> tuple[str, ...]:
    """Return whose pages may show a checkout in a frame, each once; an origin has no path."""
    if len(told) > ORIGINS_MAX:
        raise MalformedOffer(f"at most {ORIGINS_MAX} origins", field="origins")
    for one in told:
        web_address(one, "origins")
        if not one or not _ORIGIN.match(one):
            raise MalformedOffer("an origin is like https://shop.example", field="origins")
    return tuple(sorted(set(told)))


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse metadata that is more than notes."""
    if len(metadata) > METADATA_KEYS_MAX or any(
        not 0 < len(key) <= METADATA_KEY_CHARACTERS_MAX
        or len(value) > TEXT_CHARACTERS_MAX
        or _CONTROL.search(key + value)
        for key, value in metadata.items()
    ):
        raise MalformedOffer(
            f"metadata has at most {METADATA_KEYS_MAX} short texts", field="metadata"
        )
    for key, value in metadata.items():
        no_card(key, "metadata")
        no_card(value, "metadata")


def askable(query: OrdersOf) -> None:
    """Refuse conditions nothing can be compared with."""
    for field in ("created_from", "created_until"):
        moment: datetime | None = getattr(query, field)
        if moment is not None and moment.tzinfo is None:
            raise Invalid("a time says its offset from UTC, such as Z", field=field)
    text(query.text, "query")
    text(query.reference or "", "reference")
    text(query.customer or "", "customer")
    check_metadata(query.metadata)


def lasts_until(asked: datetime | None, now: datetime, life: timedelta) -> datetime:
    """Return until when a checkout is open."""
    until = asked or now + life
    if not now < until <= now + SESSION_LIFE_MAX:
        raise MalformedOffer(
            f"a checkout is open for {SESSION_LIFE_MAX.days} days at most", field="expires_at"
        )
    return until


def link_lasts(expires_at: datetime | None, uses_max: int | None, now: datetime) -> None:
    """Refuse a link that is over before it begins."""
    if expires_at is not None and not now < expires_at <= now + LINK_LIFE_MAX:
        raise MalformedOffer("this time is over, or too far away", field="expires_at")
    if uses_max is not None and not 1 <= uses_max <= USES_MAX:
        raise MalformedOffer(f"a link is used 1 to {USES_MAX} times", field="uses_max")


def needs_order(said: str, *, always: bool) -> bool:
    """Tell whether money of a payment that says this must have an order.

    A payment that names one of our orders does. One with a merchant's own number does only where
    every payment is meant to have an order.
    """
    return always or said.startswith(ORDER_PREFIX)


def idem(kind: str, tenant: str, mode: Mode, key: str) -> bytes | None:
    """Return what an idempotency key is stored as; nothing if there is none."""
    if not key:
        return None
    return hashlib.sha256("\n".join((kind, tenant, mode, key)).encode()).digest()


def fingerprint(*parts: object) -> bytes:
    """Return what makes two requests the same one."""
    return hashlib.sha256(msgspec.json.encode(parts, enc_hook=_plain)).digest()


def store_offer(offer: Offer) -> str:
    """Write an offer, but for its amount."""
    stored = StoredOffer(
        offer.description,
        offer.descriptor,
        offer.ways,
        offer.capture,
        offer.return_url,
        offer.cancel_url,
        dict(offer.metadata),
        offer.sign_in,
    )
    return msgspec.json.encode(stored).decode()


def read_offer(stored: str, amount: Money) -> Offer:
    """Read an offer."""
    told = msgspec.json.decode(stored, type=StoredOffer)
    return Offer(
        amount,
        told.description,
        told.descriptor,
        told.ways,
        told.capture,
        told.return_url,
        told.cancel_url,
        told.metadata,
        told.sign_in,
    )


def _plain(value: object) -> object:
    if isinstance(value, Money):
        return str(value)
    raise Invalid("this cannot be compared")
