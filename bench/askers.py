"""Those who ask: merchants with API keys, and a program with very many access tokens."""

import asyncio
import base64
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bench.asked import PATH, Place
from bench.load import Plan
from bench.measure import Sample
from bench.process import HOST, ChildFailed
from bench.server import Server
from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.db.migrate import migrate
from bezant.identity.openid import Asked, ClientMethod, ImportRealm, NewClient
from bezant.identity.port import KEYS_MAX, CreateApiKey, CreateMerchant, KeyKind, Role
from bezant.identity.rules import operator
from bezant.identity.service import IdentityService
from bezant.ids import Ids
from bezant.schemas import SCHEMAS
from bezant.secret import Secret

REALM: Final = "bench"
CLIENT: Final = "program"
ISSUER: Final = "http://localhost"
PASSWORD: Final = "only of this run"
AT_ONCE: Final = 16
REVOKED_SECONDS_MAX: Final = 30.0
BODY: Final = (
    '{"debit":"acct_1","credit":"acct_2","amount":{"amount":"19.99","asset":"EUR"},'
    '"reference":"invoice {{id}}"}'
)


@dataclass(frozen=True, slots=True)
class Askers:
    """Credentials of every kind."""

    keys: Sequence[str]
    tokens: Sequence[str]
    certificate: bytes
    asked_about: int

    @property
    def plans(self) -> dict[str, Plan]:
        """Return how each measure asks."""
        return {
            "bearer_check_vs_none": self.with_tokens,
            "api_key_check_vs_none": self.with_keys,
            "introspection_vs_echo": self.about_tokens,
        }

    @property
    def with_keys(self) -> Plan:
        """Ask with one key or another."""
        return Plan(PATH, {"x-api-key": "{{debit}}"}, "", BODY, "", 1, self.keys)

    @property
    def with_tokens(self) -> Plan:
        """Ask with one token or another."""
        return Plan(PATH, {"Authorization": "Bearer {{debit}}"}, "", BODY, "", 1, self.tokens)

    @property
    def about_tokens(self) -> Plan:
        """Ask what one token or another is worth."""
        return Plan(
            f"/realms/{REALM}/protocol/openid-connect/token/introspect",
            {"Client-Cert": f":{base64.b64encode(self.certificate).decode()}:"},
            "",
            f"client_id={CLIENT}&token={{{{debit}}}}",
            "",
            1,
            self.tokens[: self.asked_about],
            "application/x-www-form-urlencoded",
        )


async def place_of(server: Server, folder: Path) -> Place:
    """Make a database with the tables of identity and the key room."""
    name = "asked"
    dsn = await server.create(name)
    schemas = [one for one in SCHEMAS if one.module in ("identity", "keys")]
    await migrate(dsn, schemas, {one.module: Secret(PASSWORD) for one in schemas})
    sessions = [
        server.embedded.dsn(f"bezant_{one}", PASSWORD, name) for one in ("identity", "keys")
    ]
    return Place(*sessions, folder=str(folder / "identity"), issuer=ISSUER)


async def askers(identity: IdentityService, keys: int, tokens: int, asked_about: int) -> Askers:
    """Make so many keys and so many tokens, some of which are introspected."""
    ids, by = Ids(RealClock()), operator(Mode.TEST)
    merchants = [ids.new("mer") for _ in range(0, keys, KEYS_MAX)]
    for merchant in merchants:
        await identity.create_merchant(CreateMerchant(merchant, by, f"Bench {merchant}"))
    certificate = _certificate()
    await _register(identity, merchants[-1], certificate)
    turns = asyncio.Semaphore(AT_ONCE)

    async def key(number: int) -> str:
        merchant = merchants[number % len(merchants)]
        wanted = CreateApiKey(ids.new("key"), by, merchant, KeyKind.SECRET, Role.DEVELOPER)
        async with turns:
            return (await identity.create_key(wanted)).secret.reveal()

    async def token() -> str:
        async with turns:
            parameters = (("grant_type", "client_credentials"), ("client_id", CLIENT))
            told = await identity.tokens(Asked(REALM, parameters, certificate=certificate))
            return told.access_token.reveal()

    made = await asyncio.gather(*map(key, range(keys)))
    found = await asyncio.gather(*(token() for _ in range(tokens)))
    return Askers(made, found, certificate, asked_about)


