"""A ledger service that another process can open: see `tests.rpc.apart`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.ledger import LedgerFeed
from bezant.ledger.feed import feed
from bezant.ledger.feed import keeper as feed_keeper
from bezant.ledger.service import LedgerService


@asynccontextmanager
async def ledger_service(address: str, now: str) -> AsyncIterator[LedgerService]:
    """Open the book at this address, at this hour."""
    clock = MovableClock(datetime.fromisoformat(now))
    database = await Database.open(address, name="ledger", size_max=8, clock=clock)
    service = LedgerService(database, database, clock)
    try:
        yield service
    finally:
        await service.close()
        await database.close()


@asynccontextmanager
async def followed(address: str, now: str) -> AsyncIterator[LedgerFeed]:
    """Keep the feed of the book at this address, and lend it."""
    clock = MovableClock(datetime.fromisoformat(now))
    database = await Database.open(address, name="ledger", size_max=8, clock=clock)
    keeper = feed_keeper(database)
    keeper.start()
    try:
        yield feed(database)
    finally:
        await keeper.stop()
        await database.close()
