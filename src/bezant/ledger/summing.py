"""Sums over the book: trial balance, reports, and balances recomputed from their entries."""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bezant import ids
from bezant.actor import PLATFORM
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.errors import Invalid, Refused
from bezant.ledger import rules, spelling
from bezant.ledger.account import AccountType
from bezant.ledger.asking import NUMBER_MAX, positions
from bezant.ledger.books import Book, Books, Facts
from bezant.ledger.chart import CHART
from bezant.ledger.question import (
    AssetTrial,
    Axis,
    ClearingBalance,
    Difference,
    Period,
    Reconcile,
    Reconciliation,
    Report,
    ReportLine,
    ReportOf,
    TrialBalanceOf,
    TypeTotal,
)
from bezant.ledger.store import read, sums
from bezant.ledger.store.sums import DifferenceRow, MovedRow

REPORT_LINES_MAX: Final = 50_000
DIFFERENCES_MAX: Final = 100  # In each book and of each kind: enough to see what happened.


class ReportTooLong(Refused):
    """This report would have more lines than one answer may; ask for one merchant."""

    code = "report_too_long"


class Sums:
    """Answers that look at many accounts; they run beside the others, with more time."""

    def __init__(self, database: Database, books: Books, clock: Clock) -> None:
        self._database = database
        self._books = books
        self._clock = clock

    async def trial_balance(self, query: TrialBalanceOf) -> tuple[AssetTrial, ...]:
        """Add up every asset by type of account."""
        at = rules.aware(query.at, "at")
        found: dict[str, list[tuple[Book, sums.TypeRow]]] = defaultdict(list)
        books = await self._books.all(query.mode)
        async with self._database.transaction() as tx:
            for book in books:
                position = NUMBER_MAX
                if at is not None:
                    position = await read.position_at(tx, book.id, at)
                rows = await sums.by_type(tx, book.id, _visible(query.tenant), position)
                if rows:
                    found[book.asset.code].extend((book, row) for row in rows)
        return tuple(_trial(asset, rows) for asset, rows in sorted(found.items()))

    async def report(self, query: ReportOf) -> Report:
        """Add up what moved in a period."""
        start, end = span(query.period, query.on)
        lines: list[ReportLine] = []
        books = await self._books.all(query.mode)
        async with self._database.transaction() as tx:
            for book in books:
                rows = await self._moved(tx, book, query, start, end)
                lines.extend(_report_line(row, book) for row in rows)
                if len(lines) > REPORT_LINES_MAX:
                    raise ReportTooLong
        return Report(query.period, start, end, tuple(lines))

    async def _moved(
        self, tx: Tx, book: Book, query: ReportOf, start: datetime, end: datetime
    ) -> list[MovedRow]:
        after, until = await positions(tx, book, start, end)
        visible = _visible(query.tenant)
        most = REPORT_LINES_MAX + 1
        if query.by is Axis.OCCURRED:
            return await sums.occurred(tx, book.id, visible, (start, end), (after, until), most)
        after = max(after, book.id << 40)
        return await sums.moved(tx, visible, after, until, most)

    async def reconcile(self, command: Reconcile) -> Reconciliation:
        """Recompute balances, holds and transfers from the entries."""
        differences: list[Difference] = []
        clearing: list[ClearingBalance] = []
        accounts = entries = 0
        visible = _visible(command.tenant)
        names = [name for name, entry in CHART.items() if entry.clears]
        books = await self._books.all(command.mode)
        async with self._database.transaction() as tx:
            for book in books:
                counted = await sums.count(tx, book.id, visible)
                accounts += counted.accounts
                entries += counted.entries
                most = DIFFERENCES_MAX
                wrong = {
                    "balance": await sums.wrong_balances(tx, book.id, visible, most),
                    "held": await sums.wrong_holds(tx, book.id, visible, most),
                }
                if visible is None:  # A transfer may have legs of several tenants.
                    wrong["transfer"] = await sums.wrong_transfers(tx, book.id, most)
                for what, rows in wrong.items():
                    differences.extend(_difference(row, book, what) for row in rows)
                if visible is None:
                    clearing.extend(
                        _clearing(row, book) for row in await sums.clearing(tx, book.id, names)
                    )
        return Reconciliation(
            accounts, entries, tuple(differences), tuple(clearing), self._clock.now()
        )


def span(period: Period, on: date) -> tuple[datetime, datetime]:
    """Return the day, ISO week or month that holds a date, in UTC."""
    if not rules.INSTANT_MIN.year <= on.year < rules.INSTANT_MAX.year:
        raise Invalid("a day lies between the years 1900 and 9998", field="on")
    match period:
        case Period.DAILY:
            first, after = on, on + timedelta(days=1)
        case Period.WEEKLY:
            first = on - timedelta(days=on.weekday())
            after = first + timedelta(days=7)
        case Period.MONTHLY:
            first = on.replace(day=1)
            after = (first + timedelta(days=31)).replace(day=1)
    midnight = time(tzinfo=UTC)
    return datetime.combine(first, midnight), datetime.combine(after, midnight)


def _trial(asset: str, rows: list[tuple[Book, sums.TypeRow]]) -> AssetTrial:
    of = rows[0][0].asset
    totals: list[TypeTotal] = []
    for account_type in AccountType:
        mine = [row for _, row in rows if spelling.TYPES[row.type] is account_type]
        if mine:
            debits = sum(int(row.debits) for row in mine)
            credited = sum(int(row.credits) for row in mine)
            accounts = sum(row.accounts for row in mine)
            totals.append(TypeTotal(account_type, of(debits), of(credited), accounts))
    debits = sum(total.debits.minor for total in totals)
    credited = sum(total.credits.minor for total in totals)
    return AssetTrial(asset, of(debits), of(credited), of(debits - credited), tuple(totals))


def _report_line(row: MovedRow, book: Book) -> ReportLine:
    account_type = spelling.TYPES[row.type]
    sign = -1 if account_type.debit_normal else 1
    asset = book.asset
    closing = row.opening - row.debits + row.credits
    return ReportLine(
        account=ids.spell_number("acct", row.account),
        type=account_type,
        owner=row.owner,
        opening=asset(sign * int(row.opening)),
        debits=asset(int(row.debits)),
        credits=asset(int(row.credits)),
        closing=asset(sign * int(closing)),
        transfers=row.transfers,
    )


def _difference(row: DifferenceRow, book: Book, what: str) -> Difference:
    return Difference(
        account=ids.spell_number("acct", row.account),
        transfer=ids.spell_number("tr", row.transfer),
        stored=book.asset(int(row.stored)),
        recomputed=book.asset(int(row.recomputed)),
        what=what,
    )


def _clearing(row: sums.ClearingRow, book: Book) -> ClearingBalance:
    facts = Facts(PLATFORM, row.type in (1, 5))
    return ClearingBalance(
        account=ids.spell_number("acct", row.account),
        name=row.chart,
        of=row.owner,
        balance=book.asset(spelling.natural(row.balance, facts)),
    )


def _visible(tenant: str) -> str | None:
    return None if tenant == PLATFORM else rules.tenant_number(tenant)
