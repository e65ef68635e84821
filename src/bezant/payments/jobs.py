"""What the payments do by themselves: look after what has not ended, and tidy up."""

from datetime import date, timedelta
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.jobs import Tick, Turn
from bezant.payments.port import KEYS_KEPT_DAYS
from bezant.payments.service import PaymentsService
from bezant.payments.store import arrival, limit, transcript, write

WALK_EVERY_SECONDS: Final = 1.0
EXPIRE_EVERY_SECONDS: Final = 10.0
APPROVED_EVERY_SECONDS: Final = 2.0
BOOK_EVERY_SECONDS: Final = 15.0
FORGET_EVERY_SECONDS: Final = 3_600.0
SEAL_EVERY_SECONDS: Final = 10.0  # What an older release keeps open is sealed within moments.
FORGET_MAX: Final = 10_000  # Rows in one round: a round is short.
KEYS_KEPT: Final = timedelta(days=KEYS_KEPT_DAYS)
ARRIVALS_KEPT: Final = timedelta(days=90)  # Longer than any provider sends an event again.
ROOM_KEPT: Final = timedelta(days=62)  # A month, and one more in which its payments still change.
TRANSCRIPTS_KEPT: Final = timedelta(days=90)  # Disputes ask what happened; later the attempt tells.


async def forget_room(database: Database, before: date) -> None:
    """Drop what was counted in periods that began so long ago, a round at a time."""
    for dropped in (limit.forget_taken, limit.forget_changes, limit.forget_uses):
        gone = FORGET_MAX
        while gone == FORGET_MAX:
            async with database.transaction() as tx:
                gone = await dropped(tx, before, FORGET_MAX)


def ticks(service: PaymentsService, database: Database, clock: Clock) -> tuple[Tick, ...]:
    """Return the payments' recurring work. All of it may be done twice, or by two at once."""

    async def walk(turn: Turn) -> None:
        del turn
        await service.walk()

    async def expire(turn: Turn) -> None:
        del turn
        await service.expire()

    async def approved(turn: Turn) -> None:
        del turn
        await service.take_up_approved()

    async def act(turn: Turn) -> None:
        del turn
        await service.act_on_arrivals()

    async def book(turn: Turn) -> None:
        del turn
        await service.book_disputes()

    async def forget(turn: Turn) -> None:
        del turn
        now = clock.now()
        async with database.transaction() as tx:
            await write.forget_requests(tx, now - KEYS_KEPT, FORGET_MAX)
            await arrival.forget(tx, now - ARRIVALS_KEPT, FORGET_MAX)
        gone = FORGET_MAX
        while gone == FORGET_MAX:  # A burst kept very many; none of them is in anybody's way.
            async with database.transaction() as tx:
                gone = await transcript.forget(tx, now - TRANSCRIPTS_KEPT, FORGET_MAX)
        await service.forget_the_rest()
        # Last, and apart: however much of it there is, it keeps nothing else.
        await forget_room(database, (now - ROOM_KEPT).date())

    async def seal(turn: Turn) -> None:
        del turn
        await service.seal_kept()

    return (
        Tick("payments.walk", WALK_EVERY_SECONDS, walk),
        Tick("payments.expire", EXPIRE_EVERY_SECONDS, expire),
        Tick("payments.approved", APPROVED_EVERY_SECONDS, approved),
        Tick("payments.arrivals", WALK_EVERY_SECONDS, act),
        Tick("payments.book", BOOK_EVERY_SECONDS, book),
        Tick("payments.forget", FORGET_EVERY_SECONDS, forget),
        Tick("payments.seal", SEAL_EVERY_SECONDS, seal),
    )
