"""A feed that several followers in one process read: an event is fetched once for all of them.

An event at its position never changes, so what was read a moment ago is answered from memory. What
may have come since is always asked for, so nobody hears later of anything than without this. Memory
is short: a database that was set back to an earlier time must not be told of a later one.
"""

import asyncio
from collections import deque
from itertools import islice
from typing import Final

from bezant.events import FedEvent, Feed

KEPT_SECONDS: Final = 2.0
KEPT_MAX: Final = 2_048  # Followers in one process are never far apart for long.


class RecentFeed:
    """A feed with the newest of its events in memory."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._kept: deque[FedEvent] = deque(maxlen=KEPT_MAX)
        """Positions without a gap."""
        self._read_at_seconds = 0.0
        self._turn = asyncio.Lock()

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Return up to `limit` events after this position, oldest first."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if now - self._read_at_seconds > KEPT_SECONDS:
                self._kept.clear()
            known = self._remembered(after, limit)
            if len(known) == limit:
                return known
            try:
                new = await self._feed.read(after + len(known), limit - len(known))
            except Exception:
                self._kept.clear()
                raise
            self._remember(new, now)
        return known + new

    def _remembered(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        if not self._kept:
            return ()
        first = after + 1 - self._kept[0].position
        return tuple(islice(self._kept, first, first + limit)) if first >= 0 else ()

    def _remember(self, new: tuple[FedEvent, ...], now_seconds: float) -> None:
        kept = self._kept
        if not new or (kept and new[0].position <= kept[-1].position):
            return  # Somebody who is far behind: the others are still better served.
        if kept and new[0].position != kept[-1].position + 1:
            kept.clear()
        kept.extend(new)
        self._read_at_seconds = now_seconds
