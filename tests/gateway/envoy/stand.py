"""An Envoy in front of a gateway that says yes to everything: so it is Envoy that refuses."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from aiohttp import web
from tests.harness.ports import free_port

from bezant.gateway.envoy.plan import Address, Plan
from bezant.gateway.envoy.program import RENEW_EVERY_SECONDS, running

HOST = "127.0.0.1"
READY_SECONDS = 60


@dataclass
class Upstream:
    """A gateway of nobody's: it answers 200 to whatever comes, and remembers it."""

    port: int
    jwks: dict[str, object]
    well: bool = True
    failing: bool = False
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        match request.path:
            case "/ready":
                return web.Response(status=200 if self.well else 503)
            case "/oauth/jwks" if request.headers.get("host") == "gateway":
                return web.json_response(self.jwks)
            case _:
                head = {name.lower(): value for name, value in request.headers.items()}
                self.seen.append((request.method, request.path_qs, head))
                status = 500 if self.failing else 200
                told = {"x-gateway": str(self.port)}
                return web.Response(status=status, text="through", headers=told)


@asynccontextmanager
async def upstream(jwks: dict[str, object]) -> AsyncIterator[Upstream]:
    here = Upstream(free_port(), jwks)
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", here.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, HOST, here.port).start()
    try:
        yield here
    finally:
        await runner.cleanup()


@asynccontextmanager
async def envoy(
    plan: Plan, folder: Path, *, renew_every_seconds: float = RENEW_EVERY_SECONDS
) -> AsyncIterator[httpx2.AsyncClient]:
    """Run Envoy and return a client of it, once it answers."""
    base = f"http://{plan.listener.host}:{plan.listener.port}"
    async with (
        running(plan, folder, threads=1, renew_every_seconds=renew_every_seconds),
        httpx2.AsyncClient(base_url=base, timeout=30) as client,
    ):
        async with asyncio.timeout(READY_SECONDS):
            while not await _answers(client):
                await asyncio.sleep(0.05)
        yield client


async def _answers(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/no-such-route-of-ours")).status_code == 200
    except httpx2.HTTPError:
        return False


def addresses(ups: Sequence[Upstream]) -> tuple[Address, ...]:
    return tuple(Address(HOST, one.port) for one in ups)
