"""Emulators on real ports for one test, with a clock that the test moves and a box for webhooks.

with town(Card()) as here:
    here.script("decline", provider="card", code="do_not_honor")
    answer = here.post("card", "/authorisations", json={...})
    here.pass_time(days=7)
    here.box.letters
"""

import asyncio
import random
import ssl
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

import httpx2
from tests import make
from tests.harness.cluster import LoopThread

from bezant.clock import MovableClock
from bezant.http.serve import Listening, Serving
from bezant.sandbox.book import Book
from bezant.sandbox.calls import Front
from bezant.sandbox.desk import desk
from bezant.sandbox.emulator import Emulator
from bezant.sandbox.inspection import Inspection
from bezant.sandbox.scripts import Script
from bezant.sandbox.webhooks import Postman

PATIENCE_SECONDS = 30.0
TRUST = ssl.create_default_context()  # Read once: a client of its own reads every authority anew.


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook as it arrived."""

    path: str
    headers: Mapping[str, str]
    """By their names in small letters."""
    body: bytes


@dataclass
class Box:
    """A receiver of webhooks. It answers the statuses it was given, then 200 for ever."""

    url: str = ""
    letters: list[Letter] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    @classmethod
    @contextmanager
    def opened(cls) -> Generator[Self]:
        box = cls()

        class Taker(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                box.letters.append(Letter(self.path, headers, body))
                self.send_response(box.statuses.pop(0) if box.statuses else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        box.url = f"http://127.0.0.1:{server.server_port}/webhooks"
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@dataclass
class Town:
    """Emulators that answer, and everything a test does with them."""

    clock: MovableClock
    box: Box
    inspection: Inspection
    urls: Mapping[str, str]
    loop: LoopThread
    client: httpx2.Client
    headers: dict[str, str] = field(default_factory=dict)
    """Sent with every call."""

    def call(self, provider: str, method: str, path: str, **how: object) -> httpx2.Response:
        headers = {**self.headers, **(how.pop("headers", None) or {})}
        url = path if path.startswith("http") else self.urls[provider] + path
        return self.client.request(method, url, headers=headers, **how)

    def get(self, provider: str, path: str, **how: object) -> httpx2.Response:
        return self.call(provider, "GET", path, **how)

    def post(self, provider: str, path: str, **how: object) -> httpx2.Response:
        return self.call(provider, "POST", path, **how)

    def script(self, effect: str, times: int = 1, **meant: object) -> int:
        asked = Script.asked(effect, times=times, **meant)
        return self.loop.run(self.inspection.add(asked))

    def charges(self, name: str, provider: str | None = None) -> int:
        """Return how often the payer was charged, by the provider's book."""
        found = self.loop.run(self.inspection.payments(name, provider))
        return sum(one.charges for one in found)

    def pass_time(self, **by: int) -> None:
        """Move the clock, and do everything that is due then."""
        self.clock.move(timedelta(**by))
        self.catch_up()

    def catch_up(self) -> None:
        """Do everything that is due now."""
        self.loop.run(self.inspection.catch_up())


@contextmanager
def town(
    *emulators: Emulator,
    folder: Path,
    clock: MovableClock | None = None,
    box: Box | None = None,
    seed: int = 1,
) -> Generator[Town]:
    """Serve these emulators and the desk until the block ends."""
    loop = LoopThread()
    stack = AsyncExitStack()
    here = clock or make.clock()
    try:
        with httpx2.Client(timeout=PATIENCE_SECONDS, verify=TRUST) as client:
            inspection, ports = loop.run(_serve(stack, emulators, folder, here, seed))
            names = ("inspection", *(one.provider for one in emulators))
            urls = {
                name: f"http://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)
            }
            yield Town(here, box or Box(), inspection, urls, loop, client)
    finally:
        loop.run(stack.aclose())
        loop.close()


async def _serve(
    stack: AsyncExitStack,
    emulators: Sequence[Emulator],
    folder: Path,
    clock: MovableClock,
    seed: int,
) -> tuple[Inspection, list[int]]:
    chance = random.Random(seed).randbytes
    book = Book(folder / "book.sqlite", clock, chance)
    await book.open()
    stack.push_async_callback(book.close)
    for emulator in emulators:
        await book.write(emulator.provider, emulator.prepare)
    postman = Postman(book, emulators)
    postman.start()
    stack.push_async_callback(postman.stop)
    inspection = Inspection(book, emulators, postman)
    fronts = [desk(inspection), *(Front(one, book, chance) for one in emulators)]
    serving = Serving([Listening("127.0.0.1", 0, front) for front in fronts])
    ports = [port for _, port in serving.bind()]
    task = asyncio.create_task(serving.run())

    async def stop() -> None:
        serving.stop()
        await task

    stack.push_async_callback(stop)
    while not serving.started:
        await asyncio.sleep(0.01)
    return inspection, ports
