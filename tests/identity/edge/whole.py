"""A whole house in this process: every module behind one edge, its emulators on real ports.

Requests are handed to the edge without a network between, so that thousands of them are quick.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.types import Message
from tests.harness.cluster import TestDatabase
from tests.harness.ports import free_port
from tests.identity.conftest import PASSWORD, QUICK

from bezant.actor import PLATFORM, Mode
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.http.edge import Edge, Rules
from bezant.http.entries import Entry
from bezant.http.routes import Routes
from bezant.http.serve import Serving
from bezant.identity import (
    AcceptInvitation,
    Access,
    CreateApiKey,
    CreateMerchant,
    Grant,
    InviteMember,
    KeyKind,
    LogIn,
    Role,
    rules,
)
from bezant.identity.passwords import Passwords
from bezant.ids import Ids
from bezant.schemas import ROLES
from bezant.secret import Secret
from bezant.settings import Given, Source, read
from bezant.wiring import house as wired
from bezant.wiring.house import House
from bezant.wiring.site import Site

DEADLINE_SECONDS = 60.0
Json = dict[str, Any]
READ_ONE = (Grant("receipts", Access.READ), Grant("payments", Access.NONE))


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    text: str
    headers: Mapping[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    @property
    def code(self) -> str:
        """The name of a refusal, if it is one of ours."""
        if self.status < 400:
            return ""
        try:
            return str(json.loads(self.text).get("code", ""))
        except (ValueError, AttributeError):
            return ""


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, and what the table of roles says they may do."""

    name: str
    headers: Mapping[str, str]
    permissions: frozenset[str]


@dataclass
class Shop:
    """A merchant, its callers, and the ids of everything it has."""

    merchant: str
    mark: str
    callers: dict[str, Caller] = field(default_factory=dict[str, Caller])
    ids: dict[str, str] = field(default_factory=dict[str, str])


@dataclass
class Whole:
    """The house, its edge, and who is there."""

    house: House
    edge: Edge
    ids: Ids
    routes: Sequence[Routes]
    ground: Ground
    shops: list[Shop] = field(default_factory=list[Shop])
    platform: dict[str, Caller] = field(default_factory=dict[str, Caller])
    asked: int = 0

    def entries(self) -> list[Entry]:
        """Return every row of the edge's own table: what can be called at all."""
        found: list[Entry] = []
        waiting = [self.edge._table._root]
        while waiting:
            node = waiting.pop()
            found += node.entries.values()
            waiting += node.below.values()
            waiting += [node.placeholder] if node.placeholder else []
        return sorted(found, key=lambda one: (one.path, one.method))

    async def ask(
        self,
        method: str,
        path: str,
        by: Caller | None = None,
        body: object = None,
        query: Mapping[str, str] | None = None,
        *,
        edge: Edge | None = None,
    ) -> Told:
        """Send a request under an idempotency key of its own."""
        headers, content = dict(by.headers) if by else {}, b""
        if method in ("POST", "PUT", "PATCH"):
            headers["content-type"] = "application/json"
            content = json.dumps({} if body is None else body).encode()
        asked = urlencode(query or {}).encode()
        return await self.send(method, path, headers, content, asked, edge=edge)

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes,
        query: bytes = b"",
        *,
        edge: Edge | None = None,
    ) -> Told:
        """Send whatever it is."""
        self.asked += 1
        headers = {"host": "bezant.test", "idempotency-key": f"probe-{self.asked}", **headers}
        pairs = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
        scope: dict[str, object] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query,
            "headers": pairs,
            "client": ("192.0.2.7", 1_024),
            "server": ("bezant.test", 80),
        }
        return await _answered(edge or self.edge, scope, content)

    async def made(self, path: str, by: Caller, body: object) -> Json:
        """Make something, and insist on a yes."""
        told = await self.ask("POST", path, by, body)
        assert told.status in (200, 201), f"{path}: {told.text}"
        return json.loads(told.text)

    async def read(self, path: str, by: Caller) -> Json:
        """Read something, and insist on a yes."""
        told = await self.ask("GET", path, by)
        assert told.status == 200, f"{path}: {told.text}"
        return json.loads(told.text)

    async def comes(self, path: str, by: Caller, is_so: Callable[[Json], bool]) -> Json:
        """Read something until it is so."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not is_so(found := await self.read(path, by)):
                await asyncio.sleep(0.05)
        return found


async def _answered(edge: Edge, scope: dict[str, object], content: bytes) -> Told:
    waiting: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]
    status = 0
    pieces: list[bytes] = []
    headers: list[tuple[bytes, bytes]] = []

    async def receive() -> Message:
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.extend(message["headers"])
        else:
            pieces.append(message.get("body", b""))

    await edge(scope, receive, send)
    return Told(status, b"".join(pieces).decode("utf-8", "replace"), dict(headers))


@asynccontextmanager
async def whole(
    database: TestDatabase, folder: Path, patch: pytest.MonkeyPatch, **more: str
) -> AsyncIterator[Whole]:
    """Build a house, with more settings if need be; serve it and its emulators meanwhile."""
    patch.setattr("bezant.identity.desk.Passwords", lambda: Passwords(QUICK))
    caught: list[tuple[Sequence[Routes], Ground]] = []
    make_edge = wired.edge_of

    def catch(bench: Any, listener: Any, routes: Sequence[Routes], ground: Ground) -> Edge:
        caught.append((routes, ground))
        return make_edge(bench, listener, routes, ground)

    patch.setattr(wired, "edge_of", catch)
    texts = {
        "PORT": str(free_port()),
        "RATE_LIMIT": "1000000000",
        "REFUND_APPROVAL_ABOVE": "50 EUR",
        **more,
    }
    settings = read({name: Given(text, Source.COMMAND_LINE) for name, text in texts.items()})
    databases = {module: Secret(database.module_dsn(module)) for module in ROLES}
    site = Site(folder, "ins_test", False, Secret(b"k" * 32), databases)
    clock = RealClock()
    ids = Ids(clock)
    async with wired.build(settings, site, clock, ids) as house:
        serving = Serving(house.listenings)
        serving.bind()
        running = asyncio.create_task(serving.run())
        house.traffic.begin()
        routes, ground = caught[0]
        # Of every family at once: what one profile opens, another does not.
        edge = build(routes, service="gateway", ground=ground, rules=Rules())
        made = Whole(house, edge, ids, routes, ground)
        try:
            await _people(made)
            await _signed(made)
            yield made
        finally:
            serving.stop()
            await running


async def _signed(made: Whole) -> None:
    """Wait for the log's first checkpoint: until then, whoever asks for it is asked to wait."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (await made.ask("GET", "/audit/checkpoint")).status != 200:
            await asyncio.sleep(0.05)


