"""Webhooks on a real database with a real key room and a merchant's server, wired as in life."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
from tests.harness.cluster import TestDatabase
from tests.webhooks.receiver import Receiver

from bezant.actor import Mode
from bezant.clock import Clock, MovableClock, RealClock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.webhooks import CreateEndpoint, Delivery, Endpoint, NewSecret, Scheme
from bezant.webhooks.delivery import DeliveriesOf
from bezant.webhooks.desk import take
from bezant.webhooks.dialling import Dialler, Lookup, SystemLookup, session_of
from bezant.webhooks.results import Results
from bezant.webhooks.schedule import Schedule
from bezant.webhooks.sender import Sender
from bezant.webhooks.service import WebhooksService
from bezant.webhooks.targets import Targets
from bezant.webhooks.worker import Manner, Worker

ANN, BOB = "mer_" + "a" * 32, "mer_" + "b" * 32
LEASE = timedelta(seconds=30)
TEST = Mode.TEST


@dataclass
class Stand:
    """The module with one worker that moves step by step."""

    where: TestDatabase
    database: Database
    clock: MovableClock
    ids: Ids
    keys: KeysService
    nudges: Nudges
    service: WebhooksService
    stack: AsyncExitStack
    alarms: list[str] = field(default_factory=list[str])

    async def worker(
        self,
        *,
        retry_max: int | None = None,
        sha256: bool = False,
        timeout_seconds: float = 20.0,
        live: bool = False,
        lookup: Lookup | None = None,
        dialler: Dialler | None = None,
        real: Clock | None = None,
        lease: timedelta = LEASE,
        schedule: Schedule | None = None,
        **more: object,
    ) -> Worker:
        """Make a worker as wiring does; it is not started, so that a test can move it by steps."""
        if lookup is None:
            system = SystemLookup()
            self.stack.callback(system.close)
            lookup = system
        session = session_of(lookup, live=live, connections_max=512, dialler=dialler)
        self.stack.push_async_callback(session.close)
        real = real or RealClock()
        sender = Sender(session, real, live=live, timeout_seconds=timeout_seconds)
        manner = Manner(schedule or Schedule.of(retry_max), lease, sha256, **more)  # pyright: ignore[reportArgumentType]
        outbox = Outbox("webhooks", self.nudges)
        results = Results(
            self.database, self.clock, self.ids, self.nudges, self.alarms.append, outbox
        )
        targets = Targets(self.database, self.clock, self.keys)
        worker = Worker(
            self.database, self.clock, real, self.nudges, targets, sender, results, manner
        )
        worker.start_writing()
        self.stack.push_async_callback(worker.stop)
        return worker

    async def endpoint(
        self,
        url: str,
        *events: str,
        tenant: str = ANN,
        mode: Mode = TEST,
        signatures: tuple[Scheme, ...] = (Scheme.HMAC,),
        **more: object,
    ) -> NewSecret:
        command = CreateEndpoint(
            self.ids.new("whe"),
            tenant,
            mode,
            "key_1",
            url,
            events or ("*",),
            signatures=signatures,
            **more,  # pyright: ignore[reportArgumentType]
        )
        return await self.service.create_endpoint(command)

    def event(
        self,
        type: str = "payment.captured",
        *,
        tenant: str = ANN,
        mode: Mode = TEST,
        data: Mapping[str, object] | None = None,
    ) -> Event:
        subject = self.ids.new("pay")
        told = {"id": subject, "amount": {"amount": "19.99", "asset": "EUR"}}
        return Event(
            self.ids.new("evt"), type, 1, mode, tenant, subject, self.clock.now(), data or told
        )

    async def happen(self, *events: Event) -> list[str]:
        """Let events be taken, as a follower takes them; return their ids."""
        async with self.database.transaction() as tx:
            await take(tx, self.nudges, events, self.clock.now())
        return [one.id for one in events]

    async def again(self, endpoint: Endpoint) -> Endpoint:
        """Return an endpoint as it is now."""
        return await self.service.endpoint(endpoint.tenant, endpoint.mode, endpoint.id)

    async def deliveries(self, tenant: str = ANN, mode: Mode = TEST) -> list[Delivery]:
        """Return all deliveries of a merchant with their attempts, oldest first."""
        page = await self.service.deliveries(DeliveriesOf(tenant, mode, limit=100))
        assert not page.has_more
        return [await self.service.delivery(tenant, mode, one.id) for one in page.deliveries[::-1]]

    def as_operator(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Run SQL as the administrator does, by hand."""
        with psycopg.connect(self.where.administrator_dsn) as connection:
            cursor = connection.execute(statement, values)  # pyright: ignore[reportArgumentType]
            return cursor.fetchall() if cursor.description else []


async def work(worker: Worker) -> int:
    """Send everything that is due now and write down what came of it; return how much it was."""
    sent = 0
    while claimed := await worker.step():
        sent += claimed
        await worker.settled()
    return sent


@asynccontextmanager
async def opened(
    where: TestDatabase, clock: MovableClock, folder: Path, *, live: bool = False
) -> AsyncIterator[Stand]:
    """Open the module, without a worker."""
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened_one = await Database.open(
                where.module_dsn(module), name=module, size_max=8, clock=clock
            )
            stack.push_async_callback(opened_one.close)
            return opened_one

        provider = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [provider])
        await keys.start()
        database = await sessions("webhooks")
        nudges = Nudges()
        outbox = Outbox("webhooks", nudges)
        service = WebhooksService(database, clock, keys, nudges, live=live, outbox=outbox)
        await service.start()
        yield Stand(where, database, clock, Ids(clock), keys, nudges, service, stack)


__all__ = ["ANN", "BOB", "LEASE", "TEST", "Receiver", "Stand", "opened", "work"]
