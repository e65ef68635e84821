"""A network that misbehaves on order: a TCP proxy in this process, between a client and its server.

    async with FaultProxy("127.0.0.1", server_port) as proxy:
        client = connect("127.0.0.1", proxy.port)
        proxy.faults = Faults(delay_seconds=2)            # slow in both directions
        proxy.faults = Faults(reset_probability=0.1)      # one chunk in ten ends in RST
        proxy.faults = Faults(answer_bytes_max=100)       # the answer is cut after 100 bytes
        proxy.faults = Faults(half_open=True)             # connected, and nothing ever comes
        proxy.faults = Faults(refuse=True)                # connections are reset at once
        proxy.faults = Faults(bytes_per_second=1_000)     # throttled
        proxy.faults = Faults(deaf=Side.SERVER)           # one way: what the client says is dropped
        proxy.reset_all()                                 # every open connection ends in RST now

Faults are read for every chunk, so changing them changes connections that are already open. Chance
comes from a seed.
"""

import asyncio
import random
import socket
import struct
from dataclasses import dataclass
from enum import StrEnum

CHUNK_BYTES = 16_384
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with zero seconds: close sends RST, not FIN


class Side(StrEnum):
    """Who does not hear."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with the network. Nothing, unless said."""

    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    reset_probability: float = 0.0  # for each chunk, in either direction
    answer_bytes_max: int | None = None  # per connection; then it is closed
    answer_ends_with_reset: bool = False  # cut by RST instead of FIN
    half_open: bool = False  # accept, swallow, never answer, never close
    refuse: bool = False
    bytes_per_second: float | None = None
    deaf: Side | None = None


class FaultProxy:
    """Listens on a port of its own and passes bytes on, as well as its faults allow."""

    def __init__(
        self, host: str, port: int, *, faults: Faults | None = None, seed: int = 1
    ) -> None:
        self.faults = faults or Faults()
        self.accepted = 0
        self._target = (host, port)
        self._random = random.Random(seed)
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.sockets[0].getsockname()[1]

    @property
    def open_links(self) -> int:
        return len(self._links)

    def reset_all(self) -> None:
        """End every open connection with RST."""
        for link in list(self._links):
            link.reset()

    async def __aenter__(self) -> "FaultProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.reset_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            _reset(writer)
        finally:
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.faults.refuse:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        link = Link(self, writer, far_writer)
        self._links.add(link)
        try:
            await asyncio.gather(
                link.pass_on(reader, far_writer, Side.SERVER),
                link.pass_on(far_reader, writer, Side.CLIENT),
            )
        except OSError:
            link.reset()
        finally:
            self._links.discard(link)
            for each in (writer, far_writer):
                each.close()

    def strikes(self) -> bool:
        """Tell whether chance ends the connection at this chunk."""
        probability = self.faults.reset_probability
        return probability > 0 and self._random.random() < probability

    def delay_seconds(self, size: int) -> float:
        faults = self.faults
        wait = faults.delay_seconds + self._random.random() * faults.jitter_seconds
        return wait + (size / faults.bytes_per_second if faults.bytes_per_second else 0.0)


class Link:
    """One client's connection and the connection made for it."""

    def __init__(
        self, proxy: FaultProxy, near: asyncio.StreamWriter, far: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._near = near
        self._far = far
        self._answered_bytes = 0

    def reset(self) -> None:
        for writer in (self._near, self._far):
            _reset(writer)

    async def pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Side
    ) -> None:
        while chunk := await reader.read(CHUNK_BYTES):
            if self._proxy.strikes():
                raise ConnectionResetError
            if wait := self._proxy.delay_seconds(len(chunk)):
                await asyncio.sleep(wait)
            faults = self._proxy.faults
            if faults.half_open or faults.deaf is to:
                continue
            limit = faults.answer_bytes_max
            if to is Side.CLIENT and limit is not None:
                chunk = chunk[: max(limit - self._answered_bytes, 0)]
            writer.write(chunk)
            await writer.drain()
            if to is Side.CLIENT:
                self._answered_bytes += len(chunk)
                if limit is not None and self._answered_bytes >= limit:
                    await self._cut()
                    return
        if not self._proxy.faults.half_open and writer.can_write_eof():
            writer.write_eof()

    async def _cut(self) -> None:
        if self._proxy.faults.answer_ends_with_reset:
            self.reset()
            return
        self._near.close()
        self._far.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST: what a crashed host or an impatient middlebox sends."""
    handle: socket.socket | None = writer.get_extra_info("socket")
    if handle is not None and handle.fileno() >= 0:
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
