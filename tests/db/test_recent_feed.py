"""A feed that is shared: fetched once, never late, and forgetful where memory could be wrong."""

import asyncio
from datetime import UTC, datetime

import pytest

from bezant.actor import Mode
from bezant.db import recent_feed
from bezant.db.recent_feed import KEPT_MAX, RecentFeed
from bezant.errors import Unavailable
from bezant.events import Event, FedEvent

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Told:
    """A feed in memory that counts what it was asked for."""

    def __init__(self, count: int, word: str = "one") -> None:
        self.events = [_fed(position, word) for position in range(1, count + 1)]
        self.fetched = 0
        self.down = False

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Answer, a turn of the loop later."""
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable
        found = tuple(self.events[after : after + limit])
        self.fetched += len(found)
        return found


def _fed(position: int, word: str) -> FedEvent:
    name = f"{word} {position}"
    return FedEvent(position, Event(name, "told", 1, Mode.TEST, "mer", name, AT, {}))


def _positions(events: tuple[FedEvent, ...]) -> list[int]:
    return [fed.position for fed in events]


async def test_several_readers_fetch_an_event_once() -> None:
    told = Told(30)
    feed = RecentFeed(told)
    pages = await asyncio.gather(*(feed.read(0, 100) for _ in range(3)))
    assert [_positions(page) for page in pages] == [list(range(1, 31))] * 3
    assert told.fetched == 30


async def test_what_has_come_since_is_always_told() -> None:
    told = Told(3)
    feed = RecentFeed(told)
    await feed.read(0, 100)
    told.events.append(_fed(4, "one"))
    assert _positions(await feed.read(1, 100)) == [2, 3, 4]
    assert _positions(await feed.read(1, 2)) == [2, 3]
    assert await feed.read(4, 100) == ()


async def test_one_who_is_far_behind_reads_everything_in_order() -> None:
    told = Told(3 * KEPT_MAX)
    feed = RecentFeed(told)
    assert _positions(await feed.read(2 * KEPT_MAX, 50))[0] == 2 * KEPT_MAX + 1
    read: list[int] = []
    while page := await feed.read(len(read), 700):
        read += _positions(page)
    assert read == list(range(1, 3 * KEPT_MAX + 1))


async def test_a_feed_that_was_set_back_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(5)
    feed = RecentFeed(told)
    await feed.read(0, 100)
    told.events = Told(4, "other").events
    assert (await feed.read(0, 100))[0].event.id == "one 1"  # Within the memory's time.
    monkeypatch.setattr(recent_feed, "KEPT_SECONDS", -1.0)
    assert [fed.event.id for fed in await feed.read(0, 100)][-1] == "other 4"


async def test_after_an_error_nothing_is_remembered() -> None:
    told = Told(5)
    feed = RecentFeed(told)
    await feed.read(0, 100)
    told.down = True
    with pytest.raises(Unavailable):
        await feed.read(0, 100)
    told.down = False
    told.events = Told(4, "other").events
    assert [fed.event.id for fed in await feed.read(0, 100)] == [f"other {n}" for n in range(1, 5)]
