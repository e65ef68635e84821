"""Refunds: money given back to the payer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Actor, Mode
from bezant.money import Money


class RefundState(StrEnum):
    """How far a refund has come."""

    NEEDS_APPROVAL = "needs_approval"
    """A second person has to agree."""
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    """We do not know what the provider did; we ask until we do."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """The provider did not give the money back; it is the merchant's again."""
    REJECTED = "rejected"
    """The second person said no, or nobody answered in time."""


@dataclass(frozen=True, slots=True)
class RequestRefund:
    """Give money back: all that remains, or a part."""

    key: str
    tenant: str
    mode: Mode
    payment: str
    by: Actor
    amount: Money | None = None
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    sent: str = ""
    """Where the provider gives nothing back by itself: the name, in its report, of the movement by
    which somebody has sent the money already.
    """


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it stands."""

    id: str
    """`re_…`."""
    mode: Mode
    payment: str
    state: RefundState
    amount: Money
    reason: str
    metadata: Mapping[str, str]
    requested_by: str
    """The key or member that asked for it."""
    approval: str
    """The approval it needs or had, `apr_…`."""
    reference: str
    """The provider's name of it."""
    failure: str
    created_at: datetime
    updated_at: datetime
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class RefundsOf:
    """Ask for refunds, newest first."""

    tenant: str
    mode: Mode
    payment: str | None = None
    state: RefundState | None = None
    limit: int = 20
    before: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    after: str | None = None


@dataclass(frozen=True, slots=True)
class RefundPage:
    """A page of refunds."""

    refunds: tuple[Refund, ...]
    has_more: bool
