"""Posting: one transfer, many, linked ones, a rehearsal, a reversal."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bezant import ids
from bezant.actor import PLATFORM
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.faults import TransactionUndone
from bezant.errors import BezantError, OutcomeUnknown, Unavailable
from bezant.ledger import rules, spelling
from bezant.ledger.books import Book, Books
from bezant.ledger.port import (
    BATCH_MAX,
    LEGS_MAX,
    BatchTooLarge,
    IdReused,
    MalformedTransfer,
    NotReversible,
    TooManyLegs,
    UnknownTransfer,
)
from bezant.ledger.posting import Answer, Denied, Kind, Posting, Seen, Written, book_of
from bezant.ledger.question import Trial
from bezant.ledger.store import read, write
from bezant.ledger.store.write import Outcome as Answered
from bezant.ledger.transfer import (
    Outcome,
    PostLinked,
    PostTransfer,
    ReverseTransfer,
    Transfer,
)

LINKED_TRIES_MAX = 5  # Of a commit that was undone or is in doubt; then the caller asks again.
TURNS_AT_ONCE = 3  # Linked transfers and rehearsals; a pool has more sessions than that.
TURN_SECONDS = 5.0  # As long as one waits for a session.
KEPT_REFUSALS = (Answer.FROZEN, Answer.CLOSED, Answer.INSUFFICIENT, Answer.TOO_LARGE)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command that passed the rules, with what is needed to answer it."""

    command: PostTransfer
    posting: Posting
    book: Book


class Undone(Exception):
    """Ends a transaction that was only tried, or that failed as a whole."""


