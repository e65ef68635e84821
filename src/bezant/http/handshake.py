"""The TLS handshake of a connection: it holds a place from the first moment on, and has an end.

The event loop would tell us of an encrypted connection only once its handshake is done, and wait a
minute for that: thousands that never finish one would hold memory and descriptors uncounted.
"""

import asyncio
import os
import socket
import ssl
from typing import Final, cast

from uvicorn.server import ServerState

from bezant.http.protocol import BoundedProtocol
from bezant.http.tls import ForCallers

HANDSHAKE_SECONDS_MAX = 10.0
FAREWELL_SECONDS: Final = 5.0  # How long the other side may take to say that it has heard the end.


class Handshake(asyncio.Protocol):
    """One connection until its handshake is done; then a `BoundedProtocol` reads it."""

    def __init__(
        self, context: ssl.SSLContext, reader: BoundedProtocol, state: ServerState
    ) -> None:
        self._context = context
        self._reader = reader
        self._places = cast("set[asyncio.Protocol]", state.connections)
        self._due_at = 0.0
        self._address = ""
        self._counted = False
        self._under_way: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place if there is one, and begin."""
        self.transport = cast("asyncio.Transport", transport)
        if len(self._places) >= self._reader.places or not self._may_begin():
            self.transport.abort()
            return
        # The connection itself is taken along, before a byte of it was read.
        plain = cast("socket.socket", transport.get_extra_info("socket"))
        try:
            taken = socket.socket(fileno=os.dup(plain.fileno()))
        except OSError:  # The system lets us have no more of them.
            self._done()
            self.transport.abort()
            return
        taken.setblocking(False)
        self.transport.abort()
        self._places.add(self)
        self._reader.place = self
        loop = asyncio.get_running_loop()
        self._due_at = loop.time() + HANDSHAKE_SECONDS_MAX
        self._under_way = loop.create_task(self._shake_hands(loop, taken))

    async def _shake_hands(self, loop: asyncio.AbstractEventLoop, taken: socket.socket) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS_MAX):
                await loop.connect_accepted_socket(
                    self._read,
                    taken,
                    ssl=self._context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX,
                    ssl_shutdown_timeout=FAREWELL_SECONDS,
                )
        except (OSError, asyncio.CancelledError):
            # Whoever called has left, takes too long, is not welcome, or does not speak TLS; or we
            # are leaving.
            taken.close()
        finally:
            self._places.discard(self)
            self._done()

    def _may_begin(self) -> bool:
        """Tell whether whoever comes may begin one more handshake."""
        if not isinstance(self._context, ForCallers):
            return True
        peer = cast("tuple[str, int] | None", self.transport.get_extra_info("peername"))
        self._address = peer[0] if peer else ""
        self._counted = self._context.handshakes.begin(self._address)
        return self._counted

    def _done(self) -> None:
        if self._counted and isinstance(self._context, ForCallers):
            self._counted = False
            self._context.handshakes.end(self._address)

    def _read(self) -> asyncio.Protocol:
        return self._reader

    def shutdown(self) -> None:
        """End it: there is nothing to answer yet."""
        if self._under_way is not None:
            self._under_way.cancel()

    def end_if_late(self, now: float) -> None:
        """End it if it should be done by now."""
        if now > self._due_at:
            self.shutdown()
