"""T10 to T12 with the real ledger: what it acknowledged is there once, and the chain is whole."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.db.test_crash import (
    ACKNOWLEDGED_BETWEEN_KILLS,
    CLIENTS,
    SEED,
    FarBook,
    kill_everything,
    restarted,
)
from tests.harness.cluster import TestDatabase
from tests.harness.folders import open_folder
from tests.harness.journal import Verdict, check
from tests.harness.load import Load
from tests.harness.ports import free_port
from tests.harness.processes import start_module
from tests.ledger import crash_book
from tests.ledger.crash_book import LedgerBook
from tests.ledger.shelf import LEDGER, MERCHANT, PASSWORD, Shelf, dsn

from bezant.actor import PLATFORM, Mode
from bezant.clock import RealClock
from bezant.db.database import Database, Line
from bezant.db.embedded import EmbeddedServer
from bezant.db.migrate import migrate
from bezant.errors import OutcomeUnknown
from bezant.ledger import Reconcile, TransfersOf
from bezant.ledger.posting import Posting
from bezant.ledger.proof import Proof
from bezant.ledger.store import write
from bezant.secret import Secret

PROGRAM = "tests.harness.book_program"
BOOK = "tests.ledger.crash_book:LedgerBook"


async def whole(ledger_dsn: str) -> None:
    """Assert that the chain, every balance and every hold follow from the rows."""
    database = await Database.open(ledger_dsn, name="proof", size_max=2, clock=RealClock())
    try:
        found = await Proof(database, RealClock()).verify([])
        assert found.fault is None
        assert found.transfers > 0
    finally:
        await database.close()


@pytest.mark.catalogue("T10")
@pytest.mark.parametrize("kills", [8, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
async def test_a_killed_app_loses_and_doubles_no_transfer(
    ledger_database: TestDatabase, tmp_path: Path, kills: int
):
    chance = random.Random(SEED)
    port = free_port()
    book = FarBook(port)
    program = start_module(PROGRAM, dsn(ledger_database), str(port), BOOK)
    try:
        await asyncio.to_thread(program.wait_for_line)
        async with Load(tmp_path, book.post, clients=CLIENTS) as load:
            for _ in range(kills):
                await load.more(ACKNOWLEDGED_BETWEEN_KILLS + chance.randrange(40))
                assert program.kill() == -signal.SIGKILL
                program = start_module(PROGRAM, dsn(ledger_database), str(port), BOOK)
                await asyncio.to_thread(program.wait_for_line)
            await load.more(ACKNOWLEDGED_BETWEEN_KILLS)
        await load.resolve()
    finally:
        program.kill()
        book.close()
    verdict = check(tmp_path, crash_book.effects(ledger_database.administrator_dsn))
    assert verdict.clean, verdict
    assert load.wrong == []
    assert load.unavailable > 0
    await whole(dsn(ledger_database))


@asynccontextmanager
async def durable_ledger() -> AsyncIterator[tuple[EmbeddedServer, str]]:
    with open_folder() as place:
        server = EmbeddedServer(place / "data")
        await server.start()
        try:
            admin = server.administrator_dsn()
            await migrate(admin, [LEDGER], {"ledger": Secret(PASSWORD)})
            yield server, server.dsn("bezant_ledger", PASSWORD, "postgres")
        finally:
            await server.stop()


@pytest.mark.catalogue("T11")
@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.timeout(3600)
async def test_a_killed_database_loses_and_doubles_no_transfer(tmp_path: Path, kills: int):
    chance = random.Random(SEED)
    async with durable_ledger() as (server, ledger_dsn):
        book = await LedgerBook.open(ledger_dsn)
        try:
            async with Load(tmp_path, book.post, clients=CLIENTS) as load:
                for kill in range(1, kills + 1):
                    await load.more(ACKNOWLEDGED_BETWEEN_KILLS + chance.randrange(60))
                    kill_everything(server, chance)
                    await restarted(server, kill)
                    await server.ready(60)
                await load.more(ACKNOWLEDGED_BETWEEN_KILLS)
            await load.resolve()
        finally:
            await book.close()
        verdict: Verdict = check(tmp_path, crash_book.effects(server.administrator_dsn()))
        assert verdict.clean, verdict
        assert load.wrong == []
        assert load.unavailable > 0, "no client noticed any of the crashes"
        await whole(ledger_dsn)


@pytest.mark.catalogue("T12")
@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_whose_answer_is_lost_is_resolved(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, committed: bool
):
    """The poster sends the same batch again; its keys make that safe."""
    real = write.post_batch
    lost: list[int] = []

    async def post_batch(
        via: Line, book: int, at: object, postings: Sequence[Posting]
    ) -> list[write.Outcome]:
        if len(lost) % 2 == 0 or not committed:
            lost.append(len(postings))
            if len(lost) <= 3:
                if committed:
                    await real(via, book, at, postings)  # pyright: ignore[reportArgumentType]
                raise OutcomeUnknown
        lost.append(0)
        return await real(via, book, at, postings)  # pyright: ignore[reportArgumentType]

    a, b = await shelf.funded("100.00"), await shelf.open()
    monkeypatch.setattr(write, "post_batch", post_batch)
    moved = await asyncio.gather(*(shelf.move(a, b, "1.00") for _ in range(20)))
    assert sum(lost) > 0, "nothing was lost: the test proves nothing"
    assert len({one.id for one in moved}) == 20
    assert await shelf.balance(b) == ("20.00", "0.00", "20.00")
    await shelf.agrees()


async def test_six_processes_with_the_same_keys_have_one_effect_each(
    ledger_database: TestDatabase, tmp_path: Path
):
    ports = [free_port() for _ in range(6)]
    programs = [start_module(PROGRAM, dsn(ledger_database), str(port), BOOK) for port in ports]
    books = [FarBook(port) for port in ports]
    keys = [f"shared-{number}" for number in range(300)]
    try:
        for program in programs:
            await asyncio.to_thread(program.wait_for_line)
        chance = random.Random(SEED)
        answered: list[BaseException | None] = []
        for _ in range(3):  # Each process sends every key, in another order, several times.
            orders = [chance.sample(keys, len(keys)) for _ in books]
            for place in range(0, len(keys), 50):
                answered += await asyncio.gather(
                    *(
                        book.post(key)
                        for book, order in zip(books, orders, strict=True)
                        for key in order[place : place + 50]
                    ),
                    return_exceptions=True,
                )
        assert [one for one in answered if one is not None] == []
    finally:
        for program in programs:
            program.kill()
        for book in books:
            book.close()
    assert sorted(crash_book.effects(ledger_database.administrator_dsn)) == sorted(keys)
    await whole(dsn(ledger_database))


async def test_a_caller_who_goes_away_cancels_nothing(shelf: Shelf):
    a, b = await shelf.funded("100.00"), await shelf.open()
    tasks = [asyncio.create_task(shelf.move(a, b, "1.00", reference=f"r{n}")) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(one, asyncio.CancelledError) for one in done) == 10
    # The next command of this book is written after everything that was submitted before it.
    await shelf.move(a, b, "1.00")
    found = await shelf.ledger.transfers(TransfersOf(MERCHANT, Mode.TEST, account=b.id, limit=100))
    kept = {one.reference for one in found.transfers}
    assert {f"r{n}" for n in range(1, 20, 2)} <= kept
    await shelf.agrees()
    assert (await shelf.ledger.reconcile(Reconcile(PLATFORM, Mode.TEST))).differences == ()
