"""The transparency log: appends beside pgbench, proofs at a million entries, a stranger's reading.

python -m bench.proof_log        measures alone
"""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import uvloop
from psycopg import AsyncConnection

from bench.measure import Sample
from bench.pgbench import SCALE_QUICK, Pgbench
from bench.process import ChildFailed
from bench.server import Server, durable_server
from bezant.actor import Mode
from bezant.audit.following import Following
from bezant.audit.publishing import Publisher
from bezant.audit.shelf import Shelf
from bezant.audit.signing import LogKeys
from bezant.audit.transparency import TransparencyService
from bezant.audit.tree import FullTile, Tree
from bezant.audit.witness.rounds import Rounds
from bezant.audit.writer import Writer
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.db.migrate import migrate
from bezant.db.nudges import Nudges
from bezant.events import Event, FedEvent
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.schemas import SCHEMAS
from bezant.secret import Secret
from bezant_verify import log, proof
from bezant_verify.checkpoint import Trust, believed
from bezant_verify.entry import Entry
from bezant_verify.merkle import leaf_hash
from bezant_verify.tiles import Folder, unbundled

APPENDS: Final = 50_000
ENTRIES: Final = 1_000_000
PROOFS: Final = 2_000
READ: Final = 100_000
AT_ONCE: Final = 4_096
LOOPS: Final = 5  # As long as the reading takes: what else runs here disturbs both alike.
ORIGIN: Final = "bench.example/audit"
PASSWORD: Final = "only of this run"
MODULES: Final = tuple(one for one in SCHEMAS if one.module in ("keys", "audit"))
DAY: Final = datetime(2026, 3, 1, tzinfo=UTC)


class Happened:
    """A feed in which so much happened already."""

    def __init__(self, count: int) -> None:
        ids = Ids(RealClock())
        self._events = [
            FedEvent(
                position,
                Event(
                    ids.new("evt"), "payment.captured", 1, Mode.TEST, "mer_" + "b" * 32,
                    ids.new("pay"), DAY,
                    {"amount": {"amount": "19.99", "asset": "EUR"}, "status": "captured"},
                ),
            )
            for position in range(1, min(count, APPENDS) + 1)
        ]  # fmt: skip
        self._count = count

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Return what happened; behind the last of them it happens again."""
        size = len(self._events)
        return tuple(
            FedEvent(at + 1, self._events[at % size].event)
            for at in range(after, min(after + limit, self._count))
        )


@dataclass
class Room:
    """A log on a database of its own."""

    dsn: str
    writer: Writer
    shelf: Shelf
    publisher: Publisher
    following: Following
    service: TransparencyService


async def appends_per_second(server: Server, folder: Path, count: int = APPENDS) -> Sample:
    """Append so many events of a feed, signing once a second, and return how many a second."""
    async with _room(server, folder, count) as room:
        room.publisher.start()
        began, busy = time.monotonic(), time.process_time()
        while await room.following.step("bench"):
            pass
        seconds = time.monotonic() - began
        await room.publisher.stop()
        await room.publisher.step()
        trust = Trust.parse(await room.service.keys_file())
        size = believed(await room.service.checkpoint(), trust).checkpoint.size
        if size != count:
            raise ChildFailed(f"{size} of {count} entries were signed")
        cores = round((time.process_time() - busy) / seconds, 2)
        return Sample(count / seconds, seconds, {"entries": count, "cores": cores})


async def inclusion_p99_ms(
    server: Server, folder: Path, entries: int = ENTRIES, proofs: int = PROOFS
) -> Sample:
    """Return the 99th percentile of the time one proof takes in a log of so many entries."""
    async with _room(server, folder, entries) as room:
        await _fill(room, entries)
        trust = Trust.parse(await room.service.keys_file())
        chance = random.Random(11)
        taken: list[float] = []
        for _ in range(proofs):
            index = chance.randrange(entries)
            began = time.perf_counter()
            text = await room.service.inclusion(index)
            taken.append((time.perf_counter() - began) * 1_000)
            if proof.verify(proof.LogProof.parse(text), trust).index != index:
                raise ChildFailed(f"the proof of {index} is of another entry")
        taken.sort()
        facts = {"entries": entries, "median_ms": round(statistics.median(taken), 3)}
        return Sample(taken[int(proofs * 0.99)], sum(taken) / 1_000, facts)


async def verify_against_sha256(server: Server, folder: Path, entries: int = READ) -> Sample:
    """Return a stranger's entries a second over those of a bare loop of SHA-256."""
    place = folder / "published"
    async with _room(server, folder, entries) as room:
        await _fill(room, entries)
        await room.service.export(place)
        trust = Trust.parse(await room.service.keys_file())
    found = await asyncio.to_thread(_compared, place, trust)
    facts = {"entries": entries, "entries_per_s": round(found[0]), "loop_per_s": round(found[1])}
    return Sample(found[0] / found[1], entries / found[0], facts)


