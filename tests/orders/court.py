"""The whole way of a checkout: vault, transport, emulator, payments, book, approvals, orders."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.harness.cluster import TestDatabase
from tests.orders.shop import WINDOW
from tests.sandbox.stand import Town

from bezant.actor import Actor, Caller, Mode
from bezant.approvals.service import ApprovalsService
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.ledger.service import LedgerService
from bezant.money import EUR
from bezant.orders.following import FEED, FOLLOWER, Following
from bezant.orders.healing import Healing
from bezant.orders.ordering import Desk
from bezant.orders.secrets import ClientSecrets
from bezant.orders.service import OrdersService
from bezant.payments.booking import Booking
from bezant.payments.failpoints import NOWHERE
from bezant.payments.feed import SOURCE
from bezant.payments.gathered import Gathered
from bezant.payments.health import Health
from bezant.payments.parts import Parts
from bezant.payments.refunding import Thresholds
from bezant.payments.rulebook import Rulebook
from bezant.payments.safe import Safe
from bezant.payments.service import PaymentsService
from bezant.psp.account import Account, Bearer, Clocks
from bezant.psp.bank import BankAccount
from bezant.psp.registry import Providers, open_providers
from bezant.psp.shown import Shown
from bezant.sandbox import card, stripe
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters
from bezant.vault.port import CardFace, Tokenise
from bezant.vault.service import VaultService

ANN = "mer_" + "a" * 32
CLERK = Actor(
    Caller.KEY, "key_1", ANN, Mode.TEST, frozenset({"tokens.write", "refunds.write"}), "admin"
)
BOSS = Actor(
    Caller.MEMBER,
    "mem_boss",
    ANN,
    Mode.TEST,
    frozenset({"approvals.write", "refunds.write"}),
    "admin",
)


def live() -> Actor:
    """Return the clerk in live mode: there any number but the published ones is a card."""
    return replace(CLERK, mode=Mode.LIVE)


class Makers:
    """Knows who made the clerk's key."""

    async def maker_of(self, key: Actor) -> str:
        return f"mem_maker_of_{key.subject}"


@dataclass
class Court:
    """Everything, and what a test does with it."""

    database: TestDatabase
    town: Town
    clock: MovableClock
    ids: Ids
    vault: VaultService
    payments: PaymentsService
    approvals: ApprovalsService
    orders: OrdersService
    healing: Healing
    follower: Follower
    sequencer: Sequencer

    async def card(
        self, number: str = "4242424242424242", by: Actor = CLERK, **more: str
    ) -> CardFace:
        said = {"number": number, "exp_month": "9", "exp_year": "2031", "cvc": "123", **more}
        body = ",".join(f'"{name}":"{value}"' for name, value in said.items())
        secret = Secret(f"{{{body}}}".encode())
        return await self.vault.tokenise(Tokenise(by, "127.0.0.1", secret))

    async def follow(self) -> None:
        """Let orders learn all that payments know."""
        await self.sequencer.step()
        while await self.follower.step():
            pass


@asynccontextmanager
async def opened_court(
    database: TestDatabase, clock: MovableClock, folder: Path, town: Town
) -> AsyncIterator[Court]:
    """Open everything on one database, in front of the emulators of a town."""
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
        providers = providers_in(town, clock)
        stack.push_async_callback(providers.transport.close)
        vault = VaultService(await sessions("vault"), clock, ids, keys, providers.transport)
        await vault.start()
        stack.push_async_callback(vault.stop)
        ledger = LedgerService(await sessions("ledger"), await sessions("ledger"), clock)
        stack.push_async_callback(ledger.close)
        second = await sessions("approvals")
        outbox = Outbox("approvals", Nudges(second))
        approvals = ApprovalsService(second, clock, ids, outbox, Makers())
        paying = await sessions("payments")
        parts = parts_of(paying, clock, providers, vault, ledger, keys)
        payments = PaymentsService(
            parts, approvals, providers.checks, Thresholds({"EUR": EUR(100_00)})
        )
        await parts.safe.start()
        payments.start()
        stack.push_async_callback(payments.close)
        secrets = ClientSecrets(keys)
        await secrets.start()
        own = await sessions("orders")
        nudges = Nudges(own)
        desk = Desk(own, clock, ids, Outbox("orders", nudges))
        orders = OrdersService(desk, payments, vault, secrets)
        healing = Healing(desk, payments)
        handle = Following(desk, WINDOW, always=False).handle
        feed = StoredFeed(paying, FEED, source=SOURCE)
        follower = Follower(FOLLOWER, FEED, feed, own, handle, nudges)
        sequencer = Sequencer(paying, FEED, Nudges(paying), source=SOURCE)
        yield Court(
            database, town, clock, ids, vault, payments, approvals, orders, healing, follower,
            sequencer,
        )  # fmt: skip


def providers_in(town: Town, clock: MovableClock) -> Providers:
    """Return the providers whose emulators stand in a town."""
    accounts = [
        Account(name, Mode.TEST, town.urls[name], Bearer(access.secret), emulated=True)
        for name, access in (("card", card.EVERYBODY), ("stripe", stripe.EVERYBODY))
    ]
    # For live mode the emulator plays a real provider: nobody tells it that a card is a marked one.
    accounts.append(Account("card", Mode.LIVE, town.urls["card"], Bearer(card.EVERYBODY.secret)))
    return open_providers(accounts, BankAccount("", "", ""), Clocks(clock, clock), Meters())


def parts_of(
    database: Database,
    clock: MovableClock,
    providers: Providers,
    vault: VaultService,
    ledger: LedgerService,
    keys: KeysService,
) -> Parts:
    """Return what payments work with."""
    return Parts(
        database=database,
        clock=clock,
        ids=Ids(clock),
        connectors=providers.connectors,
        modes=providers.modes,
        vault=vault,
        booking=Booking(ledger),
        gathered=Gathered(database),
        rulebook=Rulebook(database),
        health=Health(clock),
        failpoints=NOWHERE,
        redaction=Shown(),
        safe=Safe(keys),
        told=lambda: None,
    )
