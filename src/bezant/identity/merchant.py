"""Merchants: who takes money here."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bezant.actor import Actor


class MerchantState(StrEnum):
    """A suspended merchant's keys and sessions are refused."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class CreateMerchant:
    """Add a merchant. Asked by the platform."""

    id: str
    by: Actor
    name: str
    demo: bool = False
    """True for sample merchants, which a live installation does not let in."""


@dataclass(frozen=True, slots=True)
class ChangeMerchant:
    """Suspend a merchant or let it work again. Asked by the platform."""

    by: Actor
    merchant: str
    state: MerchantState


@dataclass(frozen=True, slots=True)
class MerchantsOf:
    """Ask for the merchants one may see, newest first."""

    by: Actor
    limit: int = 20
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant as it stands."""

    id: str
    name: str
    state: MerchantState
    demo: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MerchantPage:
    """A page of merchants."""

    merchants: tuple[Merchant, ...]
    has_more: bool
