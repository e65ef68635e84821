"""The open books: which there are, whose their accounts are, and the one writer each has.

What is cached here never changes: a book's asset and mode, an account's tenant and type.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.clock import Clock
from bezant.db.database import Database, Line
from bezant.db.poster import Poster
from bezant.errors import BezantError
from bezant.ledger import rules
from bezant.ledger.port import UnknownAccount, WrongAsset
from bezant.ledger.posting import Answer, Denied, Posting, Record, book_of
from bezant.ledger.store import read, write
from bezant.ledger.store.write import Outcome
from bezant.money import Asset, asset_of

LINES: Final = 3  # Sessions for postings; more books than that take turns on them.
POSTINGS_GATHERED: Final = 256
"""While these are written, the callers of the batch before prepare their next. In one larger batch
all of them would wait for the database, then it for all of them: half as many transfers a second.
What one caller sends at once is written at once: cut in two, its caller would wait twice.
"""
RECORDS_AT_ONCE: Final = 32  # A record costs a round trip while the book's lock is held.
FACTS_MAX: Final = 100_000  # About 10 MB; then the cache starts afresh.


@dataclass(frozen=True, slots=True)
class Book:
    """A ledger: one asset, one mode, one chain."""

    id: int
    asset: Asset
    mode: Mode
    group: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What never changes about an account."""

    tenant: str
    debit_normal: bool


