"""Webhooks out, and everything else that is due: driven by due times and the business clock.

The clock may jump: what became due meanwhile is done in the order it was due, each piece of work at
the time it was planned for, and then what it made due in turn.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from bezant.sandbox.book import Book, Page
from bezant.sandbox.emulator import Emulator
from bezant.sandbox.schedule import Delivery, State
from bezant.sandbox.store import schedule
from bezant.telemetry import log

TICK_SECONDS: Final = 0.2  # The business clock may move without telling anybody.
ANSWER_SECONDS_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
AT_ONCE_MAX: Final = 50
AGENT: Final = "Bezant-Sandbox/1"
_log = log("sandbox")


@dataclass(frozen=True, slots=True)
class Sent:
    """A webhook as it goes over the line."""

    delivery: Delivery
    headers: Mapping[str, str]


class Postman:
    """Does what is due, until it is stopped."""

    def __init__(self, book: Book, emulators: Sequence[Emulator]) -> None:
        self._book = book
        self._emulators = {one.provider: one for one in emulators}
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Begin to look for what is due."""
        self._task = asyncio.create_task(self._run(), name="sandbox postman")

    async def stop(self) -> None:
        """End; a webhook being sent is sent again after the next start."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def catch_up(self) -> None:
        """Do everything that is due by now, and what it makes due, before returning."""
        async with self._turn:
            while await self._work() or await self._deliver():
                pass

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                # `wait_for` of Python 3.11 forgets a cancellation that meets what it waits for.
                async with asyncio.timeout(TICK_SECONDS):
                    await self._book.changed.wait()
            self._book.changed.clear()
            try:
                if await self._anything_due():
                    await self.catch_up()
            except Exception as mistake:  # noqa: BLE001 - the next turn may do better
                _log.error("postman.failed", mistake)
                await asyncio.sleep(TICK_SECONDS)

    async def _anything_due(self) -> bool:
        now = self._book.clock.now()
        return await self._book.write("", lambda page: schedule.anything_due(page.book, now), now)

    async def _work(self) -> bool:
        """Do the first piece of work that is due; tell whether there was one."""
        now = self._book.clock.now()

        def work(page: Page) -> bool:
            due = schedule.take_due(page.book, now)
            if due is None:
                return False
            planned = Page(page.book, due.provider, due.due_at, page.chance)
            self._emulators[due.provider].when_due(planned, due)
            return True

        return await self._book.write("", work, now)

    async def _deliver(self) -> bool:
        """Send what is due, each provider's in its own order; tell whether there was any."""
        sent = await asyncio.gather(*map(self._deliver_of, self._emulators.values()))
        return any(sent)

    async def _deliver_of(self, emulator: Emulator) -> bool:
        now = self._book.clock.now()

        def prepare(page: Page) -> list[Sent]:
            found = schedule.due_deliveries(page.book, page.provider, now, AT_ONCE_MAX)
            return [Sent(one, emulator.signed(page, one)) for one in found]

        prepared = await self._book.write(emulator.provider, prepare, now)
        for sent in prepared:
            word = await post(sent.delivery.endpoint.url, sent.headers, sent.delivery.body)
            state, due_at = _next(emulator, sent.delivery, word, self._book.clock.now())

            def write(
                page: Page,
                sent: Sent = sent,
                state: State = state,
                word: str = word,
                due_at: datetime = due_at,
            ) -> None:
                schedule.set_delivery(page.book, sent.delivery.number, state, word, due_at)

            await self._book.write(emulator.provider, write)
        return bool(prepared)


def _next(
    emulator: Emulator, delivery: Delivery, word: str, now: datetime
) -> tuple[State, datetime]:
    if word.startswith("2"):
        return State.DELIVERED, now
    if delivery.forged or delivery.tries >= len(emulator.retry_seconds):
        return State.FAILED, now
    return State.DUE, now + timedelta(seconds=emulator.retry_seconds[delivery.tries])


async def post(url: str, headers: Mapping[str, str], body: bytes) -> str:
    """POST to an address and return the status, or in a few words why there is none."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = {
        "host": parts.netloc.rpartition("@")[2],
        "user-agent": AGENT,
        "connection": "close",
        "content-length": str(len(body)),
        **headers,
    }
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode() + body
    context = ssl.create_default_context() if secure else None
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            status = await _exchange(parts.hostname or "", port, context, request)
    except TimeoutError:
        return "no answer in time"
    except OSError as refused:
        return f"no connection: {refused.strerror or type(refused).__name__}"
    version, _, rest = status.partition(" ")
    code = rest[:3]
    return code if version.startswith("HTTP/1.") and code.isdigit() else "not an HTTP answer"


async def _exchange(host: str, port: int, context: ssl.SSLContext | None, request: bytes) -> str:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(request)
        await writer.drain()
        answer = await reader.readline()
        # Read on, so that the other side is not cut off in the middle of its answer.
        await reader.read(ANSWER_BYTES_MAX)
        return answer.decode("latin-1").strip()
    finally:
        writer.close()
