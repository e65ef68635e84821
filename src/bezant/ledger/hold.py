"""Holds: money set aside on an account for a transfer that may follow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.ledger.transfer import Leg
from bezant.money import Money


class HoldState(StrEnum):
    """A hold is over when nothing of it remains, whatever the way."""

    HELD = "held"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class PlaceHold:
    """Set money aside on one account for a transfer that may follow."""

    id: str
    tenant: str
    mode: Mode
    account: str
    amount: Money
    to: str
    """The account a capture pays unless it says otherwise."""
    expires_at: datetime | None = None
    reference: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class CaptureHold:
    """Turn held money into a transfer: all that remains, or a part; several times up to the
    hold.
    """

    id: str
    tenant: str
    mode: Mode
    hold: str
    amount: Money | None = None
    to: tuple[Leg, ...] = ()
    """Where the money goes instead of the hold's own `to`; the sum of these legs is the amount."""
    reference: str = ""
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class VoidHold:
    """Give back what remains of a hold."""

    id: str
    tenant: str
    mode: Mode
    hold: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Money set aside, and what remains of it."""

    id: str
    mode: Mode
    account: str
    to: str
    amount: Money
    remaining: Money
    state: HoldState
    placed_at: datetime
    expires_at: datetime | None
    reference: str
    metadata: Mapping[str, str]
    replayed: bool = False
