"""Commands as the book's tables take them: numbers instead of names, credits positive, hashes
instead of text.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

BOOK_BITS: Final = 40
PLATFORM_TENANT: Final = "00000000000000000000000000000000"


class Kind(IntEnum):
    """`TransferKind` as it is stored."""

    POST = 1
    REVERSAL = 2
    HOLD = 3
    CAPTURE = 4
    VOID = 5
    EXPIRY = 6
    OPENING = 7
    CHANGE = 8


class Answer(IntEnum):
    """What the functions of the migrations answer."""

    ACCEPTED = 0
    SEEN = 1
    REFUSED_BEFORE = 2
    UNKNOWN_ACCOUNT = 3
    FROZEN = 4
    CLOSED = 5
    INSUFFICIENT = 6
    REVERSED_ALREADY = 7
    UNKNOWN_HOLD = 8
    HOLD_OVER = 9
    HOLD_EXCEEDED = 10
    NOT_EMPTY = 11
    NOT_EXPIRED = 12
    OVER_AT_ONCE = 13
    TOO_LARGE = 14


@dataclass(slots=True)
class Posting:
    """A posting or a reversal, ready to be written."""

    book: int
    kind: Kind
    idem: str
    request: int
    accounts: tuple[int, ...]
    amounts: tuple[int, ...]
    subject: int | None = None
    occurred_at: datetime | None = None
    link: str | None = None
    reference: str | None = None
    reason: str | None = None
    metadata: str | None = None


@dataclass(slots=True)
class Record:
    """Any other command: an opening or change of an account, or a step in the life of a hold."""

    book: int
    kind: Kind
    idem: str
    request: int
    accounts: tuple[int, ...]
    amounts: tuple[int, ...]
    subject: int | None = None
    reference: str | None = None
    reason: str | None = None
    metadata: str | None = None
    held: int | None = None
    takes_all: bool = False
    tenant: str | None = None
    type: int | None = None
    owner: str | None = None
    chart: str | None = None
    state: int | None = None
    floor: int | None = None
    unlimited: bool = False
    payee: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Accepted just now, under this number at this time."""

    id: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Denied:
    """Refused, now or when it was asked first."""

    answer: Answer
    request: int
    account: int | None
    available: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """In the book already."""

    id: int
    request: int


def book_of(number: int) -> int:
    """Return the book an account or a transfer belongs to."""
    return number >> BOOK_BITS
