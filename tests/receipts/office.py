"""Receipts with everything they need: a real log, real keys, and payments of which a test tells."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
from tests.audit.stand import Stand, assembled
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase

from bezant.actor import Actor, Mode
from bezant.audit.following import Following
from bezant.audit.port import Audit, TransparencyLog
from bezant.audit.signing import LogKeys
from bezant.audit.store import checkpoints
from bezant.audit.transparency import TransparencyService
from bezant.clock import Clock, MovableClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.follower import Follower, Together
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.sequencer import Sequencer
from bezant.errors import NotFound, Unavailable
from bezant.events import Event, FedEvent
from bezant.identity.port import Identity, Merchant, MerchantState
from bezant.ids import Ids
from bezant.keys.port import Keys
from bezant.money import Money
from bezant.receipts import issuing, storing
from bezant.receipts.issuer import Build, Issuer
from bezant.receipts.issuing import Issuing
from bezant.receipts.links import Links
from bezant.receipts.port import ReadFile, Receipt, ReceiptFile, Receipts, ReceiptsOf, Show
from bezant.receipts.proving import Proving
from bezant.receipts.reporting import Reporting
from bezant.receipts.service import ReceiptsService
from bezant.receipts.signing import EVERY_KEY, ORDINARY, ReceiptKeys, SigningKey
from bezant.receipts.storing import Storing
from bezant.rpc.near import near
from bezant_verify import answers

ANN, BOB = (f"mer_{letter * 32}" for letter in "ab")
NAME = "Ann & Sons <Books>"
OPENED = datetime(2026, 1, 1, tzinfo=UTC)
BUILD = Build("1.2.3", "c" * 64)


@dataclass
class Till:
    """The payments' feed: what a test says happened, as the real one tells it."""

    clock: Clock
    ids: Ids
    events: list[FedEvent] = field(default_factory=list[FedEvent])

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        return tuple(self.events[after : after + limit])

    def tell(
        self,
        kind: str,
        state: str,
        amount: str = "19.99 EUR",
        *,
        tenant: str = ANN,
        mode: Mode = Mode.TEST,
        payment: str = "",
        captured: str | None = None,
        refund: str = "",
        **more: str,
    ) -> str:
        """Tell that something happened to a payment, or to a refund of it; return the payment."""
        money = Money.of(amount)
        payment = payment or self.ids.new("pay")
        taken = (
            Money.of(captured) if captured else (money if state == "succeeded" else money - money)
        )
        now = self.clock.now()
        data: dict[str, object] = {
            "object": "refund" if refund else "payment",
            "id": refund or payment,
            "payment": payment,
            "state": state,
            "amount": told(money),
            "captured": told(taken),
            "method": "card",
            "provider": "stripe",
            "reference": f"ch_{len(self.events)}",
            "created_at": now.isoformat(),
            **more,
        }
        event = Event(self.ids.new("evt"), kind, 1, mode, tenant, refund or payment, now, data)
        self.events.append(FedEvent(len(self.events) + 1, event))
        return payment

    def paid(self, amount: str = "19.99 EUR", **more: Any) -> str:
        """Tell of a payment from its beginning to its good end."""
        payment = self.tell("payment.created", "created", amount, **more)
        more.pop("payment", None)
        return self.tell("payment.captured", "succeeded", amount, payment=payment, **more)


class Names:
    """Knows merchants by name, as identity does."""

    async def merchant(self, by: Actor, merchant: str) -> Merchant:
        assert by.may("merchants.read")
        if merchant != ANN:
            raise NotFound
        return Merchant(ANN, NAME, MerchantState.ACTIVE, demo=True, created_at=OPENED)


