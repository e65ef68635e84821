"""Followers: once for every event, in order, whoever dies and whatever fails."""

import asyncio

import pytest
from tests.db.feeding import append, note, seen
from tests.db.rooms import DEADLINE_SECONDS, PASSWORD, Rooms, until
from tests.harness.processes import start_module

from bezant.clock import RealClock
from bezant.db.database import Database, Tx
from bezant.db.feed_watch import FeedState, FollowerLag, feed_states, follower_lags
from bezant.db.feeds import StoredFeed
from bezant.db.follower import FeedBroken, Follower
from bezant.db.nudges import Nudges
from bezant.db.outbox import positions_of
from bezant.db.sequencer import Sequencer
from bezant.events import FedEvent


async def test_a_follower_killed_between_effect_and_position_neither_loses_nor_doubles(
    feeding: Rooms, alpha: Database
):
    sequencer = Sequencer(alpha, "alpha", Nudges())
    await append(alpha, 60)
    await sequencer.step()
    where = feeding.where
    dsns = [where.dsn(f"bezant_{name}", PASSWORD) for name in ("alpha", "beta")]
    deaths = 0
    for dies_after in (1, 5, 7, 8, 20, 1_000):
        with start_module("tests.db.feeding", *dsns, str(dies_after)) as program:
            deaths += program.wait() == -9
    assert deaths == 5
    async with feeding.open("beta") as beta:
        assert [number for *_, number in await seen(beta)] == list(range(1, 61))


async def test_two_followers_of_one_name_share_the_work(feeding: Rooms, alpha: Database):
    await append(alpha, 50)
    await Sequencer(alpha, "alpha", Nudges()).step()
    feed = StoredFeed(alpha, "alpha")
    async with feeding.open("beta") as beta:
        both = [Follower("one", "alpha", feed, beta, note, Nudges(), batch_max=3) for _ in range(2)]

        async def follow(follower: Follower) -> None:
            while await follower.step():
                pass

        await asyncio.gather(*(follow(one) for one in both))
        assert [number for *_, number in await seen(beta)] == list(range(1, 51))


async def test_an_event_that_cannot_be_handled_stops_the_follower_there_and_is_named(
    feeding: Rooms, alpha: Database
):
    await append(alpha, 10)
    await Sequencer(alpha, "alpha", Nudges()).step()
    poisonous = True

    async def handle(tx: Tx, fed: FedEvent) -> None:
        await note(tx, fed)
        if poisonous and fed.position == 6:
            raise LookupError

    async with feeding.open("beta") as beta:
        follower = Follower(
            "one", "alpha", StoredFeed(alpha, "alpha"), beta, handle, Nudges(), poll_seconds=0.05
        )
        follower.start()

        async def stuck() -> bool:
            return follower.state.stuck_at == 6 and follower.state.failures > 1

        await until(stuck)
        assert (follower.state.position, follower.state.trouble) == (5, "LookupError")
        assert len(await seen(beta)) == 5
        poisonous = False

        async def over() -> bool:
            return follower.state.position == 10

        await until(over)
        assert (follower.state.stuck_at, follower.state.trouble) == (0, "")
        assert len(await seen(beta)) == 10
        await follower.stop()


async def test_a_feed_with_a_hole_is_refused(feeding: Rooms, alpha: Database):
    await append(alpha, 3)
    await Sequencer(alpha, "alpha", Nudges()).step()
    whole = await StoredFeed(alpha, "alpha").read(0, 10)

    class Holey:
        async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
            return (whole[0], whole[2])

    async with feeding.open("beta") as beta:
        follower = Follower("one", "alpha", Holey(), beta, note, Nudges())
        with pytest.raises(FeedBroken):
            await follower.step()
        assert await seen(beta) == []


async def test_a_nudge_reaches_another_process(feeding: Rooms, alpha: Database):
    async with feeding.open("beta") as beta:
        here, there = Nudges(alpha), Nudges(beta)
        here.start()
        there.start()

        async def heard() -> bool:
            here.poke(positions_of("alpha"))
            await asyncio.sleep(0.05)
            return there.count(positions_of("alpha")) > 0

        await until(heard)
        before = there.count("other")
        waiting = asyncio.create_task(there.wait("other", before, DEADLINE_SECONDS))
        here.poke("other")
        async with asyncio.timeout(DEADLINE_SECONDS):
            await waiting
        assert there.count("other") > before
        await here.stop()
        await there.stop()


async def test_doctor_sees_what_waits_and_who_is_behind(feeding: Rooms, alpha: Database):
    administrator = await Database.open(
        feeding.where.administrator_dsn, name="doctor", size_max=1, clock=RealClock()
    )
    try:
        await append(alpha, 3)
        assert await feed_states(administrator, {"alpha": "event"}) == [FeedState("alpha", 0, 3)]
        await Sequencer(alpha, "alpha", Nudges()).step()
        feeds = await feed_states(administrator, {"alpha": "event"})
        assert feeds == [FeedState("alpha", 3, 0)]
        async with feeding.open("beta") as beta:
            feed = StoredFeed(alpha, "alpha")
            await Follower("one", "alpha", feed, beta, note, Nudges(), batch_max=2).step()
        lags = await follower_lags(administrator, ["beta", "gamma"], feeds)
        assert lags == [FollowerLag("beta", "one", "alpha", 2, 1)]
        assert (await follower_lags(administrator, ["beta"], []))[0].behind is None
    finally:
        await administrator.close()
