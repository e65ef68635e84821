"""Two merchants and the platform with every kind of caller there is, behind one real gateway."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from time import monotonic

import httpx2
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import PASSWORD, QUICK, Make

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, Permitted, build, permission_table
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.http.routes import Routes
from bezant.identity import Grant, KeyKind, LogIn, Role, rules
from bezant.identity.api_key import Access
from bezant.identity.callers import RememberedCallers
from bezant.identity.http import routes as identity_routes
from bezant.identity.passwords import Passwords
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.ledger.http import routes as ledger_routes
from bezant.ledger.service import LedgerService
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

NOTHING = (Grant("receipts", Access.READ),)
"""The least a restricted key can be made with: a resource without a single route so far."""


@dataclass(frozen=True)
class Credential:
    """Somebody who asks, and what the tables say they may do."""

    name: str
    headers: Mapping[str, str]
    permissions: frozenset[str]
    tenant: str = ""


@dataclass
class Shop:
    """A merchant, its callers, and the ids of everything it has."""

    merchant: str
    mark: str
    """Stands in every text of this merchant, so that it is found wherever it turns up."""
    money: str
    """An amount nobody else has."""
    callers: dict[str, Credential] = field(default_factory=dict[str, Credential])
    ids: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Town:
    """Everything, and a client."""

    client: httpx2.AsyncClient
    table: Sequence[Permitted]
    ann: Shop
    bob: Shop
    platform: dict[str, Credential]
    clock: MovableClock
    asked: int = 0

    async def ask(
        self, method: str, path: str, by: Credential | None, body: object = None, **query: str
    ) -> httpx2.Response:
        """Send a request under an idempotency key of its own."""
        self.asked += 1
        self.clock.move(timedelta(seconds=0.1))  # Else whoever guesses would be told to wait.
        headers = {"idempotency-key": f"probe-{self.asked}"}
        if by is not None:
            headers |= by.headers
        if method in ("POST", "PUT", "PATCH"):
            headers["content-type"] = "application/json"
        content = b"" if body is None else json.dumps(body).encode()
        return await self.client.request(
            method, path, params=query or None, content=content, headers=headers
        )

    async def made(
        self, method: str, path: str, by: Credential, body: object = None
    ) -> dict[str, object]:
        answer = await self.ask(method, path, by, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()


@asynccontextmanager
async def built(database: TestDatabase, clock: MovableClock, folder: Path) -> AsyncIterator[Town]:
    """Build the town."""
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                database.module_dsn(module), name=module, size_max=8, clock=clock
            )
            stack.push_async_callback(opened.close)
            return opened

        ids = Ids(clock)
        provider = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [provider])
        await keys.start()
        identity = IdentityService(
            await sessions("identity"), clock, ids, keys, live=False, passwords=Passwords(QUICK)
        )
        await identity.start()
        ledger = LedgerService(await sessions("ledger"), await sessions("ledger"), clock)
        stack.push_async_callback(ledger.close)
        routes = [identity_routes(identity, ids), *ledger_routes(ledger)]
        client = await stack.enter_async_context(_client(identity, routes, clock))
        make = Make(identity, ids)
        town = Town(client, permission_table(routes), *await _shops(make), {}, clock)
        for role in Role:
            town.platform[role] = await _member(make, PLATFORM, role, Mode.TEST)
        for shop in (town.ann, town.bob):
            await _furnish(town, shop)
        yield town


@asynccontextmanager
async def _client(
    identity: IdentityService, routes: Sequence[Routes], clock: MovableClock
) -> AsyncIterator[httpx2.AsyncClient]:
    callers = RememberedCallers(identity, clock)
    identity.when_rights_are_taken(callers.forget)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), Ids(clock), Health(clock))
    edge = build(routes, service="town", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bezant.test") as client:
        yield client


async def _shops(make: Make) -> tuple[Shop, Shop]:
    shops: list[Shop] = []
    for name, money in (("annsmark", "1201.37"), ("bobsmark", "7331.77")):
        merchant = await make.merchant(name)
        shop = Shop(merchant.id, name, money)
        for kind, mode in ((kind, mode) for kind in KeyKind for mode in Mode):
            role, grants = Role.ADMIN, NOTHING if kind is KeyKind.RESTRICTED else ()
            key = await make.key(merchant.id, kind, role, mode, grants=grants, name=name)
            label = f"{kind}_{mode}"
            permissions = rules.key_permissions(kind, role, grants)
            headers = {"x-api-key": key.secret.reveal()}
            shop.callers[label] = Credential(label, headers, permissions, merchant.id)
            shop.ids[f"key_{label}"] = key.key.id
        for role in Role:
            shop.callers[role] = await _member(make, merchant.id, role, Mode.TEST, name)
        live = await _member(make, merchant.id, Role.ADMIN, Mode.LIVE, name)
        shop.callers["live admin"] = live
        shops.append(shop)
    return shops[0], shops[1]


async def _member(
    make: Make, tenant: str, role: Role, mode: Mode, mark: str = "platform"
) -> Credential:
    member = await make.member(tenant, role, f"{role}-{mode}@{mark}.example")
    started = await make.identity.log_in(LogIn(member.email, PASSWORD, tenant, mode))
    headers = {"authorization": f"Bearer {started.token.reveal()}"}
    permissions = rules.member_permissions(role, tenant)
    return Credential(f"{mark} {role} {mode}", headers, permissions, tenant)


async def _furnish(town: Town, shop: Shop) -> None:
    """Give a merchant one of everything, in test mode."""
    by, mark = shop.callers["sk_test"], shop.mark
    for name, kind in (("bank", "asset"), ("till", "liability")):
        body = {"asset": "EUR", "type": kind, "owner": mark, "metadata": {"of": mark}}
        shop.ids[name] = str((await town.made("POST", "/v1/accounts", by, body))["id"])
    amount = {"amount": shop.money, "asset": "EUR"}
    legs = [
        {"account": shop.ids["bank"], "side": "debit", "amount": amount},
        {"account": shop.ids["till"], "side": "credit", "amount": amount},
    ]
    body = {"legs": legs, "reference": mark, "reason": mark, "metadata": {"of": mark}}
    shop.ids["transfer"] = str((await town.made("POST", "/v1/transfers", by, body))["id"])
    held = {"account": shop.ids["till"], "to": shop.ids["bank"], "reference": mark}
    held |= {"amount": {"amount": "5.00", "asset": "EUR"}}
    shop.ids["hold"] = str((await town.made("POST", "/v1/holds", by, held))["id"])
    admin = shop.callers["admin"]
    invited = {"email": f"new@{mark}.example", "role": "support"}
    shop.ids["invitation"] = str((await town.made("POST", "/v1/invitations", admin, invited))["id"])
    who = await town.made("GET", "/v1/session", admin)
    shop.ids["member"] = str(who["subject"])
    mine = await town.made("GET", "/v1/sessions", admin)
    shop.ids["session"] = str(mine["data"][0]["id"])  # type: ignore[index]