@dataclass
class Office:
    """Everything a test of receipts asks for."""

    stand: Stand
    server: TestDatabase
    database: Database
    clock: MovableClock
    till: Till
    another_issuer: Callable[[int], Follower]
    issuer: Follower
    worker: Follower
    sequencer: Sequencer
    feed: StoredFeed
    following: Following
    log: TransparencyService
    reporting: Reporting
    service: ReceiptsService
    folder: Path

    @property
    def receipts(self) -> Receipts:
        return near(Receipts, self.service)

    async def issue(self) -> None:
        """Let receipts be issued and published."""
        while await self.issuer.step():
            pass
        await self.sequencer.step()

    async def record(self) -> None:
        """Let everything be issued, stored, entered in the log and signed."""
        await self.issue()
        while await self.worker.step():
            pass
        while await self.following.step("receipts"):
            pass
        await self.stand.publisher.step()
        newest = await checkpoints.newest(self.stand.database)
        while newest is not None and newest.note not in await self.log.checkpoint():
            await asyncio.sleep(0.05)  # What was shown a moment ago is shown a moment longer.

    async def all(self, tenant: str = ANN, mode: Mode = Mode.TEST) -> Sequence[Receipt]:
        """Return a merchant's receipts, the oldest first."""
        found = await self.receipts.receipts(ReceiptsOf(tenant, mode, limit=100))
        return sorted(found.receipts, key=lambda one: one.decided_at)

    async def only(self, payment: str, tenant: str = ANN) -> Receipt:
        """Return the one receipt of a payment."""
        found = await self.receipts.receipts(ReceiptsOf(tenant, Mode.TEST, payment))
        assert len(found.receipts) == 1, found
        return found.receipts[0]

    async def file(self, receipt: Receipt, *show: str, tenant: str = ANN) -> ReceiptFile:
        """Return a receipt's file: all of it, or of its fields these."""
        wanted = Show(everything=False, fields=show) if show else Show()
        return await self.receipts.file(ReadFile(tenant, receipt.mode, receipt.id, wanted))

    async def judged(self, text: str, *, classical: bool = False) -> answers.Answer:
        """Return what a stranger's verifier says of a file, with the published keys."""
        keys, place = self.folder / "keys.json", self.folder / "receipt.json"
        if not keys.exists():
            keys.write_text(await self.log.keys_file())
        place.write_bytes(text.encode())
        return answers.receipted(place, keys, classical=classical)

    def sql(self, *statements: str) -> None:
        """Change rows as whoever owns the tables can."""
        self.stand.sql(*statements)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.administrator_dsn) as connection:
            return connection.execute(statement.encode()).fetchall()

    def count(self, table: str) -> int:
        return cast("int", self.rows(f"SELECT count(*) FROM {table}")[0][0])


def told(money: Money) -> dict[str, str]:
    return {"amount": money.decimal(), "asset": money.asset.code}


@asynccontextmanager
async def opened_office(
    server: TestDatabase,
    clock: MovableClock,
    folder: Path,
    *,
    signing: SigningKey = ORDINARY,
    through: Any = None,
) -> AsyncGenerator[Office]:
    """Open receipts; `through` puts something between them and the key room."""
    async with AsyncExitStack() as stack:
        stand = await assembled(stack, server, clock, folder)
        ids = Ids(clock)
        database = await Database.open(
            server.dsn("bezant_receipts", MODULE_PASSWORD), name="receipts", size_max=4, clock=clock
        )
        stack.push_async_callback(database.close)
        room: Keys = near(Keys, stand.keys)
        keys = ReceiptKeys(through(room) if through else room, signing)
        await keys.start()
        log_keys = LogKeys(stand.keys, "bezant.example/audit", EVERY_KEY)
        feed = StoredFeed(database, "receipts")
        nudges = Nudges()
        following = Following(stand.database, stand.writer, nudges, {"receipts": feed})
        log = TransparencyService(
            stand.database, clock, "bezant.example/audit", stand.shelf, log_keys, stand.publisher,
            following, stand.rounds, 0,
        )  # fmt: skip
        links = Links(room)
        await links.start()
        outbox = Outbox("receipts", nudges)
        till = Till(clock, ids)
        near_log = near(TransparencyLog, log)

        def issuer(batch_max: int = 200) -> Follower:
            issues = Issuing(
                till, database, clock, ids, os.urandom, keys, Issuer(near_log, BUILD), outbox
            )
            return Follower(
                issuing.FOLLOWER, issuing.FEED, issues, database, Together(issues.handle), nudges,
                batch_max=batch_max,
            )  # fmt: skip

        proving = Proving(near(Audit, stand.audit), near_log)
        service = ReceiptsService(
            database, clock, ids, outbox, keys, links, proving, cast("Identity", Names())
        )
        yield Office(
            stand, server, database, clock, till, issuer, issuer(),
            Follower(
                storing.FOLLOWER, storing.QUEUE, feed, database, Together(Storing(clock).handle),
                nudges,
            ),
            Sequencer(database, "receipts", nudges), feed, following, log,
            Reporting(database, clock), service, folder,
        )  # fmt: skip


class Silent:
    """A key room that cannot be reached while it is told so."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.silent = False

    def __getattr__(self, name: str) -> Any:
        if self.silent:
            raise Unavailable
        return getattr(self._keys, name)


A_DAY = timedelta(days=1)
