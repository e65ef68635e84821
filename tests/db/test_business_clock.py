"""Business time of a demo: the same in every process, after every restart, and never back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from tests.db.rooms import PASSWORD, Rooms, furnish, until
from tests.harness.cluster import TestDatabase

from bezant.clock import MovableClock
from bezant.db import business_clock
from bezant.db.business_clock import ClockFollower, TooFarAhead, ahead, all_follow, move
from bezant.db.database import Database
from bezant.db.jobs import JOBS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def rooms(empty_database: TestDatabase) -> Rooms:
    return await furnish(empty_database, [JOBS])


@pytest.fixture
async def mover(rooms: Rooms) -> AsyncIterator[Database]:
    async with rooms.open("jobs") as database:
        yield database


@asynccontextmanager
async def process(rooms: Rooms) -> AsyncIterator[ClockFollower]:
    """Follow as a process of the platform does."""
    async with rooms.open("jobs", size_max=1) as database:
        follower = ClockFollower(database, MovableClock(NOON))
        await follower.start()
        try:
            yield follower
        finally:
            await follower.stop()


async def test_every_process_follows_and_one_that_starts_later_is_there_at_once(
    rooms: Rooms, mover: Database
):
    async with process(rooms) as one, process(rooms) as two:
        assert one.clock.now() == two.clock.now() == NOON
        assert await move(mover, 6 * HOUR) == 6 * HOUR
        assert await all_follow(mover, 6 * HOUR)
        assert one.clock.now() == two.clock.now() == NOON + 6 * HOUR
    assert await move(mover, HOUR) == 7 * HOUR
    async with process(rooms) as restarted:
        assert restarted.clock.now() == NOON + 7 * HOUR
    assert await ahead(mover) == 7 * HOUR


async def test_a_process_that_heard_nothing_looks_by_itself(
    rooms: Rooms, mover: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(business_clock, "CHANNEL", "a_channel_nobody_rings")
    async with process(rooms) as one:
        await move(mover, HOUR)
        assert await all_follow(mover, HOUR)
        assert one.clock.ahead == HOUR


async def test_a_process_whose_session_was_ended_follows_again(rooms: Rooms, mover: Database):
    async with process(rooms) as one:
        await all_follow(mover, timedelta(0))
        with psycopg.connect(rooms.where.administrator_dsn, autocommit=True) as admin:
            ended = admin.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name LIKE 'bezant:jobs clock%'"
            ).fetchone()
        assert ended == (1,)
        await move(mover, HOUR)

        async def follows() -> bool:
            return one.clock.ahead == HOUR

        await until(follows)


async def test_whoever_moves_time_learns_that_a_process_does_not_follow(
    rooms: Rooms, mover: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(business_clock, "FOLLOW_SECONDS_MAX", 0.5)
    async with await psycopg.AsyncConnection.connect(
        rooms.where.dsn("bezant_jobs", PASSWORD), application_name="bezant:jobs clock 60"
    ):
        await move(mover, HOUR)
        assert not await all_follow(mover, HOUR)
        assert await all_follow(mover, timedelta(minutes=1))


@pytest.mark.parametrize(
    "by",
    [-HOUR, timedelta(microseconds=1), timedelta(days=3_700)],
    ids=["back", "a part of a second", "too far"],
)
async def test_time_never_goes_back_nor_too_far(by: timedelta, mover: Database):
    await move(mover, 2 * HOUR)
    with pytest.raises(TooFarAhead):
        await move(mover, by)
    assert await ahead(mover) == 2 * HOUR


async def test_those_who_move_it_at_once_are_all_counted(mover: Database):
    await asyncio.gather(*(move(mover, HOUR) for _ in range(8)))
    assert await ahead(mover) == 8 * HOUR


async def test_it_moves_by_its_function_only(rooms: Rooms):
    with psycopg.connect(rooms.where.dsn("bezant_jobs", PASSWORD), autocommit=True) as role:
        for refused in (
            "UPDATE jobs.business_clock SET ahead_seconds = 0",
            "DELETE FROM jobs.business_clock",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role.execute(refused)
