"""The book for those who check it: recomputed in place, exported for outsiders, its heads kept
outside the database.
"""

import os
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.ledger.posting import BOOK_BITS, Kind
from bezant.ledger.store import chain, read
from bezant.ledger.store.chain import BATCHES_AT_ONCE, TRANSFERS_AT_ONCE, BatchRow, CountsRow
from bezant_verify import export, rows
from bezant_verify.encoding import microseconds
from bezant_verify.ledger import Book, Check, Tampered

HEADS_FILE: Final = "ledger.heads"
HEAD_BYTES_MAX: Final = 1_000  # Of a line; twice what the longest numbers take would do.


@dataclass(frozen=True, slots=True)
class Verified:
    """What recomputing found: the books as they are, or the first row that is wrong."""

    books: tuple[rows.Head, ...]
    transfers: int
    entries: int
    unwatched: int
    """Batches younger than the newest head that was written down: their loss would not be noticed
    yet.
    """
    fault: Tampered | None = None


class Proof:
    """Reads the book in the order of its chain. The database it is given allows long questions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._written: dict[Path, dict[int, int]] = {}

    async def verify(
        self,
        heads: Sequence[rows.Head],
        since: int | None = None,
        noted: Callable[[rows.Batch], None] = lambda _: None,
    ) -> Verified:
        """Recompute every link, balance and hold, and demand the heads that were written down."""
        check = Check(heads)
        fault = None
        try:
            for title in await self.titles():
                await self._verify_book(check, title, since, noted)
            await self.nothing_loose()
            check.finish()
        except Tampered as found:
            fault = found
        books = check.books.values()
        return Verified(
            tuple(rows.Head(book.id, book.batch, book.hash, "") for book in books),
            sum(book.transfers for book in books),
            sum(book.entries for book in books),
            sum(check.unwatched().values()),
            fault,
        )

    async def _verify_book(
        self,
        check: Check,
        title: rows.Title,
        since: int | None,
        noted: Callable[[rows.Batch], None],
    ) -> None:
        book, start = title.id, None
        if since:
            async with self._database.transaction() as tx:
                start = await chain.batch(tx, book, since)
        if start is not None:
            check.begin(book, start.id, start.last, start.hash)
        before = CountsRow(0, 0, check.accounts, check.holds, check.steps)
        async for batch in self.batches(title, start):
            check.take(batch)
            noted(batch)
        if start is None:
            done = check.books.get(book) or Book(book, last=book << BOOK_BITS)
            known = CountsRow(
                done.transfers,
                done.entries,
                check.accounts - before.accounts,
                check.holds - before.holds,
                check.steps - before.steps,
            )
            await self.nothing_beside(book, done.batch, done.last, known)

    async def nothing_beside(self, book: int, batch: int, last: int, known: CountsRow) -> None:
        """Refuse rows that no batch knows of: they change no hash, and may change an answer."""
        async with self._database.transaction() as tx:
            if await chain.counts(tx, book, last) == known:
                return
            stray = await chain.stray(tx, book, last)
        row = "rows outside every batch" if stray is None else f"transfer {stray:016x}"
        raise Tampered(book, batch, row, "there are rows that no batch knows of")

    async def has(self, link: BatchRow) -> bool:
        """Tell whether a batch is still the one it was."""
        async with self._database.transaction() as tx:
            return await chain.batches(tx, link.book, link.first - 1, 1) == [link]

    async def nothing_loose(self) -> None:
        """Refuse rows of no book and rows from the future, which no look at a book comes across."""
        async with self._database.transaction() as tx:
            found = await chain.loose(tx)
        if found is not None:
            row = f"{found.what} {found.number:016x}"
            raise Tampered(found.book, 0, row, "no batch of any book knows of it")

    async def export(
        self,
        file: TextIO,
        mode: Mode | None = None,
        noted: Callable[[rows.Batch], None] = lambda _: None,
    ) -> int:
        """Write what an outsider needs to recompute everything; answer how many batches that is."""
        file.write(f'{{"format":"{export.FORMAT}"}}\n')
        count = 0
        for title in await self.titles(mode):
            async for batch in self.batches(title):
                file.write(export.written(batch) + "\n")
                noted(batch)
                count += 1
        return count

    async def write_heads(self, folder: Path) -> int:
        """Append the newest head of each book to a file outside the database, and wait for the
        disk.
        """
        path = folder / HEADS_FILE
        known = self._written.get(folder)
        if known is None:
            known = {head.book: head.batch for head in read_heads(folder)}
        now = self._clock.now().isoformat()
        async with self._database.transaction() as tx:
            heads = [head for mode in Mode for head in await read.heads(tx, mode.value)]
        lines = [
            f"{now} {head.id} {head.batch} {head.hash.hex()}\n"
            for head in heads
            if head.batch and head.hash and head.batch > known.get(head.id, 0)
        ]
        if lines:
            _append(path, "".join(lines))
        self._written[folder] = {head.id: head.batch or 0 for head in heads}
        return len(lines)

    async def batches(
        self,
        title: rows.Title,
        after: BatchRow | None = None,
        transfers_at_once: int = TRANSFERS_AT_ONCE,
    ) -> AsyncGenerator[rows.Batch]:
        """Yield the batches of a book, up to the newest there was when this began."""
        book = title.id
        position = book << BOOK_BITS if after is None else after.last
        async with self._database.transaction() as tx:
            newest = await read.position_last(tx, book)
        while newest is not None and position < newest:
            async with self._database.transaction() as tx:
                found = await chain.batches(tx, book, position, BATCHES_AT_ONCE)
                found = [one for one in found if one.last <= newest]
                found = _not_too_many(found, transfers_at_once)
                if not found:
                    return
                whole = await _filled(tx, found, position)
            if position == book << BOOK_BITS:
                whole[0].title = title
            for batch in whole:
                yield batch
            position = found[-1].last

    async def titles(self, mode: Mode | None = None) -> list[rows.Title]:
        """Return every book, in order."""
        async with self._database.transaction() as tx:
            found = await chain.titles(tx)
        return [
            rows.Title(
                book.id, book.asset, book.exponent, book.mode, book.merchant_group,
                microseconds(book.opened_at),
            )
            for book in found
            if mode is None or book.mode == mode.value
        ]  # fmt: skip


def read_heads(folder: Path) -> list[rows.Head]:
    """Return the heads that were written down, oldest first."""
    path = folder / HEADS_FILE
    return export.heads(path) if path.exists() else []


def _append(path: Path, text: str) -> None:
    """Append lines and wait for the disk; what a crash left of an unfinished line is cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with path.open("ab+") as file:
        end = max(0, file.seek(0, os.SEEK_END) - HEAD_BYTES_MAX)
        file.seek(end)
        file.truncate(end + file.read().rfind(b"\n") + 1)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _not_too_many(found: list[BatchRow], transfers: int) -> list[BatchRow]:
    """Keep as many batches as fit into one reading; one always does."""
    until = found[0].first + transfers if found else 0
    return [one for place, one in enumerate(found) if place == 0 or one.last < until]


