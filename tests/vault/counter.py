"""A vault behind its own listener and behind a gateway, with a provider that does as it is told."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx2
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import QUICK

from bezant.actor import Actor, Mode
from bezant.clock import MovableClock
from bezant.db.database import Database
from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest, Sending
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity import CreateApiKey, CreateMerchant, Identify, KeyKind, Role, rules
from bezant.identity.api_key import CredentialForm
from bezant.identity.callers import RememberedCallers
from bezant.identity.passwords import Passwords
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.keys.file import FileProvider
from bezant.keys.service import KeysService
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters
from bezant.vault import CardDoor
from bezant.vault.http import routes
from bezant.vault.service import VaultService

TOKENIZE = "/v1/payments/tokenize"
CHECKOUT = "https://shop.example"
VISA = "4242424242424242"
AMEX = "378282246310005"


@dataclass
class Provider:
    """Stands where the transport stands: remembers what it was sent, answers what it is given."""

    sent: list[ProviderRequest] = field(default_factory=list[ProviderRequest])
    answer: Callable[[ProviderRequest], ProviderAnswer] = lambda _: ProviderAnswer(
        Sending.ANSWERED, 200, body=b"{}"
    )

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        self.sent.append(request)
        return self.answer(request)


class Machine:
    """The machine's own time, moved by hand: not the business clock."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Shop:
    """A merchant and its keys."""

    merchant: str
    keys: dict[tuple[KeyKind, Mode], str]
    actors: dict[tuple[KeyKind, Mode], Actor]

    def key(self, kind: KeyKind = KeyKind.PUBLISHABLE, mode: Mode = Mode.TEST) -> str:
        return self.keys[kind, mode]


@dataclass
class Counter:
    """Everything a test of the vault asks for."""

    database: TestDatabase
    clock: MovableClock
    machine: Machine
    keys: KeysService
    vault: VaultService
    provider: Provider
    ann: Shop
    bob: Shop
    own: httpx2.AsyncClient
    gateway: httpx2.AsyncClient
    open_vault: Callable[[], object]

    async def ask(
        self,
        body: object,
        *,
        key: str | None = "",
        path: str = TOKENIZE,
        client: httpx2.AsyncClient | None = None,
        **headers: str,
    ) -> httpx2.Response:
        """Ask for a token, by default with Ann's publishable key at the vault's own listener."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {
            "content-type": "application/json",
            **{k.replace("_", "-"): v for k, v in headers.items()},
        }
        if key is not None:
            sent["x-api-key"] = key or self.ann.key()
        return await (client or self.own).post(path, content=content, headers=sent)

    async def token(self, number: str = VISA, *, key: str = "", **more: object) -> str:
        answer = await self.ask(card(number, **more), key=key or self.ann.key(KeyKind.SECRET))
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    def request(self, token: str, body: bytes = b"", **more: object) -> ProviderRequest:
        """Return what a connector would have built for a card of Ann's."""
        said: dict[str, object] = {
            "provider": "card",
            "mode": Mode.TEST,
            "operation": "charge",
            "method": "POST",
            "path": "/charges",
            "body": body or BODY,
            "encoding": Encoding.JSON,
            "tenant": self.ann.merchant,
            "card": token,
        }
        return ProviderRequest(**(said | more))  # pyright: ignore[reportArgumentType]


BODY = (
    b'{"amount":"100","number":"{card.number}","until":"{card.exp_year}-{card.exp_month}",'
    b'"cvc":"{card.cvc}"}'
)


def card(number: str = VISA, **more: object) -> dict[str, object]:
    """Return the body of a card that is in order."""
    return {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123", **more}


@asynccontextmanager
async def opened_counter(
    database: TestDatabase, clock: MovableClock, folder: Path
) -> AsyncIterator[Counter]:
    """Open the key room, identity and the vault, and serve the vault's route twice."""
    async with AsyncExitStack() as stack:

        async def sessions(module: str) -> Database:
            opened = await Database.open(
                database.module_dsn(module), name=module, size_max=8, clock=clock
            )
            stack.push_async_callback(opened.close)
            return opened

        ids, machine, provider = Ids(clock), Machine(), Provider()
        files = await FileProvider.open(folder / "keys", key=Secret(b"k" * 32))
        keys = KeysService(await sessions("keys"), clock, [files])
        await keys.start()
        identity = IdentityService(
            await sessions("identity"), clock, ids, keys, live=True, passwords=Passwords(QUICK)
        )
        await identity.start()

        async def open_vault() -> VaultService:
            opened = VaultService(await sessions("vault"), clock, ids, keys, provider, machine)
            await opened.start()
            stack.push_async_callback(opened.stop)
            return opened

        vault = await open_vault()
        shops = [await _shop(identity, ids, name) for name in ("Ann", "Bob")]
        own = await stack.enter_async_context(client_of(vault, identity, clock, ""))
        gateway = await stack.enter_async_context(client_of(vault, identity, clock, "poc"))
        yield Counter(
            database, clock, machine, keys, vault, provider, *shops, own, gateway, open_vault
        )


@asynccontextmanager
async def client_of(
    door: CardDoor, identity: IdentityService, clock: MovableClock, family: str
) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of a listener that has the vault's route."""
    callers = RememberedCallers(identity, clock)
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), Ids(clock), Health(clock))
    served = [one for one in routes(door) if one.family in {None, family}]
    edge = build(served, service="vault", ground=ground, rules=Rules(origins=(CHECKOUT,)))
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://vault.test") as client:
        yield client


async def _shop(identity: IdentityService, ids: Ids, name: str) -> Shop:
    operators = {mode: rules.operator(mode) for mode in Mode}
    merchant = await identity.create_merchant(
        CreateMerchant(ids.new("mer"), operators[Mode.TEST], name)
    )
    shop = Shop(merchant.id, {}, {})
    for kind in (KeyKind.PUBLISHABLE, KeyKind.SECRET):
        for mode, by in operators.items():
            made = await identity.create_key(
                CreateApiKey(ids.new("key"), by, merchant.id, kind, Role.DEVELOPER)
            )
            shop.keys[kind, mode] = made.secret.reveal()
            asked = Identify(CredentialForm.API_KEY, made.secret)
            shop.actors[kind, mode] = (await identity.identify(asked)).actor
    return shop


def problem(answer: httpx2.Response) -> tuple[int, str, str | None]:
    """Return the status, code and field of an error."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    return answer.status_code, told["code"], told.get("field")
