"""What the bank keeps: accounts, the entries booked to them, and orders with how far they are."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from bezant.money import format_minor

CURRENCY: Final = "EUR"  # A SEPA credit transfer is in euro, wherever its accounts are.
EXPONENT: Final = 2
BIC: Final = "BZNTDEFFXXX"
MINOR_MAX: Final = 999_999_999_99  # The scheme's own limit of one transfer: 999,999,999.99 EUR.


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account at this bank."""

    iban: str
    owner: str
    opening: int = 0
    """In cents, before the first entry."""
    balance: int = 0
    entries: int = 0
    """How many were booked; the number of the last one."""

    @property
    def id(self) -> str:
        """Return what it is kept under."""
        return self.iban


class EntryKind(StrEnum):
    """Why money moved on an account."""

    RECEIVED = "received"
    RECEIVED_INSTANT = "received_instant"
    SENT = "sent"
    CAME_BACK = "came_back"
    """A transfer sent out of the account was returned."""
    TAKEN_BACK = "taken_back"
    """A transfer received on the account was returned to its sender."""
    CHARGE = "charge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booked line of an account. It is never changed: what was wrong gets a line of its own."""

    id: str
    """The bank's own reference (`AcctSvcrRef`): unique, and the same in every message."""
    iban: str
    number: int
    """Its place on the account, without gaps."""
    kind: EntryKind
    minor: int
    """In cents; more than zero is money coming in."""
    balance: int
    """Of the account, once it is booked."""
    booked_at: datetime
    other_name: str = ""
    other_iban: str = ""
    end_to_end: str = ""
    reference: str = ""
    text: str = ""
    order: str = ""
    batch: str = ""
    reason: str = ""
    """The code of a return, such as `AC04`."""
    original: str = ""
    """The entry that this one gives back, or that this charge is for."""


class Status(StrEnum):
    """How far a transfer is (`ExternalPaymentTransactionStatus1Code`)."""

    REJECTED = "RJCT"
    PENDING = "PDNG"
    IN_PROCESS = "ACSP"
    SETTLED = "ACSC"


PARTLY: Final = "PART"
"""Of an order whose transfers differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransfer:
    """One transfer of an order, and what became of it."""

    batch: str
    end_to_end: str
    minor: int
    debtor_iban: str
    creditor: str
    creditor_iban: str
    reference: str
    text: str
    on: date
    """The day for which it is ordered."""
    status: Status
    reason: str = ""
    explained: str = ""
    entry: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """One pain.001 that arrived, and what became of it."""

    id: str
    kind: str
    count: int
    received_at: datetime
    transfers: tuple[SentTransfer, ...]
    reason: str = ""
    """Why the whole order was refused; empty if it was not."""
    explained: str = ""

    @property
    def status(self) -> str:
        """Return the status of the whole."""
        if self.reason:
            return Status.REJECTED
        each = {transfer.status for transfer in self.transfers}
        return each.pop() if len(each) == 1 else PARTLY


def euros(minor: int) -> str:
    """Write cents, without their sign, as the messages do."""
    return format_minor(abs(minor), EXPONENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivingTransfer:
    """A transfer a payer ordered elsewhere, on its way to an account here."""

    id: str
    creditor_iban: str
    debtor: str
    debtor_iban: str
    minor: int
    reference: str
    text: str
    end_to_end: str
    instant: bool
    entry: str = ""
    """The entry it became; empty while it is on its way."""
    return_code: str = ""
    """Why it goes back after it arrived; empty if it stays."""
    return_seconds: int = 0
    returned: str = ""
    """The entry by which it went back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComingBack:
    """A transfer that was sent, and will be returned by the bank it went to."""

    id: str
    """The entry by which it was sent."""
    reason: str
