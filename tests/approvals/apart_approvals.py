"""Approvals that another process can open: see `tests.rpc.apart`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from bezant.actor import Actor
from bezant.approvals.service import MODULE, ApprovalsService
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.ids import Ids


class Makers:
    """Knows who made each key."""

    async def maker_of(self, key: Actor) -> str:
        return f"mem_maker_of_{key.subject}"


@asynccontextmanager
async def approvals_service(address: str, now: str) -> AsyncIterator[ApprovalsService]:
    """Open approvals at this address, at this hour."""
    clock = MovableClock(datetime.fromisoformat(now))
    database = await Database.open(address, name=MODULE, size_max=4, clock=clock)
    outbox = Outbox(MODULE, Nudges(database))
    try:
        yield ApprovalsService(database, clock, Ids(clock), outbox, Makers())
    finally:
        await database.close()
