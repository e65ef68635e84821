"""Follows the feeds of other modules: every event gets its entry, once, many in one commit."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bezant import telemetry
from bezant.audit.published import FollowedFeed
from bezant.audit.store import checkpoints
from bezant.audit.writer import Overtaken, Writer
from bezant.db.database import Database
from bezant.db.follower import FeedBroken
from bezant.db.nudges import Nudges
from bezant.db.outbox import positions_of
from bezant.errors import Unavailable
from bezant.events import FEED_LIMIT_MAX, Feed

POLL_SECONDS: Final = 1.0  # A nudge that was lost, or a feed in another process, costs this much.
PAUSE_SECONDS_MAX: Final = 30.0

_log = telemetry.log("audit")


@dataclass(slots=True)
class Followed:
    """How far one feed was followed, as this process knows it."""

    name: str
    feed: Feed
    position: int = 0
    trouble: str = ""
    failures: int = 0


class Following:
    """One follower for each feed."""

    def __init__(
        self, database: Database, writer: Writer, nudges: Nudges, feeds: Mapping[str, Feed]
    ) -> None:
        self._database = database
        self._writer = writer
        self._nudges = nudges
        self._followed = [Followed(name, feed) for name, feed in feeds.items()]
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def states(self) -> Sequence[FollowedFeed]:
        """Return how far each feed was followed."""
        return [FollowedFeed(one.name, one.position, one.trouble) for one in self._followed]

    def start(self) -> None:
        """Begin to follow."""
        self._tasks = [
            asyncio.create_task(self._run(one), name=f"audit of {one.name}")
            for one in self._followed
        ]

    async def stop(self) -> None:
        """Stop; what was under way is done wholly or not at all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def step(self, name: str) -> int:
        """Append the next events of a feed and return how many there were."""
        return await self._step(next(one for one in self._followed if one.name == name))

    async def _step(self, one: Followed) -> int:
        one.position = await checkpoints.followed(self._database, one.name)
        events = await one.feed.read(one.position, FEED_LIMIT_MAX)
        if not events:
            return 0
        if any(fed.position != at for at, fed in enumerate(events, one.position + 1)):
            raise FeedBroken(f"{one.name} does not go on at {one.position + 1}")
        try:
            await self._writer.follow(one.name, events)
        except Overtaken:
            return len(events)
        one.position = events[-1].position
        return len(events)

    async def _run(self, one: Followed) -> None:
        """Follow for ever. An event that fails is tried again: order forbids to skip it."""
        topic = positions_of(one.name)
        while True:
            seen = self._nudges.count(topic)
            try:
                read = await self._step(one)
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                one.failures += 1
                self._tell(one, error)
                pause_seconds = min(0.1 * 2 ** min(one.failures, 10), PAUSE_SECONDS_MAX)
                await asyncio.sleep(pause_seconds)
                continue
            one.failures, one.trouble = 0, ""
            if read < FEED_LIMIT_MAX:
                await self._nudges.wait(topic, seen, POLL_SECONDS)

    def _tell(self, one: Followed, error: Exception) -> None:
        one.trouble = str(getattr(error, "code", type(error).__name__))
        if isinstance(error, Unavailable):
            _log.info("log.waits", feed=one.name, code=error.code, position=one.position)
        else:
            _log.error("log.failed", error, feed=one.name, position=one.position)