async def first_use(port: int, plan: Plan) -> Sample:
    """Send a plan once for each of its callers; the value is how many a second are accepted."""
    turns, address = asyncio.Semaphore(AT_ONCE), f"http://{HOST}:{port}{plan.path}"

    async with aiohttp.ClientSession() as session:

        async def send(caller: str) -> None:
            head = {name: text.replace("{{debit}}", caller) for name, text in plan.headers.items()}
            head |= {"Content-Type": plan.media_type, "Idempotency-Key": caller[-32:]}
            body = plan.item.replace("{{debit}}", caller)
            async with turns, session.post(address, data=body, headers=head) as answer:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise ChildFailed(f"{plan.path} refused: {await answer.text()}")

        began = time.perf_counter()
        await asyncio.gather(*map(send, plan.accounts))
        seconds = time.perf_counter() - began
    return Sample(len(plan.accounts) / seconds, seconds)


async def introspected(port: int, known: Askers) -> bool:
    """Tell whether introspection says that a token counts, as the load will ask it."""
    plan = known.about_tokens
    body = plan.item.replace("{{debit}}", known.tokens[0])
    head = {**plan.headers, "Content-Type": plan.media_type}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{HOST}:{port}{plan.path}", data=body, headers=head) as answer,
    ):
        return answer.status == HTTPStatus.OK and b'"active":true' in await answer.read()


async def seconds_until_refused(
    identity: IdentityService, port: int, askers_of: Askers
) -> tuple[float, str]:
    """Revoke a token in another process than the one that accepts it, and wait for its refusal.

    Returns how long that took, and what was wrong, if anything was.
    """
    token = askers_of.tokens[0]
    if (before := await asyncio.to_thread(_status, port, token)) != HTTPStatus.OK:
        return 0.0, f"a token that counts was answered {before}"
    parameters = (("client_id", CLIENT), ("token", token))
    await identity.revoke(Asked(REALM, parameters, certificate=askers_of.certificate))
    began = time.monotonic()
    while time.monotonic() - began < REVOKED_SECONDS_MAX:
        if await asyncio.to_thread(_status, port, token) == HTTPStatus.UNAUTHORIZED:
            return time.monotonic() - began, ""
        await asyncio.sleep(0.05)
    return REVOKED_SECONDS_MAX, "a revoked token was still accepted"


async def _register(identity: IdentityService, merchant: str, certificate: bytes) -> None:
    mark = base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).rstrip(b"=").decode()
    client = NewClient(
        CLIENT,
        "Bench",
        ClientMethod.SELF_SIGNED_TLS,
        grant_types=("client_credentials",),
        default_scopes=("ledger.read", "ledger.write"),
        certificates=(mark,),
        role=Role.DEVELOPER,
        mode=Mode.TEST,
    )
    by = operator(Mode.TEST)
    await identity.import_realm(ImportRealm(by, REALM, "Bench", merchant, (client,)))


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, CLIENT)])
    now = RealClock().now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.DER)


def answers(port: int) -> bool:
    """Tell whether the route answers at a port; without a credential it refuses."""
    try:
        return _status(port, "nobody") == HTTPStatus.UNAUTHORIZED
    except OSError:
        return False


def _status(port: int, token: str) -> int:
    connection = HTTPConnection(HOST, port, timeout=10)
    head = {"Authorization": f"Bearer {token}", "Idempotency-Key": "bench-revoked"}
    head["Content-Type"] = "application/json"
    try:
        connection.request("POST", PATH, BODY.encode(), head)
        return connection.getresponse().status
    finally:
        connection.close()
