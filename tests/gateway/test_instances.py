"""Several gateways behind one port: who is well gets its share, who is not gets nothing."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from tests.http.papers import Pair, new_pair
from tests.http.stand import NOON, Keys, Notebook, until

from bezant.clock import MovableClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.handed import Handed
from bezant.http.limits import MemoryLimits
from bezant.http.routes import PUBLIC, Routes, ThisVisit
from bezant.http.serve import Listening, Serving, hold_port
from bezant.http.usher import INSTANCES_MAX, Usher, Word, word
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

pytestmark = pytest.mark.requirement("S002-1", part="several instances behind one port")


@dataclass
class Gateway:
    """One instance in this process, with a name that it answers by."""

    name: str
    wants: bool = True
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def listening(self, port: int, tls: ssl.SSLContext | None = None) -> Listening:
        clock = MovableClock(NOON)
        health = Health(clock, ready=lambda: self.wants)
        ground = Ground(Keys(Notebook()), MemoryLimits(lambda: 0.0), Meters(), Ids(clock), health)
        edge = build([self._routes()], service=self.name, ground=ground, rules=Rules())
        return Listening("127.0.0.1", port, edge, tls)

    def _routes(self) -> Routes:
        routes = Routes("who")

        @routes.get("/v1/who", permission=PUBLIC)
        async def who(visit: ThisVisit) -> dict[str, str]:
            return {"name": self.name, "address": visit.address, "secure": str(visit.secure)}

        @routes.get("/v1/slow", permission=PUBLIC)
        async def slow() -> str:
            self.entered.set()
            await self.may_go_on.wait()
            return self.name

        del who, slow
        return routes


@dataclass
class Crowd:
    """The usher, its ports, and who came to it."""

    usher: Usher
    place: Path
    ports: Sequence[int]
    stack: AsyncExitStack

    async def join(self, gateway: Gateway, tls: ssl.SSLContext | None = None) -> Handed:
        """Let an instance come; it leaves in good order when the test ends."""
        plain = gateway.listening(self.ports[0])
        serving = Serving([plain, gateway.listening(self.ports[1], tls)])
        running = asyncio.create_task(serving.run_handed())
        await until(lambda: serving.started)
        handed = Handed(self.place, serving, plain.application)
        handed.start()

        async def end() -> None:
            gateway.may_go_on.set()
            await handed.leave()
            serving.stop()
            await running

        self.stack.push_async_callback(end)
        return handed

    async def names(self, times: int, *, seen: Counter[str] | None = None) -> Counter[str]:
        """Ask so often, each time on a connection of its own, and count who answered."""
        told = seen if seen is not None else Counter[str]()
        for _ in range(times):
            async with httpx2.AsyncClient() as client:
                answer = await client.get(f"http://127.0.0.1:{self.ports[0]}/v1/who")
            told[answer.json()["name"] if answer.status_code == 200 else "nobody"] += 1
        return told


@asynccontextmanager
async def crowd(folder: Path) -> AsyncIterator[Crowd]:
    held = [hold_port("127.0.0.1", 0) for _ in range(2)]
    ports = [one.getsockname()[1] for one in held]
    place = folder / "usher"
    usher = Usher(place, held)
    usher.start()
    async with AsyncExitStack() as stack:
        try:
            yield Crowd(usher, place, ports, stack)
        finally:
            await stack.aclose()
            await usher.stop()


async def test_everybody_who_is_well_gets_a_share(tmp_path: Path) -> None:
    async with crowd(tmp_path) as all_of_them:
        for name in ("a", "b", "c"):
            await all_of_them.join(Gateway(name))
        await until(lambda: all_of_them.usher.well == 3)
        assert await all_of_them.names(30) == {"a": 10, "b": 10, "c": 10}
        async with httpx2.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{all_of_them.ports[0]}/v1/who")
        assert answer.json()["address"] == "127.0.0.1", "who calls is seen as ever"


async def test_while_nobody_is_there_callers_are_told_at_once(tmp_path: Path) -> None:
    async with crowd(tmp_path) as nobody, httpx2.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{nobody.ports[0]}/v1/who")
        assert answer.status_code == 503
        assert answer.json()["status"] == 503
        assert answer.headers["retry-after"] == "1"
        await nobody.join(Gateway("a"))
        await until(lambda: nobody.usher.well == 1)
        assert await nobody.names(3) == {"a": 3}


async def test_whoever_wants_no_traffic_gets_none_until_it_does(tmp_path: Path) -> None:
    async with crowd(tmp_path) as both:
        ill = Gateway("ill")
        await both.join(ill)
        await both.join(Gateway("well"))
        await until(lambda: both.usher.well == 2)
        ill.wants = False
        await until(lambda: both.usher.well == 1)
        assert await both.names(10) == {"well": 10}
        ill.wants = True
        await until(lambda: both.usher.well == 2)
        assert await both.names(10) == {"well": 5, "ill": 5}


async def test_where_nobody_wants_traffic_those_who_did_answer_for_themselves(
    tmp_path: Path,
) -> None:
    async with crowd(tmp_path) as few:
        ill = Gateway("ill")
        await few.join(ill)
        never = Gateway("never", wants=False)
        await few.join(never)
        await until(lambda: few.usher.well == 1)
        ill.wants = False
        await until(lambda: few.usher.well == 0)
        assert await few.names(6) == {"ill": 6}, "who never was well gets nothing even now"


async def test_whoever_says_nothing_more_gets_nothing_more(tmp_path: Path) -> None:
    async with crowd(tmp_path) as both:
        await both.join(Gateway("well"))
        stuck = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stuck.connect(str(both.place))
        stuck.send(word(Word.ANSWER, 1))  # It says once that it is well, and then takes nothing.
        await until(lambda: both.usher.well == 2)
        await until(lambda: both.usher.well == 1)
        assert await both.names(10) == {"well": 10}
        stuck.close()


async def test_where_nobody_is_well_who_speaks_goes_before_who_is_silent(tmp_path: Path) -> None:
    async with crowd(tmp_path) as both:
        ill = Gateway("ill")
        await both.join(ill)
        stuck = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stuck.connect(str(both.place))
        stuck.send(word(Word.ANSWER, 1))
        await until(lambda: both.usher.well == 2)
        ill.wants = False
        await until(lambda: both.usher.well == 0)
        assert await both.names(6) == {"ill": 6}, "a refusal that says why, and no long wait"
        stuck.close()


async def test_whoever_dies_loses_its_place_at_once(tmp_path: Path) -> None:
    async with crowd(tmp_path) as both:
        await both.join(Gateway("well"))
        dead = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        dead.connect(str(both.place))
        dead.send(word(Word.ANSWER, 1))
        await until(lambda: both.usher.well == 2)
        dead.close()
        assert await both.names(10) == {"well": 10}


async def test_leaving_loses_no_answer_that_is_under_way(tmp_path: Path) -> None:
    async with crowd(tmp_path) as both:
        going, staying = Gateway("going"), Gateway("staying")
        handed = await both.join(going)
        await until(lambda: both.usher.well == 1)
        async with httpx2.AsyncClient(timeout=30) as client:
            address = f"http://127.0.0.1:{both.ports[0]}/v1/slow"
            waiting = asyncio.create_task(client.get(address))
            await asyncio.wait_for(going.entered.wait(), 30)
            await both.join(staying)
            await until(lambda: both.usher.well == 2)
            seen = Counter[str]()
            asking = asyncio.create_task(both.names(40, seen=seen))
            await until(lambda: seen.total() > 10)
            await handed.leave()
            going.may_go_on.set()
            assert (await waiting).json() == "going"
            await asking
        assert seen["nobody"] == 0
        assert seen.total() == 40
        assert await both.names(4) == {"staying": 4}


async def test_instances_speak_tls_themselves(tmp_path: Path) -> None:
    pair: Pair = new_pair(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    async with crowd(tmp_path) as one:
        await one.join(Gateway("a"), context)
        await until(lambda: one.usher.well == 1)
        _, writer = await asyncio.open_connection("127.0.0.1", one.ports[1])
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        writer.close()
        async with httpx2.AsyncClient(verify=pair.trust()) as client:
            answer = await client.get(f"https://127.0.0.1:{one.ports[1]}/v1/who")
        assert answer.json() == {"name": "a", "address": "127.0.0.1", "secure": "True"}


async def test_what_is_no_message_ends_only_who_sent_it(tmp_path: Path) -> None:
    async with crowd(tmp_path) as both:
        await both.join(Gateway("well"))
        await until(lambda: both.usher.well == 1)
        for nonsense in (b"x", b"\x07\x07", b""):
            link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            link.connect(str(both.place))
            if nonsense:
                link.send(nonsense)
            link.close()
        crowd_of_them = [
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(INSTANCES_MAX)
        ]
        for link in crowd_of_them:
            link.connect(str(both.place))
            await asyncio.sleep(0)  # The usher sits in this very loop.
        assert await both.names(6) == {"well": 6}
        for link in crowd_of_them:
            link.close()
    assert both.place.exists() is False
