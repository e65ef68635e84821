"""Follows a feed, near or far, and does something once for every event.

The position moves in the transaction of the effect, by a conditional update: killed between the
two, a follower has done neither; two of them at once take turns and the later one finds nothing to
do. Events are read before that transaction is opened, because the feed may be in another process.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from bezant import telemetry
from bezant.db.database import Database, Tx
from bezant.db.nudges import Nudges
from bezant.db.outbox import positions_of
from bezant.errors import Unavailable
from bezant.events import FEED_LIMIT_MAX, FedEvent, Feed

BATCH_MAX = 500  # Events in one transaction: one commit for all, and not too much to do again.
POLL_SECONDS = 1.0  # A nudge that was lost, or a feed in another process, costs this much.
PAUSE_SECONDS_MAX = 30.0

_log = telemetry.log("db")

_WHERE: Final[LiteralString] = (
    "SELECT position FROM follower_position WHERE follower = %s AND feed = %s"
)
_BEGIN: Final[LiteralString] = (
    "INSERT INTO follower_position (follower, feed, position) VALUES (%s, %s, 0) "
    "ON CONFLICT (follower, feed) DO NOTHING"
)
_MOVE: Final[LiteralString] = (
    "UPDATE follower_position SET position = %s WHERE follower = %s AND feed = %s AND position = %s"
)

Handle = Callable[[Tx, FedEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Together:
    """Handles all events of a transaction at once, where one statement can do for all of them."""

    handle: Callable[[Tx, Sequence[FedEvent]], Awaitable[None]]


class FeedBroken(Exception):
    """A feed answered with positions that do not follow each other."""


class _Overtaken(Exception):
    """Another follower of this name was quicker; nothing is to be done."""


@dataclass(frozen=True, slots=True)
class FollowerState:
    """What `doctor` asks."""

    name: str
    feed: str
    position: int
    """The last event whose effect is done, as this process knows it."""
    stuck_at: int
    """The position of an event that cannot be handled, 0 if all is well."""
    trouble: str
    """The code of the last error, empty when all is well."""
    failures: int
    """How often in a row it failed."""


class Follower:
    """One follower of one feed in one process."""

    def __init__(
        self,
        name: str,
        feed_of: str,
        feed: Feed,
        database: Database,
        handle: Handle | Together,
        nudges: Nudges,
        *,
        batch_max: int = BATCH_MAX,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        assert 0 < batch_max <= FEED_LIMIT_MAX, batch_max
        self._name = name
        self._feed_of = feed_of
        self._feed = feed
        self._database = database
        self._handle = handle
        self._nudges = nudges
        self._batch_max = batch_max
        self._poll_seconds = poll_seconds
        self._position = 0
        self._is_sure = False
        """Whether the last step moved it here; after a pause the table is asked again, which may
        have been set back meanwhile.
        """
        self._stuck_at = 0
        self._trouble = ""
        self._failures = 0
        self._task: asyncio.Task[None] | None = None

    @property
    def state(self) -> FollowerState:
        """Return how far this follower is."""
        return FollowerState(
            self._name, self._feed_of, self._position, self._stuck_at, self._trouble, self._failures
        )

    def start(self) -> None:
        """Begin to follow."""
        assert self._task is None, "a follower is started once"
        self._task = asyncio.create_task(self._run(), name=f"follower {self._name}")

    async def stop(self) -> None:
        """Stop; what was under way is done wholly or not at all."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def step(self) -> int:
        """Handle the next events and return how many were read."""
        if not self._is_sure:
            key = (self._name, self._feed_of)
            self._position = await self._database.fetch_value(_WHERE, key) or 0
        self._is_sure = False
        position = self._position
        events = await self._feed.read(position, self._batch_max)
        if not events:
            return 0
        if any(fed.position != at for at, fed in enumerate(events, position + 1)):
            raise FeedBroken(f"{self._feed_of} does not go on at {position + 1}")
        try:
            await self._handled(position, events)
        except _Overtaken:
            return len(events)
        except Unavailable:
            raise
        except Exception:
            if len(events) == 1:
                self._stuck_at = position + 1
                raise
            await self._one_by_one(events)
        return len(events)

    async def _one_by_one(self, events: Sequence[FedEvent]) -> None:
        """Find the event that cannot be handled; those before it are done."""
        try:
            for fed in events:
                self._stuck_at = fed.position
                await self._handled(fed.position - 1, (fed,))
        except _Overtaken:
            return

    async def _handled(self, position: int, events: Sequence[FedEvent]) -> None:
        last = events[-1].position
        async with self._database.transaction() as tx:
            if position == 0:
                await tx.execute(_BEGIN, (self._name, self._feed_of))
            if not await tx.execute(_MOVE, (last, self._name, self._feed_of, position)):
                raise _Overtaken
            if isinstance(self._handle, Together):
                await self._handle.handle(tx, events)
            else:
                for fed in events:
                    await self._handle(tx, fed)
        self._position, self._stuck_at, self._is_sure = last, 0, True

    async def _run(self) -> None:
        """Follow for ever. An event that fails is tried again: order forbids to skip it."""
        topic = positions_of(self._feed_of)
        while True:
            seen = self._nudges.count(topic)
            try:
                read = await self.step()
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                self._failures += 1
                self._tell(error)
                await asyncio.sleep(min(0.1 * 2 ** min(self._failures, 10), PAUSE_SECONDS_MAX))
                continue
            self._failures, self._trouble = 0, ""
            if read < self._batch_max:
                await self._nudges.wait(topic, seen, self._poll_seconds)

    def _tell(self, error: Exception) -> None:
        self._trouble = str(getattr(error, "code", type(error).__name__))
        fields = {"follower": self._name, "feed": self._feed_of, "position": self._position}
        if isinstance(error, Unavailable):
            _log.info("follower.waits", code=error.code, **fields)
        else:
            _log.error("follower.failed", error, stuck_at=self._stuck_at, **fields)
