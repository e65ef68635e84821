"""Webhooks behind their HTTP door: the real gateway, real keys of real merchants, a real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import aiohttp
from tests.webhooks.stand import Stand

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.serve import Listening, Serving
from bezant.identity import CreateApiKey, CreateMerchant, Grant, KeyKind, Role, rules
from bezant.identity.api_key import Access
from bezant.identity.callers import RememberedCallers
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.rpc.near import near
from bezant.telemetry.metrics import Meters
from bezant.webhooks import Webhooks
from bezant.webhooks.http import routes


@dataclass
class Answered:
    """An answer, read."""

    status: int
    json: Any


@dataclass
class Shop:
    """A merchant and its keys."""

    merchant: str
    keys: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Desk:
    """Two merchants with keys, and a client."""

    stand: Stand
    session: aiohttp.ClientSession
    serving: Serving
    url: str
    ann: Shop
    bob: Shop

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: str | None = None,
        params: list[tuple[str, str]] | None = None,
    ) -> Answered:
        """Ask as a key of Ann's in test mode, or as `by`."""
        async with self.session.request(
            method,
            self.url + path,
            data=None if body is None else json.dumps(body),
            params=params,
            headers={
                "x-api-key": by or self.ann.keys["test"],
                "content-type": "application/json",
            },
        ) as answer:
            text = await answer.text()
            return Answered(answer.status, json.loads(text) if text else None)

    async def made(self, path: str, body: object, *, by: str | None = None) -> Any:
        answered = await self.ask("POST", path, body, by=by)
        assert answered.status in (200, 201), answered
        return answered.json

    async def got(self, path: str, *params: tuple[str, str], by: str | None = None) -> Any:
        answered = await self.ask("GET", path, by=by, params=list(params))
        assert answered.status == 200, answered
        return answered.json


@asynccontextmanager
async def opened_desk(stand: Stand) -> AsyncIterator[Desk]:
    """Serve the module's routes on a port of this machine."""
    real = RealClock()
    async with AsyncExitStack() as stack:
        database = await Database.open(
            stand.where.module_dsn("identity"), name="identity", size_max=4, clock=real
        )
        stack.push_async_callback(database.close)
        identity = IdentityService(database, real, Ids(real), stand.keys, live=True)
        await identity.start()
        callers = RememberedCallers(identity, real)
        identity.when_rights_are_taken(callers.forget)
        ground = Ground(callers, MemoryLimits(monotonic), Meters(), Ids(real), Health(real))
        served = [routes(near(Webhooks, stand.service), stand.ids)]
        edge = build(served, service="webhooks", ground=ground, rules=Rules())
        serving = Serving([Listening("127.0.0.1", 0, edge)])
        ((_, port),) = serving.bind()
        running = asyncio.create_task(serving.run())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        ann, bob = [await _shop(identity, Ids(real), name) for name in ("Ann", "Bob")]
        try:
            yield Desk(stand, session, serving, f"http://127.0.0.1:{port}", ann, bob)
        finally:
            serving.stop()
            await running


async def _shop(identity: IdentityService, ids: Ids, name: str) -> Shop:
    test = rules.operator(Mode.TEST)
    merchant = await identity.create_merchant(CreateMerchant(ids.new("mer"), test, name))
    shop = Shop(merchant.id)
    for label, kind, mode, role, grants in (
        ("test", KeyKind.SECRET, Mode.TEST, Role.DEVELOPER, ()),
        ("live", KeyKind.SECRET, Mode.LIVE, Role.DEVELOPER, ()),
        ("reader", KeyKind.SECRET, Mode.TEST, Role.AUDITOR, ()),
        ("nothing", KeyKind.RESTRICTED, Mode.TEST, Role.ADMIN, (Grant("forex", Access.READ),)),
        ("page", KeyKind.PUBLISHABLE, Mode.TEST, Role.ADMIN, ()),
    ):
        command = CreateApiKey(
            ids.new("key"), rules.operator(mode), merchant.id, kind, role, name, grants
        )
        made = await identity.create_key(command)
        shop.keys[label] = made.secret.reveal()
    return shop
