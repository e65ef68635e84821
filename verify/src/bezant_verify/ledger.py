"""Recompute a ledger: every link of its chain, every balance, every hold, and compare with heads
kept elsewhere.

The rows come as batches in order, from an export or straight from a database; nothing here asks
anybody.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from bezant_verify.rows import Batch, Entry, Head, Transfer

BOOK_BITS = 40
_HOLD, _CAPTURE, _VOID, _EXPIRY, _OPENING = 3, 4, 5, 6, 7
_STEPS = (_HOLD, _CAPTURE, _VOID, _EXPIRY)
_header = struct.Struct(">iqqqq").pack


class Tampered(Exception):
    """The rows are not what they were: the first row that is wrong, and how."""

    def __init__(self, book: int, batch: int, row: str, why: str) -> None:
        self.book = book
        self.batch = batch
        self.row = row
        self.why = why
        super().__init__(f"book {book}, batch {batch}, {row}: {why}")


@dataclass(slots=True)
class Book:
    """How far one book was recomputed."""

    id: int
    batch: int = 0
    last: int = 0
    recorded_at: int = -(2**63)
    hash: bytes = b""
    began: int = 0
    """The batch before the first that was looked at; 0 is the beginning."""
    transfers: int = 0
    entries: int = 0
    states: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """Balance and held of each account."""
    holds: dict[int, int] = field(default_factory=dict[int, int])
    """What remains of each hold."""


class Check:
    """Takes batches in the order of their books and numbers; raises at the first row that is
    wrong.
    """

    def __init__(self, heads: Iterable[Head] = ()) -> None:
        self.books: dict[int, Book] = {}
        self.holds = 0
        self.steps = 0
        self.accounts = 0
        self._heads: dict[tuple[int, int], Head] = {}
        self._newest: dict[int, Head] = {}
        self._other: Head | None = None
        """A head of a batch that another line gives another head."""
        for head in heads:
            first = self._heads.setdefault((head.book, head.batch), head)
            if first.hash != head.hash and self._other is None:
                self._other = head
            known = self._newest.get(head.book)
            if known is None or head.batch > known.batch:
                self._newest[head.book] = head

    def begin(self, book: int, batch: int, last: int, head: bytes) -> None:
        """Start a book after a batch that is taken as it is."""
        found = Book(book, batch, last, hash=head, began=batch)
        self.books[book] = found
        self._compare(book, batch, head)

    def take(self, batch: Batch) -> None:
        """Recompute one batch."""
        book = self.books.get(batch.book)
        if book is None:
            start = b"" if batch.title is None else batch.title.genesis()
            book = Book(batch.book, last=batch.book << BOOK_BITS, hash=start)
            self.books[batch.book] = book
        self._order(book, batch)
        self._rows(book, batch)
        expected = digest(book.hash, batch)
        if expected != batch.hash:
            raise Tampered(
                book.id, batch.id, f"batch {batch.id}",
                "its rows do not give its hash: one of them was changed",
            )  # fmt: skip
        self._compare(book.id, batch.id, batch.hash)
        book.batch, book.last, book.recorded_at = batch.id, batch.last, batch.recorded_at
        book.hash = batch.hash
        book.transfers += len(batch.transfers)
        book.entries += len(batch.entries)

    def finish(self) -> None:
        """Demand every head that was written down."""
        if self._other is not None:
            raise Tampered(
                self._other.book, self._other.batch, f"batch {self._other.batch}",
                f"two heads of it were written down, another one at {self._other.written_at}",
            )  # fmt: skip
        for head in self._newest.values():
            book = self.books.get(head.book)
            reached = 0 if book is None else book.batch
            if reached < head.batch:
                raise Tampered(
                    head.book, reached + 1, f"batch {reached + 1}",
                    f"missing: the head of batch {head.batch} was written down at"
                    f" {head.written_at}, and the book ends at batch {reached}",
                )  # fmt: skip

    def unwatched(self) -> dict[int, int]:
        """Return how many batches of each book are younger than its newest head."""
        return {
            book.id: book.batch - (self._newest[book.id].batch if book.id in self._newest else 0)
            for book in self.books.values()
        }

    def _compare(self, book: int, batch: int, found: bytes) -> None:
        head = self._heads.get((book, batch))
        if head is not None and head.hash != found:
            raise Tampered(
                book, batch, f"batch {batch}",
                f"the head written down at {head.written_at} is another: the chain was rewritten",
            )  # fmt: skip

    def _order(self, book: Book, batch: Batch) -> None:
        here = f"batch {batch.id}"
        if batch.id != book.batch + 1:
            raise Tampered(book.id, book.batch + 1, f"batch {book.batch + 1}", "missing")
        if batch.first != book.last + 1 or batch.last < batch.first:
            raise Tampered(book.id, batch.id, here, "its numbers do not follow those before it")
        if batch.recorded_at < book.recorded_at:
            raise Tampered(book.id, batch.id, here, "it is older than the batch before it")
        for place, transfer in enumerate(batch.transfers):
            if transfer.id != batch.first + place:
                wanted = batch.first + place
                raise Tampered(book.id, batch.id, f"transfer {wanted:016x}", "missing or twice")
        if len(batch.transfers) != batch.last - batch.first + 1:
            missing = batch.first + len(batch.transfers)
            raise Tampered(book.id, batch.id, f"transfer {missing:016x}", "missing")

    def _rows(self, book: Book, batch: Batch) -> None:
        by_transfer: dict[int, list[Entry]] = {transfer.id: [] for transfer in batch.transfers}
        for entry in batch.entries:
            mine = by_transfer.get(entry.transfer)
            if mine is None:
                raise Tampered(book.id, batch.id, _entry(entry), "its transfer is not in the book")
            mine.append(entry)
        for transfer in batch.transfers:
            self._transfer(book, batch, transfer, by_transfer[transfer.id])
        self._steps(book, batch)
        opened = {t.one for t in batch.transfers if t.kind == _OPENING}
        if opened != {account.id for account in batch.accounts}:
            raise Tampered(book.id, batch.id, f"batch {batch.id}", "an opened account is missing")
        self.accounts += len(batch.accounts)

    def _transfer(self, book: Book, batch: Batch, transfer: Transfer, entries: list[Entry]) -> None:
        here = f"transfer {transfer.id:016x}"
        wanted = sorted(transfer.accounts)
        found = [entry.account for entry in entries]
        if sorted(found) != wanted:
            odd = sorted(set(wanted).symmetric_difference(found)) or found
            which = "missing" if odd[0] in wanted else "not one of its legs"
            raise Tampered(book.id, batch.id, f"{here}, account {odd[0]:016x}", which)
        if sum(entry.amount for entry in entries) != 0:
            raise Tampered(book.id, batch.id, here, "its legs do not add up to zero")
        for entry in entries:
            self._entry(book, batch, transfer, entry)

    def _entry(self, book: Book, batch: Batch, transfer: Transfer, entry: Entry) -> None:
        before = book.states.get(entry.account)
        if before is None:
            if book.began or transfer.kind == _OPENING:
                # A look that began later takes the first balance it meets as it is.
                before = (entry.balance - entry.amount, entry.held)
            else:
                raise Tampered(book.id, batch.id, _entry(entry), "its account was never opened")
        balance, held = before
        if transfer.kind == _OPENING and (entry.balance or entry.held or entry.amount):
            raise Tampered(book.id, batch.id, _entry(entry), "an account opens empty")
        if entry.balance != balance + entry.amount:
            raise Tampered(
                book.id, batch.id, _entry(entry),
                f"its balance is {entry.balance}, and the entries up to it give"
                f" {balance + entry.amount}",
            )  # fmt: skip
        moves_hold = transfer.kind in _STEPS and entry.account == transfer.one
        if entry.held < 0 or (entry.held != held and not moves_hold):
            raise Tampered(book.id, batch.id, _entry(entry), "what it holds changed without a hold")
        book.states[entry.account] = (entry.balance, entry.held)

    def _steps(self, book: Book, batch: Batch) -> None:
        kinds = {transfer.id: transfer for transfer in batch.transfers if transfer.kind in _STEPS}
        amounts = {hold.id: hold.amount for hold in batch.holds}
        if set(kinds) != {step.transfer for step in batch.steps}:
            raise Tampered(book.id, batch.id, f"batch {batch.id}", "a step of a hold is missing")
        for step in batch.steps:
            transfer = kinds[step.transfer]
            here = f"hold {step.hold:016x}, transfer {step.transfer:016x}"
            if transfer.kind == _HOLD:
                if step.hold != transfer.id or amounts.get(step.hold) != step.remaining:
                    raise Tampered(book.id, batch.id, here, "a hold begins with its whole amount")
            else:
                before = book.holds.get(step.hold)
                if step.hold != transfer.subject or (before is None and not book.began):
                    raise Tampered(book.id, batch.id, here, "there is no such hold")
                if before is not None and not 0 <= step.remaining < before:
                    raise Tampered(book.id, batch.id, here, "more is taken than remained")
            book.holds[step.hold] = step.remaining
        self.holds += len(batch.holds)
        self.steps += len(batch.steps)


def digest(before: bytes, batch: Batch) -> bytes:
    """Return the hash of a batch after the batch whose hash is `before`."""
    found = sha256(before)
    found.update(_header(batch.book, batch.id, batch.first, batch.last, batch.recorded_at))
    for transfer in batch.transfers:
        found.update(transfer.encoded())
    for entry in batch.entries:
        found.update(entry.encoded())
    for rows in (batch.accounts, batch.holds, batch.steps):
        for row in rows:
            found.update(row.encoded())
    return found.digest()


def _entry(entry: Entry) -> str:
    return f"transfer {entry.transfer:016x}, account {entry.account:016x}"
