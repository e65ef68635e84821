"""An order: something to be paid, and what was really paid for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.money import Money


class OrderStatus(StrEnum):
    """What the money says. Nobody sets it: the database derives it from the payments' facts."""

    OPEN = "open"
    AUTHORIZED = "authorized"
    """All of it is set aside, and nothing captured yet."""
    PART_PAID = "part_paid"
    PAID = "paid"
    OVERPAID = "overpaid"
    PART_REFUNDED = "part_refunded"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class CreateOrder:
    """Say what is to be paid."""

    key: str
    """The idempotency key; without one, asking twice makes two."""
    tenant: str
    mode: Mode
    amount: Money
    id: str = ""
    """An id of one's own making, `ord_…`, for those who take money before they write orders."""
    reference: str = ""
    """The merchant's own number; a payment may name it instead of the id."""
    description: str = ""
    customer: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class OrdersOf:
    """Ask for orders, newest first. Every condition given holds for each of them."""

    tenant: str
    mode: Mode
    status: OrderStatus | None = None
    reference: str | None = None
    limit: int = 20
    before: str | None = None
    customer: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    """A part of the reference or the description."""
    after: str | None = None
    """The page ends before this order, so it holds newer ones."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands."""

    id: str
    """`ord_…`."""
    mode: Mode
    status: OrderStatus
    amount: Money
    held: Money
    """Set aside for it and not captured."""
    paid: Money
    """Captured for it."""
    refunded: Money
    disputed: Money
    reference: str
    description: str
    customer: str
    metadata: Mapping[str, str]
    payments: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class OrderPage:
    """A page of orders."""

    orders: tuple[Order, ...]
    has_more: bool
