"""People behind a real gateway in a demo: somebody signed up, letters that can be read, a clock."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import QUICK, Make
from tests.identity.people.authenticator import Authenticator, data
from tests.identity.provider.stand import Person

from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import Merchant
from bezant.identity.callers import RememberedCallers
from bezant.identity.http import routes as identity_routes
from bezant.identity.passwords import Passwords
from bezant.identity.people import one_time
from bezant.identity.people.http import routes as people_routes
from bezant.identity.port import Identity, OpenIdProvider, People
from bezant.identity.provider.http import routes as provider_routes
from bezant.identity.provider.issuer import Issuer
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.rpc.near import near
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters

BASE = "http://localhost:8081"
ANN, BEN = "ann@example.com", "ben@example.com"
PASSWORD = "correct horse battery"
OURS = {"sec-fetch-site": "same-origin"}
Json = dict[str, Any]


@dataclass
class Hall:
    """Everything a test of people asks for."""

    service: IdentityService
    client: httpx2.AsyncClient
    clock: MovableClock
    make: Make
    merchant: Merchant
    callers: RememberedCallers
    secrets: dict[str, bytes] = field(default_factory=dict[str, bytes])

    async def post(
        self, path: str, body: Json | None = None, token: str = "", **more: str
    ) -> httpx2.Response:
        headers = {**more, **({"authorization": f"Bearer {token}"} if token else {})}
        if body is None:
            return await self.client.post(path, headers=headers)
        return await self.client.post(path, json=body, headers=headers)

    async def told(self, path: str, body: Json | None = None, token: str = "") -> Json:
        """Return the answer of a call that must succeed."""
        answer = await self.post(path, body, token)
        assert answer.status_code < 300, f"{answer.status_code} {answer.text}"
        return answer.json()

    async def read(self, path: str, token: str) -> Json:
        answer = await self.client.get(path, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def drop(self, path: str, token: str) -> httpx2.Response:
        return await self.client.delete(path, headers={"authorization": f"Bearer {token}"})

    async def letters(self) -> list[Json]:
        answer = await self.client.get("/v1/mails")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def code_in_letter(self, to: str = ANN) -> str:
        """Return the code that stands in the newest letter to somebody."""
        texts = [one["text"] for one in await self.letters() if one["to"] == to]
        return next(line.partition("#")[2] for line in "\n".join(texts).split("\n") if "#" in line)

    async def joined(self, email: str = ANN, password: str = PASSWORD) -> None:
        await self.told("/v1/sign-ups", {"email": email, "name": "Ann", "password": password})
        shown = {"token": await self.code_in_letter(email), "password": password}
        await self.told("/v1/sign-ups/confirm", shown)

    async def log_in(self, email: str = ANN, **more: Any) -> httpx2.Response:
        body = {"email": email, "password": PASSWORD, "deliver": "token", **more}
        return await self.post("/v1/session", body)

    async def session(self, email: str = ANN, **more: Any) -> str:
        answer = await self.log_in(email, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    async def codes(self, token: str, email: str = ANN) -> list[str]:
        """Set up codes from an app, and return the recovery codes."""
        made = await self.told("/v1/totp", token=token)
        self.secrets[email] = secret_of(made["secret"])
        code = self.code(email)
        return (await self.told("/v1/totp/confirm", {"code": code}, token))["recovery_codes"]

    def code(self, email: str = ANN, steps: int = 0) -> str:
        now = int(self.clock.now().timestamp()) // one_time.STEP_SECONDS
        return one_time.code_at(self.secrets[email], now + steps)

    async def passkey(self, token: str, device: Authenticator, name: str = "Telephone") -> Json:
        options = await self.told("/v1/passkeys/options", token=token)
        body = {"name": name, "credential": device.made(options)}
        return await self.told("/v1/passkeys", body, token)

    async def asked(self) -> Json:
        return await self.told("/v1/session/passkey/options", {})

    async def by_passkey(self, credential: Json) -> httpx2.Response:
        return await self.post(
            "/v1/session/passkey", {"credential": credential, "deliver": "token"}
        )

    def person(self) -> Person:
        return Person(self.client)


def secret_of(shown: str) -> bytes:
    """Return the secret an app was told, as an app reads it."""
    import base64

    return base64.b32decode(shown + "=" * (-len(shown) % 8))


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 20, 12, tzinfo=UTC))


@pytest.fixture
async def hall(
    identity_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Hall]:
    opened: list[Database] = []

    async def database(module: str) -> Database:
        dsn = identity_database.module_dsn(module)
        opened.append(await Database.open(dsn, name=module, size_max=8, clock=clock))
        return opened[-1]

    provider = await FileProvider.open(tmp_path / "keys", key=Secret(b"k" * 32))
    keys = KeysService(await database("keys"), clock, [provider])
    await keys.start()
    ids, issuer = Ids(clock), Issuer(BASE, origins=frozenset({BASE}))
    service = IdentityService(
        await database("identity"), clock, ids, keys,
        live=False, passwords=Passwords(QUICK), issuer=issuer,
    )  # fmt: skip
    await service.start()
    await service.start_provider()
    make = Make(service, ids)
    merchant = await make.merchant(demo=True)
    callers = RememberedCallers(service, clock)
    service.when_rights_are_taken(callers.forget)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), ids, Health(clock))
    door, doors = near(Identity, service), near(OpenIdProvider, service)
    edge = build(
        [
            identity_routes(door, ids),
            provider_routes(doors, issuer),
            *people_routes(near(People, service), doors, door, issuer),
        ],
        service="identity",
        ground=ground,
        rules=Rules(),
    )
    transport = httpx2.ASGITransport(app=edge, client=("127.0.0.1", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield Hall(service, client, clock, make, merchant, callers)
    for one in opened:
        await one.close()


def claims(token: str) -> Json:
    return json.loads(data(token.split(".")[1]))
