"""What Coinbase keeps: checkouts, payment links, charges, and what payers sent for them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.sandbox.coinbase_values import Coins


class Dialect(StrEnum):
    """Which of the two business APIs a checkout was made with; they differ in little."""

    CHECKOUTS = "checkouts"
    PAYMENT_LINKS = "payment-links"


class CheckoutStatus(StrEnum):
    """How far a checkout is."""

    ACTIVE = "ACTIVE"
    PROCESSING = "PROCESSING"
    DEACTIVATED = "DEACTIVATED"
    EXPIRED = "EXPIRED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"


class RefundStatus(StrEnum):
    """How far a refund is."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutRefund:
    """One refund of a checkout."""

    id: str
    amount: Coins
    fiat_cents: int
    """What it was asked for in the checkout's currency; 0 if it was asked for in USDC."""
    status: RefundStatus
    reason: str
    fails: bool
    """Whether the chain will refuse it; known to the emulator only."""
    transaction: str = ""
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A request for one payment, and what became of it."""

    id: str
    dialect: Dialect
    slug: str
    """What stands in the address of the payer's page."""
    status: CheckoutStatus
    amount: Coins
    address: str
    description: str
    metadata: dict[str, str]
    success_url: str
    fail_url: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    fiat_amount: str = ""
    fiat_currency: str = ""
    transaction: str = ""
    fails: bool = False
    fee: int = 0
    refunds: tuple[CheckoutRefund, ...] = ()

    @property
    def given_back(self) -> tuple[CheckoutRefund, ...]:
        """Return the refunds that arrived, or are on their way."""
        return tuple(one for one in self.refunds if one.status is not RefundStatus.FAILED)

    @property
    def refunded(self) -> int:
        """Return how much that is."""
        return sum(one.amount.minor for one in self.given_back)


class ChargeStatus(StrEnum):
    """How far a charge of Commerce is."""

    NEW = "NEW"
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    EXPIRED = "EXPIRED"
    UNRESOLVED = "UNRESOLVED"
    RESOLVED = "RESOLVED"
    CANCELED = "CANCELED"


class Context(StrEnum):
    """Why a charge is unresolved."""

    UNDERPAID = "UNDERPAID"
    OVERPAID = "OVERPAID"
    DELAYED = "DELAYED"
    MULTIPLE = "MULTIPLE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a charge's timeline."""

    at: datetime
    status: ChargeStatus
    context: Context | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What a payer sent for a charge."""

    transaction: str
    coins: Coins
    detected_at: datetime
    late: bool
    height: int
    confirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A charge of Commerce."""

    id: str
    code: str
    name: str
    description: str
    currency: str
    """Empty if the payer decides how much."""
    cents: int
    metadata: dict[str, str]
    redirect_url: str
    cancel_url: str
    addresses: dict[str, str]
    created_at: datetime
    expires_at: datetime
    timeline: tuple[Step, ...]
    sendings: tuple[Sending, ...] = ()

    @property
    def status(self) -> ChargeStatus:
        """Return how far the charge is."""
        return self.timeline[-1].status


@dataclass(frozen=True, slots=True, kw_only=True)
class CommerceEvent:
    """One event of Commerce, as it was sent."""

    id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Where events go, as the CDP API shows it."""

    id: str
    url: str
    description: str
    events: tuple[str, ...]
    secret: str
    created_at: datetime
