"""Disputes: a payer asks their bank for the money back, and a third party decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.money import Money


class DisputeState(StrEnum):
    """How far a dispute has come."""

    OPENED = "opened"
    """Evidence can be sent until it is due."""
    UNDER_REVIEW = "under_review"
    WON = "won"
    """The money is the merchant's again."""
    LOST = "lost"
    """The payer keeps it."""


@dataclass(frozen=True, slots=True)
class SubmitEvidence:
    """Answer a dispute. Only what providers ask for: texts by name."""

    key: str
    tenant: str
    mode: Mode
    dispute: str
    evidence: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Dispute:
    """A dispute as it stands."""

    id: str
    """`dp_…`."""
    mode: Mode
    payment: str
    state: DisputeState
    amount: Money
    reason: str
    provider: str
    reference: str
    """The provider's name of it."""
    evidence_due_at: datetime | None
    evidence: Mapping[str, str]
    opened_at: datetime
    updated_at: datetime
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class DisputesOf:
    """Ask for disputes, newest first."""

    tenant: str
    mode: Mode
    payment: str | None = None
    state: DisputeState | None = None
    limit: int = 20
    before: str | None = None
    opened_from: datetime | None = None
    opened_until: datetime | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class DisputePage:
    """A page of disputes."""

    disputes: tuple[Dispute, ...]
    has_more: bool
