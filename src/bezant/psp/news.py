"""What a provider tells of its own accord: events, disputes, and the lines of settlement files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bezant.money import Money
from bezant.psp.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Incoming:
    """A provider's event whose signature was checked."""

    id: str
    """The provider's id of the event; a second one with it is the same event."""
    type: str
    about: str
    """`charge`, `refund`, `dispute`, `payout`, `statement` or `` for what does not concern us."""
    attempt: str = ""
    """Our key, where the event carries it."""
    reference: str = ""
    part: str = ""
    verdict: Verdict | None = None
    """What it tells, or nothing where it is only a hint: then the thing is fetched again."""
    dispute: "DisputeNews | None" = None
    """What it tells of a dispute, or nothing where it is only a hint."""
    occurred_at: datetime | None = None
    lines: "Sequence[SettlementLine]" = ()
    """What a `statement` tells, where one message tells of several movements."""


@dataclass(frozen=True, slots=True)
class DisputeNews:
    """What a provider tells about a dispute."""

    reference: str
    """The provider's name of the dispute."""
    state: str
    """`opened`, `under_review`, `won`, `lost`, `accepted`."""
    amount: Money
    reason: str = ""
    evidence_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RefundNews:
    """A refund of a charge as the provider has it now, whoever has made it."""

    part: str
    """The provider's name of the refund."""
    attempt: str
    """Our key, where it carries one: of the refund if it is ours, else perhaps of the charge."""
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """A line of the file in which a provider says what it paid out."""

    kind: str
    """`charge`, `refund`, `dispute`, `dispute_reversal`, `fee` or `payout`. The sign of `gross`
    says which way: a charge that failed later is one away from us, a failed refund towards us.
    """
    reference: str
    attempt: str
    gross: Money
    """Positive towards us, negative away from us."""
    fee: Money
    occurred_at: datetime
    payout: str = ""
    id: str = ""
    """The provider's own name of the movement, the same in every file that tells of it."""
    payer: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a refund would need to know of the payer's side."""
    part: str = ""
    """The provider's name of the refund or dispute that moved the money, where the file tells it:
    the same that events and questions tell.
    """
