"""Questions about the book, answered from one consistent view each."""

from datetime import datetime, timedelta
from typing import Final

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.db.database import Database, Tx
from bezant.errors import Invalid
from bezant.ledger import rules, spelling
from bezant.ledger.books import Book, Books, Facts, unknown_account
from bezant.ledger.port import PAGE_MAX, UnknownTransfer
from bezant.ledger.posting import BOOK_BITS, Kind, Seen, book_of
from bezant.ledger.question import (
    Axis,
    Balance,
    BalanceOf,
    LedgerHead,
    Statement,
    StatementLine,
    StatementOf,
)
from bezant.ledger.store import read, sums, write
from bezant.ledger.store.read import EntryRow, LineRow
from bezant.ledger.transfer import Transfer, TransferPage, TransfersOf

MICROSECOND: Final = timedelta(microseconds=1)
NUMBER_MAX: Final = 2**63 - 1


class Questions:
    """Balances, statements, and transfers found again."""

    def __init__(self, database: Database, books: Books) -> None:
        self._database = database
        self._books = books

    async def balance(self, query: BalanceOf) -> Balance:
        """Return a balance, now or at a past point."""
        number, book, facts = await self._account(query.tenant, query.mode, query.account)
        at, position = rules.aware(query.at, "at"), None
        if query.position is not None:
            position = ids.read_number("tr", query.position, "position")
            if book_of(position) != book.id:
                raise UnknownTransfer(field="position")
        async with self._database.transaction() as tx:
            if at is not None:
                if query.position is not None:
                    raise Invalid("ask for an instant or for a position, not for both", field="at")
                position = await read.position_at(tx, book.id, at)
            row = await read.entry(tx, number, position)
            if at is not None and query.by is Axis.OCCURRED:
                occurred = await read.occurred_balance(tx, number, at, position or 0)
                last = 0 if row is None else row.transfer
                row = EntryRow(last, occurred, row.held if row else occurred * 0, None)
        if row is None:  # Before the account was opened.
            zero = book.asset(0)
            start = ids.spell_number("tr", book.id << BOOK_BITS)
            return Balance(query.account, zero, zero, zero, None, start)
        return spelling.balance(number, facts, book.asset, row)

    async def statement(self, query: StatementOf) -> Statement:
        """Return a page of entries, newest first."""
        number, book, facts = await self._account(query.tenant, query.mode, query.account)
        limit = rules.limit(query.limit, PAGE_MAX)
        before = NUMBER_MAX
        if query.before is not None:
            before = ids.read_number("tr", query.before, "before")
        async with self._database.transaction() as tx:
            after, before = await _between(
                tx, book, query.recorded_from, query.recorded_until, before
            )
            rows = await read.statement(tx, number, after, before, limit + 1)
        lines = tuple(_line(row, book, facts) for row in rows[:limit])
        return Statement(query.account, lines, len(rows) > limit)

    async def transfer(self, tenant: str, mode: Mode, transfer: str) -> Transfer:
        """Return one transfer, if any of its legs is this tenant's."""
        number = ids.read_number("tr", transfer, "transfer")
        book = await self._books.find(book_of(number))
        if book is None or book.mode is not mode:
            raise UnknownTransfer
        async with self._database.transaction() as tx:
            rows = await read.transfers(tx, [number], _visible(tenant))
        if not rows or not rows[0].accounts:
            raise UnknownTransfer
        return spelling.transfer(rows[0], book)

    async def transfers(self, query: TransfersOf) -> TransferPage:
        """Return a page of transfers, newest first across the books."""
        if query.posted_as is not None:
            return await self._posted_as(query.tenant, query.mode, query.posted_as)
        limit = rules.limit(query.limit, PAGE_MAX)
        owner = rules.sought(query.owner, "owner")
        reference = rules.sought(query.reference, "reference")
        account = None
        books = await self._books.all(query.mode)
        if query.account is not None:
            account, book, _ = await self._account(query.tenant, query.mode, query.account)
            books = [book]
        if query.asset is not None:
            books = [book for book in books if book.asset.code == query.asset]
        cursor = None
        if query.before is not None:
            cursor = ids.read_number("tr", query.before, "before")
        async with self._database.transaction() as tx:
            found: list[Transfer] = []
            bounds = await self._bounds(tx, cursor, query.tenant)
            for book in books:
                after, before = await _between(
                    tx,
                    book,
                    query.recorded_from,
                    query.recorded_until,
                    await _below(tx, book, cursor, bounds),
                )
                wanted = await sums.transfer_numbers(
                    tx,
                    book=book.id,
                    tenant=_visible(query.tenant),
                    account=account,
                    owner=owner,
                    reference=reference,
                    after=after,
                    before=before,
                    limit=limit + 1,
                )
                rows = await read.transfers(tx, wanted, _visible(query.tenant))
                found.extend(spelling.transfer(row, book) for row in rows)
        found.sort(key=lambda one: (one.recorded_at, one.id), reverse=True)
        return TransferPage(tuple(found[:limit]), len(found) > limit)

    async def _posted_as(self, tenant: str, mode: Mode, name: str) -> TransferPage:
        """Return what an id stands for, if that was not refused."""
        books = {book.id: book for book in await self._books.all(mode)}
        idem = rules.idem(tenant, mode, name)
        async with self._database.transaction() as tx:
            seen = [one for one in (await write.known(tx, [idem])).values() if type(one) is Seen]
            rows = await read.transfers(tx, [one.id for one in seen], _visible(tenant))
        found = [spelling.transfer(row, books[book_of(row.id)]) for row in rows]
        return TransferPage(tuple(found), has_more=False)

    async def heads(self, mode: Mode) -> tuple[LedgerHead, ...]:
        """Return every book of a mode with the head of its chain."""
        async with self._database.transaction() as tx:
            rows = await read.heads(tx, mode.value)
        return tuple(
            LedgerHead(
                id=f"book_{row.id}",
                mode=mode,
                asset=row.asset,
                group=row.merchant_group,
                transfers=0 if row.last is None else row.last - (row.id << BOOK_BITS),
                batches=row.batch or 0,
                head="" if row.hash is None else row.hash.hex(),
                recorded_at=row.recorded_at,
            )
            for row in rows
        )

    async def _account(self, tenant: str, mode: Mode, account: str) -> tuple[int, Book, Facts]:
        number = ids.read_number("acct", account, "account")
        book = await self._books.admit(tenant, mode, [number])
        facts = await self._books.facts([number])
        if not facts:
            raise unknown_account(number)
        return number, book, facts[0]

    async def _bounds(self, tx: Tx, cursor: int | None, tenant: str) -> datetime | None:
        """Return when the transfer of a cursor was recorded."""
        if cursor is None:
            return None
        rows = await read.transfers(tx, [cursor], _visible(tenant))
        if not rows or not rows[0].accounts:
            raise UnknownTransfer(field="before")
        return rows[0].recorded_at


