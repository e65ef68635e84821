"""What an exchange with a provider came to: one vocabulary for all providers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from bezant.exchange import DeclineCode
from bezant.money import Money

MISMATCH: Final = "alarm_answer_differs"
"""The status of a verdict on an answer that speaks of another amount, asset or charge than asked:
somebody has to look.
"""


class Result(StrEnum):
    """What an exchange came to."""

    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"
    """No, and the provider said so: nothing was charged, captured, voided or refunded."""
    NEEDS_ACTION = "needs_action"
    """The payer has to do something first."""
    APPROVED = "approved"
    """The payer agreed and the provider waits for us: `finish` it."""
    PENDING = "pending"
    """The provider has it and has not decided."""
    NOT_FOUND = "not_found"
    """The provider knows nothing under this key: an answer to `ask` only."""
    NOT_SENT = "not_sent"
    """Nothing reached the provider; another one may be tried."""
    OUTAGE = "outage"
    """The provider said it did not act and cannot now; another one may be tried."""
    UNKNOWN = "unknown"
    """Silence, or an answer that does not tell. Ask again under the same key."""


@dataclass(frozen=True, slots=True)
class Decline:
    """A provider's no."""

    code: DeclineCode
    soft: bool
    """Trying again, or elsewhere, may succeed."""
    raw: str = ""
    """The provider's own code."""


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the payer has to do: go somewhere, or pay what is shown."""

    type: str
    """`redirect`, `approve`, `bank_transfer`, `crypto`, `verify_micro_deposits`."""
    url: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What is shown: `iban`, `reference`, `address`, `amount`, `network` and the like."""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer, an event or a question told us about one piece of work."""

    result: Result
    reference: str = ""
    """The provider's name of the charge: kept as the PSP reference."""
    part: str = ""
    """The provider's name of what was set aside, captured or refunded, where it has one of its own
    beside the charge's: hand it back as the `part` of a later step.
    """
    amount: Money | None = None
    """How much was authorised, captured or refunded, when the provider says so. Differs from what
    was asked only where the payer sends the money (`Capabilities.inexact`).
    """
    decline: Decline | None = None
    action: NextAction | None = None
    fee: Money | None = None
    """What the provider keeps for it, when it says so."""
    status: str = ""
    """The provider's own word."""
    retry_after_seconds: float | None = None
    payer: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a refund needs to know of the payer, such as an `iban`: hand it back as `saved`."""
