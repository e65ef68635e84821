"""Gives the rows of a module that writes no events their places in its feed, soon after they were
written: the rows themselves are its events.
"""

import asyncio
from typing import Final

from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import rows_of
from bezant.db.sequencer import POLL_SECONDS, Sequencer

GATHER_SECONDS: Final = 0.1  # A round costs milliseconds; many writes share one.


class FeedKeeper:
    """One module's, in one process."""

    def __init__(
        self, database: Database, module: str, source: str, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._module = module
        self._nudges = Nudges(database)
        self._sequencer = Sequencer(
            database, module, self._nudges, source=source, poll_seconds=poll_seconds
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
        self._nudges.poke(rows_of(self._module))