class Books:
    """Every book, and the way into each."""

    def __init__(
        self, database: Database, clock: Clock, after_batch: Callable[[], None] | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._after_batch = after_batch
        self._books: dict[int, Book] = {}
        self._facts: dict[int, Facts] = {}
        self._lines = [database.line(f"poster {at}") for at in range(LINES)]
        self._record_line = database.line("recorder")
        self._posters: dict[int, Poster[Posting, Outcome]] = {}
        self._recorders: dict[int, Poster[Record, Outcome]] = {}

    async def close(self) -> None:
        """Write what is queued, then let go of the sessions."""
        for poster in (*self._posters.values(), *self._recorders.values()):
            await poster.stop()
        for line in (*self._lines, self._record_line):
            await line.close()

    @property
    def queued(self) -> int:
        """How many commands wait to be written."""
        posters = (*self._posters.values(), *self._recorders.values())
        return sum(poster.queued for poster in posters)

    async def find(self, number: int) -> Book | None:
        """Return a book by its number."""
        if number not in self._books:
            await self._load()
        return self._books.get(number)

    async def all(self, mode: Mode) -> list[Book]:
        """Return every book of a mode."""
        await self._load()
        return sorted(
            (book for book in self._books.values() if book.mode is mode), key=lambda book: book.id
        )

    async def open(self, asset: Asset, mode: Mode, group: str) -> Book:
        """Return the book of an asset, mode and group, opening it on first use."""
        for book in self._books.values():
            if book.asset == asset and book.mode is mode and book.group == group:
                return book
        async with self._database.transaction() as tx:
            number = await write.open_book(
                tx, asset.code, asset.exponent, mode.value, group, self._clock.now()
            )
        book = Book(number, asset, mode, group)
        self._books[number] = book
        return book

    async def facts(self, accounts: Sequence[int]) -> list[Facts]:
        """Return what never changes about these accounts, all of which must exist."""
        # Kept aside: the cache may start afresh while the missing ones are read.
        known = {account: self._facts[account] for account in accounts if account in self._facts}
        missing = [account for account in accounts if account not in known]
        if missing:
            async with self._database.transaction() as tx:
                known |= self._learn(await read.facts(tx, missing))
        for account in missing:
            if account not in known:
                raise unknown_account(account)
        return [known[account] for account in accounts]

    def _learn(self, rows: Sequence[read.FactsRow]) -> dict[int, Facts]:
        if len(self._facts) + len(rows) > FACTS_MAX:
            self._facts.clear()
        learned = {row.id: Facts(row.tenant.hex, row.type in (1, 5)) for row in rows}
        self._facts |= learned
        return learned

    async def admit(
        self, tenant: str, mode: Mode, accounts: Sequence[int], asset: Asset | None = None
    ) -> Book:
        """Let a tenant at these accounts of one book, or say that there are none such for it."""
        number = book_of(accounts[0])
        book = self._books.get(number) or await self.find(number)
        if book is None or book.mode is not mode:
            raise unknown_account(accounts[0])
        if tenant != PLATFORM:
            whose = rules.tenant_number(tenant)
            known = self._facts
            for account in accounts:
                facts = known.get(account)
                if facts is None:
                    facts = (await self.facts([account]))[0]
                if facts.tenant != whose:
                    raise unknown_account(account)
        if asset is not None and asset is not book.asset and asset != book.asset:
            raise WrongAsset(f"these accounts are kept in {book.asset.code}", field="asset")
        return book

    def poster(self, book: int) -> Poster[Posting, Outcome]:
        """Return the one way postings go into a book."""
        poster = self._posters.get(book)
        if poster is None:
            line = self._lines[book % LINES]
            poster = Poster(
                f"book {book}",
                partial(self._post, line, book),
                gather_max=POSTINGS_GATHERED,
                after_batch=self._after_batch,
            )
            poster.start()
            self._posters[book] = poster
        return poster

    def recorder(self, book: int) -> Poster[Record, Outcome]:
        """Return the one way anything else goes into a book."""
        recorder = self._recorders.get(book)
        if recorder is None:
            recorder = Poster(
                f"records {book}",
                self._record,
                batch_max=RECORDS_AT_ONCE,
                after_batch=self._after_batch,
            )
            recorder.start()
            self._recorders[book] = recorder
        return recorder

    def written(self) -> None:
        """Tell that a batch was written by another way than these."""
        if self._after_batch is not None:
            self._after_batch()

    async def _post(
        self, line: Line, book: int, postings: Sequence[Posting]
    ) -> Sequence[Outcome | BezantError]:
        once: dict[str, Posting] = {}
        for posting in postings:
            once.setdefault(posting.idem, posting)
        distinct = postings if len(once) == len(postings) else list(once.values())
        outcomes = await write.post_batch(line, book, self._clock.now(), distinct)
        repeats = [
            posting.idem
            for posting, outcome in zip(distinct, outcomes, strict=True)
            if asked_before(outcome)
        ]
        if distinct is postings and not repeats:
            return outcomes
        by_idem = dict(zip(once, outcomes, strict=True))
        if len(distinct) < len(postings):  # The second of two equal ids reads what the first wrote.
            repeats.extend(_repeated(postings))
        before = await write.known(line, repeats)
        answered: set[str] = set()
        answers: list[Outcome] = []
        for posting in postings:
            first = posting.idem not in answered and not asked_before(by_idem[posting.idem])
            answered.add(posting.idem)
            fallback = by_idem[posting.idem]
            answers.append(fallback if first else before.get(posting.idem, fallback))
        return answers

    async def _record(self, records: Sequence[Record]) -> Sequence[Outcome | BezantError]:
        outcomes: list[Outcome] = []
        async with self._record_line.transaction() as tx:
            for command in records:
                outcome, _ = await write.record(tx, self._clock.now(), command)
                if asked_before(outcome):
                    before = await write.known(tx, [command.idem])
                    outcome = before.get(command.idem, outcome)
                outcomes.append(outcome)
        return outcomes

    async def _load(self) -> None:
        async with self._database.transaction() as tx:
            rows = await read.books(tx)
        for row in rows:
            self._books.setdefault(
                row.id, Book(row.id, asset_of(row.asset), Mode(row.mode), row.merchant_group)
            )


def unknown_account(account: int) -> UnknownAccount:
    """Return the error for an account that is not there, or not for this caller."""
    return UnknownAccount(facts={"account": ids.spell_number("acct", account)})


def asked_before(outcome: Outcome) -> bool:
    """Tell whether the id was found in use, so that what became of it has to be looked up."""
    return isinstance(outcome, Denied) and outcome.answer in (Answer.SEEN, Answer.REFUSED_BEFORE)


def _repeated(postings: Iterable[Posting]) -> list[str]:
    seen: set[str] = set()
    repeated: list[str] = []
    for posting in postings:
        if posting.idem in seen:
            repeated.append(posting.idem)
        seen.add(posting.idem)
    return repeated