class Posts:
    """The ways a transfer gets into the book."""

    def __init__(self, database: Database, books: Books, clock: Clock) -> None:
        self._database = database
        self._books = books
        self._clock = clock
        self._turns = asyncio.Semaphore(TURNS_AT_ONCE)

    async def post(self, command: PostTransfer) -> Transfer:
        """Record one transfer."""
        prepared = await self._prepare(command)
        outcome = await self._books.poster(prepared.book.id).submit(prepared.posting)
        if type(outcome) is Written:
            return spelling.posted(command, prepared.posting, prepared.book, outcome)
        return await self._answer(prepared, outcome)

    async def post_batch(self, commands: Sequence[PostTransfer]) -> tuple[Outcome, ...]:
        """Record many transfers, each for itself."""
        if len(commands) > BATCH_MAX:
            raise BatchTooLarge(f"a batch has at most {BATCH_MAX} transfers", field="transfers")
        prepared: list[Prepared | BezantError] = []
        for command in commands:
            try:
                prepared.append(await self._prepare(command))
            except BezantError as error:
                prepared.append(error)
        by_book: dict[int, list[Posting]] = defaultdict(list)
        for one in prepared:
            if isinstance(one, Prepared):
                by_book[one.book.id].append(one.posting)
        told = await asyncio.gather(*[self._told(*asked) for asked in by_book.items()])
        answers = dict(zip(by_book, map(iter, told), strict=True))
        return tuple(
            [
                Outcome(None, spelling.refusal(one))
                if isinstance(one, BezantError)
                else await self._outcome(one, next(answers[one.book.id]))
                for one in prepared
            ]
        )

    async def _told(
        self, book: int, postings: Sequence[Posting]
    ) -> Sequence[Answered | BaseException]:
        try:
            return await self._books.poster(book).submit_all(postings)
        except BezantError as error:
            return [error] * len(postings)

    async def post_linked(self, command: PostLinked) -> tuple[Transfer, ...]:
        """Record transfers of several books in one commit, the books taken in order."""
        if not command.transfers:
            raise MalformedTransfer("there is nothing to post", field="transfers")
        if sum(len(one.legs) for one in command.transfers) > LEGS_MAX:
            raise TooManyLegs(f"linked transfers have at most {LEGS_MAX} legs", field="transfers")
        link = rules.idem(command.tenant, command.mode, command.id)
        prepared = [
            await self._prepare(one, link, place, len(command.transfers))
            for place, one in enumerate(command.transfers)
        ]
        by_book: dict[int, list[Prepared]] = defaultdict(list)
        for one in prepared:
            by_book[one.book.id].append(one)
        for tries_left in reversed(range(LINKED_TRIES_MAX)):
            try:
                return await self._linked(prepared, dict(sorted(by_book.items())))
            except (OutcomeUnknown, TransactionUndone):
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    async def _linked(
        self, prepared: Sequence[Prepared], by_book: dict[int, list[Prepared]]
    ) -> tuple[Transfer, ...]:
        outcomes: dict[str, Answered] = {}
        now = self._clock.now()
        denied: tuple[Prepared, Denied] | None = None
        try:
            async with self._turn() as tx:
                for book, members in by_book.items():
                    postings = [one.posting for one in members]
                    answers = await write.post_batch(tx, book, now, postings)
                    for one, answer in zip(members, answers, strict=True):
                        if isinstance(answer, Denied):
                            denied = (one, answer)
                            raise Undone
                        outcomes[one.posting.idem] = answer
        except Undone:
            assert denied is not None
            return await self._not_linked(prepared, *denied)
        self._books.written()
        return tuple([await self._answer(one, outcomes[one.posting.idem]) for one in prepared])

    async def _not_linked(
        self, prepared: Sequence[Prepared], one: Prepared, denied: Denied
    ) -> tuple[Transfer, ...]:
        """Tell why nothing was recorded now: a repeat, or a refusal that is kept for repeats."""
        idems = [each.posting.idem for each in prepared]
        async with self._turn() as tx:
            if denied.answer in KEPT_REFUSALS:
                # Under the id of each: whichever is asked first when this is told again answers so.
                kept = {each.posting.idem: each.posting.request for each in prepared}
                await write.refuse(tx, one.book.id, self._clock.now(), kept, denied)
            before = await write.known(tx, idems)
        if not before:
            raise self._error(one, denied)
        said = [(each, before.get(each.posting.idem)) for each in prepared]
        denials = [(each, answer) for each, answer in said if isinstance(answer, Denied)]
        for each, answer in denials:
            if answer.request != each.posting.request:
                raise IdReused
        for each, answer in denials:
            if answer.account in each.posting.accounts:
                raise self._error(each, answer)
        if len(before) != len(set(idems)):
            raise IdReused
        return tuple([await self._answer(each, before[each.posting.idem]) for each in prepared])

    async def rehearse(self, command: PostTransfer) -> Trial:
        """Post in a transaction that is undone, and tell what it did."""
        # Under an id nobody can have used: a rehearsal is not a repeat of anything.
        prepared = await self._prepare(command)
        book, posting = prepared.book, prepared.posting
        posting.idem = rules.derived_idem("rehearsal", book.id)
        answer: Answered | None = None
        rows: list[read.StandingRow] = []
        try:
            async with self._turn() as tx:
                answer = (await write.post_batch(tx, book.id, self._clock.now(), [posting]))[0]
                rows = await read.standing(tx, posting.accounts)
                raise Undone  # Soon: until then nobody else writes to this book.
        except Undone:
            why = self._error(prepared, answer) if isinstance(answer, Denied) else None
        facts = await self._books.facts([row.account for row in rows])
        balances = [
            spelling.balance(row.account, known, book.asset, row)
            for row, known in zip(rows, facts, strict=True)
        ]
        return Trial(why is None, why and spelling.refusal(why), tuple(balances))

    async def reverse(self, command: ReverseTransfer) -> Transfer:
        """Record the opposite of a transfer."""
        number = ids.read_number("tr", command.transfer, "transfer")
        async with self._database.transaction() as tx:
            rows = await read.transfers(tx, [number], None)
        if not rows:
            raise UnknownTransfer
        row = rows[0]
        try:
            book = await self._books.admit(command.tenant, command.mode, row.accounts)
        except BezantError:
            raise UnknownTransfer from None
        if row.kind not in (Kind.POST, Kind.CAPTURE):
            raise NotReversible
        reason = rules.text(command.reason, "reason")
        posting = Posting(
            book=book.id,
            kind=Kind.REVERSAL,
            idem=rules.idem(command.tenant, command.mode, command.id),
            request=rules.fingerprint("reverse", number, reason),
            accounts=row.accounts,
            amounts=tuple(-int(amount) for amount in row.amounts),
            subject=number,
            reference=row.reference,
            reason=reason,
        )
        outcome = await self._books.poster(book.id).submit(posting)
        if isinstance(outcome, Denied):
            raise _refused(outcome, posting, book)
        return await self._stored(outcome, posting.request, command.tenant, book)

    @asynccontextmanager
    async def _turn(self) -> AsyncGenerator[Tx]:
        """Open a transaction that waits for a book's turn; few at once, for the readers' sake."""
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable(retry_after_seconds=1.0) from None
        try:
            async with self._database.transaction() as tx:
                yield tx
        finally:
            self._turns.release()

    async def _prepare(
        self, command: PostTransfer, link: str | None = None, place: int = 0, of: int = 1
    ) -> Prepared:
        now = self._clock.now()
        if link is None:
            posting = rules.posting(command, now)
        else:
            # The first is known by the command's own id, so that no other command can have it.
            own = hashlib.sha256(f"{link} {place}".encode()).hexdigest()[:32] if place else link
            posting = rules.posting(command, now, link, own, f"{place + 1} of {of} linked")
        asset = command.legs[0].amount.asset
        book = await self._books.admit(command.tenant, command.mode, posting.accounts, asset)
        return Prepared(command, posting, book)

    async def _outcome(self, one: Prepared, answer: Answered | BaseException) -> Outcome:
        try:
            if isinstance(answer, BaseException):
                raise answer
            return Outcome(await self._answer(one, answer), None)
        except BezantError as error:
            return Outcome(None, spelling.refusal(error))

    async def _answer(self, one: Prepared, outcome: Answered) -> Transfer:
        if isinstance(outcome, Written):
            return spelling.posted(one.command, one.posting, one.book, outcome)
        if isinstance(outcome, Denied):
            raise self._error(one, outcome)
        return await self._stored(outcome, one.posting.request, one.command.tenant, one.book)

    async def _stored(
        self, outcome: Written | Seen, request: int, tenant: str, book: Book
    ) -> Transfer:
        if isinstance(outcome, Seen) and (
            outcome.request != request or book_of(outcome.id) != book.id
        ):
            raise IdReused
        visible = None if tenant == PLATFORM else rules.tenant_number(tenant)
        async with self._database.transaction() as tx:
            rows = await read.transfers(tx, [outcome.id], visible)
        return spelling.transfer(rows[0], book, replayed=isinstance(outcome, Seen))

    def _error(self, one: Prepared, denied: Denied) -> BezantError:
        return _refused(denied, one.posting, one.book)


def _refused(denied: Denied, posting: Posting, book: Book) -> BezantError:
    if denied.request != posting.request:
        return IdReused()
    needed = None
    if denied.account in posting.accounts:
        needed = abs(posting.amounts[posting.accounts.index(denied.account)])
    return spelling.error(denied, book.asset, needed)
