"""A merchant's server: it answers as it is told and writes down every request, raw."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[Request], Awaitable[web.Response]]


def status(code: int, text: str = "", **headers: str) -> Answer:
    """Answer always so."""

    async def answer(request: Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=named)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Answer with one after the other; the last one stays."""
    left = list(answers)

    async def answer(request: Request) -> web.Response:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


async def never(request: Request) -> web.Response:
    """Take the request and say nothing for as long as anybody may wait."""
    await asyncio.sleep(600)
    return web.Response()


@dataclass
class Receiver:
    """The server, while it runs."""

    port: int = 0
    requests: list[Request] = field(default_factory=list[Request])
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    open_now: int = 0
    open_most: int = 0

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def at(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]

    def ids(self, path: str = "/hook") -> list[str]:
        return [one.id for one in self.at(path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Request(request.path, headers, body)
        self.requests.append(seen)
        self.open_now += 1
        self.open_most = max(self.open_most, self.open_now)
        try:
            return await self.answers.get(request.path, status(200, "ok"))(seen)
        finally:
            self.open_now -= 1


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """Run a receiver while the block lasts."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    assert site._server is not None
    receiver.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    try:
        yield receiver
    finally:
        await runner.cleanup()