async def positions(tx: Tx, book: Book, start: datetime, end: datetime) -> tuple[int, int]:
    """Return the last transfers recorded before a span began and before it ended."""
    return (
        await read.position_at(tx, book.id, start - MICROSECOND),
        await read.position_at(tx, book.id, end - MICROSECOND),
    )


async def _between(
    tx: Tx, book: Book, start: datetime | None, end: datetime | None, before: int
) -> tuple[int, int]:
    """Return the transfers strictly between which a span of time and a cursor leave room."""
    after = book.id << BOOK_BITS
    start, end = rules.aware(start, "recorded_from"), rules.aware(end, "recorded_until")
    if start is not None:
        after = max(after, await read.position_at(tx, book.id, start - MICROSECOND))
    before = min(before, (book.id + 1) << BOOK_BITS)
    if end is not None:
        before = min(before, await read.position_at(tx, book.id, end - MICROSECOND) + 1)
    return after, before


async def _below(tx: Tx, book: Book, cursor: int | None, at: datetime | None) -> int:
    """Return where a page of this book ends when the cursor is a transfer of any book."""
    if cursor is None or at is None:
        return NUMBER_MAX
    if book_of(cursor) == book.id:
        return cursor
    # Equal instants are ordered by number, and a number begins with its book's.
    until = at if book.id < book_of(cursor) else at - MICROSECOND
    return await read.position_at(tx, book.id, until) + 1


def _line(row: LineRow, book: Book, facts: Facts) -> StatementLine:
    return StatementLine(
        transfer=ids.spell_number("tr", row.transfer),
        kind=spelling.KINDS[Kind(row.kind)],
        side=spelling.side(row.amount),
        amount=book.asset(abs(int(row.amount))),
        balance=book.asset(spelling.natural(row.balance, facts)),
        held=book.asset(int(row.held)),
        recorded_at=row.recorded_at,
        occurred_at=row.occurred_at or row.recorded_at,
        reference=row.reference or "",
        reason=row.reason or "",
    )


def _visible(tenant: str) -> str | None:
    return None if tenant == PLATFORM else rules.tenant_number(tenant)
