"""What a gateway may have seen of a request goes to no other; and who ends a connection first."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest
from tests.gateway.envoy.stand import HOST, envoy
from tests.gateway.envoy.test_balancing import plan_of
from tests.harness.ports import free_port
from tests.harness.waiting import until

from bezant.gateway.envoy import clusters, config
from bezant.gateway.envoy.plan import Address, Plan
from bezant.http.serve import KEEP_ALIVE_SECONDS

pytestmark = [pytest.mark.system, pytest.mark.requirement("S000-3", part="Envoy under attack")]
TIMES = 10
BODY = b"x" * 100
WELL = "well"
ENDS = {
    "before the body": b"",
    "without an answer": b"",
    "within the answer": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nab",
    "with nonsense": b"nonsense\r\n\r\n",
    "with a refusal": b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
}


@dataclass
class Rude:
    """A gateway that is well, reads what is sent to it, and then ends in a way of its own."""

    port: int = field(default_factory=free_port)
    manner: str = WELL
    seen: Counter[str] = field(default_factory=Counter[str])
    left: int = 0
    """How many connections that had asked for something Envoy ended by itself."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = False
        with suppress(ConnectionError):
            try:
                while True:
                    path = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1].decode()
                    if not path.startswith("/open"):
                        writer.write(_whole(b'{"keys":[]}'))
                        continue
                    asked = True
                    self.seen[path] += 1
                    if self.manner != "before the body":
                        await reader.readexactly(len(BODY))
                    writer.write(ENDS.get(self.manner, _whole(b"ok")))
                    await writer.drain()
                    if self.manner != WELL:
                        break
            except asyncio.IncompleteReadError:
                self.left += asked
        writer.transport.abort()


def _whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


@asynccontextmanager
async def rude(*manners: str) -> AsyncGenerator[tuple[list[Rude], Plan]]:
    made = [Rude(manner=one) for one in manners]
    servers = [await asyncio.start_server(one.serve, HOST, one.port) for one in made]
    try:
        gateways = tuple(Address(HOST, one.port) for one in made)
        yield made, replace(plan_of([]), gateways=gateways)
    finally:
        for one in servers:
            one.close()


@pytest.mark.parametrize("manner", ENDS)
async def test_what_a_gateway_may_have_seen_is_sent_to_no_other(
    tmp_path: Path, manner: str
) -> None:
    told = Counter[int]()
    async with rude(manner, manner) as (made, plan), envoy(plan, tmp_path) as client:
        for number in range(TIMES):
            with suppress(httpx2.RemoteProtocolError):  # Half an answer is none.
                told[(await client.post(f"/open?{number}", content=BODY)).status_code] += 1
    seen = made[0].seen + made[1].seen
    assert len(seen) == TIMES, "each of them arrived"
    assert set(seen.values()) == {1}, "and once"
    assert not told[200]


async def test_an_envoy_that_asks_again_too_soon_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""
    monkeypatch.setattr(config, "_UNTOUCHED", "5xx,reset")
    manner = "without an answer"
    async with rude(manner, manner) as (made, plan), envoy(plan, tmp_path) as client:
        assert (await client.post("/open", content=BODY)).status_code == 503
        assert made[0].seen["/open"] + made[1].seen["/open"] > 1


async def test_envoy_ends_what_is_idle_before_a_gateway_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the end of a connection and the next request of it may pass each other."""
    assert clusters.IDLE_SECONDS * 2 < KEEP_ALIVE_SECONDS
    monkeypatch.setattr(clusters, "IDLE_SECONDS", 1)
    async with rude(WELL) as (made, plan), envoy(plan, tmp_path) as client:
        assert (await client.post("/open", content=BODY)).status_code == 200
        await until(lambda: made[0].left > 0, "Envoy ends the connection by itself")
        assert (await client.post("/open", content=BODY)).status_code == 200
