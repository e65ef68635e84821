"""A log with everything it needs, and a feed of which a test says what happened."""

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase

from bezant.actor import Mode
from bezant.audit.following import Following
from bezant.audit.publishing import Publisher
from bezant.audit.service import AuditService
from bezant.audit.shelf import Shelf
from bezant.audit.signing import LogKeys
from bezant.audit.transparency import TransparencyService
from bezant.audit.witness.asking import Witness
from bezant.audit.witness.rounds import Rounds
from bezant.audit.writer import Writer
from bezant.clock import MovableClock, RealClock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.events import Event, FedEvent
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret

MERCHANT, STRANGER = "mer_" + "1" * 32, "mer_" + "2" * 32
ORIGIN = "bezant.example/audit"


class Told:
    """A feed of events that a test tells."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._ids = Ids(RealClock())
        self.events: list[Event] = []

    def tell(
        self, count: int = 1, tenant: str = MERCHANT, subject: str = "", **data: object
    ) -> None:
        for number in range(count):
            self.events.append(
                Event(
                    self._ids.new("evt"), "payment.captured", 1, Mode.TEST, tenant,
                    subject or self._ids.new("pay"), self._clock.now(),
                    {"amount": "19.99", "number": number, **data},
                )
            )  # fmt: skip

    def tell_batch(self, book: str, batch: int, digest: str) -> None:
        self.events.append(
            Event(
                self._ids.new("evt"), "transfers.recorded", 1, Mode.TEST, "platform", book,
                self._clock.now(), {"batch": batch, "hash": digest},
            )
        )  # fmt: skip

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        told = self.events[after : after + limit]
        return tuple(FedEvent(at, event) for at, event in enumerate(told, after + 1))


@dataclass
class Stand:
    """The module on a database of its own."""

    server: TestDatabase
    database: Database
    clock: MovableClock
    keys: KeysService
    writer: Writer
    shelf: Shelf
    publisher: Publisher
    following: Following
    rounds: Rounds
    log: TransparencyService
    audit: AuditService
    payments: Told
    ledger: Told

    async def record(self) -> None:
        """Follow to the end and sign what there is."""
        for name in ("payments", "ledger"):
            while await self.following.step(name):
                pass
        await self.publisher.step()

    def sql(self, *statements: str) -> None:
        """Change rows as whoever owns the tables can."""
        with psycopg.connect(self.server.administrator_dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.server.administrator_dsn) as connection:
            return connection.execute(statement.encode()).fetchall()


async def assembled(
    stack: AsyncExitStack,
    server: TestDatabase,
    clock: MovableClock,
    folder: Path,
    witnesses: Sequence[Witness] = (),
    origin: str = ORIGIN,
) -> Stand:
    async def sessions(module: str) -> Database:
        dsn = server.dsn(f"bezant_{module}", MODULE_PASSWORD)
        found = await Database.open(dsn, name=module, size_max=4, clock=clock)
        stack.push_async_callback(found.close)
        return found

    provider = await FileProvider.open(folder / "keystore", key=Secret(b"k" * 32))
    keys = KeysService(await sessions("keys"), clock, [provider])
    await keys.start()
    database = await sessions("audit")
    writer = Writer(database, clock, os.urandom)
    origin = await writer.open(origin)
    nudges, shelf = Nudges(), Shelf(database)
    log_keys = LogKeys(keys, origin)
    await log_keys.start()
    publisher = Publisher(database, writer, shelf, log_keys, clock, nudges, origin)
    payments, ledger = Told(clock), Told(clock)
    following = Following(database, writer, nudges, {"payments": payments, "ledger": ledger})
    rounds = Rounds(database, shelf, nudges, witnesses)
    log = TransparencyService(
        database, clock, origin, shelf, log_keys, publisher, following, rounds,
        1 if witnesses else 0,
    )  # fmt: skip
    return Stand(
        server, database, clock, keys, writer, shelf, publisher, following, rounds, log,
        AuditService(database, clock, Ids(clock)), payments, ledger,
    )  # fmt: skip


@asynccontextmanager
async def opened(
    server: TestDatabase,
    clock: MovableClock,
    folder: Path,
    witnesses: Sequence[Witness] = (),
    origin: str = ORIGIN,
) -> AsyncGenerator[Stand]:
    async with AsyncExitStack() as stack:
        yield await assembled(stack, server, clock, folder, witnesses, origin)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())