async def _filled(tx: Tx, found: list[BatchRow], after: int) -> list[rows.Batch]:
    """Read every row of consecutive batches and hand each to its batch, strays to the next one."""
    first, last = after + 1, found[-1].last
    batches = [
        rows.Batch(
            row.book, row.id, row.first, row.last, microseconds(row.recorded_at), row.hash,
            [], [], [], [], [],
        )
        for row in found
    ]  # fmt: skip
    starts = [row.first for row in found]

    def batch_of(transfer: int) -> rows.Batch:
        return batches[max(0, bisect_right(starts, transfer) - 1)]

    opened: dict[int, int] = {}
    stepped: list[tuple[int, int]] = []
    for row in await chain.transfers(tx, first, last):
        batch_of(row.id).transfers.append(_transfer(row))
        if row.kind == Kind.OPENING:
            opened[row.one] = row.id
        elif row.kind == Kind.HOLD:
            stepped.append((row.id, row.id))
        elif row.subject is not None and row.kind != Kind.REVERSAL:
            stepped.append((row.subject, row.id))
    for row in await chain.entries(tx, first, last):
        batch_of(row.transfer).entries.append(_entry(row))
    for row in await chain.accounts(tx, list(opened)):
        account = rows.Account(row.id, row.tenant.hex, row.type, row.owner, row.chart, row.metadata)
        batch_of(opened[row.id]).accounts.append(account)
    for row in await chain.holds(tx, first, last):
        expires_at = None if row.expires_at is None else microseconds(row.expires_at)
        hold = rows.Hold(row.id, row.account, row.payee, int(row.amount), expires_at)
        batch_of(row.id).holds.append(hold)
    for row in await chain.steps(tx, stepped):
        step = rows.Step(row.hold, row.transfer, int(row.remaining))
        batch_of(row.transfer).steps.append(step)
    return batches


def _transfer(row: chain.ChainTransferRow) -> rows.Transfer:
    return rows.Transfer(
        row.id, row.idem.hex, row.request, row.kind, row.one, row.two, row.more, row.subject,
        None if row.occurred_at is None else microseconds(row.occurred_at),
        None if row.link is None else row.link.hex, row.reference, row.reason, row.metadata,
    )  # fmt: skip


def _entry(row: chain.ChainEntryRow) -> rows.Entry:
    return rows.Entry(
        row.account, row.transfer, int(row.amount), int(row.balance), int(row.held),
        None if row.floor is None else int(row.floor), row.state,
    )  # fmt: skip
