"""Orders that another process can open: see `tests.rpc.apart`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from tests.harness.cluster import TestDatabase
from tests.orders.shop import CARD, opened_shop
from tests.orders.till import ACTION_CARD, DECLINED_CARD

from bezant.clock import MovableClock, RealClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.orders.service import OrdersService


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where each module's schema is."""

    orders: str
    keys: str

    def module_dsn(self, module: str) -> str:
        """Return the address of a module's login."""
        return self.orders if module == "orders" else self.keys


@asynccontextmanager
async def orders_service(
    orders: str, keys: str, folder: str, now: str
) -> AsyncIterator[OrdersService]:
    """Open orders at these addresses, at this hour, with a till and one card in this process."""
    clock = MovableClock(datetime.fromisoformat(now))
    database = cast("TestDatabase", Addresses(orders, keys))
    async with opened_shop(database, clock, Path(folder)) as shop:
        shop.cards.bound |= dict.fromkeys((CARD, DECLINED_CARD, ACTION_CARD), "")
        shop.follower.start()
        shop.sequencer.start()
        try:
            yield shop.orders
        finally:
            await shop.sequencer.stop()
            await shop.follower.stop()


@asynccontextmanager
async def orders_feed(orders: str) -> AsyncIterator[StoredFeed]:
    """Open the feed of orders at this address."""
    clock = RealClock()
    database = await Database.open(orders, name="orders", size_max=2, clock=clock)
    try:
        yield StoredFeed(database, "orders")
    finally:
        await database.close()
