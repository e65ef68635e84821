"""Attempts: each thing asked of a provider, under a key of its own, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.money import Money
from bezant.payments.payment import Declined


class Operation(StrEnum):
    """What was asked of a provider."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


class AttemptState(StrEnum):
    """What became of it."""

    SENT = "sent"
    """Stored before it was sent; no answer yet."""
    WAITING = "waiting"
    """The provider has it: it waits for the payer, or has not decided."""
    UNKNOWN = "unknown"
    """Silence. We ask until we know."""
    DONE = "done"
    DECLINED = "declined"
    FAILED = "failed"
    """It never reached the provider, or the provider did not act."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One exchange with one provider."""

    id: str
    """`att_…`: the key the provider knows it by. Its payment's id with a number at the end."""
    operation: Operation
    state: AttemptState
    provider: str
    amount: Money
    why: str
    """Why this provider was chosen, in a sentence."""
    sent_at: datetime
    settled_at: datetime | None
    result: str
    """The provider's answer in our words, such as `captured`."""
    reference: str
    part: str
    """The provider's name of the capture or refund."""
    digest: str
    """SHA-256 of the provider's answer as received, in hex."""
    declined: Declined | None
    fee: Money | None
    """What the provider kept for it, when it said so."""
    booked: bool
    """Its money is in the book, if it moved any."""
    asked: int
    """How often we asked the provider what became of it."""
