"""Questions about many payments: lists, searches and sums; and what providers tell in files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.exchange import MethodKind
from bezant.money import Money
from bezant.payments.payment import Payment, PaymentState


@dataclass(frozen=True, slots=True)
class PaymentsOf:
    """Ask for payments, newest first. Every condition given holds for each of them."""

    tenant: str
    mode: Mode
    state: PaymentState | None = None
    customer: str | None = None
    order: str | None = None
    provider: str | None = None
    reference: str | None = None
    """The provider's name of the charge."""
    method: MethodKind | None = None
    asset: str | None = None
    amount_min: Money | None = None
    amount_max: Money | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    """A part of the description, the order, the descriptor or the customer's name or address; or
    the whole id of the payment or reference of the provider.
    """
    limit: int = 20
    before: str | None = None
    """The page begins after this item, so it holds what is older."""
    after: str | None = None
    """The page ends before this item, so it holds what is newer."""


@dataclass(frozen=True, slots=True)
class PaymentPage:
    """A page of payments."""

    payments: tuple[Payment, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class WaysOf:
    """Ask with what an amount can be paid here."""

    tenant: str
    mode: Mode
    amount: Money
    capture: bool = True


@dataclass(frozen=True, slots=True)
class StatsOf:
    """Ask what a stretch of time brought."""

    tenant: str
    mode: Mode
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class AssetStats:
    """What a stretch of time brought in one asset."""

    asset: str
    payments: int
    succeeded: int
    declined: int
    open: int
    """Not decided yet: processing, unknown, waiting for the payer."""
    captured: Money
    refunded: Money
    disputed: Money
    fees: Money


@dataclass(frozen=True, slots=True)
class Stats:
    """What a stretch of time brought."""

    since: datetime
    until: datetime
    assets: tuple[AssetStats, ...]


class Step(StrEnum):
    """How long each part of a course is. Days are UTC's."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class SeriesOf:
    """Ask what each hour or day brought, of the payments that fit. Its limit does not count."""

    payments: PaymentsOf
    since: datetime
    until: datetime
    step: Step = Step.DAY


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """What one step brought in one asset."""

    starts_at: datetime
    asset: str
    payments: int
    succeeded: int
    declined: int
    open: int
    captured: Money
    refunded: Money


@dataclass(frozen=True, slots=True)
class Series:
    """A course over time. A step without payments is not in it."""

    since: datetime
    until: datetime
    step: Step
    points: tuple[SeriesPoint, ...]


@dataclass(frozen=True, slots=True)
class PostedSide:
    """One side of a posting, by the name of its account."""

    account: str
    name: str
    """The account's name in the chart, such as `merchant_payable`."""
    of: str
    """What it is about: a provider, a merchant."""
    side: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Posting:
    """What one fact of a payment meant to the book."""

    transfer: str
    recorded_at: datetime
    reason: str
    sides: tuple[PostedSide, ...]


@dataclass(frozen=True, slots=True)
class Owed:
    """What one account between us and somebody holds."""

    account: str
    """Its name in the chart."""
    of: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes that claim to be a provider's event."""

    provider: str
    mode: Mode | None
    """Nothing where the provider has an account in one mode only."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of an event: stored, or known before."""

    event: str
    """The provider's id of it."""
    repeated: bool


@dataclass(frozen=True, slots=True)
class SettleFile:
    """A file in which a provider says what it paid out, as received."""

    provider: str
    mode: Mode
    file: bytes
    bank_account: str = "main"
    """On which of our bank accounts the money arrived."""


@dataclass(frozen=True, slots=True)
class SettledAsset:
    """What one file settled in one asset."""

    asset: str
    gross: Money
    fees: Money
    paid_out: Money


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a file came to. The same file again comes to the same."""

    digest: str
    """SHA-256 of the file, in hex."""
    lines: int
    matched: int
    unmatched: tuple[str, ...]
    """References no payment of ours has: their money went to `suspense`."""
    assets: tuple[SettledAsset, ...]
    repeated: bool
