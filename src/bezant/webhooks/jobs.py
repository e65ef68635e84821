"""What webhooks does by itself now and then: forgets what is old."""

from datetime import timedelta
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.jobs import Tick, Turn
from bezant.webhooks.store import event as store

FORGET_EVERY_SECONDS: Final = 3_600.0
EVENTS_KEPT: Final = timedelta(days=90)  # As long as somebody may want to hear of one again.
FORGOTTEN_AT_ONCE_MAX: Final = 5_000
ROUNDS_MAX: Final = 100  # The next hour does the rest.


def ticks(database: Database, clock: Clock) -> tuple[Tick, ...]:
    """Return the recurring work."""

    async def forget(turn: Turn) -> None:
        del turn  # Deleting what is old may happen twice.
        await forget_old(database, clock)

    return (Tick("webhooks.forget", FORGET_EVERY_SECONDS, forget),)


async def forget_old(database: Database, clock: Clock) -> int:
    """Delete old events with their deliveries, unless one still waits; return how many."""
    forgotten = 0
    for _ in range(ROUNDS_MAX):
        async with database.transaction() as tx:
            gone = await store.forget(tx, clock.now() - EVENTS_KEPT, FORGOTTEN_AT_ONCE_MAX)
        forgotten += gone
        if gone < FORGOTTEN_AT_ONCE_MAX:
            break
    return forgotten