async def _people(made: Whole) -> None:
    for role in Role:
        made.platform[role] = await _member(made, PLATFORM, role, Mode.TEST, "platform")
    for _ in range(2):
        made.shops.append(await _shop(made))


async def _shop(made: Whole) -> Shop:
    by, mark = rules.operator(Mode.TEST), f"mark{secrets.token_hex(6)}"
    merchant = made.ids.new("mer")
    await made.house.identity.create_merchant(CreateMerchant(merchant, by, mark))
    shop = Shop(merchant, mark)
    for mode in Mode:
        for role in Role:
            caller = await _member(made, merchant, role, mode, mark)
            shop.callers[f"{role} {mode}"] = caller
            if role is not Role.CUSTOMER:
                shop.callers[f"sk {role} {mode}"] = await _key(made, shop, role, mode)
        shop.callers[f"pk {mode}"] = await _key(made, shop, Role.ADMIN, mode, KeyKind.PUBLISHABLE)
        restricted = await _key(made, shop, Role.ADMIN, mode, KeyKind.RESTRICTED)
        shop.callers[f"rk {mode}"] = restricted
    return shop


async def _key(
    made: Whole, shop: Shop, role: Role, mode: Mode, kind: KeyKind = KeyKind.SECRET
) -> Caller:
    grants = READ_ONE if kind is KeyKind.RESTRICTED else ()
    command = CreateApiKey(
        made.ids.new("key"), rules.operator(mode), shop.merchant, kind, role, shop.mark, grants
    )
    new = await made.house.identity.create_key(command)
    shop.ids.setdefault("keys" if mode is Mode.TEST else "live key", new.key.id)
    headers = {"x-api-key": new.secret.reveal()}
    return Caller(f"{kind} {role} {mode}", headers, rules.key_permissions(kind, role, grants))


async def _member(made: Whole, tenant: str, role: Role, mode: Mode, mark: str) -> Caller:
    email = f"{role}.{mode}@{mark}.example"
    by = rules.operator(mode)
    invited = await made.house.identity.invite(
        InviteMember(made.ids.new("inv"), by, tenant, email, role)
    )
    await made.house.identity.accept_invitation(AcceptInvitation(invited.token, mark, PASSWORD))
    started = await made.house.identity.log_in(LogIn(email, PASSWORD, tenant, mode))
    headers = {"authorization": f"Bearer {started.token.reveal()}"}
    return Caller(f"{mark} {role} {mode}", headers, rules.member_permissions(role, tenant))
