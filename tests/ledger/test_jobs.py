"""What the ledger does by itself: end holds, write heads down, forget refusals, keep its feed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.ledger.shelf import Shelf

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.job_watch import tick_states
from bezant.db.jobs import JOBS, JobRunner, Turn
from bezant.db.migrate import migrate
from bezant.ledger import HoldState, InsufficientFunds
from bezant.ledger.feed import SCHEMA, feed
from bezant.ledger.feed import keeper as feed_keeper
from bezant.ledger.jobs import FORGET_EVERY_SECONDS, REFUSALS_KEPT, ticks
from bezant.ledger.proof import Proof, read_heads
from bezant.ledger.service import LedgerService
from bezant.secret import Secret

NEVER_SECONDS = 3_600.0
PATIENCE_SECONDS = 60.0
TURN = Turn(1, 1, 1)


@dataclass
class Works:
    """A ledger with its jobs, on a database that has both."""

    shelf: Shelf
    proof: Proof
    ledger: Database
    jobs: Database
    runner: JobRunner
    heads: Path


@pytest.fixture
async def works_database(empty_database: TestDatabase) -> TestDatabase:
    passwords = {name: Secret(MODULE_PASSWORD) for name in ("ledger", "jobs")}
    await migrate(empty_database.administrator_dsn, [SCHEMA, JOBS], passwords)
    return empty_database


@pytest.fixture
async def works(
    works_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Works]:
    async with opened(works_database, clock, tmp_path) as works:
        yield works


@asynccontextmanager
async def opened(where: TestDatabase, clock: MovableClock, folder: Path) -> AsyncIterator[Works]:
    address = where.module_dsn("jobs")
    jobs = await Database.open(address, name="jobs", size_max=4, clock=clock)
    ledger = await Database.open(where.module_dsn("ledger"), name="ledger", size_max=8, clock=clock)
    service = LedgerService(ledger, ledger, clock)
    proof = Proof(ledger, clock)
    made = ticks(service, proof, ledger, folder, clock)
    runner = JobRunner(address, jobs, ticks=made, look_seconds=0.1)
    try:
        yield Works(Shelf(service, where, clock), proof, ledger, jobs, runner, folder)
    finally:
        await runner.stop()
        await service.close()
        await ledger.close()
        await jobs.close()


async def until(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await true():
            await asyncio.sleep(0.02)


async def test_a_hold_ends_when_its_time_is_over_and_not_before(works: Works, clock: MovableClock):
    shelf = works.shelf
    a, b = await shelf.funded("10.00"), await shelf.open()
    short = await shelf.hold(a, b, "1.00", expires_at=clock.now() + timedelta(minutes=1))
    long = await shelf.hold(a, b, "2.00", expires_at=clock.now() + timedelta(days=1))

    async def state(hold: str) -> HoldState:
        return (await shelf.ledger.hold("platform", short.mode, hold)).state

    works.runner.start()
    await until(lambda: ended(works, "ledger.expire_holds"))
    assert await state(short.id) is HoldState.HELD
    clock.move(timedelta(minutes=1))

    async def is_over() -> bool:
        return await state(short.id) is HoldState.EXPIRED

    await until(is_over)
    assert await state(long.id) is HoldState.HELD
    assert await shelf.balance(a) == ("10.00", "2.00", "8.00")
    await shelf.agrees()


async def ended(works: Works, name: str) -> bool:
    """Tell whether a tick ended well since it was called."""
    return any(
        one.name == name and one.ended_at is not None and one.trouble == ""
        for one in await tick_states(works.jobs)
    )


async def test_every_tick_runs_well_under_the_roles_of_a_real_platform(works: Works):
    await works.shelf.funded("10.00")
    works.runner.start()
    for name in ("ledger.expire_holds", "ledger.write_heads", "ledger.forget_refusals"):
        await until(lambda name=name: ended(works, name))
    (head,) = read_heads(works.heads)
    assert head.batch == 3
    found = await works.proof.verify([head])
    assert (found.fault, found.unwatched) == (None, 0)


async def test_two_processes_end_a_hold_once(
    works: Works, works_database: TestDatabase, clock: MovableClock, tmp_path: Path
):
    shelf = works.shelf
    a, b = await shelf.funded("100.00"), await shelf.open()
    for _ in range(20):
        await shelf.hold(a, b, "1.00", expires_at=clock.now() + timedelta(seconds=1))
    clock.move(timedelta(seconds=1))
    async with opened(works_database, clock, tmp_path / "other") as other:
        ended_by = await asyncio.gather(
            *(each.shelf.ledger.expire_holds() for each in (works, other, works, other))
        )
    assert sum(ended_by) == 20
    assert max(ended_by) <= 20
    assert await shelf.balance(a) == ("100.00", "0.00", "100.00")
    await shelf.agrees()


async def test_a_head_is_written_once_and_only_when_there_is_a_new_one(works: Works):
    a, b = await works.shelf.funded("10.00"), await works.shelf.open()
    assert await works.proof.write_heads(works.heads) == 1
    assert await works.proof.write_heads(works.heads) == 0
    await works.shelf.move(a, b, "1.00")
    assert await works.proof.write_heads(works.heads) == 1
    another = Proof(works.ledger, works.shelf.clock)  # As after a restart.
    assert await another.write_heads(works.heads) == 0
    assert [head.batch for head in read_heads(works.heads)] == [4, 5]


async def test_an_unfinished_line_of_a_crash_is_cut_off_before_the_next(works: Works):
    a, b = await works.shelf.funded("10.00"), await works.shelf.open()
    await works.proof.write_heads(works.heads)
    with (works.heads / "ledger.heads").open("a") as file:
        file.write("2026-03-01T12:00:00+00:00 1 9")
    await works.shelf.move(a, b, "1.00")
    assert await works.proof.write_heads(works.heads) == 1
    assert [head.batch for head in read_heads(works.heads)] == [4, 5]


async def test_refusals_are_kept_as_long_as_a_key_and_no_longer(works: Works, clock: MovableClock):
    shelf = works.shelf
    a, b = await shelf.open(), await shelf.open()
    with pytest.raises(InsufficientFunds):
        await shelf.move(a, b, "1.00", id="poor")
    (forget,) = [
        tick for tick in ticks_of(works, clock) if tick.every_seconds == FORGET_EVERY_SECONDS
    ]

    def remembered() -> int:
        with psycopg.connect(shelf.database.administrator_dsn) as connection:
            row = connection.execute("SELECT count(*) FROM ledger.refusal").fetchone()
            assert row is not None
            return row[0]

    clock.move(REFUSALS_KEPT)
    await forget.run(TURN)
    assert remembered() == 1
    clock.move(timedelta(seconds=1))
    await forget.run(TURN)
    assert remembered() == 0


def ticks_of(works: Works, clock: MovableClock):
    return ticks(works.shelf.ledger, works.proof, works.ledger, works.heads, clock)


async def test_a_batch_is_in_the_feed_soon_although_nobody_looks_by_itself(
    works_database: TestDatabase, clock: MovableClock
):
    address = works_database.module_dsn("ledger")
    database = await Database.open(address, name="ledger", size_max=8, clock=clock)
    keeper = feed_keeper(database, poll_seconds=NEVER_SECONDS)
    keeper.start()
    service = LedgerService(database, database, clock, keeper.written)
    shelf = Shelf(service, works_database, clock)
    followed = feed(database)
    try:
        a, b = await shelf.funded("10.00"), await shelf.open()

        async def has(count: int) -> bool:
            return len(await followed.read(0, 100)) >= count

        await until(lambda: has(4))
        await shelf.move(a, b, "1.00")
        await until(lambda: has(5))
        fed = await followed.read(4, 100)
        assert [(one.position, one.event.type) for one in fed] == [(5, "transfers.recorded")]
    finally:
        await service.close()
        await keeper.stop()
        await database.close()
