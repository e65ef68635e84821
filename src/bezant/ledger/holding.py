"""Holds: money set aside, captured in one or several parts, given back by hand or when its time is
over.
"""

from typing import Final

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.ledger import rules, spelling
from bezant.ledger.books import Book, Books
from bezant.ledger.hold import CaptureHold, Hold, PlaceHold, VoidHold
from bezant.ledger.port import (
    AMOUNT_MAX,
    IdReused,
    LegAmount,
    MalformedTransfer,
    UnknownHold,
    WrongAsset,
)
from bezant.ledger.posting import Denied, Kind, Record, Seen, Written
from bezant.ledger.store import read
from bezant.ledger.store.read import HoldRow
from bezant.ledger.transfer import Transfer
from bezant.money import AmountTooLarge, Money

EXPIRED_AT_ONCE: Final = 500


class Holds:
    """The life of a hold."""

    def __init__(self, database: Database, books: Books, clock: Clock) -> None:
        self._database = database
        self._books = books
        self._clock = clock

    async def place(self, command: PlaceHold) -> Hold:
        """Set money aside."""
        account = ids.read_number("acct", command.account, "account")
        payee = ids.read_number("acct", command.to, "to")
        if account == payee:
            raise MalformedTransfer("a hold is for another account", field="to")
        amount = _positive(command.amount)
        expires_at = rules.aware(command.expires_at, "expires_at")
        book = await self._books.admit(command.tenant, command.mode, [account], amount.asset)
        other = await self._books.admit(command.tenant, command.mode, [payee], amount.asset)
        if other.id != book.id:
            raise WrongAsset("both accounts of a hold are kept in one book", field="to")
        await self._books.facts([account, payee])
        record = Record(
            book=book.id,
            kind=Kind.HOLD,
            idem=rules.idem(command.tenant, command.mode, command.id),
            reference=rules.text(command.reference, "reference"),
            reason=rules.text(command.reason, "reason"),
            metadata=rules.check_metadata(command.metadata),
            request=rules.hold_fingerprint(command),
            accounts=(account,),
            amounts=(0,),
            held=amount.minor,
            payee=payee,
            expires_at=expires_at,
        )
        outcome = await self._recorded(record, book)
        return await self._read(outcome.id, book, replayed=isinstance(outcome, Seen))

    async def capture(self, command: CaptureHold) -> Transfer:
        """Turn held money into a transfer."""
        row, book = await self._admitted(command.tenant, command.mode, command.hold, moves=True)
        facts = (await self._books.facts([row.account]))[0]
        sign = 1 if facts.debit_normal else -1
        accounts, amounts = rules.capture_legs(command)
        if accounts:
            await self._books.admit(
                command.tenant, command.mode, accounts, command.to[0].amount.asset
            )
            if row.account in accounts or -sum(amounts) * sign <= 0:
                raise MalformedTransfer("`to` says where the held money goes", field="to")
            accounts, amounts = (row.account, *accounts), (-sum(amounts), *amounts)
        else:
            amount = 1 if command.amount is None else _positive(command.amount).minor
            accounts, amounts = (row.account, row.payee), (sign * amount, -sign * amount)
        if command.amount is not None and command.amount.asset != book.asset:
            raise WrongAsset(f"this hold is in {book.asset.code}", field="amount")
        record = Record(
            book=book.id,
            kind=Kind.CAPTURE,
            idem=rules.idem(command.tenant, command.mode, command.id),
            reference=rules.text(command.reference, "reference") or row.reference,
            reason=rules.text(command.reason, "reason"),
            metadata=rules.check_metadata(command.metadata),
            request=rules.hold_fingerprint(command),
            accounts=accounts,
            amounts=amounts,
            subject=row.id,
            takes_all=command.amount is None and not command.to,
        )
        outcome = await self._recorded(record, book)
        visible = None if command.tenant == PLATFORM else rules.tenant_number(command.tenant)
        async with self._database.transaction() as tx:
            rows = await read.transfers(tx, [outcome.id], visible)
        return spelling.transfer(rows[0], book, replayed=isinstance(outcome, Seen))

    async def void(self, command: VoidHold) -> Hold:
        """Give back what remains."""
        row, book = await self._admitted(command.tenant, command.mode, command.hold, moves=True)
        record = Record(
            book=book.id,
            kind=Kind.VOID,
            idem=rules.idem(command.tenant, command.mode, command.id),
            reason=rules.text(command.reason, "reason"),
            request=rules.hold_fingerprint(command),
            accounts=(row.account,),
            amounts=(0,),
            subject=row.id,
            reference=row.reference,
            takes_all=True,
        )
        outcome = await self._recorded(record, book)
        return await self._read(row.id, book, replayed=isinstance(outcome, Seen))

    async def one(self, tenant: str, mode: Mode, hold: str) -> Hold:
        """Return a hold as it stands."""
        row, book = await self._admitted(tenant, mode, hold)
        return spelling.hold(row, book)

    async def expire_due(self) -> int:
        """End every hold that is past its time. Safe to repeat, and for several processes at
        once.
        """
        now = self._clock.now()
        after = ended = 0
        while True:
            async with self._database.transaction() as tx:
                due = await read.expired_holds(tx, now, after, EXPIRED_AT_ONCE)
            for number in due:
                ended += await self._expire(number)
            if len(due) < EXPIRED_AT_ONCE:
                return ended
            after = due[-1]

    async def _expire(self, number: int) -> bool:
        async with self._database.transaction() as tx:
            row = await read.hold(tx, number)
        book = await self._books.find(number >> 40)
        assert row is not None
        assert book is not None
        record = Record(
            book=book.id,
            kind=Kind.EXPIRY,
            idem=rules.derived_idem("expiry", number),
            request=rules.fingerprint("expiry", number),
            accounts=(row.account,),
            amounts=(0,),
            subject=number,
            reference=row.reference,
            takes_all=True,
        )
        outcome = await self._books.recorder(book.id).submit(record)
        return isinstance(outcome, Written)

    async def _admitted(
        self, tenant: str, mode: Mode, hold: str, *, moves: bool = False
    ) -> tuple[HoldRow, Book]:
        """Let a tenant at a hold: its account's may look, who could have placed it may move it."""
        number = ids.read_number("hold", hold, "hold")
        async with self._database.transaction() as tx:
            row = await read.hold(tx, number)
        if row is None:
            raise UnknownHold
        try:
            accounts = [row.account, row.payee] if moves else [row.account]
            return row, await self._books.admit(tenant, mode, accounts)
        except BezantError:
            raise UnknownHold from None

    async def _recorded(self, record: Record, book: Book) -> Written | Seen:
        outcome = await self._books.recorder(book.id).submit(record)
        if isinstance(outcome, Denied):
            if outcome.request != record.request:
                raise IdReused
            raise spelling.error(outcome, book.asset, record.held)
        if isinstance(outcome, Seen) and outcome.request != record.request:
            raise IdReused
        return outcome

    async def _read(self, number: int, book: Book, *, replayed: bool) -> Hold:
        async with self._database.transaction() as tx:
            row = await read.hold(tx, number)
        assert row is not None
        return spelling.hold(row, book, replayed=replayed)


def _positive(amount: Money) -> Money:
    if amount.minor <= 0:
        raise LegAmount("the amount is more than zero", field="amount")
    if amount.minor > AMOUNT_MAX:
        raise AmountTooLarge(field="amount")
    return amount
