"""Identity in a process of its own, behind a line that loses an answer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
from tests.harness.faults import FaultProxy
from tests.identity.people.conftest import ANN, BASE, PASSWORD, Hall

from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity.people.http import routes as people_routes
from bezant.identity.port import Identity, OpenIdProvider, People
from bezant.identity.provider.issuer import Issuer
from bezant.ids import Ids
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel
from bezant.rpc.far import far
from bezant.rpc.manners import Manners, manners_of
from bezant.rpc.near import near
from bezant.rpc.papers import FolderIssuer
from bezant.rpc.serve import Server
from bezant.telemetry.metrics import Meters

ASKED = manners_of(OpenIdProvider)
CARELESS = replace(ASKED, repeatable=ASKED.repeatable | ASKED.once, once=frozenset[str]())


class Unlucky:
    """Identity whose line breaks just when it has the tokens, the first time."""

    def __init__(self, service: object) -> None:
        self._service: Any = service
        self.line: FaultProxy | None = None
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    async def tokens(self, asked: object) -> object:
        self.asked += 1
        try:
            return await self._service.tokens(asked)
        finally:
            if self.asked == 1 and self.line is not None:
                self.line.reset_all()


@asynccontextmanager
async def behind_a_bad_line(
    hall: Hall, folder: Path, manners: Manners
) -> AsyncIterator[tuple[httpx2.AsyncClient, Unlucky]]:
    """Give a gateway whose identity is at the other end of such a line."""
    authority, service = Authority(folder, "test", RealClock()), hall.service
    async with AsyncExitStack() as closing:
        server = Server(FolderIssuer(authority.issue("identity")), RealClock())
        unlucky = Unlucky(service)
        server.offer(OpenIdProvider, unlucky)
        port = await server.start("127.0.0.1:0")
        closing.push_async_callback(server.stop, 0)
        line = unlucky.line = await closing.enter_async_context(FaultProxy("127.0.0.1", port))
        address = f"127.0.0.1:{line.port}"
        channel = Channel(address, "identity", FolderIssuer(authority.issue("gateway")))
        closing.push_async_callback(channel.close)
        provider = far(OpenIdProvider, channel, manners=manners)
        issuer, ids = Issuer(BASE, origins=frozenset({BASE})), Ids(hall.clock)
        ground = Ground(hall.callers, MemoryLimits(monotonic), Meters(), ids, Health(hall.clock))
        doors = people_routes(near(People, service), provider, near(Identity, service), issuer)
        edge = build([*doors], service="identity", ground=ground, rules=Rules())
        transport = httpx2.ASGITransport(app=edge, client=("127.0.0.1", 40_000))
        client = httpx2.AsyncClient(transport=transport, base_url=BASE)
        yield await closing.enter_async_context(client), unlucky


async def refreshed_with_a_lost_answer(
    hall: Hall, folder: Path, manners: Manners
) -> tuple[int, int, int]:
    """Refresh once; return how that was answered, how often it arrived, and what still works."""
    await hall.joined()
    tokens = await hall.told("/auth/login", {"email": ANN, "password": PASSWORD})
    async with behind_a_bad_line(hall, folder, manners) as (client, unlucky):
        body = {"refreshToken": tokens["refreshToken"]}
        answer = await client.post("/auth/refresh", json=body)
    by = {"authorization": f"Bearer {tokens['accessToken']}"}
    still = await hall.client.get("/v1/session", headers=by)
    return answer.status_code, unlucky.asked, still.status_code


async def test_a_refresh_whose_answer_is_lost_is_not_sent_again(hall: Hall, tmp_path: Path) -> None:
    answered, arrived, still = await refreshed_with_a_lost_answer(hall, tmp_path, ASKED)
    assert (answered, arrived, still) == (503, 1, 200)


async def test_sent_again_it_would_end_the_family(hall: Hall, tmp_path: Path) -> None:
    """The control of the one above."""
    answered, arrived, still = await refreshed_with_a_lost_answer(hall, tmp_path, CARELESS)
    assert (answered, arrived, still) == (401, 2, 401)
