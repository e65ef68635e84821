"""Deliveries: one event for one endpoint, and every attempt to bring it there."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.errors import NotFound

RESENT_AT_ONCE_MAX = 1_000  # One command of `resend_many`; the answer says if there is more.


class DeliveryState(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Outcome(StrEnum):
    """How an attempt ended. Only a 2xx is a success."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It answered something that is no 2xx."""
    REDIRECTED = "redirected"
    """It answered 3xx; we follow nobody."""
    GONE = "gone"
    """It answered 410."""
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    """Its certificate is not accepted."""
    FORBIDDEN = "forbidden"
    """Its name led to an address that we do not send to; nothing was dialled."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request, or the attempt to make one."""

    number: int
    started_at: datetime
    milliseconds: int
    outcome: Outcome
    status: int | None
    answer: str
    """The first characters of what it answered, with what looks like a secret masked."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to an endpoint."""

    id: str
    """`whd_…`."""
    event: str
    type: str
    endpoint: str
    state: DeliveryState
    retries: int
    """How many retries were made or set, since it was last sent by hand."""
    attempts: int
    """How many attempts were made in all."""
    created_at: datetime
    settled_at: datetime | None
    next_attempt_at: datetime | None
    tries: tuple[Attempt, ...] = ()
    """Told when one delivery is asked for: the last of them, newest first."""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """A page of deliveries."""

    deliveries: tuple[Delivery, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class DeliveriesOf:
    """Ask for a page of deliveries, newest first; what is left out fits all."""

    tenant: str
    mode: Mode
    endpoint: str | None = None
    event: str | None = None
    state: DeliveryState | None = None
    types: tuple[str, ...] = ()
    """Filters, as endpoints have them."""
    created_from: datetime | None = None
    created_before: datetime | None = None
    limit: int = 20
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Resend:
    """Send a delivery once more, whatever became of it, under the same event id."""

    tenant: str
    mode: Mode
    delivery: str


@dataclass(frozen=True, slots=True)
class ResendMany:
    """Send again what fits; what is left out fits all."""

    tenant: str
    mode: Mode
    endpoint: str
    state: DeliveryState = DeliveryState.FAILED
    types: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_before: datetime | None = None
    missed: bool = False
    """Also events that passed while it was disabled or not there yet, if its filters fit."""
    after: str | None = None
    """Go on behind this delivery, as the answer before said."""


@dataclass(frozen=True, slots=True)
class Resent:
    """How many deliveries were set again."""

    count: int
    has_more: bool
    """Ask again, from `after` on, until there is no more."""
    after: str | None


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What waits to be delivered, over all merchants."""

    pending: int
    due: int
    failed: int
    disabled_endpoints: int
    oldest_due_at: datetime | None


class UnknownDelivery(NotFound):
    """There is no such webhook delivery."""

    code = "unknown_webhook_delivery"
