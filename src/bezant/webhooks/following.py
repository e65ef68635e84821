"""Follows the feeds of other modules: every public event is stored once and queued."""

from collections.abc import Mapping, Sequence

from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.follower import Follower, Together
from bezant.db.nudges import Nudges
from bezant.events import FedEvent, Feed
from bezant.webhooks.desk import take

MODULE = "webhooks"


class Following:
    """One follower for each feed."""

    def __init__(
        self, database: Database, clock: Clock, nudges: Nudges, feeds: Mapping[str, Feed]
    ) -> None:
        self._clock = clock
        self._nudges = nudges
        self.followers = tuple(
            Follower(MODULE, of, feed, database, Together(self._handle), nudges)
            for of, feed in feeds.items()
        )

    def start(self) -> None:
        """Begin to follow."""
        for follower in self.followers:
            follower.start()

    async def stop(self) -> None:
        """Stop; what was under way is done wholly or not at all."""
        for follower in self.followers:
            await follower.stop()

    async def _handle(self, tx: Tx, events: Sequence[FedEvent]) -> None:
        await take(tx, self._nudges, [fed.event for fed in events], self._clock.now())
