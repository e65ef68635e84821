"""The provider behind a real gateway, and a person's browser."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import MODULE_PASSWORD, QUICK, Make
from tests.identity.provider.signer import Signer
from tests.identity.provider.words import (
    BASE,
    BELOW,
    CALLBACK,
    NAME,
    PASSWORD,
    VERIFIER,
    Json,
    challenge,
)

from bezant.clock import Clock, MovableClock
from bezant.db.database import Database
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.headers import Network
from bezant.http.limits import MemoryLimits, Rule
from bezant.identity import Merchant
from bezant.identity.callers import RememberedCallers
from bezant.identity.clients.http import routes as clients_routes
from bezant.identity.http import routes as identity_routes
from bezant.identity.outside.http import routes as outside_routes
from bezant.identity.passwords import Passwords
from bezant.identity.provider.http import routes as provider_routes
from bezant.identity.provider.issuer import Issuer
from bezant.identity.service import IdentityService
from bezant.identity.signed.http import routes as signed_routes
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters


@dataclass
class Person:
    """Somebody's browser: cookies, and a habit of following links of ours."""

    client: httpx2.AsyncClient
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    async def get(self, url: str, **parameters: str) -> httpx2.Response:
        return self._kept(
            await self.client.get(url, params=parameters or None, headers=self._head())
        )

    async def post(self, url: str, **fields: str) -> httpx2.Response:
        return self._kept(await self.client.post(url, data=fields, headers=self._head()))

    def _head(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def _kept(self, answer: httpx2.Response) -> httpx2.Response:
        for header in answer.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            value, _, more = rest.partition(";")
            if "max-age=0" in more.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return answer

    async def follow(self, answer: httpx2.Response) -> httpx2.Response:
        """Follow links as long as they stay with us."""
        for _ in range(5):
            target = answer.headers.get("location", "")
            if not target.startswith("/"):
                return answer
            answer = await self.get(target)
        raise AssertionError("too many links")

    async def sign_in(
        self, answer: httpx2.Response, name: str = NAME, password: str = PASSWORD
    ) -> httpx2.Response:
        """Fill in the page that an answer leads to."""
        page = answer.headers["location"]
        assert page.startswith("/sign-in/"), page
        return await self.follow(await self.post(page, name=name, password=password))


def answered(answer: httpx2.Response) -> dict[str, str]:
    """Return what a redirect tells a client."""
    assert answer.status_code == 303, f"{answer.status_code} {answer.text[-400:]}"
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@dataclass
class Stand:
    """Everything a test needs."""

    service: IdentityService
    keys: KeysService
    callers: RememberedCallers
    client: httpx2.AsyncClient
    clock: MovableClock
    make: Make
    merchant: Merchant
    partner: Signer
    robot: Signer
    proxied: bytes

    def person(self) -> Person:
        return Person(self.client)

    def wish(self, **more: str) -> dict[str, str]:
        """Return a sound authorization request; an empty value leaves a parameter out."""
        given = {
            "client_id": "payment-frontend",
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "state": "st-1",
            "nonce": "n-1",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            **more,
        }
        return {name: value for name, value in given.items() if value}

    async def authorize(self, person: Person | None = None, **more: str) -> httpx2.Response:
        person = person or self.person()
        return await person.get(f"{BELOW}/auth", **self.wish(**more))

    async def code(self, person: Person | None = None, **more: str) -> str:
        """Let somebody sign in, and return the code."""
        person = person or self.person()
        answer = await self.authorize(person, **more)
        if answer.headers["location"].startswith("/sign-in/"):
            answer = await person.sign_in(answer)
        told = answered(answer)
        assert "code" in told, told
        return told["code"]

    async def ask(
        self, path: str, headers: Mapping[str, str] | None = None, **fields: str
    ) -> httpx2.Response:
        return await self.client.post(f"{BELOW}/{path}", data=fields, headers=dict(headers or {}))

    async def exchange(self, code: str, **more: str) -> httpx2.Response:
        given = {
            "grant_type": "authorization_code",
            "client_id": "payment-frontend",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
            **more,
        }
        return await self.ask("token", **{name: value for name, value in given.items() if value})

    async def tokens(self, **more: str) -> Json:
        """Let customer1 sign in at the payment page, and return the tokens."""
        answer = await self.exchange(await self.code(**more))
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refresh(self, token: str, **more: str) -> httpx2.Response:
        return await self.ask(
            "token", grant_type="refresh_token", client_id="payment-frontend",
            refresh_token=token, **more,
        )  # fmt: skip

    async def robot_token(
        self, headers: Mapping[str, str] | None = None, **more: str
    ) -> httpx2.Response:
        given = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.robot.assertion("robot"),
            **more,
        }
        return await self.ask("token", headers, **given)

    def assertion(self, signer: Signer, client: str, **more: Any) -> dict[str, str]:
        return {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": signer.assertion(client, **more),
        }

    async def who(self, token: str, scheme: str = "Bearer", **headers: str) -> httpx2.Response:
        """Ask our API who we are."""
        given = {"authorization": f"{scheme} {token}", **headers}
        return await self.client.get("/v1/session", headers=given)


@dataclass
class Opened:
    """The service as one process has it."""

    service: IdentityService
    keys: KeysService


async def opened(
    database: TestDatabase,
    clock: Clock,
    folder: Path,
    close: list[Database],
    *,
    live: bool,
    base: str = BASE,
) -> Opened:
    async def of(module: str) -> Database:
        dsn = database.dsn(f"bezant_{module}", MODULE_PASSWORD)
        close.append(await Database.open(dsn, name=module, size_max=8, clock=clock))
        return close[-1]

    provider = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
    keys = KeysService(await of("keys"), clock, [provider])
    await keys.start()
    issuer = Issuer(base, origins=frozenset({base, "http://localhost:10000"}))
    service = IdentityService(
        await of("identity"), clock, Ids(clock), keys,
        live=live, passwords=Passwords(QUICK), issuer=issuer,
    )  # fmt: skip
    await service.start()
    await service.start_provider()
    return Opened(service, keys)


def edge_of(
    service: IdentityService,
    callers: RememberedCallers,
    clock: Clock,
    proxies: tuple[Network, ...] = (),
    base: str = BASE,
    guarded: Rule | None = None,
) -> Any:
    ids = Ids(clock)
    issuer = Issuer(base)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), ids, Health(clock))
    return build(
        [
            identity_routes(service, ids),
            provider_routes(service, issuer),
            outside_routes(service, issuer),
            signed_routes(service, ids),
            clients_routes(service, ids),
        ],
        service="identity",
        ground=ground,
        rules=Rules(trusted_proxies=proxies, guarded=guarded),
    )


async def still(stand: Stand, tokens: Json) -> dict[str, bool]:
    """Return which of these tokens still do something."""
    stand.callers.forget("")
    who = (await stand.who(tokens["access_token"])).status_code == 200
    renewed = (await stand.refresh(tokens["refresh_token"])).status_code == 200
    return {"access": who, "refresh": renewed}


NOTHING = {"access": False, "refresh": False}
