"""Questions about many things by their ids at once, so that a list asks once for each kind."""

from dataclasses import dataclass

from bezant.actor import Mode
from bezant.payments.attempt import Attempt
from bezant.payments.method import Customer
from bezant.payments.payment import Payment
from bezant.payments.refund import Refund


@dataclass(frozen=True, slots=True)
class ManyOf:
    """Ask for things by their ids. What is not there, or not the asker's, is left out."""

    tenant: str
    mode: Mode
    payments: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    attempts_of: tuple[str, ...] = ()
    """Payments whose attempts are wanted."""
    refunds_of: tuple[str, ...] = ()
    """Payments whose refunds are wanted: the newest of each."""


@dataclass(frozen=True, slots=True)
class AttemptsOfOne:
    """Everything that was asked of providers for one payment, oldest first."""

    payment: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Many:
    """What was found, in no order but that of each payment's attempts and refunds."""

    payments: tuple[Payment, ...]
    customers: tuple[Customer, ...]
    attempts: tuple[AttemptsOfOne, ...]
    refunds: tuple[Refund, ...]
    """Newest first; each names its payment."""
