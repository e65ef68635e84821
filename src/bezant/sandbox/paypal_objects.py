"""What PayPal keeps: orders, authorizations, captures, refunds, disputes, tokens."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from bezant.sandbox.paypal_values import Sum

IDS: Final = "0123456789ABCDEFGHJKLMNPRSTUVWXY"
ID_LENGTH: Final = 17


class Intent(StrEnum):
    """What an order is for."""

    CAPTURE = "CAPTURE"
    AUTHORIZE = "AUTHORIZE"


class OrderStatus(StrEnum):
    """How far an order is."""

    CREATED = "CREATED"
    PAYER_ACTION_REQUIRED = "PAYER_ACTION_REQUIRED"
    APPROVED = "APPROVED"
    COMPLETED = "COMPLETED"


class Payer(StrEnum):
    """Who approved an order; the page offers them, and they behave differently later."""

    WEALTHY = "wealthy"
    DECLINED = "declined"
    """The instrument is declined when the money is taken."""
    ECHECK = "echeck"
    """Pays from a bank account: the capture is pending for days, then complete."""
    BOUNCING = "bouncing"
    """Pays from a bank account that turns out to be empty."""
    DISPUTING = "disputing"
    """Disputes the payment a day later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One purchase unit of an order."""

    reference_id: str
    amount: Sum
    custom_id: str = ""
    invoice_id: str = ""
    request: str = ""
    """The unit as it was written, JSON: what is of no importance here is shown again as it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a payer is asked to approve."""

    id: str
    intent: Intent
    status: OrderStatus
    units: tuple[Unit, ...]
    has_source: bool
    """Whether `payment_source.paypal` was given; then the link is called `payer-action`."""
    return_url: str
    cancel_url: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    payer: Payer = Payer.WEALTHY
    opened: bool = False
    """Whether the payer was led to PayPal."""
    saves: bool = False
    """Whether the payer's account is saved once it paid."""
    saved_as: str = ""
    """The saved account that pays, or that this payment saved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedAccount:
    """A payer's account that may be charged without asking again."""

    id: str
    payer: Payer


class AuthorizationStatus(StrEnum):
    """How far an authorization is."""

    CREATED = "CREATED"
    PARTIALLY_CAPTURED = "PARTIALLY_CAPTURED"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """Money set aside at the payer's."""

    id: str
    order: str
    root: str
    """The first authorization of this money; itself, or the one it renews."""
    unit: str
    status: AuthorizationStatus
    amount: Sum
    custom_id: str
    invoice_id: str
    payer: Payer
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    expired: bool = False
    # Only the root counts: what renews it is the same money.
    limit: int = 0
    captured: int = 0
    captures: int = 0


class CaptureStatus(StrEnum):
    """How far a capture is."""

    COMPLETED = "COMPLETED"
    PENDING = "PENDING"
    DECLINED = "DECLINED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """Money taken from the payer."""

    id: str
    order: str
    authorization: str
    unit: str
    status: CaptureStatus
    amount: Sum
    fee: int
    refunded: int
    final: bool
    custom_id: str
    invoice_id: str
    note: str
    created_at: datetime
    updated_at: datetime
    key: str = ""
    """The call that took it: its movement is written once the money is there."""
    reversed: bool = False


class RefundStatus(StrEnum):
    """How far a refund is."""

    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Money given back to the payer."""

    id: str
    capture: str
    amount: Sum
    total_refunded: int
    custom_id: str
    invoice_id: str
    note: str
    created_at: datetime
    status: RefundStatus = RefundStatus.COMPLETED
    reversal: bool = False
    """PayPal took it back itself, without asking the merchant."""


class DisputeStatus(StrEnum):
    """How far a dispute is."""

    WAITING_FOR_SELLER = "WAITING_FOR_SELLER_RESPONSE"
    UNDER_REVIEW = "UNDER_REVIEW"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A payer who wants the money back, and says why."""

    id: str
    capture: str
    reason: str
    status: DisputeStatus
    amount: Sum
    created_at: datetime
    updated_at: datetime
    answer_by: datetime
    outcome: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a client shows instead of its secret."""

    id: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event, as it was sent."""

    id: str
    body: str
