"""With what a payer pays, and the customers who let us keep it for the next time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bezant.actor import Mode
from bezant.exchange import MethodKind


@dataclass(frozen=True, slots=True)
class PayWith:
    """The method of one payment: a card by its token, something saved, or just its kind."""

    kind: MethodKind
    card: str = ""
    """The vault's token, `card_…`."""
    saved: str = ""
    """A saved method, `pm_…`; its kind and card are taken from there."""


@dataclass(frozen=True, slots=True)
class CreateCustomer:
    """Remember a customer."""

    key: str
    tenant: str
    mode: Mode
    name: str = ""
    email: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ChangeCustomer:
    """Change what is known of a customer; what is left out stays as it is, and an empty text in
    the metadata takes its key away.
    """

    tenant: str
    mode: Mode
    customer: str
    name: str | None = None
    email: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who pays a merchant."""

    id: str
    """`cus_…`."""
    mode: Mode
    name: str
    email: str
    metadata: Mapping[str, str]
    created_at: datetime
    forgotten: bool = False
    """Name and address were erased; the payments stay."""
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class CustomersOf:
    """Ask for customers, newest first."""

    tenant: str
    mode: Mode
    email: str | None = None
    limit: int = 20
    before: str | None = None
    created_from: datetime | None = None
    created_until: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    """A part of the name or the address."""
    after: str | None = None


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """A page of customers."""

    customers: tuple[Customer, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class SaveMethod:
    """Keep a way to pay for a customer: a card by its token, or what another provider needs."""

    key: str
    tenant: str
    mode: Mode
    customer: str
    kind: MethodKind
    card: str = ""
    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the provider needs to know of another method, such as its name of an account."""
    label: str = ""
    """How the customer recognises it; never a number of an account or a card."""


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """A way to pay that a customer let us keep."""

    id: str
    """`pm_…`."""
    mode: Mode
    customer: str
    kind: MethodKind
    card: str
    label: str
    created_at: datetime
    replayed: bool = False
