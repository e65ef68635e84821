"""One of several gateways behind one port: it serves the connections that an usher hands to it."""

import asyncio
import socket
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Message, Scope

from bezant.http.answers import READY
from bezant.http.serve import Serving
from bezant.http.usher import PATIENCE_SECONDS, WORD_BYTES, Word, word
from bezant.telemetry import log

FAREWELL_SECONDS: Final = 5.0
_log = log("http")


class Handed:
    """This end of the link to the usher."""

    def __init__(self, place: Path, serving: Serving, application: ASGIApp) -> None:
        self._place = place
        self._serving = serving
        self._application = application
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._work: set[asyncio.Task[None]] = set()
        self.over = asyncio.Event()
        """Set once the usher is gone, or has let us go."""

    def start(self) -> None:
        """Go to the usher and take what is handed out."""
        self._link.connect(str(self._place))
        self._link.setblocking(False)
        asyncio.get_running_loop().add_reader(self._link, self._hear)

    async def leave(self) -> None:
        """Ask for nothing more, and take what is under way; then the listener may stop."""
        if self._link.fileno() < 0:
            return
        if not self.over.is_set():
            with suppress(OSError):
                self._link.send(word(Word.LEAVING))
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self.over.wait()
        asyncio.get_running_loop().remove_reader(self._link)
        self._link.close()
        if self._work:
            await asyncio.wait(self._work, timeout=FAREWELL_SECONDS)

    def _hear(self) -> None:
        try:
            told, descriptors, _, _ = socket.recv_fds(self._link, WORD_BYTES, 1)
        except (BlockingIOError, ConnectionResetError):
            return  # A reset is told before what still waits to be read, and once only.
        except OSError:
            told, descriptors = b"", []
        connections = [socket.socket(fileno=one) for one in descriptors]
        if len(told) != WORD_BYTES:
            asyncio.get_running_loop().remove_reader(self._link)
            self.over.set()
        elif told[0] == Word.CONNECTION and connections:
            self._begin(self._serving.take(told[1], connections.pop()))
        elif told[0] == Word.QUESTION:
            self._begin(self._answer())
        for left_over in connections:
            left_over.close()

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _answer(self) -> None:
        wanted = await is_ready(self._application)
        with suppress(OSError):
            self._link.send(word(Word.ANSWER, int(wanted)))


async def is_ready(application: ASGIApp) -> bool:
    """Ask a listener of this process as a probe from outside would ask it."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": READY,
        "raw_path": READY.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
        "server": ("localhost", 0),
    }
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await application(scope, receive, send)
    except Exception as failure:  # noqa: BLE001 - whatever it is, this process is not well
        _log.warn("instance.unwell", why=type(failure).__name__)
        return False
    return statuses == [200]
