"""Jobs: queued with the transaction, run by one at a time, taken from the dead."""

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import procrastinate.schema
import psycopg
import pytest
from tests.db.rooms import PASSWORD, Rooms, furnish, module, until
from tests.db.working import QUICK
from tests.harness.cluster import TestDatabase
from tests.harness.processes import start_module

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.faults import DatabaseFault
from bezant.db.job_watch import queue_depths, tick_states, worker_states
from bezant.db.jobs import JOBS, JobRunner, Task, Tick, Turn, TurnLost, enqueue
from bezant.db.migrate import script
from bezant.db.package_file import PackageFile
from bezant.db.schema import ROOM

ALPHA = """
CREATE TABLE done (key int NOT NULL);
GRANT SELECT, INSERT ON done TO bezant_alpha;
CREATE TABLE due (id int PRIMARY KEY, due_at timestamptz NOT NULL, expired_at timestamptz);
GRANT SELECT, INSERT, UPDATE ON due TO bezant_alpha;
"""


@pytest.fixture
async def working(empty_database: TestDatabase, tmp_path: Path) -> Rooms:
    modules = [JOBS, module(tmp_path, "alpha", ALPHA), module(tmp_path, "beta", "SELECT 1;")]
    await furnish(empty_database, modules)
    return await furnish(empty_database, modules)  # A second run must not close the doors again.


@pytest.fixture
async def alpha(working: Rooms) -> AsyncIterator[Database]:
    async with working.open("alpha") as database:
        yield database


@pytest.fixture
async def jobs(working: Rooms) -> AsyncIterator[Database]:
    async with working.open("jobs") as database:
        yield database


def runner(
    rooms: Rooms,
    jobs: Database,
    *,
    ticks: list[Tick] | None = None,
    tasks: list[Task] | None = None,
) -> JobRunner:
    return JobRunner(
        rooms.where.dsn("bezant_jobs", PASSWORD),
        jobs,
        ticks=ticks or [],
        tasks=tasks or [],
        heartbeats=QUICK,
        look_seconds=0.05,
    )


async def ignore(turn: Turn, arguments: Mapping[str, object]) -> None:
    """Do nothing."""


async def test_a_task_is_queued_exactly_if_the_transaction_commits(
    working: Rooms, alpha: Database, jobs: Database
):
    ran: list[object] = []

    async def run(turn: Turn, arguments: Mapping[str, object]) -> None:
        ran.append(arguments["n"])

    running = runner(working, jobs, tasks=[Task("alpha.count", run)])
    running.start()
    with pytest.raises(LookupError):
        async with alpha.transaction() as tx:
            await enqueue(tx, "alpha.count", {"n": 1})
            raise LookupError
    async with alpha.transaction() as tx:
        assert await enqueue(tx, "alpha.count", {"n": 2}, key="once")
        assert not await enqueue(tx, "alpha.count", {"n": 3}, key="once")
        assert ran == []

    async def empty() -> bool:
        return await queue_depths(jobs) == []

    await until(empty)
    assert ran == [2]
    await running.stop()
    assert await worker_states(jobs) == []


async def test_a_module_fills_its_own_queue_only_and_sees_no_other(working: Rooms):
    async with working.open("beta") as beta:
        with pytest.raises(DatabaseFault) as caught:
            async with beta.transaction() as tx:
                await enqueue(tx, "alpha.count", {})
        assert caught.value.sqlstate == "42501"
        for statement in (
            "SELECT count(*) FROM jobs.procrastinate_jobs",
            "SELECT count(*) FROM jobs.tick",
            "SELECT jobs.call_ticks('{}', '{}', '{}')",
            "SELECT jobs.procrastinate_fetch_job_v2('{alpha}', 1)",
        ):
            with pytest.raises(DatabaseFault) as caught:
                await beta.fetch_value(statement)
            assert caught.value.sqlstate == "42501"
        async with beta.transaction() as tx:
            assert await enqueue(tx, "beta.own", {})


async def test_a_failing_task_is_tried_again_and_kept_when_given_up(
    working: Rooms, alpha: Database, jobs: Database
):
    attempts: list[int] = []

    async def fail(turn: Turn, arguments: Mapping[str, object]) -> None:
        attempts.append(turn.attempt)
        raise LookupError

    running = runner(working, jobs, tasks=[Task("alpha.fail", fail, attempts_max=2)])
    running.start()
    async with alpha.transaction() as tx:
        await enqueue(tx, "alpha.fail", {})

    async def given_up() -> bool:
        return [depth.failed for depth in await queue_depths(jobs)] == [1]

    await until(given_up)
    assert attempts == [1, 2]
    assert await running.forget(3_600) == 0
    assert await running.forget(0) == 1
    await running.stop()


async def test_a_tick_compares_due_times_with_the_injected_clock(
    working: Rooms, alpha: Database, jobs: Database
):
    clock = MovableClock(datetime(2030, 1, 1, tzinfo=UTC))
    turns = 0

    async def expire(turn: Turn) -> None:
        nonlocal turns
        async with alpha.transaction() as tx:
            await turn.hold(tx)
            await tx.execute(
                "UPDATE due SET expired_at = %(now)s "
                "WHERE due_at <= %(now)s AND expired_at IS NULL",
                {"now": clock.now()},
            )
        turns += 1

    async with alpha.transaction() as tx:
        for day in (1, 2):
            due_at = datetime(2030, 1, day + 1, tzinfo=UTC)
            await tx.execute("INSERT INTO due VALUES (%s, %s)", (day, due_at))
    running = runner(working, jobs, ticks=[Tick("alpha.expire", 0.1, expire)])
    running.start()

    async def expired(count: int) -> bool:
        found = await alpha.fetch_value("SELECT count(*) FROM due WHERE expired_at IS NOT NULL")
        return found == count

    async def two_more_turns() -> None:
        before = turns

        async def turned() -> bool:
            return turns >= before + 2

        await until(turned)

    await two_more_turns()
    assert await expired(0)
    for day in (1, 2):
        clock.move(timedelta(days=1))
        await two_more_turns()
        assert await expired(day)
    (state,) = await tick_states(jobs)
    assert (state.name, state.trouble, state.late) == ("alpha.expire", "", False)
    assert state.called_at is not None
    await running.stop()


