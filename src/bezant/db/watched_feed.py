"""A feed through which one sees how its follower fares: what it read last, and since when.

A follower that is level reads nothing. One that cannot handle an event reads it again and again
from the same position: the time since the first of those reads is how long it has been stuck.
"""

import time
from collections.abc import Callable

from bezant.events import FedEvent, Feed


class WatchedFeed:
    """One follower's feed."""

    def __init__(self, feed: Feed, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._feed = feed
        self._monotonic = monotonic
        self._after = 0
        self._since: float | None = None
        self.behind = 0
        """Events that were read last and are perhaps not handled yet; there may be more."""

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Return up to `limit` events after this position, oldest first."""
        events = await self._feed.read(after, limit)
        if not events:
            self._since = None
        elif self._since is None or after != self._after:
            self._since = self._monotonic()
        self._after, self.behind = after, len(events)
        return events

    @property
    def stuck_seconds(self) -> float:
        """Tell for how long events have waited at the same position."""
        return 0.0 if self._since is None else self._monotonic() - self._since
