"""Opening accounts, and what may change about one afterwards: its state and its floor."""

from functools import partial

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.errors import Invalid
from bezant.ledger import rules, spelling
from bezant.ledger.account import (
    Account,
    AccountPage,
    AccountsOf,
    ChangeAccount,
    ChartAccount,
    OpenAccount,
)
from bezant.ledger.books import Book, Books, asked_before, unknown_account
from bezant.ledger.chart import CHART
from bezant.ledger.port import PAGE_MAX, IdReused, KeptByPlatform, UnknownAccount
from bezant.ledger.posting import PLATFORM_TENANT, Denied, Kind, Record, Written
from bezant.ledger.store import keeping, read, write
from bezant.ledger.store.write import Outcome
from bezant.money import Money, asset_of


class Accounts:
    """Everything about accounts but their money."""

    def __init__(self, database: Database, books: Books, clock: Clock) -> None:
        self._database = database
        self._books = books
        self._clock = clock
        self._chart: dict[tuple[str, Mode, str, str], str] = {}

    async def open(self, command: OpenAccount) -> Account:
        """Open an account once."""
        return await self._open(command, None)

    async def chart(self, command: ChartAccount) -> Account:
        """Return the platform's account of a name, opening it on first use."""
        entry = CHART.get(command.name)
        if entry is None:
            raise UnknownAccount("the chart of accounts has no such name", field="name")
        if bool(entry.of) != bool(command.of):
            needed = f"says which {entry.of}" if entry.of else "is kept once for all"
            raise Invalid(f"{entry.name} {needed}", field="of")
        key = (command.name, command.mode, command.asset, command.of)
        known = self._chart.get(key)
        if known is not None:
            return await self.one(PLATFORM, command.mode, known)
        account = await self._open(
            OpenAccount("", PLATFORM, command.mode, command.asset, entry.type, command.of),
            entry.name,
        )
        self._chart[key] = account.id
        return account

    async def _open(self, command: OpenAccount, chart: str | None) -> Account:
        asset = asset_of(command.asset, "asset")
        if command.floor is not None and command.floor.asset != asset:
            raise Invalid("the floor is in the asset of its account", field="floor")
        rules.check_floor(command.floor)
        owner = rules.text(command.owner, "owner") or ""
        group = rules.text(command.group, "group") or ""
        if group and command.tenant != PLATFORM:
            raise Invalid("books apart are for the platform to open", field="group")
        metadata = rules.check_metadata(command.metadata)
        tenant = rules.tenant_number(command.tenant)
        if chart is None:
            idem = rules.idem(command.tenant, command.mode, command.id)
        else:
            idem = rules.derived_idem("chart", command.mode.value, chart, asset.code, owner)
        book = await self._books.open(asset, command.mode, group)
        record = Record(
            book=book.id,
            kind=Kind.OPENING,
            idem=idem,
            request=rules.fingerprint(
                "open", asset.code, group, command.type.value, owner, chart, _text(command.floor),
                metadata,
            ),
            accounts=(),
            amounts=(),
            metadata=metadata,
            tenant=tenant,
            type=rules.TYPE_NUMBERS[command.type],
            owner=owner,
            chart=chart,
            floor=None if command.floor is None else command.floor.minor,
        )  # fmt: skip
        return await self._recorded(record, book)

    async def change(self, command: ChangeAccount) -> Account:
        """Freeze, reopen or close an account, or move its floor."""
        number = ids.read_number("acct", command.account, "account")
        book = await self._books.admit(command.tenant, command.mode, [number])
        if command.gives_back and command.tenant != PLATFORM:
            raise Invalid("only the platform gives an account back", field="gives_back")
        floor = command.floor
        if floor is not None and (floor.asset != book.asset or command.unlimited):
            raise Invalid(
                f"a floor is an amount of {book.asset.code}, or taken away", field="floor"
            )
        rules.check_floor(floor)
        changes = (floor, command.state, command.unlimited or None, command.gives_back or None)
        if all(change is None for change in changes):
            raise Invalid("say what is to change: the state or the floor", field="state")
        reason = rules.text(command.reason, "reason")
        record = Record(
            book=book.id,
            kind=Kind.CHANGE,
            idem=rules.idem(command.tenant, command.mode, command.id),
            request=rules.fingerprint(
                "change", number, command.state, _text(floor), command.unlimited, reason,
                *(["gives back"] if command.gives_back else []),
            ),
            accounts=(number,),
            amounts=(0,),
            reason=reason,
            metadata=await self._word(command, number),
            state=spelling.state_number(command.state),
            floor=None if floor is None else floor.minor,
            unlimited=command.unlimited,
        )  # fmt: skip
        if command.tenant == PLATFORM:
            return await self._recorded(record, book)
        outcome = await self._database.attempt(partial(self._changed_by_merchant, record))
        self._books.written()
        return await self._told(record, outcome, book)

    async def _word(self, command: ChangeAccount, number: int) -> str | None:
        """Return what the platform decides about a merchant's account by changing it."""
        (facts,) = await self._books.facts([number])
        if command.tenant != PLATFORM or facts.tenant == PLATFORM_TENANT:
            return None
        word = keeping.GIVES_BACK if command.gives_back else keeping.KEEPS
        return rules.check_metadata({keeping.WORD: word})

    async def _changed_by_merchant(self, record: Record, tx: Tx) -> Outcome:
        """Record a merchant's own change, unless the platform decided about the account."""
        await keeping.take_turn(tx, record.book)
        before = await write.known(tx, [record.idem])
        if record.idem in before:
            return before[record.idem]
        if await keeping.keeps(tx, record.accounts[0]):
            raise KeptByPlatform(facts={"account": ids.spell_number("acct", record.accounts[0])})
        outcome, _ = await write.record(tx, self._clock.now(), record)
        if asked_before(outcome):  # In another book, in this very moment.
            outcome = (await write.known(tx, [record.idem])).get(record.idem, outcome)
        return outcome

    async def one(self, tenant: str, mode: Mode, account: str) -> Account:
        """Return one account."""
        number = ids.read_number("acct", account, "account")
        book = await self._books.admit(tenant, mode, [number])
        async with self._database.transaction() as tx:
            rows = await read.accounts(tx, numbers_wanted=[number], limit=1)
        if not rows:
            raise unknown_account(number)
        return spelling.account(rows[0], book)

    async def page(self, query: AccountsOf) -> AccountPage:
        """Return a page of accounts, newest first within each book."""
        limit = rules.limit(query.limit, PAGE_MAX)
        books = [
            book
            for book in reversed(await self._books.all(query.mode))
            if query.asset is None or book.asset.code == query.asset
        ]
        before = None if not query.before else ids.read_number("acct", query.before, "before")
        owner = rules.sought(query.owner, "owner")
        found: list[Account] = []
        async with self._database.transaction() as tx:
            for book in books:
                rows = await read.accounts(
                    tx,
                    book=book.id,
                    tenant=None if query.tenant == PLATFORM else rules.tenant_number(query.tenant),
                    owner=owner,
                    account_type=None if query.type is None else rules.TYPE_NUMBERS[query.type],
                    before=before,
                    chart=query.chart,
                    limit=limit + 1 - len(found),
                )
                found.extend(spelling.account(row, book) for row in rows)
                if len(found) > limit:
                    break
        return AccountPage(tuple(found[:limit]), len(found) > limit)

    async def _recorded(self, record: Record, book: Book) -> Account:
        return await self._told(record, await self._books.recorder(book.id).submit(record), book)

    async def _told(self, record: Record, outcome: Outcome, book: Book) -> Account:
        if isinstance(outcome, Denied):
            raise (
                IdReused
                if outcome.request != record.request
                else spelling.error(outcome, book.asset)
            )
        if not isinstance(outcome, Written) and outcome.request != record.request:
            raise IdReused
        async with self._database.transaction() as tx:
            number = await read.account_of_opening(tx, outcome.id)
            rows = await read.accounts(tx, numbers_wanted=[number], limit=1)
        return spelling.account(rows[0], book)


def _text(amount: Money | None) -> str | None:
    return None if amount is None else str(amount)
