"""The HTTP/1.1 connection with bounds: how large headers are, how long a request takes to arrive.

uvicorn's own protocol waits for ever for a first byte, for the end of a header and for the end of
a body; a few thousand such connections would keep everybody else out.
"""

import math
import resource
from typing import cast

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from bezant.errors import BezantError
from bezant.http.certificates import SHOWN, written
from bezant.http.headers import HEADER_BYTES_MAX, HEADERS_MAX
from bezant.http.problems import (
    MEDIA_TYPE,
    HeadersTooLarge,
    MalformedRequest,
    RequestTimeout,
    encode,
    problem_of,
)
from bezant.http.tls import shown_to

HEADERS_SECONDS_MAX = 10.0
BODY_SECONDS_MAX = 30.0  # A photograph of an identity card over a poor line.
UNTAKEN_SECONDS_MAX = 60.0  # How long an answer waits while its reader takes nothing of it.
CONNECTIONS_MAX = 10_000
CYCLE = "bezant.cycle"
"""Where a request's connection lies in its ASGI scope, for `write_whole`."""
_DESCRIPTORS_KEPT = 256  # For the database, files and everything that is not a caller's connection.


def connections_max() -> int:
    """Return how many connections this process may hold, as far as the system lets it."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(64, min(CONNECTIONS_MAX, soft - _DESCRIPTORS_KEPT))


class _Dropped(list[tuple[bytes, bytes]]):
    """Where the fields after a chunked body go (RFC 9110, 6.5.1: they are not header fields).

    A proxy in front removes from the head what a client may not say of itself; taken for headers,
    these would let it be said after all.
    """

    def append(self, item: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with an end to what is too large or takes too long."""

    due_at = math.inf
    """When something must have arrived; the server ends connections that are late."""
    places = connections_max()
    """How many connections one process holds."""
    place: object = None
    """What held this connection's place until now, such as its handshake; two would be one too
    many.
    """
    _idle = False
    _unanswered_bytes = 0
    _untaken_bytes = 0
    _taken_at = 0.0
    _awaits_body = False
    _refusal: BezantError | None = None
    _certificate: bytes | None = None

    def connection_made(self, transport: object) -> None:
        """Accept a connection if there is a place for it."""
        cast("set[object]", self.connections).discard(self.place)
        self.place = None
        super().connection_made(transport)  # pyright: ignore[reportArgumentType]
        shown = shown_to(self.transport)
        self._certificate = None if shown is None else written(shown)
        self._taken_at = self.loop.time()
        self.due_at = self._taken_at + HEADERS_SECONDS_MAX
        if len(self.connections) > self.places:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on, and see whether a request is whole now; only if not, time begins to count."""
        self._unset_keepalive_if_required()
        self._unanswered_bytes += len(data)
        self._feed(data)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        begun = cycle is not None and cycle.scope is self.scope
        if cycle is not None and begun and not cycle.more_body and not cycle.response_complete:
            self.due_at = math.inf
            self._unanswered_bytes = 0
            return
        awaits_body = cycle is not None and begun and cycle.more_body
        if self._idle or self.due_at == math.inf or awaits_body != self._awaits_body:
            allowed = BODY_SECONDS_MAX if awaits_body else HEADERS_SECONDS_MAX
            self.due_at = self.loop.time() + allowed
        self._idle = False
        self._awaits_body = bool(awaits_body)
        if self._unanswered_bytes > HEADER_BYTES_MAX:
            self.refuse(HeadersTooLarge())

    def _feed(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    rest = b""
                except httptools.HttpParserUpgrade as wish:
                    rest = memoryview(rest)[wish.args[0] :]
                    self._read_without_upgrade()
        except httptools.HttpParserError:
            self.refuse(self._refusal or MalformedRequest())

    def _read_without_upgrade(self) -> None:
        """Read a head anew without its wish for another protocol, which is never granted.

        The parser takes what follows such a head for that protocol, and then for the next request:
        a body could hold a request that no proxy in front of us has seen.
        """
        version = self.parser.get_http_version().encode()
        head = [b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, version)]
        head += [b"%s: %s\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(b"".join(head) + b"\r\n")

    def on_response_complete(self) -> None:
        """Start the next request that waits already, or let the connection idle for a while.

        uvicorn sets a timer of its own for every answer; here the look at all connections once a
        second does.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, application = self.pipeline.pop()
            self._start_asgi_task(cycle, application)
        elif self.cycle.response_complete and self.cycle.scope is self.scope:
            self._idle = True
            self.due_at = self.loop.time() + self.timeout_keep_alive

    def on_headers_complete(self) -> None:
        """Start answering, unless there are too many headers or they are too large."""
        scope = self.scope
        if len(self.headers) > HEADERS_MAX or _size_of(self.url, self.headers) > HEADER_BYTES_MAX:
            self._refusal = HeadersTooLarge()
            raise httptools.HttpParserError
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError
            return
        super().on_headers_complete()
        scope[CYCLE] = self.cycle  # pyright: ignore[reportGeneralTypeIssues]
        if self._certificate is not None:
            scope[SHOWN] = self._certificate  # pyright: ignore[reportGeneralTypeIssues]
        self.headers = _Dropped()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; what frames it in chunks may be as large as itself, and no
        more.
        """
        self._unanswered_bytes = max(0, self._unanswered_bytes - 2 * len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, unless it is to be read anew."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def refuse(self, error: BezantError) -> None:
        """Answer with a problem, unless an answer is on its way already, and end the connection."""
        if self.transport.is_closing():
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete or not cycle.response_started:
            body = encode(problem_of(error, "unread"))
            head = b"content-type: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[error.status] + head % (MEDIA_TYPE, len(body)) + body)
        self.transport.close()

    def end_if_late(self, now: float) -> None:
        """End the connection if its request should have arrived by now, or its answer left."""
        untaken = self.transport.get_write_buffer_size()
        if not untaken or untaken < self._untaken_bytes:
            self._taken_at = now
        self._untaken_bytes = untaken
        if untaken and now - self._taken_at > UNTAKEN_SECONDS_MAX:
            self.transport.abort()
        elif now > self.due_at:
            if self._idle:
                self.transport.close()
            else:
                self.refuse(RequestTimeout())


def _size_of(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum([len(name) + len(value) for name, value in headers])


def body_at_hand(cycle: RequestResponseCycle) -> bytes | None:
    """Return a body that has arrived whole; None if it must be waited for."""
    if cycle.more_body or cycle.waiting_for_100_continue or cycle.disconnected:
        return None
    return bytes(cycle.body)


def write_whole(cycle: RequestResponseCycle, status: int, head: bytes, body: bytes) -> None:
    """Write an answer that is known whole: one system call, and no look at each header.

    uvicorn's own way checks every header by two regular expressions and writes head and body
    apart, which takes a third of the time of a request here. `head` is made of our own constants
    and of values without line breaks.
    """
    if cycle.disconnected:
        return
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    pieces = [STATUS_LINE[status]]
    for name, value in cycle.default_headers:
        pieces += (name, b": ", value, b"\r\n")
    pieces.append(head)
    pieces.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
    if cycle.scope["method"] != "HEAD":
        pieces.append(body)
    cycle.transport.write(b"".join(pieces))
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
