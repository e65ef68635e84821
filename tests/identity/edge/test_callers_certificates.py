"""A partner's certificate in a real handshake: with our own listener, and with our Envoy in front.

Who shows a right one is known by it; a revoked one is refused by name; a stranger's ends the
handshake; and what a caller only says of a certificate counts nowhere.
"""

import asyncio
import json
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from tests.harness.cluster import Cluster
from tests.harness.ports import free_port
from tests.http.papers import Pair, new_pair
from tests.http.stand import DEADLINE_SECONDS
from tests.identity.edge.whole import Whole, whole
from tests.identity.signed.partner import Partner
from tests.vault.room import template_of

from bezant.actor import Actor, Mode
from bezant.clock import RealClock
from bezant.gateway.envoy.program import running
from bezant.identity import Role, rules
from bezant.identity.signer import (
    CreateSigner,
    IssueCertificate,
    PartnerCertificate,
    RevokeCertificate,
)
from bezant.schemas import ROLES

pytestmark = [
    pytest.mark.requirement("S001-7", part="client certificates in real handshakes"),
    pytest.mark.catalogue("T72"),
]
HOST, PATH = "127.0.0.1", "/v1/keys"
EDGES = [
    pytest.param({}, id="our own listener"),
    pytest.param({"EDGE": "envoy"}, id="Envoy in front", marks=pytest.mark.system),
]


@dataclass
class Door:
    """A house that asks callers for certificates, and how it is met encrypted."""

    made: Whole
    port: int
    pair: Pair
    folder: Path

    @property
    def by(self) -> Actor:
        return rules.operator(Mode.TEST)

    async def certified(self) -> tuple[Partner, PartnerCertificate]:
        partner, tenant = Partner(RealClock(), "ecdsa-p256-sha256"), self.made.shops[0].merchant
        identity, wanted = self.made.house.identity, self.made.ids.new("sgn")
        signer = await identity.create_signer(
            CreateSigner(wanted, self.by, tenant, Role.ADMIN, partner.public, "partner")
        )
        partner.id = signer.id
        wish = IssueCertificate(self.by, tenant, signer.id, partner.request())
        return partner, await identity.issue_certificate(wish)

    def context(self, chain: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        context = self.pair.trust()
        context.check_hostname = False
        if chain is not None:
            context.load_cert_chain(chain, key)
        return context

    def holding(self, partner: Partner, certificate: str) -> ssl.SSLContext:
        key, chain = self.folder / f"{partner.id}.key", self.folder / f"{partner.id}.pem"
        key.write_bytes(
            partner.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        chain.write_text(certificate)
        return self.context(chain, key)

    async def asked(
        self, context: ssl.SSLContext, path: str = PATH, method: str = "GET", **head: str
    ) -> list[int]:
        """Ask twice over one connection; nothing if the handshake was ended."""
        lines = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in head.items())
        statuses: list[int] = []
        with suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(DEADLINE_SECONDS):
                reader, writer = await asyncio.open_connection(HOST, self.port, ssl=context)
                try:
                    for _ in range(2):
                        writer.write(f"{method} {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n".encode())
                        said = (await reader.readuntil(b"\r\n\r\n")).lower()
                        statuses.append(int(said.split(b" ")[1]))
                        length = int(said.split(b"content-length: ")[1].split(b"\r\n")[0])
                        await reader.readexactly(length)
                finally:
                    writer.close()
        return statuses


@pytest.fixture(params=EDGES)
async def door(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path: Path
) -> AsyncIterator[Door]:
    template = template_of(cluster, "whole_template", ROLES)
    pair, port = new_pair(tmp_path), free_port()
    words = {
        "TLS_CERTIFICATE": str(pair.certificate), "TLS_KEY": str(pair.key),
        "TLS_PORT": str(port), "TLS_CLIENT_CERTIFICATES": "yes", **request.param,
    }  # fmt: skip
    async with AsyncExitStack() as stack:
        database = stack.enter_context(cluster.fresh(template))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        made = await stack.enter_async_context(whole(database, tmp_path / "site", patch, **words))
        if made.house.envoy is not None:
            logs = tmp_path / "envoy"
            logs.mkdir()
            await stack.enter_async_context(running(made.house.envoy, logs, threads=1))
        opened = Door(made, port, pair, tmp_path)
        async with asyncio.timeout(DEADLINE_SECONDS):  # Until Envoy knows that we are well.
            while await opened.asked(opened.context(), "/health") != [200, 200]:
                await asyncio.sleep(0.05)
        yield opened


async def test_a_partners_certificate_is_what_the_connection_showed(door: Door) -> None:
    partner, made = await door.certified()
    other, second = await door.certified()
    right, taken_back = (
        door.holding(partner, made.certificate),
        door.holding(other, second.certificate),
    )
    (door.folder / "stranger").mkdir()
    stranger = new_pair(door.folder / "stranger")

    assert await door.asked(right) == [200, 200]
    assert await door.asked(taken_back) == [200, 200]
    tenant = door.made.shops[0].merchant
    await door.made.house.identity.revoke_certificate(
        RevokeCertificate(door.by, tenant, other.id, second.serial)
    )
    assert await door.asked(taken_back) == [401, 401]
    assert await door.asked(door.context()) == [401, 401]
    assert await door.asked(door.context(), "/health") == [200, 200]
    theirs = door.context(stranger.certificate, stranger.key)
    assert await door.asked(theirs, "/health") == []
    # The control: right is right still, and beside a wrong credential it is nothing more.
    assert await door.asked(right) == [200, 200]
    assert await door.asked(right, x_api_key="sk_test_nobody") == [401, 401]


async def test_no_other_site_changes_anything_by_a_browsers_certificate(door: Door) -> None:
    partner, made = await door.certified()
    holding = door.holding(partner, made.certificate)
    ended = f"/v1/customers/cus_{'0' * 32}"  # Nobody: whoever is let in hears that.
    for name, site in (
        ("sec_fetch_site", "cross-site"), ("sec_fetch_site", "same-site"),
        ("origin", "https://evil.example"), ("origin", "null"),
    ):  # fmt: skip
        assert await door.asked(holding, ended, "DELETE", **{name: site}) == [403, 403], site
    # The controls: programs say nothing of sites, our own page may, and reading changes nothing.
    assert await door.asked(holding, ended, "DELETE") == [404, 404]
    ours = await door.asked(holding, ended, "DELETE", sec_fetch_site="same-origin")
    assert ours == [404, 404]
    assert await door.asked(holding, sec_fetch_site="cross-site") == [200, 200]


async def test_what_a_caller_says_of_a_certificate_counts_nowhere(door: Door) -> None:
    _, made = await door.certified()
    der = ssl.PEM_cert_to_DER_cert(made.certificate)
    told = f":{b64encode(der).decode()}:"
    for said in (told, quote(made.certificate), "::"):
        assert await door.asked(door.context(), client_cert=said) == [401, 401]
    partner, own = await door.certified()
    right = door.holding(partner, own.certificate)
    assert await door.asked(right, client_cert=told) == [200, 200], "the one that was shown counts"


async def test_discovery_tells_of_certificates_that_can_arrive(door: Door) -> None:
    told = json.loads((await door.made.ask("GET", "/.well-known/openid-configuration")).text)
    methods = told["token_endpoint_auth_methods_supported"]
    assert "tls_client_auth" in methods
    assert "self_signed_tls_client_auth" not in methods, "our listener believes our authority only"
    assert told["tls_client_certificate_bound_access_tokens"] is True
