"""What is over goes: as much of it as there is, in portions that hold nobody up."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from bezant import telemetry
from bezant.db.database import Tx
from bezant.identity.desk import Desk
from bezant.identity.store import over

AT_ONCE_MAX: Final = 10_000
PORTIONS_MAX: Final = 200  # Two million rows of each kind; the rest goes with the next tick.
RECHECKS_KEPT: Final = 100_000
_log = telemetry.log("identity")

Delete = Callable[[Tx], Awaitable[int]]


class Tidying(Desk):
    """The part of the service that forgets what is over."""

    async def tidy(self, at_once: int = AT_ONCE_MAX) -> int:
        """Delete all that is over; return how many rows were."""
        now = self._clock.now()
        gone = 0
        for one in over.OVER:
            gone += await self._emptied(
                partial(over.delete, over=one, now=now, limit=at_once), at_once
            )
        gone += await self._emptied(partial(over.delete_unused, now=now, limit=at_once), at_once)
        async with self._database.transaction() as tx:
            await over.delete_rechecks(tx, RECHECKS_KEPT)
        return gone

    async def _emptied(self, delete: Delete, at_once: int) -> int:
        """Repeat while there was as much as could go at once."""
        gone = 0
        for _ in range(PORTIONS_MAX):
            async with self._database.transaction() as tx:
                went = await delete(tx)
            gone += went
            if went < at_once:
                return gone
        _log.warn("tidy.not_done", gone=gone)
        return gone
