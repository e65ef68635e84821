"""The payments behind their HTTP door: the real gateway, real keys, a real database."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

import httpx2
from tests.harness.cluster import TestDatabase
from tests.payments.events import checks
from tests.payments.till import Till, opened

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.gateway.app import Alias, Ground, build
from bezant.gateway.health import Health
from bezant.gateway.profile import load_profile
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.problems import DIALECTS, PLAIN
from bezant.identity import CreateApiKey, CreateMerchant, KeyKind, Role, rules
from bezant.identity.callers import RememberedCallers
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.payments.http import routes
from bezant.payments.port import Payments
from bezant.rpc.near import near
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters


@dataclass
class Shop:
    """A merchant and its keys, by role."""

    merchant: str
    keys: dict[str, str]


@dataclass
class Counter:
    """Two merchants with keys, and the door."""

    till: Till
    client: httpx2.AsyncClient
    ann: Shop
    bob: Shop
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: str | None = None,
        key: str | None = "",
    ) -> httpx2.Response:
        """Send JSON under a fresh idempotency key, unless one is given."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"x-api-key": by or self.ann.keys["developer"]}
        if body is not None:
            headers["content-type"] = "application/json"
        if key is not None:
            headers["idempotency-key"] = key or f"key-{next(self._numbers)}"
        return await self.client.request(
            method, path, content=None if body is None else content, headers=headers
        )

    async def get(self, path: str, by: str | None = None) -> httpx2.Response:
        """Ask."""
        headers = {"x-api-key": by or self.ann.keys["developer"]}
        return await self.client.get(path, headers=headers)

    async def paid(self, amount: str = "20.00", **more: object) -> dict[str, object]:
        """Charge a card; a moment later, so that lists have an order."""
        self.till.clock.move(timedelta(milliseconds=1))
        answer = await self.send("POST", "/v1/payments", asked(amount, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()


def asked(amount: object = "20.00", **more: object) -> dict[str, object]:
    """Return the body that charges a card."""
    return {
        "amount": {"amount": amount, "asset": "EUR"},
        "pay_with": {"card": "card_good"},
        **more,
    }


@asynccontextmanager
async def opened_counter(
    database: TestDatabase, clock: MovableClock, folder: Path, family: str | None = None
) -> AsyncIterator[Counter]:
    """Serve the payments' routes, and those of one family."""
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                database.module_dsn(module), name=module, size_max=4, clock=clock
            )
            stack.push_async_callback(opened.close)
            return opened

        ids = Ids(clock)
        provider = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [provider])
        await keys.start()
        identity = IdentityService(await sessions("identity"), clock, ids, keys, live=True)
        await identity.start()
        till = await stack.enter_async_context(opened(database, clock, checks=checks(clock)))
        ann, bob = [await _shop(identity, ids, name) for name in ("Ann", "Bob")]
        callers = RememberedCallers(identity, clock)
        ground = Ground(callers, MemoryLimits(monotonic), Meters(), ids, Health(clock))
        port = near(Payments, till.payments)
        served = [one for one in routes(port) if one.family in {None, family}]
        dialect = DIALECTS.get(family or "", PLAIN)
        aliases = [Alias(*one) for one in load_profile(family or "default").main.aliases]
        edge = build(
            served, service="payments", ground=ground, rules=Rules(dialect=dialect),
            aliases=aliases,
        )  # fmt: skip
        transport = httpx2.ASGITransport(app=edge)
        client = await stack.enter_async_context(
            httpx2.AsyncClient(transport=transport, base_url="https://bezant.test")
        )
        yield Counter(till, client, ann, bob)


async def _shop(identity: IdentityService, ids: Ids, name: str) -> Shop:
    operator = rules.operator(Mode.TEST)
    merchant = await identity.create_merchant(CreateMerchant(ids.new("mer"), operator, name))
    keys: dict[str, str] = {}
    for role in (one for one in Role if one is not Role.CUSTOMER):  # A person, never a program.
        made = await identity.create_key(
            CreateApiKey(ids.new("key"), operator, merchant.id, KeyKind.SECRET, role)
        )
        keys[role.value] = made.secret.reveal()
    made = await identity.create_key(
        CreateApiKey(ids.new("key"), operator, merchant.id, KeyKind.PUBLISHABLE, Role.DEVELOPER)
    )
    keys["publishable"] = made.secret.reveal()
    return Shop(merchant.id, keys)
