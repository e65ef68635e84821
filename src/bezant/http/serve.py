"""Listening: several ports in one process, and an end that loses no answer.

`Serving([Listening(host, port, application)])` first opens every port (`bind`, which names a port
that is taken, before anything else is started), then serves (`run`) until `stop`.
"""

import asyncio
import errno
import gc
import socket
import ssl
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bezant.http.handshake import Handshake
from bezant.http.protocol import BoundedProtocol
from bezant.telemetry import log

GRACE_SECONDS = 5.0  # What an answer under way may still take when the process is asked to end.
KEEP_ALIVE_SECONDS = (
    65  # A little longer than load balancers keep their side, so that they close first.
)
BACKLOG = 2_048
# The loop takes one connection a turn from each copy of a listening socket: with a single one, a
# crowd would wait for many turns before it is even told that there are too many.
ACCEPTED_AT_ONCE = 16
_log = log("http")


class CannotListen(OSError):
    """A port cannot be opened; the text says which one and what to do."""


@dataclass(frozen=True, slots=True)
class Listening:
    """An application at an address."""

    host: str
    port: int
    application: ASGIApp
    tls: ssl.SSLContext | None = None


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which the command line has, and its cancelling; it
    leaves TLS to us.
    """

    tls: ssl.SSLContext | None = None

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def protocol(self, **_given: object) -> asyncio.Protocol:
        """Return what reads a new connection."""
        reader = BoundedProtocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        if self.tls is None:
            return reader
        return Handshake(self.tls, reader, self.server_state)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                cast("BoundedProtocol | Handshake", connection).end_if_late(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish the answers under way. A handler is never cancelled: it may be writing money."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for connection in tuple(self.server_state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        due_at = loop.time() + GRACE_SECONDS
        answering = set(self.server_state.tasks)
        while answering and (left := due_at - loop.time()) > 0:
            await asyncio.wait(answering, timeout=left)
            answering = set(self.server_state.tasks)
        if answering:
            _log.warn("stop.unfinished", requests=len(answering))
        for connection in tuple(self.server_state.connections):
            connection.transport.close()


class Serving:
    """All listeners of one process."""

    def __init__(
        self,
        listenings: Sequence[Listening],
        held: Mapping[tuple[str, int], socket.socket] | None = None,
    ) -> None:
        self._listenings = tuple(listenings)
        self._held = dict(held or {})
        self._bound: list[tuple[socket.socket, Listening]] = []
        self._servers: list[_Server] = []
        self._of_tls: dict[ssl.SSLContext | None, _Server] = {}
        self._stopping = False

    def bind(self) -> tuple[tuple[str, int], ...]:
        """Open every port, or none; return the addresses, a port 0 by the number it became."""
        try:
            for listening in self._listenings:
                address = (listening.host, listening.port)
                opened = self._held.pop(address, None) or open_port(*address)
                self._bound.append((opened, listening))
        except CannotListen:
            self.close()
            raise
        return tuple(opened.getsockname()[:2] for opened, _ in self._bound)

    def close(self) -> None:
        """Give back ports that were opened and never served."""
        for opened, _ in self._bound:
            opened.close()
        self._bound = []

    async def run(self) -> None:
        """Serve until `stop` is called, then finish what is under way within `GRACE_SECONDS`."""
        if not self._bound:
            self.bind()
        groups: dict[ssl.SSLContext | None, list[tuple[socket.socket, Listening]]] = {}
        for opened, listening in self._bound:
            groups.setdefault(listening.tls, []).append((opened, listening))
        runs = [
            self._server(tls, _by_port(group)).serve(
                [copy for opened, _ in group for copy in _copies(opened, ACCEPTED_AT_ONCE)]
            )
            for tls, group in groups.items()
        ]
        if self._stopping:
            self.stop()
        await asyncio.gather(*runs)

    async def run_handed(self) -> None:
        """Serve connections that others accept (`take`), until `stop` is called."""
        groups: dict[ssl.SSLContext | None, dict[int, ASGIApp]] = {}
        for listening in self._listenings:
            groups.setdefault(listening.tls, {})[listening.port] = listening.application
        self._of_tls = {tls: self._server(tls, by_port) for tls, by_port in groups.items()}
        runs = [server.serve([]) for server in self._of_tls.values()]
        if self._stopping:
            self.stop()
        await asyncio.gather(*runs)

    async def take(self, number: int, connection: socket.socket) -> None:
        """Serve a connection to the listening of this number."""
        if self._stopping or not number < len(self._listenings):
            connection.close()
            return
        tls = self._listenings[number].tls
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._of_tls[tls].protocol, connection)
        except OSError:  # Whoever called has left.
            connection.close()

    @property
    def started(self) -> bool:
        """Whether every listener answers."""
        return bool(self._servers) and all(server.started for server in self._servers)

    @property
    def accepting(self) -> bool:
        """Whether new connections are taken."""
        return any(listener.is_serving() for server in self._servers for listener in server.servers)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return sum(len(server.server_state.connections) for server in self._servers)

    def stop(self) -> None:
        """Ask every listener to end."""
        self._stopping = True
        for server in self._servers:
            server.should_exit = True

    def _server(self, tls: ssl.SSLContext | None, by_port: Mapping[int, ASGIApp]) -> _Server:
        application = next(iter(by_port.values())) if len(by_port) == 1 else _ByPort(by_port)
        config = uvicorn.Config(
            application,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            backlog=BACKLOG,
        )
        server = _Server(config)
        server.tls = tls
        config.http = cast("type[asyncio.Protocol]", server.protocol)
        self._servers.append(server)
        return server


def _by_port(group: Sequence[tuple[socket.socket, Listening]]) -> Mapping[int, ASGIApp]:
    return {opened.getsockname()[1]: listening.application for opened, listening in group}


def _copies(opened: socket.socket, count: int) -> list[socket.socket]:
    return [opened, *(opened.dup() for _ in range(count - 1))]


class _ByPort:
    """Hands a request to the application of the port it came to."""

    def __init__(self, by_port: Mapping[int, ASGIApp]) -> None:
        self._by_port = by_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._by_port[scope["server"][1]](scope, receive, send)


def settle_memory() -> None:
    """Tell the garbage collector that what is loaded now stays; called once everything is wired.

    Whoever loaded it may have told the collector to rest until here. What loading left over is not
    looked for: that takes a tenth of a second of every start, for a few megabytes.
    """
    gc.freeze()
    gc.enable()
    # A request leaves no cycles behind; looking for them after every 700 objects would cost a
    # tenth of the time.
    gc.set_threshold(20_000, 20, 50)


def hold_port(host: str, port: int) -> socket.socket:
    """Take a port before there is anything to serve on it; who calls early waits."""
    opened = open_port(host, port)
    try:
        opened.listen(BACKLOG)
    except OSError as refused:
        opened.close()
        raise CannotListen(refused.errno, _advice(host, port, refused)) from refused
    return opened


def open_port(host: str, port: int) -> socket.socket:
    """Open a port, or raise what is in the way and what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP: only then does asyncio send what it has at once, instead of waiting up to
    # 40 ms for the other side to acknowledge the part before.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.setblocking(False)
    except OSError as refused:
        opened.close()
        raise CannotListen(refused.errno, _advice(host, port, refused)) from refused
    return opened


def _advice(host: str, port: int, refused: OSError) -> str:
    if refused.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken by another program; end it or choose another port"
    if refused.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one above 1023"
    if refused.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}; choose one of its own, such as 127.0.0.1"
    return f"cannot listen on {host} port {port}: {refused.strerror}"
