"""Attacks from inside: the module's own role, two processes, ids that collide."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import timedelta

import psycopg
import pytest
from tests.ledger.shelf import MERCHANT, Shelf, dsn, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Database, Tx
from bezant.db.faults import RaisedBySql
from bezant.errors import BezantError, Unavailable
from bezant.ledger import (
    Account,
    AccountState,
    AccountType,
    CaptureHold,
    ChangeAccount,
    Hold,
    IdReused,
    InsufficientFunds,
    Leg,
    PlaceHold,
    PostLinked,
    PostTransfer,
    ReverseTransfer,
    Side,
    Transfer,
    VoidHold,
)
from bezant.ledger.posting import Kind, Posting
from bezant.ledger.proof import Proof
from bezant.ledger.service import LedgerService
from bezant.ledger.store import keeping, write
from bezant.money import EUR, Money

SEED = 20_261_120
ROUNDS, CROWD, IDS = 12, 40, 150
SEEDS = [SEED, SEED + 1, *(pytest.param(n, marks=pytest.mark.long) for n in range(100))]

FORBIDDEN = (
    "SELECT ledger.turn(1, now())",
    "SELECT nextval('ledger.account_number')",
    "SELECT setval('ledger.account_number', 1)",
    "SELECT * FROM ledger.batch FOR UPDATE",
    "CREATE TABLE ledger.entry_of_mine (account bigint)",
    "CREATE FUNCTION ledger.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE public.mine (account bigint)",
    "CREATE TEMPORARY TABLE entry (account bigint)",
    "SET session_replication_role = replica",
    "SET ROLE bezant_ledger_owner",
    "BEGIN; LOCK TABLE ledger.entry IN EXCLUSIVE MODE",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_the_modules_role_has_its_functions_and_nothing_else(shelf: Shelf, statement: str):
    with psycopg.connect(dsn(shelf.database), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM ledger.batch").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]


async def test_the_book_refuses_what_does_not_balance_whoever_calls(shelf: Shelf):
    """A mistake in our rules must not become money."""
    a, b = await shelf.funded("10.00"), await shelf.open()
    accounts = int(a.id[5:], 16), int(b.id[5:], 16)
    database = await Database.open(dsn(shelf.database), name="x", size_max=1, clock=shelf.clock)
    line = database.line("forger")

    async def post(number: int, *amounts: int) -> None:
        posting = Posting(1, Kind.POST, f"{number:032x}", number, accounts, amounts)
        await write.post_batch(line, 1, shelf.clock.now(), [posting])

    await post(1, -100, 100)
    for number, amounts in enumerate(((-100, 101), (100, 100), (0, 1)), 2):
        with pytest.raises(RaisedBySql):
            await post(number, *amounts)
    assert await shelf.balance(a) == ("9.00", "0.00", "9.00")
    assert await shelf.balance(b) == ("1.00", "0.00", "1.00")
    await shelf.agrees()
    await line.close()
    await database.close()


async def test_readers_are_served_while_a_book_is_held_by_somebody(shelf: Shelf):
    """Any role may take the lock; whoever waits for it must not use up the sessions."""
    a, b = await shelf.funded("10.00"), await shelf.open()
    with psycopg.connect(dsn(shelf.database), autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(7001, 1)")
        command = shelf.moving(a, b, "1.00")
        waiting = [asyncio.ensure_future(shelf.ledger.rehearse(command)) for _ in range(30)]
        moving = asyncio.ensure_future(shelf.move(a, b, "1.00"))
        for _ in range(20):
            assert await shelf.balance(a) == ("10.00", "0.00", "10.00")
            assert not any(one.done() for one in waiting)
        answers = await asyncio.gather(*waiting, moving, return_exceptions=True)
        assert {isinstance(one, Unavailable) for one in answers} == {True}
    await shelf.move(a, b, "1.00")
    assert await shelf.balance(a) == ("9.00", "0.00", "9.00")


@pytest.mark.parametrize("far", [2, 1])
async def test_two_processes_undo_and_end_things_once(shelf: Shelf, far: int):
    """Reversals, captures, voids and expiries of the same things, from two processes at once."""
    async with opened(shelf.database, shelf.clock) as other:
        shelves = (shelf, other)[:far]
        a, b = await shelf.funded("100.00"), await shelf.open()
        moved = [await shelf.move(a, b, "1.00") for _ in range(8)]
        answers = await asyncio.gather(
            *(
                on.ledger.reverse(ReverseTransfer(f"{at}-{one.id}", MERCHANT, Mode.TEST, one.id))
                for one in moved
                for at, on in enumerate(shelves * 3)
            ),
            return_exceptions=True,
        )
        assert sum(isinstance(one, Transfer) for one in answers) == len(moved)
        soon = shelf.clock.now() + timedelta(minutes=1)
        holds = [await shelf.hold(a, b, "3.00", expires_at=soon) for _ in range(8)]
        assert isinstance(shelf.clock, MovableClock)
        captures = [
            on.ledger.capture_hold(
                CaptureHold(f"{at}-{one.id}", MERCHANT, Mode.TEST, one.id, EUR(200))
            )
            for one in holds[:4]
            for at, on in enumerate(shelves * 2)
        ]
        answers = await asyncio.gather(*captures, return_exceptions=True)
        assert sum(isinstance(one, Transfer) for one in answers) == 4
        shelf.clock.move(timedelta(minutes=2))
        ended = await asyncio.gather(
            *(on.ledger.expire_holds() for on in shelves * 2),
            *(shelf.capture(one) for one in holds),
            return_exceptions=True,
        )
        assert sum(one for one in ended if isinstance(one, int)) == 8
        assert not any(isinstance(one, Transfer) for one in ended)
        assert await shelf.balance(a) == ("92.00", "0.00", "92.00")
        await shelf.agrees()


@dataclass
class Chaos:
    """Two processes and a handful of ids, each used for whatever comes."""

    ledgers: tuple[LedgerService, LedgerService]
    books: tuple[list[Account], list[Account]]
    holds: list[Hold]
    moved: list[Transfer]
    chance: random.Random
    meant: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    refused: Counter[str] = field(default_factory=Counter[str])

    def legs(self, book: int) -> tuple[Leg, Leg]:
        one, two = self.chance.sample(self.books[book], 2)
        amount = Money.parse(self.chance.choice(("0.10", "0.50", "2.00")), one.asset)
        return Leg(one.id, Side.DEBIT, amount), Leg(two.id, Side.CREDIT, amount)

    def command(self, id: str) -> Awaitable[object]:
        ledger, book = self.chance.choice(self.ledgers), self.chance.randrange(2)
        who = (id, MERCHANT, Mode.TEST)
        source, target = self.legs(book)
        account, hold = self.chance.choice(self.books[book]), self.chance.choice(self.holds)
        state = self.chance.choice((AccountState.FROZEN, AccountState.OPEN, AccountState.OPEN))

        def link(*of: int) -> Awaitable[object]:
            transfers = tuple(PostTransfer("", MERCHANT, Mode.TEST, self.legs(one)) for one in of)
            return ledger.post_linked(PostLinked(*who, transfers))

        choices: tuple[Callable[[], Awaitable[object]], ...] = (
            lambda: ledger.post(PostTransfer(*who, (source, target))),
            lambda: ledger.post(PostTransfer(*who, (source, target))),
            lambda: link(0, 1),
            lambda: link(1, 0, 0),
            lambda: ledger.reverse(ReverseTransfer(*who, self.chance.choice(self.moved).id)),
            lambda: ledger.place_hold(
                PlaceHold(*who, source.account, source.amount, target.account)
            ),
            lambda: ledger.capture_hold(CaptureHold(*who, hold.id)),
            lambda: ledger.void_hold(VoidHold(*who, hold.id)),
            lambda: ledger.change_account(ChangeAccount(*who, account.id, state)),
        )
        return self.chance.choice(choices)()

    async def one(self) -> None:
        id = f"id{self.chance.randrange(IDS)}"
        try:
            done = await self.command(id)
        except BezantError as error:
            assert not isinstance(error, Unavailable), error
            self.refused[error.code] += 1
        else:
            first = done[0] if isinstance(done, tuple) else done
            self.meant.setdefault(id, set()).add(getattr(first, "id", ""))


@pytest.mark.catalogue("T53")
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(300)
async def test_colliding_ids_of_every_kind_from_two_processes(shelf: Shelf, seed: int):
    async with opened(shelf.database, shelf.clock) as other:
        books: tuple[list[Account], list[Account]] = ([], [])
        for assets, code in zip(books, ("EUR", "USD"), strict=True):
            assets.extend([await shelf.funded("3.00", code) for _ in range(3)])
            assets.append(await shelf.open(code, type=AccountType.ASSET, floor="-1.00"))
        soon = shelf.clock.now() + timedelta(seconds=ROUNDS // 2)
        chaos = Chaos(
            (shelf.ledger, other.ledger),
            books,
            [await shelf.hold(*pair[:2], "0.50", expires_at=soon) for pair in books * 3],
            [await shelf.move(*books[0][:2], "0.10") for _ in range(4)],
            random.Random(seed),
        )
        for _ in range(ROUNDS):
            await asyncio.gather(*(chaos.one() for _ in range(CROWD)))
            assert isinstance(shelf.clock, MovableClock)
            shelf.clock.move(timedelta(seconds=1))
            await asyncio.gather(*(ledger.expire_holds() for ledger in chaos.ledgers))
    assert all(len(records) == 1 for records in chaos.meant.values()), seed
    assert len(chaos.meant) > IDS // 10
    assert chaos.refused["id_reused"] > IDS
    await shelf.agrees()
    database = await Database.open(dsn(shelf.database), name="x", size_max=1, clock=shelf.clock)
    assert (await Proof(database, shelf.clock).verify([])).fault is None
    await database.close()


async def test_an_id_that_another_book_refuses_in_the_same_moment_is_told_as_in_use(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
):
    """Between the look whether the id is in use and the writing, it comes into use."""
    mine, poor, rich = (
        await shelf.open(),
        await shelf.open("USD"),
        await shelf.funded("1.00", "USD"),
    )
    keeps = keeping.keeps

    async def meanwhile(tx: Tx, account: int) -> bool:
        elsewhere = shelf.ledger.post(shelf.moving(poor, rich, "5.00", id="same"))
        with pytest.raises(InsufficientFunds):
            await asyncio.create_task(elsewhere, context=Context())
        return await keeps(tx, account)

    monkeypatch.setattr(keeping, "keeps", meanwhile)
    frozen = ChangeAccount("same", MERCHANT, Mode.TEST, mine.id, AccountState.FROZEN)
    with pytest.raises(IdReused):
        await shelf.ledger.change_account(frozen)
