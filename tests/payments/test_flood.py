"""A flood of forged events: none is believed or stored, and real ones come through (T43)."""

import asyncio
import hashlib
import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.events import signed

from bezant.clock import RealClock

FORGERS = 20  # Each from an address of its own, so that no limit of one address spares us work.
REAL_PER_SECOND = 10
RATE = 1_000
LONG_SECONDS = 30
P99_SECONDS = 0.5
GROWTH_BYTES = 100 * 1_048_576
PATIENCE_SECONDS = 120.0


@dataclass
class Door:
    """A process that takes events."""

    port: int
    process: "subprocess.Popen[str]"

    def resident_bytes(self) -> int:
        """Return how much memory it has now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def door(database: TestDatabase) -> Iterator[Door]:
    """Lend a process that takes events into this database."""
    command = [
        sys.executable, "-m", "tests.payments.door_program",
        database.module_dsn("ledger"), database.module_dsn("payments"),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Door(int(process.stdout.readline()), process)
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def event(number: int) -> bytes:
    """Write an event about a charge that is nobody's."""
    thing = {
        "id": f"auth_{number}",
        "key": "att_" + hashlib.sha256(str(number).encode()).hexdigest()[:32],
        "asset": "EUR", "amount": "2000", "captured": "2000", "status": "captured",
        "note": "x" * 1_000,
    }  # fmt: skip
    told = {"id": f"evt_{number}", "type": "authorisation.captured", "data": thing}
    return json.dumps({**told, "created_at": "2026-08-01T12:00:00Z"}).encode()


class Line:
    """One connection, kept open."""

    def __init__(self, port: int, address: str) -> None:
        self._port, self._address = port, address
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, headers: dict[str, str], body: bytes) -> tuple[int, float]:
        """Send an event; return the answer's status, and how many seconds it took."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if self._writer is None or self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, local_addr=(self._address, 0)
            )
        said = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"POST /v1/webhooks/card/test HTTP/1.1\r\nhost: bezant\r\n{said}"
        self._writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answered = await self._reader.readuntil(b"\r\n\r\n")
        lines = answered.decode().split("\r\n")
        length = next(
            int(one.partition(":")[2]) for one in lines if one.lower().startswith("content-length")
        )
        await self._reader.readexactly(length)
        if "connection: close" in answered.decode().lower():
            await self.close()
        return int(lines[0].split()[1]), loop.time() - begun

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def forged(number: int) -> tuple[dict[str, str], bytes]:
    """Make an event that somebody signs who does not know the secret; every kind in turn."""
    body = event(1_000_000 + number)
    headers = signed(RealClock(), body, "guessed")
    match number % 4:
        case 0:
            headers["card-signature"] = headers["card-signature"].replace("v1=", "v9=")
        case 1:
            del headers["card-signature"]
        case 2:
            headers = signed(RealClock(), body + b" ")
        case _:
            pass
    return headers, body


async def flood(port: int, seconds: float, rate: float) -> tuple[Counter[int], list[float], int]:
    """Send forged and real events; return what the forged came to, how long the real took, and how
    many real ones were refused.
    """
    loop = asyncio.get_running_loop()
    begun, answers = loop.time(), Counter[int]()
    took: list[float] = []
    refused = 0

    async def forger(place: int) -> None:
        line = Line(port, f"127.0.1.{place + 1}")
        for number in range(place, int(seconds * rate), FORGERS):
            await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
            status, _ = await line.send(*forged(number))
            answers[status] += 1
        await line.close()

    async def provider() -> None:
        nonlocal refused
        line = Line(port, "127.0.2.1")
        for number in range(int(seconds * REAL_PER_SECOND)):
            await asyncio.sleep(max(0.0, begun + number / REAL_PER_SECOND - loop.time()))
            body = event(number)
            status, lasted = await line.send(signed(RealClock(), body), body)
            refused += status != 200
            took.append(lasted)
        await line.close()

    async with asyncio.timeout(PATIENCE_SECONDS + 4 * seconds):
        await asyncio.gather(provider(), *(forger(place) for place in range(FORGERS)))
    return answers, took, refused


def stored(database: TestDatabase) -> tuple[int, int]:
    """Return how many real and how many forged events are stored."""
    with psycopg.connect(database.administrator_dsn) as connection:
        row = connection.execute(
            "SELECT count(*) FILTER (WHERE length(event) < 11),"
            " count(*) FILTER (WHERE length(event) >= 11) FROM payments.arrival"
        ).fetchone()
    assert row is not None
    return row


@pytest.mark.catalogue("T43")
async def test_of_a_thousand_forged_events_none_is_stored_and_every_real_one_is(
    payments_database: TestDatabase,
) -> None:
    with door(payments_database) as here:
        answers, took, refused = await flood(here.port, 2.0, 500.0)
        assert answers == {401: 1_000}
        assert (len(took), refused) == (20, 0), "the control"
    assert stored(payments_database) == (20, 0)


@pytest.mark.long
@pytest.mark.catalogue("T43")
async def test_a_thousand_forged_events_a_second_hold_up_no_real_one(
    payments_database: TestDatabase,
) -> None:
    with door(payments_database) as here:
        await flood(here.port, 2.0, RATE)  # Everything is loaded and warm.
        before = here.resident_bytes()
        answers, took, refused = await flood(here.port, LONG_SECONDS, RATE)
        growth = here.resident_bytes() - before
    p99 = statistics.quantiles(took, n=100)[-1]
    print(f"p99 of real events {p99 * 1000:.0f} ms, memory grew by {growth / 1e6:.1f} MB")
    assert answers == {401: LONG_SECONDS * RATE}
    assert refused == 0
    assert stored(payments_database)[1] == 0
    assert p99 <= P99_SECONDS
    assert growth <= GROWTH_BYTES
