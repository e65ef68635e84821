"""The book behind its HTTP door: the real gateway, real keys of real merchants, a real database."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx2
import psycopg
from psycopg import sql
from tests.harness.cluster import TestDatabase
from tests.ledger.shelf import Shelf

from bezant.actor import Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import CreateApiKey, CreateMerchant, KeyKind, Role, rules
from bezant.identity.callers import RememberedCallers
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.ledger import Ledger
from bezant.ledger.http import routes
from bezant.ledger.service import LedgerService
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

Json = dict[str, object]
WRITTEN = ("book", "account", "transfer", "entry", "hold", "hold_step", "batch")
"""Every table of the book. Refusals are remembered beside it."""


@dataclass
class Shop:
    """A merchant and its keys."""

    merchant: str
    test: str
    live: str
    publishable: str
    finance: str
    """May recompute the book."""
    support: str
    """May read it only."""


@dataclass
class Desk:
    """Two merchants with keys, the book, and its door."""

    shelf: Shelf
    client: httpx2.AsyncClient
    identity: IdentityService
    ann: Shop
    bob: Shop
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def post(
        self,
        path: str,
        body: object,
        *,
        by: str | None = None,
        key: str | None = "",
        method: str = "POST",
    ) -> httpx2.Response:
        """Send JSON, or bytes as they are, under a fresh idempotency key unless one is given."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", "x-api-key": by or self.ann.test}
        if key is not None:
            headers["idempotency-key"] = key or f"key-{next(self._numbers)}"
        return await self.client.request(method, path, content=content, headers=headers)

    async def get(self, path: str, *, by: str | None = None, **query: str) -> httpx2.Response:
        headers = {"x-api-key": by or self.ann.test}
        return await self.client.get(path, params=query or None, headers=headers)

    async def account(self, asset: str = "EUR", *, by: str | None = None, **more: object) -> str:
        """Open an account over HTTP, by default one that cannot be overdrawn."""
        body = {
            "asset": asset,
            "type": "liability",
            "floor": {"amount": "0", "asset": asset},
            **more,
        }
        answer = await self.post("/v1/accounts", body, by=by)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def funded(
        self, amount: str, asset: str = "EUR", *, by: str | None = None, **more: object
    ) -> str:
        """Open an account and put money on it, from the merchant's bank."""
        account = await self.account(asset, by=by, **more)
        bank = await self.account(asset, by=by, type="asset", floor=None)
        answer = await self.post("/v1/transfers", moving(bank, account, amount, asset), by=by)
        assert answer.status_code == 201, answer.text
        return account

    async def balance(self, account: str, *, by: str | None = None) -> str:
        answer = await self.get(f"/v1/accounts/{account}/balance", by=by)
        assert answer.status_code == 200, answer.text
        return answer.json()["posted"]["amount"]

    def rows(self) -> dict[str, int]:
        """Count the rows of every table of the book."""
        with psycopg.connect(self.shelf.database.administrator_dsn) as connection:
            found: dict[str, int] = {}
            for table in WRITTEN:
                counting = sql.SQL("SELECT count(*) FROM {}").format(
                    sql.Identifier("ledger", table)
                )
                row = connection.execute(counting).fetchone()
                assert row is not None
                found[table] = row[0]
            return found


def amount(text: object, asset: str = "EUR") -> Json:
    return {"amount": text, "asset": asset}


def leg(account: str, side: str, text: object, asset: str = "EUR") -> Json:
    return {"account": account, "side": side, "amount": amount(text, asset)}


def moving(source: str, target: str, text: object, asset: str = "EUR", **more: object) -> Json:
    """Return the body that debits one account and credits another."""
    legs = [leg(source, "debit", text, asset), leg(target, "credit", text, asset)]
    return {"legs": legs, **more}


@asynccontextmanager
async def opened_desk(
    database: TestDatabase, clock: MovableClock, folder: Path, family: str | None = None
) -> AsyncIterator[Desk]:
    """Serve the book's routes, and those of one family."""
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
        identity = IdentityService(await sessions("identity"), clock, ids, keys, live=True)
        await identity.start()
        ledger = LedgerService(await sessions("ledger"), await sessions("ledger"), clock)
        stack.push_async_callback(ledger.close)
        ann, bob = [await _shop(identity, ids, name) for name in ("Ann", "Bob")]
        async with client_of(ledger, identity, clock, family) as client:
            yield Desk(Shelf(ledger, database, clock), client, identity, ann, bob)


@asynccontextmanager
async def client_of(
    ledger: Ledger, identity: IdentityService, clock: MovableClock, family: str | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the gateway with the routes of a book."""
    callers = RememberedCallers(identity, clock)
    identity.when_rights_are_taken(callers.forget)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), Ids(clock), Health(clock))
    served = [one for one in routes(ledger) if one.family in {None, family}]
    edge = build(served, service="ledger", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://bezant.test") as client:
        yield client


async def _shop(identity: IdentityService, ids: Ids, name: str) -> Shop:
    test, live = rules.operator(Mode.TEST), rules.operator(Mode.LIVE)
    merchant = await identity.create_merchant(CreateMerchant(ids.new("mer"), test, name))
    secrets: list[str] = []
    for by, kind, role in (
        (test, KeyKind.SECRET, Role.DEVELOPER),
        (live, KeyKind.SECRET, Role.DEVELOPER),
        (test, KeyKind.PUBLISHABLE, Role.DEVELOPER),
        (test, KeyKind.SECRET, Role.FINANCE),
        (test, KeyKind.SECRET, Role.SUPPORT),
    ):
        made = await identity.create_key(CreateApiKey(ids.new("key"), by, merchant.id, kind, role))
        secrets.append(made.secret.reveal())
    return Shop(merchant.id, *secrets)


def problem(answer: httpx2.Response) -> tuple[int, str, str | None]:
    """Return the status, code and field of an error, which has all that every error has."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["detail"]
    assert told["request_id"]
    return answer.status_code, told["code"], told.get("field")