async def _fill(room: Room, count: int) -> None:
    """Put so many entries in place at once, as the writer would have, and sign them."""
    tree = Tree()
    async with await AsyncConnection.connect(room.dsn) as admin:
        rows = admin.cursor()
        async with rows.copy(
            "COPY audit.entry (leaf, entry, hash) FROM STDIN (FORMAT binary)"
        ) as copy:
            copy.set_types(["bigint", "bytea", "bytea"])
            tiles: list[FullTile] = []
            for first in range(0, count, AT_ONCE):
                hashes: list[bytes] = []
                for leaf in range(first, min(first + AT_ONCE, count)):
                    about = sha256(b"%d" % leaf).digest()
                    written = Entry("bench", leaf + 1, "payment.captured", leaf, about).encoded()
                    hashes.append(leaf_hash(written))
                    await copy.write_row((leaf, written, hashes[-1]))
                tiles += tree.extend(b"".join(hashes))
                await asyncio.sleep(0)
        await rows.executemany(
            "INSERT INTO audit.tile (level, number, nodes, root) VALUES (%s, %s, %s, %s)",
            [(one.level, one.number, one.hashes, one.root) for one in tiles],
        )
        await rows.execute("ANALYZE audit.entry, audit.tile")
    await room.publisher.step()
    trust = Trust.parse(await room.service.keys_file())
    head = believed(await room.service.checkpoint(), trust).checkpoint
    if (head.size, head.root) != (count, tree.root()):
        raise ChildFailed(f"{head.size} of {count} entries were signed, or others")


def _compared(place: Path, trust: Trust) -> tuple[float, float]:
    """Return entries a second of the verifier and of the loop, the best of three turns each."""
    source = Folder(place)
    since = believed((place / "checkpoint").read_text(), trust)
    size = since.checkpoint.size
    bundles = sorted((place / "tile" / "entries").rglob("*"))
    verifier, loop = 0.0, 0.0
    entries = [one for path in bundles if path.is_file() for one in unbundled(path.read_bytes())]
    for _ in range(3):
        began = time.perf_counter()
        log.verify(source, trust, [since])
        verifier = max(verifier, size / (time.perf_counter() - began))
        began = time.perf_counter()
        for _ in range(LOOPS):
            for one in entries:
                sha256(one).digest()
        loop = max(loop, LOOPS * size / (time.perf_counter() - began))
    return verifier, loop


@asynccontextmanager
async def _room(server: Server, folder: Path, count: int) -> AsyncGenerator[Room]:
    name = f"log_{os.getpid()}_{time.monotonic_ns()}"
    dsn = await server.create(name)
    await migrate(dsn, MODULES, {one.module: Secret(PASSWORD) for one in MODULES})
    clock = RealClock()
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                server.embedded.dsn(f"bezant_{module}", PASSWORD, name),
                name=module,
                size_max=4,
                clock=clock,
            )
            stack.push_async_callback(opened.close)
            return opened

        provider = await FileProvider.open(folder / name, key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [provider])
        await keys.start()
        database = await sessions("audit")
        writer, shelf, nudges = Writer(database, clock, os.urandom), Shelf(database), Nudges()
        await writer.open(ORIGIN)
        log_keys = LogKeys(keys, ORIGIN)
        await log_keys.start()
        publisher = Publisher(database, writer, shelf, log_keys, clock, nudges, ORIGIN)
        following = Following(database, writer, nudges, {"bench": Happened(count)})
        rounds = Rounds(database, shelf, nudges, ())
        service = TransparencyService(
            database, clock, ORIGIN, shelf, log_keys, publisher, following, rounds, 0
        )
        yield Room(dsn, writer, shelf, publisher, following, service)


async def _alone(entries: int) -> None:
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            yardstick = Pgbench(await server.create("pgbench"), SCALE_QUICK)
            await yardstick.fill()
            for _ in range(3):
                floor = await yardstick.run(5)
                found = await appends_per_second(server, folder)
                ratio = found.value / floor.value
                print(f"{found.value:,.0f} appends/s, {ratio:.1f} x pgbench", dict(found.facts))
            read = await verify_against_sha256(server, folder)
            print(f"verify {read.value:.2f} x sha256", dict(read.facts))
            proven = await inclusion_p99_ms(server, folder, entries)
            print(f"inclusion p99 {proven.value:.2f} ms", dict(proven.facts))


if __name__ == "__main__":
    uvloop.run(_alone(int(sys.argv[1]) if len(sys.argv) > 1 else ENTRIES))