async def test_a_failing_tick_is_told_and_goes_on(working: Rooms, jobs: Database):
    broken = True

    async def run(turn: Turn) -> None:
        if broken:
            raise LookupError

    running = runner(working, jobs, ticks=[Tick("alpha.break", 0.05, run)])
    running.start()

    async def troubled() -> bool:
        states = await tick_states(jobs)
        return [one.trouble for one in states] == ["LookupError"] and states[0].failures > 1

    async def well() -> bool:
        return [(one.trouble, one.failures) for one in await tick_states(jobs)] == [("", 0)]

    await until(troubled)
    broken = False
    await until(well)
    assert [depth.failed for depth in await queue_depths(jobs)] in ([], [0])
    await running.stop()


async def test_of_many_processes_one_runs_a_tick_and_no_interval_is_called_twice(
    working: Rooms, jobs: Database
):
    inside = 0
    most = 0
    turns = 0

    async def run(turn: Turn) -> None:
        nonlocal inside, most, turns
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.15)  # Longer than its interval: turns would overlap if they could.
        inside -= 1
        turns += 1

    ticks = [Tick("alpha.slow", 0.05, run)]
    runners = [runner(working, jobs, ticks=ticks) for _ in range(3)]
    for one in runners:
        one.start()

    async def turned() -> bool:
        return turns >= 5

    await until(turned)
    for one in runners:
        await one.stop()
    assert most == 1
    rare = runner(working, jobs, ticks=[Tick("alpha.rare", 3_600, run)])
    assert sum(await asyncio.gather(*(rare.call_due() for _ in range(8)))) == 1


@pytest.mark.catalogue("T16")
@pytest.mark.parametrize("held", [True, False], ids=["fenced", "control without the fence"])
async def test_a_worker_that_was_stopped_and_wakes_up_has_no_effect(
    held: bool, working: Rooms, alpha: Database, tmp_path: Path
):
    jobs_count = 10
    gate = tmp_path / "gate"
    dsns = [working.where.dsn(f"bezant_{name}", PASSWORD) for name in ("jobs", "alpha")]
    way = "HELD" if held else "UNHELD"

    async def done() -> list[int]:
        return await alpha.fetch_value("SELECT array(SELECT key FROM done ORDER BY key)")

    with start_module("tests.db.working", *dsns, way, gate) as zombie:
        zombie.wait_for_line("ready")
        async with alpha.transaction() as tx:
            for key in range(jobs_count):
                await enqueue(tx, "alpha.effect", {"key": key})
        for key in range(jobs_count):
            zombie.wait_for_line(f"begun {key}")
        zombie.signal(signal.SIGSTOP)
        with start_module("tests.db.working", *dsns, way) as heir:
            for key in range(jobs_count):
                heir.wait_for_line(f"ended {key}")
            assert await done() == list(range(jobs_count))
            gate.touch()
            zombie.signal(signal.SIGCONT)
            for key in range(jobs_count):
                zombie.wait_for_line(f"{'lost' if held else 'ended'} {key}")
    doubled = len(await done()) - jobs_count
    assert doubled == (0 if held else jobs_count)


async def test_nobody_takes_over_in_the_middle_of_an_effect(
    working: Rooms, alpha: Database, jobs: Database
):
    running = runner(working, jobs, tasks=[Task("alpha.effect", ignore)])
    async with alpha.transaction() as tx:
        await enqueue(tx, "alpha.effect", {})
    with psycopg.connect(working.where.administrator_dsn, autocommit=True) as admin:
        admin.execute("INSERT INTO jobs.procrastinate_workers DEFAULT VALUES")
        cursor = admin.execute(
            "SET search_path = jobs; "
            "SELECT id, worker_id FROM procrastinate_fetch_job_v2("
            "'{alpha}', (SELECT max(id) FROM procrastinate_workers))"
        )
        cursor.nextset()
        row = cursor.fetchone()
        assert row is not None
        turn = Turn(*row, attempt=1)
        admin.execute("UPDATE jobs.procrastinate_workers SET last_heartbeat = '2000-01-01'")
        async with alpha.transaction() as tx:
            await turn.hold(tx)
            # The row is held: whoever looks for the jobs of dead workers passes it by.
            assert admin.execute("SELECT rescue(1, 8)").fetchone() == (0,)
        assert await running.rescue() == 1
        with pytest.raises(TurnLost):
            async with alpha.transaction() as tx:
                await turn.hold(tx)


def test_the_queue_schema_is_the_installed_packages():
    shipped = JOBS.files()[0]
    assert str(shipped) == "jobs 0001_procrastinate"
    assert shipped.text == procrastinate.schema.SchemaManager.get_schema(), (
        "procrastinate changed: add its migration as a file of its own"
    )
    named = PackageFile.named_in(ROOM / "jobs" / "0001_procrastinate.toml")
    assert named.version == metadata.version("procrastinate")
    assert shipped.text in script([JOBS])
    assert not list((ROOM / "jobs").glob("0001*.sql"))  # It is read where it is installed.
