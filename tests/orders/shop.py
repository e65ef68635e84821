"""Orders with a till that does as it is told, a vault that knows some cards, and the HTTP door."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

from tests.harness.cluster import TestDatabase
from tests.orders.till import Till

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.events import FedEvent
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.money import Money
from bezant.orders.checkout import (
    CheckoutSession,
    ConfirmSession,
    NewSession,
    Offer,
    OpenSession,
    Way,
)
from bezant.orders.following import FEED, FOLLOWER, Following
from bezant.orders.healing import Healing
from bezant.orders.order import CreateOrder, Order
from bezant.orders.ordering import Desk
from bezant.orders.secrets import ClientSecrets
from bezant.orders.service import OrdersService
from bezant.payments.port import Payments
from bezant.secret import Secret
from bezant.vault.port import CardFace, UnknownCard, Vault

ANN, BOB = (f"mer_{letter * 32}" for letter in "ab")
WINDOW = timedelta(minutes=15)
CARD = "card_" + "1" * 32


@dataclass
class Cards:
    """A vault's faces: a card is known if it is listed, and bound to a session if it says so."""

    bound: dict[str, str] = field(default_factory=dict[str, str])

    async def card(self, tenant: str, mode: Mode, token: str) -> CardFace:
        del tenant, mode
        if token not in self.bound:
            raise UnknownCard
        return CardFace(
            token, "visa", "4242", 1, 2030, "f", datetime(2026, 1, 1), self.bound[token]
        )


_OFFERED = ("ways", "capture", "return_url", "sign_in")


@dataclass
class Shop:
    """Everything a test of orders asks for."""

    database: TestDatabase
    clock: MovableClock
    ids: Ids
    till: Till
    cards: Cards
    orders: OrdersService
    healing: Healing
    follower: Follower
    sequencer: Sequencer
    feed: StoredFeed
    keys: KeysService

    async def follow(self) -> None:
        """Let orders learn what the till told."""
        while await self.follower.step():
            pass

    async def order(self, amount: str = "20.00 EUR", **more: object) -> Order:
        said: dict[str, object] = {"key": "", "tenant": ANN, "mode": Mode.TEST, **more}
        return await self.orders.create_order(
            CreateOrder(amount=Money.of(amount), **said)  # pyright: ignore[reportArgumentType]
        )

    async def seen(self, order: Order) -> Order:
        """Return an order as it stands once everything told is known."""
        await self.follow()
        return await self.orders.order(ANN, Mode.TEST, order.id)

    async def session(self, amount: str = "20.00 EUR", **more: object) -> NewSession:
        offer = {name: more.pop(name) for name in _OFFERED if name in more}
        said: dict[str, object] = {"key": "", "tenant": ANN, "mode": Mode.TEST, **more}
        return await self.orders.open_session(
            OpenSession(offer=Offer(Money.of(amount), **offer), **said)  # pyright: ignore[reportArgumentType]
        )

    async def confirm(self, new: NewSession, card: str = CARD, **more: object) -> CheckoutSession:
        self.cards.bound.setdefault(card, "")
        said: dict[str, object] = {
            "tenant": ANN,
            "mode": Mode.TEST,
            "session": new.session.id,
            "client_secret": new.client_secret,
            "way": Way.CARD,
            "card": card,
            **more,
        }
        return await self.orders.confirm(ConfirmSession(**said))  # pyright: ignore[reportArgumentType]

    async def told(self) -> list[FedEvent]:
        """Return every event of orders so far."""
        await self.sequencer.step()
        return list(await self.feed.read(0, 1_000))


@asynccontextmanager
async def opened_shop(
    database: TestDatabase, clock: MovableClock, folder: Path, *, always: bool = False
) -> AsyncIterator[Shop]:
    """Open orders."""
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                database.module_dsn(module), name=module, size_max=8, clock=clock
            )
            stack.push_async_callback(opened.close)
            return opened

        ids = Ids(clock)
        files = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [files])
        await keys.start()
        own = await sessions("orders")
        nudges = Nudges(own)
        till, cards = Till(clock, ids), Cards()
        secrets = ClientSecrets(keys)
        await secrets.start()
        desk = Desk(own, clock, ids, Outbox("orders", nudges))
        payments = cast("Payments", till)
        orders = OrdersService(desk, payments, cast("Vault", cards), secrets)
        following = Following(desk, WINDOW, always=always)
        follower = Follower(FOLLOWER, FEED, till, own, following.handle, nudges)
        yield Shop(
            database,
            clock,
            ids,
            till,
            cards,
            orders,
            Healing(desk, payments),
            follower,
            Sequencer(own, "orders", nudges),
            StoredFeed(own, "orders"),
            keys,
        )
