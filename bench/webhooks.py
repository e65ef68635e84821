"""How many webhooks a second: events of a feed, stored, signed, sent to a fast receiver, settled.

One process follows and sends, as `bezant serve worker` does; the receiver is a process of its own
that answers at once and counts. Every event must have arrived, once and signed, or the run fails.

    python -m bench.webhooks        measures alone
    python -m bench.webhooks PORT   is the receiver
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Final, cast

import uvloop

from bench.measure import Sample
from bench.process import HOST, ChildFailed, free_port, serving
from bench.server import Server, durable_server
from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.feeds import StoredFeed
from bezant.db.migrate import migrate
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.db.schema import ModuleSchema, Piece
from bezant.db.sequencer import Sequencer
from bezant.events import Event
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.webhooks.dialling import SystemLookup, session_of
from bezant.webhooks.endpoint import CreateEndpoint
from bezant.webhooks.following import Following
from bezant.webhooks.results import Results
from bezant.webhooks.schedule import Schedule
from bezant.webhooks.sender import Sender
from bezant.webhooks.service import WebhooksService
from bezant.webhooks.targets import Targets
from bezant.webhooks.worker import Manner, Worker

DELIVERIES: Final = 10_000
WRITTEN_AT_ONCE: Final = 500
SECONDS_MAX: Final = 300.0
TENANT: Final = "mer_" + "b" * 32
PASSWORD: Final = "only of this run"
SOURCE: Final = ModuleSchema("source", (Piece.OUTBOX, Piece.FEED), Path(os.devnull))
MODULES: Final = (ModuleSchema("keys"), ModuleSchema("webhooks", (Piece.FOLLOWER,)), SOURCE)
OK: Final = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def webhooks_per_second(server: Server, folder: Path, deliveries: int = DELIVERIES) -> Sample:
    """Send so many and return how many a second arrived and were settled."""
    port = free_port()
    command = [sys.executable, "-m", "bench.webhooks", str(port)]
    async with (
        serving("receiver", command, {}, port, folder / "receiver.log") as receiver,
        _yard(server, folder) as yard,
    ):
        await yard.make(deliveries, f"http://{HOST}:{port}/hook")
        began, busy = time.monotonic(), time.process_time()
        yard.start()
        await yard.until_settled(deliveries)
        seconds = time.monotonic() - began
        arrived, distinct = await asyncio.to_thread(_counted, port)
        if (arrived, distinct) != (deliveries, deliveries):
            raise ChildFailed(f"{arrived} arrived, {distinct} of them once; sent {deliveries}")
        return Sample(
            deliveries / seconds,
            seconds,
            {
                "deliveries": deliveries,
                "sender_cores": round((time.process_time() - busy) / seconds, 2),
                "receiver_cores": round(receiver.cpu_seconds() / seconds, 2),
            },
        )


@dataclass
class Yard:
    """The module on a database of its own, with another module's feed beside it."""

    source: Database
    database: Database
    service: WebhooksService
    following: Following
    worker: Worker
    ids: Ids
    nudges: Nudges

    async def make(self, deliveries: int, url: str) -> None:
        """Add an endpoint, and let as many things happen that nobody has followed yet."""
        command = CreateEndpoint(self.ids.new("whe"), TENANT, Mode.TEST, "bench", url, ("*",))
        await self.service.create_endpoint(command)
        outbox = Outbox(SOURCE.module, Nudges())
        for start in range(0, deliveries, WRITTEN_AT_ONCE):
            events = [self._event() for _ in range(min(WRITTEN_AT_ONCE, deliveries - start))]
            async with self.source.transaction() as tx:
                await outbox.append(tx, *events)
        sequencer = Sequencer(self.source, SOURCE.module, self.nudges)
        while await sequencer.step():
            pass

    def start(self) -> None:
        """Follow and send."""
        self.following.start()
        self.worker.start()

    async def until_settled(self, deliveries: int) -> None:
        """Wait until every delivery is written down as delivered."""
        async with asyncio.timeout(SECONDS_MAX):
            while (await self._settled()) < deliveries:  # noqa: ASYNC110 - the worker is busy
                await asyncio.sleep(0.05)

    async def _settled(self) -> int:
        return await self.database.fetch_value(
            "SELECT count(*) FROM webhooks.delivery WHERE state = 'delivered'"
        )

    def _event(self) -> Event:
        subject = self.ids.new("pay")
        data: dict[str, object] = {
            "id": subject,
            "amount": {"amount": "19.99", "asset": "EUR"},
            "status": "captured",
            "metadata": {"order": subject[-8:]},
        }
        now = RealClock().now()
        return Event(
            self.ids.new("evt"), "payment.captured", 1, Mode.TEST, TENANT, subject, now, data
        )


@asynccontextmanager
async def _yard(server: Server, folder: Path) -> AsyncGenerator[Yard]:
    name = f"webhooks_{os.getpid()}_{time.monotonic_ns()}"
    dsn = await server.create(name)
    await migrate(dsn, MODULES, {one.module: Secret(PASSWORD) for one in MODULES})
    clock = RealClock()
    ids = Ids(clock)
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                server.embedded.dsn(f"bezant_{module}", PASSWORD, name),
                name=module,
                size_max=8,
                clock=clock,
            )
            stack.push_async_callback(opened.close)
            return opened

        provider = await FileProvider.open(folder / "keystore", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [provider])
        await keys.start()
        database, source = await sessions("webhooks"), await sessions(SOURCE.module)
        nudges = Nudges()
        service = WebhooksService(database, clock, keys, nudges, live=False)
        await service.start()
        feeds = {SOURCE.module: StoredFeed(source, SOURCE.module)}
        following = Following(database, clock, nudges, feeds)
        stack.push_async_callback(following.stop)
        session = session_of(SystemLookup(), live=False, connections_max=512)
        stack.push_async_callback(session.close)
        worker = Worker(
            database,
            clock,
            clock,
            nudges,
            Targets(database, clock, keys),
            Sender(session, clock, live=False, timeout_seconds=5),
            Results(database, clock, ids, nudges, lambda _kind: None),
            Manner(Schedule(), timedelta(seconds=25)),
        )
        stack.push_async_callback(worker.stop)
        yield Yard(source, database, service, following, worker, ids, nudges)


class _Receiver(asyncio.Protocol):
    """Answers every request at once and remembers the ids. It reads no more than it must."""

    arrived = 0
    ids: Final[set[bytes]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            if head.startswith(b"get"):
                count = b"%d %d" % (_Receiver.arrived, len(_Receiver.ids))
                self._transport.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(count), count)
                )
                self._read = self._read[end + 4 :]
                continue
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            after = end + 4 + int(fields[b"content-length"])
            if len(self._read) < after:
                return
            if fields[b"webhook-signature"].startswith(b"v1,"):
                _Receiver.arrived += 1
                _Receiver.ids.add(fields[b"webhook-id"])
            self._read = self._read[after:]
            self._transport.write(OK)


async def _receive(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Receiver, HOST, port)
    await server.serve_forever()


def _counted(port: int) -> tuple[int, int]:
    connection = HTTPConnection(HOST, port, timeout=10)
    connection.request("GET", "/")
    arrived, distinct = connection.getresponse().read().split()
    connection.close()
    return int(arrived), int(distinct)


async def _alone() -> None:
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            for _ in range(3):
                sample = await webhooks_per_second(server, folder)
                print(f"{sample.value:,.0f} webhooks a second", dict(sample.facts))


if __name__ == "__main__":
    uvloop.run(_receive(int(sys.argv[1])) if len(sys.argv) > 1 else _alone())
