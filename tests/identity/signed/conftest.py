"""The provider's stand, with partners who sign."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx2
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import BaseModel
from tests.identity.provider import conftest as provider_stand
from tests.identity.provider.stand import Stand
from tests.identity.provider.words import BASE
from tests.identity.signed.partner import Partner

from bezant.actor import Actor
from bezant.clock import MovableClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.edge import Rules
from bezant.http.fast import FastAnswer, FastBody, FastRequest, FastRoute
from bezant.http.limits import MemoryLimits
from bezant.http.routes import Asker, Routes
from bezant.identity.member import Role
from bezant.identity.signer import CreateSigner, IssueCertificate, PartnerCertificate
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

clock = provider_stand.clock
stand = provider_stand.stand
Json = dict[str, Any]


@dataclass
class Desk:
    """A merchant's administrator, and requests as a partner sends them."""

    stand: Stand
    admin: Actor
    echo: httpx2.AsyncClient

    async def register(self, partner: Partner, role: Role = Role.ADMIN) -> str:
        made = await self.stand.service.create_signer(
            CreateSigner(
                Ids(self.stand.clock).new("sgn"),
                self.admin,
                self.stand.merchant.id,
                role,
                partner.public,
            )
        )
        partner.id = made.id
        return made.id

    async def certified(self, partner: Partner) -> PartnerCertificate:
        return await self.stand.service.issue_certificate(
            IssueCertificate(self.admin, self.stand.merchant.id, partner.id, partner.request())
        )

    async def get(self, headers: dict[str, str], path: str = "/v1/session") -> httpx2.Response:
        return await self.stand.client.get(path, headers=headers)

    async def say(
        self, partner: Partner, word: str, lane: str = "fast", said: str = "", **more: Any
    ) -> httpx2.Response:
        """Sign one word, and say it or another."""
        body = json.dumps({"word": word}).encode()
        head = partner.signed("POST", f"{BASE}/v1/{lane}", body, **more)
        sent = json.dumps({"word": said}).encode() if said else body
        return await self.echo.post(f"/v1/{lane}", content=sent, headers=head)

    async def who(self, partner: Partner, **more: Any) -> httpx2.Response:
        return await self.get(partner.signed("GET", f"{BASE}/v1/keys", **more), "/v1/keys")

    async def shown(self, certificate: str, **more: str) -> httpx2.Response:
        """Come with a certificate, as a trusted proxy tells it; nothing is remembered."""
        self.stand.callers.forget("")
        der = x509.load_pem_x509_certificate(certificate.encode()).public_bytes(
            serialization.Encoding.DER
        )
        head = {"client-cert": f":{base64.b64encode(der).decode()}:", **more}
        return await self.get(head, "/v1/keys")


Partners = Callable[..., Awaitable[Partner]]


class Word(FastBody, frozen=True):
    """What is sent to the echo."""

    word: str


class Said(msgspec.Struct):
    """What the echo answers."""

    word: str


class Sent(BaseModel):
    """The same on the ordinary lane."""

    word: str


def echo() -> Routes:
    """Return routes of both lanes that a partner's program may call."""
    made = Routes("echo")

    async def fast(request: FastRequest[Word]) -> FastAnswer:
        """Answer what was sent."""
        return FastAnswer(Said(request.body.word))

    made.add_fast(FastRoute("POST", "/v1/fast", "payments.write", fast, Word, Said))

    @made.post("/v1/ordinary", permission="payments.write", status=200)
    async def ordinary(body: Sent, asker: Asker) -> Sent:
        assert asker.tenant
        return body

    del ordinary
    return made


@pytest.fixture
async def desk(stand: Stand) -> AsyncIterator[Desk]:
    clock = stand.clock
    limits = MemoryLimits(monotonic)
    ground = Ground(stand.callers, limits, Meters(), Ids(clock), Health(clock))
    edge = build([echo()], service="echo", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge, client=("127.0.0.1", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url=BASE) as client:
        yield Desk(stand, await stand.make.actor(stand.merchant.id), client)


@pytest.fixture
def partners(desk: Desk, clock: MovableClock) -> Partners:
    async def make(algorithm: str = "ed25519", role: Role = Role.ADMIN) -> Partner:
        partner = Partner(clock, algorithm)
        await desk.register(partner, role)
        return partner

    return make
