"""What the Stripe emulator keeps. `stripe_render.py` shows it as Stripe does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.sandbox.card_numbers import Card, Habit

Texts = Mapping[str, str]


class IntentStatus(StrEnum):
    """Of a PaymentIntent."""

    NEEDS_METHOD = "requires_payment_method"
    NEEDS_CONFIRMATION = "requires_confirmation"
    NEEDS_ACTION = "requires_action"
    PROCESSING = "processing"
    NEEDS_CAPTURE = "requires_capture"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an attempt to pay failed."""

    type: str
    code: str
    message: str
    decline_code: str = ""
    charge: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class PaymentIntent:
    """A payment, from the first wish to the last cent."""

    id: str
    amount: int
    currency: str
    created: datetime
    client_secret: str
    status: IntentStatus = IntentStatus.NEEDS_METHOD
    manual: bool = False
    """Whether a charge waits for its capture."""
    multicapture: bool = False
    confirmed_by_hand: bool = False
    """`confirmation_method` is `manual`."""
    automatic_methods: bool = False
    method_types: tuple[str, ...] = ("card",)
    three_d_secure: str = "automatic"
    verification: str = "automatic"
    off_session: bool = False
    method: str = ""
    customer: str = ""
    description: str = ""
    descriptor: str = ""
    descriptor_suffix: str = ""
    future_usage: str = ""
    receipt_email: str = ""
    return_url: str = ""
    transfer_group: str = ""
    metadata: Texts = field(default_factory=dict[str, str])
    latest_charge: str = ""
    capturable: int = 0
    received: int = 0
    trouble: Trouble | None = None
    canceled_at: datetime | None = None
    cancellation_reason: str = ""
    challenge: str = ""
    """The unguessable part of the address of its challenge; empty if there is none."""
    challenge_url: str = ""
    dispute: str = ""
    """Why the payer will dispute it."""
    returns: str = ""
    """Why a bank will take a debit back, and how long after it arrived."""
    return_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Challenge:
    """A question of an issuer, by the unguessable part of its address."""

    id: str
    intent: str


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account at a bank in the United States, as it may be kept."""

    last4: str
    routing_number: str
    bank_name: str
    holder_type: str
    account_type: str
    fingerprint: str
    habit: Habit
    verified: bool = False


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A card or a bank account."""

    id: str
    type: str
    created: datetime
    card: Card | None = None
    bank: BankAccount | None = None
    customer: str = ""
    name: str = ""
    email: str = ""
    used: bool = False
    """It paid without a customer who owns it, and cannot pay again."""
    metadata: Texts = field(default_factory=dict[str, str])

    @property
    def habit(self) -> Habit:
        """Return what it does when it is charged."""
        return self.card.habit if self.card else self.bank.habit if self.bank else Habit()


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who owns payment methods."""

    id: str
    created: datetime
    name: str = ""
    email: str = ""
    phone: str = ""
    description: str = ""
    metadata: Texts = field(default_factory=dict[str, str])
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt to take money."""

    id: str
    intent: str
    amount: int
    currency: str
    created: datetime
    status: str
    method: PaymentMethod
    """As it was when it paid."""
    captured: bool = False
    amount_captured: int = 0
    amount_refunded: int = 0
    amount_disputed: int = 0
    disputed: bool = False
    capture_before: datetime | None = None
    transaction: str = ""
    trouble: Trouble | None = None
    description: str = ""
    customer: str = ""
    receipt_email: str = ""
    transfer_group: str = ""
    metadata: Texts = field(default_factory=dict[str, str])

    @property
    def refundable(self) -> int:
        """Return how much of it can still be given back."""
        return self.amount_captured - self.amount_refunded - self.amount_disputed


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back."""

    id: str
    charge: str
    intent: str
    amount: int
    currency: str
    created: datetime
    status: str
    reason: str = ""
    transaction: str = ""
    failure_transaction: str = ""
    failure_reason: str = ""
    metadata: Texts = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Dispute:
    """Money a payer took back through the bank."""

    id: str
    charge: str
    intent: str
    amount: int
    currency: str
    created: datetime
    reason: str
    status: str
    due_by: datetime
    transactions: tuple[str, ...] = ()
    evidence: Texts = field(default_factory=dict[str, str])
    submissions: int = 0
    metadata: Texts = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Transaction:
    """One line of the balance."""

    id: str
    type: str
    category: str
    source: str
    intent: str
    amount: int
    fee: int
    currency: str
    created: datetime
    available_on: datetime
    description: str = ""


@dataclass(frozen=True, slots=True)
class Payout:
    """Money sent to the merchant's bank."""

    id: str
    amount: int
    currency: str
    created: datetime
    arrival: datetime
    transaction: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with its object as it was then."""

    id: str
    type: str
    created: datetime
    object: bytes
    """JSON."""
    request: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where events are sent."""

    id: str
    url: str
    events: tuple[str, ...]
    created: datetime
    description: str = ""
    metadata: Texts = field(default_factory=dict[str, str])
