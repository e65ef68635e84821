"""The acquirer "card": what it keeps, and how it shows it.

Amounts are whole smallest units in quotes, instants are texts in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from bezant.sandbox.card_numbers import Card


class Status(StrEnum):
    """Of an authorisation. Only `authorised` and `captured` are a yes."""

    CHALLENGE = "challenge"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Money set aside at a payer's."""

    id: str
    key: str
    reference: str
    amount: int
    asset: str
    card: Card
    status: Status
    capture: bool
    """Whether it is captured as soon as it is authorised."""
    created_at: datetime
    expires_at: datetime
    captured: int = 0
    refunded: int = 0
    disputed: int = 0
    closed: bool = False
    """No further capture: the rest was given back."""
    decline_code: str = ""
    challenge: str = ""
    """The unguessable part of the challenge's address."""
    challenge_url: str = ""
    return_url: str = ""
    dispute: str = ""
    """Why the payer will dispute it once it is captured."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A part of an authorisation, taken."""

    id: str
    key: str
    authorisation: str
    amount: int
    asset: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back."""

    id: str
    key: str
    authorisation: str
    amount: int
    asset: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Dispute:
    """Money a payer took back through the bank."""

    id: str
    authorisation: str
    amount: int
    asset: str
    reason: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    """What was done under a key: how a caller finds out what became of a call."""

    id: str
    """The key."""
    operation: str
    object: str
    """The id of what it made."""


class CardWish(msgspec.Struct, frozen=True):
    """A card as it is sent."""

    number: str
    exp_month: int | str
    """A number, or its digits in quotes."""
    exp_year: int | str
    cvc: str = ""


class AuthorisationWish(msgspec.Struct, frozen=True):
    """The body of `POST /authorisations`."""

    key: str
    amount: str
    asset: str
    card: CardWish
    capture: bool = False
    reference: str = ""
    return_url: str = ""


class PartWish(msgspec.Struct, frozen=True):
    """The body of a capture, a refund or a void."""

    key: str
    amount: str = ""
    """Empty: all that is left."""
    final: bool = False
    """Of a capture: the rest is given back."""


class EvidenceWish(msgspec.Struct, frozen=True):
    """The body of an answer to a dispute."""

    key: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as webhooks tell it."""

    id: str
    type: str
    created_at: datetime
    data: Mapping[str, object] = field(default_factory=dict[str, object])


def show(thing: Authorisation | Capture | Refund | Dispute) -> Mapping[str, object]:
    """Return how something is shown to callers."""
    match thing:
        case Authorisation():
            return _authorisation(thing)
        case Capture():
            return {"status": "captured", **_part(thing)}
        case Refund():
            return {"status": thing.status, **_part(thing)}
        case Dispute():
            return {
                "id": thing.id,
                "authorisation": thing.authorisation,
                "amount": str(thing.amount),
                "asset": thing.asset,
                "reason": thing.reason,
                "status": thing.status,
                "created_at": thing.created_at,
            }


def _authorisation(one: Authorisation) -> Mapping[str, object]:
    return {
        "id": one.id,
        "key": one.key,
        "reference": one.reference,
        "status": one.status,
        "amount": str(one.amount),
        "captured": str(one.captured),
        "refunded": str(one.refunded),
        "disputed": str(one.disputed),
        "asset": one.asset,
        "card": {
            "brand": one.card.brand,
            "last4": one.card.last4,
            "exp_month": one.card.exp_month,
            "exp_year": one.card.exp_year,
            "fingerprint": one.card.fingerprint,
        },
        "decline_code": one.decline_code or None,
        "challenge_url": one.challenge_url or None,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
    }


def _part(one: Capture | Refund) -> Mapping[str, object]:
    return {
        "id": one.id,
        "key": one.key,
        "authorisation": one.authorisation,
        "amount": str(one.amount),
        "asset": one.asset,
        "created_at": one.created_at,
    }
