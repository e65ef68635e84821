"""Transfers: legs that debit and credit accounts, all or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.money import Money


class Side(StrEnum):
    """Left and right of a T-account."""

    DEBIT = "debit"
    CREDIT = "credit"


class TransferKind(StrEnum):
    """What a numbered row of the book records."""

    POST = "post"
    REVERSAL = "reversal"
    HOLD = "hold"
    CAPTURE = "capture"
    VOID = "void"
    EXPIRY = "expiry"
    OPENING = "opening"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a transfer: how much, on which account, on which side."""

    account: str
    side: Side
    amount: Money


@dataclass(frozen=True, slots=True)
class PostTransfer:
    """Move money: all legs or none."""

    id: str
    tenant: str
    mode: Mode
    legs: tuple[Leg, ...]
    reference: str = ""
    reason: str = ""
    occurred_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class PostLinked:
    """Transfers that happen together or not at all, also across assets (an exchange is two)."""

    id: str
    tenant: str
    mode: Mode
    transfers: tuple[PostTransfer, ...]


@dataclass(frozen=True, slots=True)
class ReverseTransfer:
    """Undo a transfer by a new one with its sides swapped. Once."""

    id: str
    tenant: str
    mode: Mode
    transfer: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A numbered row of the book and its legs, as a caller of `tenant` may see them."""

    id: str
    kind: TransferKind
    mode: Mode
    asset: str
    legs: tuple[Leg, ...]
    recorded_at: datetime
    occurred_at: datetime
    reference: str
    reason: str
    metadata: Mapping[str, str]
    subject: str = ""
    """The transfer this one reverses, or the hold it captures, voids or ends."""
    link: str = ""
    """Transfers with the same link happened together."""
    replayed: bool = False
    """True when this answer repeats the first record of the same command."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was refused, with the code of the error it would have raised."""

    code: str
    detail: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one command of a batch: a transfer, or the reason why not."""

    transfer: Transfer | None
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class TransfersOf:
    """Ask for transfers by reference, owner, account or time, newest first."""

    tenant: str
    mode: Mode
    asset: str | None = None
    reference: str | None = None
    owner: str | None = None
    account: str | None = None
    recorded_from: datetime | None = None
    recorded_until: datetime | None = None
    limit: int = 50
    before: str | None = None
    posted_as: str | None = None
    """The id that whoever asks has posted it under; nothing else is asked for then."""


@dataclass(frozen=True, slots=True)
class TransferPage:
    """A page of transfers."""

    transfers: tuple[Transfer, ...]
    has_more: bool
