"""A feed through which one sees whether its follower moves."""

from bezant.db.watched_feed import WatchedFeed
from bezant.events import FedEvent


class Told:
    def __init__(self) -> None:
        self.events: tuple[FedEvent, ...] = ()

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        return self.events[after : after + limit]


async def test_a_follower_that_reads_the_same_event_again_is_stuck_since_the_first_time():
    now, told = [100.0], Told()
    watched = WatchedFeed(told, monotonic=lambda: now[0])
    assert await watched.read(0, 10) == ()
    assert (watched.behind, watched.stuck_seconds) == (0, 0.0)

    told.events = (FedEvent(1, None), FedEvent(2, None))  # type: ignore[arg-type]
    await watched.read(0, 10)
    now[0] = 130.0
    assert len(await watched.read(0, 10)) == 2
    assert (watched.behind, watched.stuck_seconds) == (2, 30.0)

    await watched.read(1, 10)  # It moved on.
    assert (watched.behind, watched.stuck_seconds) == (1, 0.0)
    now[0] = 140.0
    assert await watched.read(2, 10) == ()
    assert (watched.behind, watched.stuck_seconds) == (0, 0.0)
