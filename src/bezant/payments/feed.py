"""The payments' feed: their steps are its events."""

import asyncio
from typing import Final

from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.nudges import Nudges
from bezant.db.outbox import rows_of
from bezant.db.schema import ModuleSchema, Piece
from bezant.db.sequencer import POLL_SECONDS, Sequencer

SCHEMA: Final = ModuleSchema("payments", (Piece.FEED, Piece.FOLLOWER))
SOURCE: Final = "step_event"
GATHER_SECONDS: Final = 0.1  # A round costs milliseconds; many payments share one.


def feed(database: Database) -> StoredFeed:
    """Return the feed of what happened to payments, refunds and disputes."""
    return StoredFeed(database, SCHEMA.module, source=SOURCE)


class FeedKeeper:
    """Gives steps their places in the feed, soon after they were written."""

    def __init__(self, database: Database, poll_seconds: float = POLL_SECONDS) -> None:
        self._nudges = Nudges(database)
        self._sequencer = Sequencer(
            database, SCHEMA.module, self._nudges, source=SOURCE, poll_seconds=poll_seconds
        )
        self._waiting: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin."""
        self._nudges.start()
        self._sequencer.start()

    async def stop(self) -> None:
        """End; what was not placed yet is placed at the next start, by whoever starts."""
        if self._waiting is not None:
            self._waiting.cancel()
        await self._sequencer.stop()
        await self._nudges.stop()

    def written(self) -> None:
        """Tell that there is something to place; many writes share one telling."""
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = loop.call_later(GATHER_SECONDS, self._tell)

    def _tell(self) -> None:
        self._waiting = None
        self._nudges.poke(rows_of(SCHEMA.module))
