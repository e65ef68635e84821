"""A provider on a real port that answers as a test says, and a transport that talks to it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from tests import make

from bezant.actor import Mode
from bezant.exchange import Encoding, ProviderRequest
from bezant.psp.account import Account, Bearer, Clocks, Credential
from bezant.psp.transport import HttpTransport
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

YES = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
Reply = Callable[["Heard", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    """One request as it arrived."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Peer:
    """A provider that answers as the test says."""

    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    """Of the connections that are open."""
    reply: Reply | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *rest = head.rstrip().split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (one.partition(": ") for one in rest)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                told = Heard(line, headers, body)
                self.heard.append(told)
                assert self.reply is not None
                await self.reply(told, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.writers.remove(writer)
            writer.close()


@asynccontextmanager
async def peer(reply: Reply) -> AsyncGenerator[Peer]:
    here = Peer(reply=reply)
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()


@asynccontextmanager
async def opened(
    url: str, credential: Credential | None = None, meters: Meters | None = None
) -> AsyncGenerator[HttpTransport]:
    account = Account("stripe", Mode.TEST, url, credential or Bearer(Secret("sk_test_1")))
    clock = make.clock()
    transport = HttpTransport([account], Clocks(clock, clock), meters or Meters())
    try:
        yield transport
    finally:
        await transport.close()


def request(**more: object) -> ProviderRequest:
    made = ProviderRequest(
        "stripe",
        Mode.TEST,
        "charge",
        "POST",
        "/v1/payment_intents?a=b%20c",
        (("Idempotency-Key", "att_1"),),
        b"amount=1999",
        Encoding.FORM,
        key="att_1",
        deadline_seconds=5.0,
    )
    return replace(made, **more)


def saying(raw: bytes) -> Reply:
    async def reply(_: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return reply
