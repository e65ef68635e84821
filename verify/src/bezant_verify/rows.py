"""The rows of a ledger as they enter its chain. docs/reference/chain.md shows the same, field by
field.
"""

import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from bezant_verify import encoding as e

_transfer_head = struct.Struct(">q16sqhqq").pack
_entry_head = struct.Struct(">qq").pack
_state = struct.Struct(">h").pack


class Transfer(NamedTuple):
    """A transfer. Uuids are hex, instants microseconds since 2000, metadata the JSON text as
    stored.
    """

    id: int
    idem: str
    request: int
    kind: int
    one: int
    two: int | None
    more: tuple[int, ...] | None
    subject: int | None
    occurred_at: int | None
    link: str | None
    reference: str | None
    reason: str | None
    metadata: str | None

    @property
    def accounts(self) -> tuple[int, ...]:
        """The accounts of its legs, in their order."""
        first = (self.one,) if self.two is None else (self.one, self.two)
        return first + (self.more or ())

    def encoded(self) -> bytes:
        """Return the bytes that enter the chain."""
        more = None if self.more is None else "{" + ",".join(map(str, self.more)) + "}"
        return (
            _transfer_head(
                self.id, bytes.fromhex(self.idem), self.request, self.kind, self.one, self.two or 0
            )
            + e.text(more)
            + e.int8(self.subject or 0)
            + e.instant(self.occurred_at)
            + e.uuid(self.link)
            + e.text(self.reference)
            + e.text(self.reason)
            + e.text(self.metadata)
        )


class Entry(NamedTuple):
    """What a transfer did to one account, and the state it left it in."""

    account: int
    transfer: int
    amount: int
    balance: int
    held: int
    floor: int | None
    state: int

    def encoded(self) -> bytes:
        """Return the bytes that enter the chain."""
        floor = e.ABSENT if self.floor is None else e.PRESENT + e.numeric(self.floor)
        return (
            _entry_head(self.account, self.transfer)
            + e.numeric(self.amount)
            + e.numeric(self.balance)
            + e.numeric(self.held)
            + _state(self.state)
            + floor
        )


class Account(NamedTuple):
    """An account as it was opened."""

    id: int
    tenant: str
    type: int
    owner: str
    chart: str | None
    metadata: str | None

    def encoded(self) -> bytes:
        """Return the bytes that enter the chain."""
        return (
            e.int8(self.id)
            + bytes.fromhex(self.tenant)
            + _state(self.type)
            + e.text(self.owner)
            + e.text(self.chart)
            + e.text(self.metadata)
        )


class Hold(NamedTuple):
    """A hold as it was placed."""

    id: int
    account: int
    payee: int
    amount: int
    expires_at: int | None

    def encoded(self) -> bytes:
        """Return the bytes that enter the chain."""
        return (
            e.int8(self.id)
            + e.int8(self.account)
            + e.int8(self.payee)
            + e.numeric(self.amount)
            + e.instant(self.expires_at)
        )


class Step(NamedTuple):
    """What remains of a hold after a transfer."""

    hold: int
    transfer: int
    remaining: int

    def encoded(self) -> bytes:
        """Return the bytes that enter the chain."""
        return e.int8(self.hold) + e.int8(self.transfer) + e.numeric(self.remaining)


class Title(NamedTuple):
    """What a book is kept in."""

    id: int
    asset: str
    exponent: int
    mode: str
    group: str
    opened_at: int

    def genesis(self) -> bytes:
        """Return the hash before the book's first batch."""
        found = sha256(b"bezant ledger 1" + struct.pack(">i", self.id) + e.text(self.asset))
        found.update(_state(self.exponent) + e.text(self.mode) + e.text(self.group))
        found.update(e.int8(self.opened_at))
        return found.digest()


@dataclass(slots=True)
class Batch:
    """A link of the chain with all its rows."""

    book: int
    id: int
    first: int
    last: int
    recorded_at: int
    hash: bytes
    transfers: list[Transfer]
    entries: list[Entry]
    accounts: list[Account]
    holds: list[Hold]
    steps: list[Step]
    title: Title | None = None
    """The first batch of a book brings it."""


class Head(NamedTuple):
    """A chain head that was written down outside the database."""

    book: int
    batch: int
    hash: bytes
    written_at: str
