"""Connections to one provider: HTTP/1.1, kept open, one request under way on each.

A general client takes as long for a call as all the rest of a payment. And what must be told apart
here, whether a request may have left or not, is decided in these lines and hidden in a library's.
"""

import asyncio
import select
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, cast
from urllib.parse import urlsplit

import httptools

from bezant.rpc.alarms import alarms

CONNECTIONS_MAX: Final = 256  # To one provider in one mode; beyond that a call waits for its turn.
CONNECT_SECONDS: Final = 5.0
# Shorter than any provider keeps an idle connection: a request on one that the other end has just
# closed would end in silence.
KEEP_ALIVE_SECONDS: Final = 4.0
HEAD_BYTES_MAX: Final = 65_536  # Of an answer; theirs have two thousand.
_PORTS: Final = {"http": 80, "https": 443}
_FRAMED: Final = frozenset({"content-length", "transfer-encoding"})


class NotConnected(Exception):
    """There was no connection, so nothing left."""


class Broken(Exception):
    """The request left, or a part of it, and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Connections:
    """All connections to one origin."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.scheme in _PORTS, parts.scheme
        assert parts.hostname, url
        self._host: Final = parts.hostname
        self._port: Final = parts.port or _PORTS[parts.scheme]
        self._tls: Final = _trusted() if parts.scheme == "https" else None
        self._head: Final = (
            f" HTTP/1.1\r\nhost: {parts.netloc}\r\nuser-agent: bezant\r\naccept: */*\r\n"
            "accept-encoding: identity\r\n"
        )
        self._all: set[_Connection] = set()
        self._idle: list[_Connection] = []
        """Whoever ended last stands last, and is asked first: so the others may end."""
        self._under_way = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    async def exchange(
        self,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        deadline_seconds: float,
        body_bytes_max: int,
    ) -> Reply:
        """Send a request once. A body longer than that reads as nothing, so nobody takes a part
        for all.
        """
        whole = self._written(method, path, headers, body)
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline_seconds
        await self._take_turn(min(CONNECT_SECONDS, deadline_seconds))
        try:
            connection = self._idle_one(loop.time()) or await self._connected(
                min(loop.time() + CONNECT_SECONDS, until)
            )
            return await connection.ask(whole, until, body_bytes_max)
        finally:
            self._give_turn()

    def close(self) -> None:
        """Close every connection; what is under way ends in silence."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in tuple(self._all):
            connection.end()
        self._idle.clear()

    def _written(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> bytes:
        fields = [f"{name}: {value}" for name, value in headers]
        if body or method not in ("GET", "DELETE"):
            fields.append(f"content-length: {len(body)}")
        if not "".join([method, path, *fields]).isprintable() or " " in path:
            raise ValueError("a request's head has no line breaks")
        lines = "\r\n".join(fields)
        return f"{method} {path}{self._head}{lines}\r\n\r\n".encode() + body

    async def _take_turn(self, seconds: float) -> None:
        if self._under_way < CONNECTIONS_MAX:
            self._under_way += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._give_turn()  # It came in the very moment this caller gave up.
            if isinstance(error, TimeoutError):
                raise NotConnected from None
            raise

    def _give_turn(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._under_way -= 1

    def _idle_one(self, now_seconds: float) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh(now_seconds):
                return connection
            connection.end()
        return None

    async def _connected(self, until_seconds: float) -> "_Connection":
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(until_seconds):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop, self._all, self._kept),
                    self._host,
                    self._port,
                    ssl=self._tls,
                )
        except (OSError, TimeoutError, UnicodeError):
            raise NotConnected from None
        return connection

    def _kept(self, connection: "_Connection") -> None:
        """Keep a connection whose exchange has ended well."""
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep_later()

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(KEEP_ALIVE_SECONDS, self._swept)

    def _swept(self) -> None:
        now = asyncio.get_running_loop().time()
        fresh = [connection for connection in self._idle if connection.is_fresh(now)]
        for connection in self._idle:
            if connection not in fresh:
                connection.end()
        self._idle, self._sweep = fresh, None
        if fresh:
            self._sweep_later()


@cache
def _trusted() -> ssl.SSLContext:
    """Return what is believed of a provider's certificate; reading it takes a while."""
    return ssl.create_default_context()


class _Connection(asyncio.Protocol):
    """One connection, and the exchange under way on it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        every: "set[_Connection]",
        keep: "Callable[[_Connection], None]",
    ) -> None:
        self._loop: Final = loop
        self._every: Final = every
        self._keep: Final = keep
        self._parser: Final = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Reply] | None = None
        self._heard: Final = select.poll()
        self._idle_since_seconds = 0.0
        self._body_bytes_max = 0
        self._begin()

    def _begin(self) -> None:
        self._status = 0
        self._head_bytes = 0
        self._headers: list[tuple[str, str]] = []
        self._parts: list[bytes] = []
        self._size = 0

    def is_fresh(self, now_seconds: float) -> bool:
        """Tell whether the other end keeps it open still, as far as can be seen."""
        assert self._transport is not None
        if (
            now_seconds - self._idle_since_seconds > KEEP_ALIVE_SECONDS
            or self._transport.is_closing()
        ):
            return False
        # An idle provider has nothing to say: this is its goodbye, or an answer nobody asked for.
        return not self._heard.poll(0)

    async def ask(self, request: bytes, until_seconds: float, body_bytes_max: int) -> Reply:
        """Send a request and wait for its whole answer."""
        assert self._transport is not None
        assert self._answer is None, "one request at a time"
        if self._transport.is_closing():
            raise NotConnected
        self._begin()
        self._body_bytes_max = body_bytes_max
        self._answer = answer = self._loop.create_future()
        bells = alarms(self._loop)
        place = bells.add(until_seconds, self)
        self._transport.write(request)
        try:
            return await answer
        except asyncio.CancelledError:
            self.end()
            raise
        finally:
            bells.take_away(place, self)

    def late(self) -> None:
        """Wait no longer."""
        self.end()

    def end(self) -> None:
        """Close it at once; an exchange under way ends in silence."""
        if self._transport is not None:
            self._transport.abort()
        self._fail()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._heard.register(self._transport.get_extra_info("socket"), select.POLLIN)
        self._every.add(self)

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self.end()  # Nobody asked.
            return
        if not self._status:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX + self._body_bytes_max:
                self.end()
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._every.discard(self)
        if (
            exc is None
            and self._status
            and _FRAMED.isdisjoint([name.lower() for name, _ in self._headers])
        ):
            self._whole()  # An answer of no stated length ends with its connection.
        self._fail()

    def on_message_begin(self) -> None:
        if self._answer is None:
            self.end()  # More than the answer: what came next could be taken for another one's.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("utf-8", "replace")))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if not 100 <= self._status < 1_000:
            self.end()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._body_bytes_max:
            self._parts.clear()
            self._whole()
            self.end()
            return
        self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._answer is None:
            return
        if 100 <= self._status < 200:
            self._begin()  # The real one follows.
            return
        keep = self._parser.should_keep_alive()
        self._whole()
        assert self._transport is not None
        if keep and not self._transport.is_closing():
            self._idle_since_seconds = self._loop.time()
            self._keep(self)
        else:
            self._transport.abort()

    def _whole(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            answer.set_result(Reply(self._status, tuple(self._headers), body))

    def _fail(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(Broken())
