"""Envoy answers callers encrypted, with the operator's certificate, and takes up a new one."""

import asyncio
import hashlib
import ssl
import subprocess
import warnings
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.cli.running import Nest
from tests.gateway.envoy.stand import HOST, envoy, upstream
from tests.gateway.envoy.test_balancing import NOTHING, plan_of
from tests.harness.ports import free_port
from tests.http.papers import Pair, new_pair

from bezant.gateway.envoy import config
from bezant.gateway.envoy.plan import Address, Encrypted, Plan
from bezant.gateway.envoy.program import running
from bezant.http.handshake import HANDSHAKE_SECONDS_MAX
from bezant.http.tls import CertificateUnusable

pytestmark = [pytest.mark.system, pytest.mark.requirement("S003-4", part="TLS at Envoy")]
Version = ssl.TLSVersion
NODE_SECONDS = 120
HALF_SECONDS_MAX = 50
HALF = b"\x16\x03\x01\x02\x00\x01\x00\x01"
"""A handshake begins: 512 bytes are announced, and the rest of them never comes."""
BY_HTTP2 = """
const [address, key, trusted] = process.argv.slice(1);
const ca = require("node:fs").readFileSync(trusted);
const session = require("node:http2").connect(address, { ca });
session.on("error", (error) => { console.error(error); process.exit(1); });
const asked = session.request({ ":path": "/v1/accounts", "x-api-key": key });
asked.on("response", (head) => { console.log(head[":status"]); });
asked.resume().on("end", () => session.close());
"""


@dataclass(frozen=True)
class Platform:
    """A platform behind an Envoy that has a certificate."""

    plain: str
    secure: str
    pair: Pair
    key: str


@pytest.fixture
def platform(installed: Nest, tmp_path: Path) -> Platform:
    pair, port, secure = new_pair(tmp_path), free_port(), free_port()
    words = {"TLS_CERTIFICATE": str(pair.certificate), "TLS_KEY": str(pair.key)}
    installed.up_as_it_is(
        "--port", str(port), "--edge", "envoy", TLS_PORT=str(secure), **words
    ).url()
    sample = msgspec.json.decode(installed.place_of_sample().read_bytes())
    return Platform(f"http://{HOST}:{port}", f"https://{HOST}:{secure}", pair, sample["secret_key"])


async def test_callers_are_sent_to_https_and_answered_there(platform: Platform) -> None:
    head = {"x-api-key": platform.key}
    async with (
        httpx2.AsyncClient(base_url=platform.plain, timeout=60) as plain,
        httpx2.AsyncClient(
            base_url=platform.secure, verify=platform.pair.trust(), timeout=60
        ) as secure,
    ):
        read = await plain.get("/v1/accounts?limit=1", headers=head)
        wrote = await plain.post("/v1/transfers", headers=head, json={"legs": []})
        well = await plain.get("/health")
        good = await secure.get("/v1/accounts?limit=1", headers=head)
        lied = await plain.get(
            "/v1/accounts", headers={**head, "x-forwarded-proto": "https", "x-forwarded-for": HOST}
        )
        nobody = await secure.get("/v1/accounts")
    assert read.status_code == 301
    assert read.headers["location"] == f"{platform.secure}/v1/accounts?limit=1"
    assert (wrote.status_code, wrote.json()["code"]) == (403, "https_required")
    assert well.status_code == 200
    assert lied.status_code == 301, "whoever says of themselves that they came encrypted"
    assert (good.status_code, nobody.status_code) == (200, 401)
    year = 31_536_000
    assert good.headers["strict-transport-security"] == f"max-age={year}; includeSubDomains"
    assert "strict-transport-security" not in well.headers
    spoken = await asyncio.to_thread(_by_http2, platform)
    assert spoken == "200"


def _by_http2(platform: Platform) -> str:
    command = ["node", "-e", BY_HTTP2, platform.secure, platform.key]
    done = subprocess.run(
        [*command, platform.pair.certificate],
        capture_output=True, text=True, timeout=NODE_SECONDS, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def encrypted(plan: Plan, pair: Pair) -> Plan:
    listener = Address(HOST, free_port())
    return replace(plan, secure=Encrypted(listener, pair.certificate, pair.key))


async def shown(plan: Plan, context: ssl.SSLContext) -> tuple[str, str, bytes]:
    """Return version and cipher that are spoken, and the fingerprint of what is shown."""
    assert plan.secure is not None
    _, writer = await asyncio.open_connection(
        HOST, plan.secure.listener.port, ssl=context, server_hostname="pay.example"
    )
    spoken: ssl.SSLObject = writer.get_extra_info("ssl_object")
    papers, cipher = spoken.getpeercert(binary_form=True), spoken.cipher()
    writer.close()
    assert papers is not None
    assert cipher is not None
    return spoken.version() or "", cipher[0], hashlib.sha256(papers).digest()


def speaking(pair: Pair, lowest: Version, highest: Version, ciphers: str) -> ssl.SSLContext:
    context = pair.trust()
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with warnings.catch_warnings():  # Python warns of what is too old: that is what is asked for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = lowest, highest
    return context


@pytest.mark.requirement("S002-7", part="TLS 1.2 at least at Envoy")
async def test_only_what_is_safe_today_is_spoken(tmp_path: Path) -> None:
    pair = new_pair(tmp_path)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(upstream(NOTHING))
        plan = encrypted(plan_of([one]), pair)
        await stack.enter_async_context(envoy(plan, tmp_path))
        newest = await shown(plan, speaking(pair, Version.TLSv1_3, Version.TLSv1_3, "ALL"))
        still = await shown(plan, speaking(pair, Version.TLSv1_2, Version.TLSv1_2, "ALL"))
        assert (newest[0], still[0]) == ("TLSv1.3", "TLSv1.2")
        assert still[1].startswith("ECDHE")
        assert "GCM" in still[1] or "CHACHA20" in still[1]
        for lowest, highest, ciphers in (
            (Version.TLSv1, Version.TLSv1_1, "ALL"),
            (Version.TLSv1_2, Version.TLSv1_2, "RSA"),
            (Version.TLSv1_2, Version.TLSv1_2, "ECDHE+AES+SHA1"),
        ):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await shown(plan, speaking(pair, lowest, highest, ciphers))


@pytest.mark.catalogue("T31")
@pytest.mark.parametrize("said", [b"", HALF])
async def test_a_handshake_that_stays_half_done_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    assert config.HANDSHAKE_SECONDS == HANDSHAKE_SECONDS_MAX, "as our own listener has it"
    monkeypatch.setattr(config, "HANDSHAKE_SECONDS", 1)
    pair = new_pair(tmp_path)
    async with upstream(NOTHING) as one:
        plan = encrypted(plan_of([one]), pair)
        assert plan.secure is not None
        async with envoy(plan, tmp_path):
            reader, writer = await asyncio.open_connection(HOST, plan.secure.listener.port)
            writer.write(said)
            async with asyncio.timeout(HALF_SECONDS_MAX):  # An idle connection has longer.
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            writer.close()
            assert (await shown(plan, pair.trust()))[0] == "TLSv1.3"


async def test_a_new_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    pair = new_pair(tmp_path)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(upstream(NOTHING))
        plan = encrypted(plan_of([one]), pair)
        await stack.enter_async_context(envoy(plan, tmp_path, renew_every_seconds=0.1))
        first = (await shown(plan, pair.trust()))[2]

        pair.key.write_text("no key at all")
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        for _ in range(20):
            assert (await shown(plan, anybody))[2] == first
            await asyncio.sleep(0.05)

        newer = pair.write()
        seen = set[bytes]()
        async with asyncio.timeout(60):
            while newer not in seen:
                seen.add((await shown(plan, anybody))[2])
                await asyncio.sleep(0.05)
        assert seen <= {first, newer}


async def test_a_certificate_that_cannot_be_used_is_said_before_anything_starts(
    tmp_path: Path,
) -> None:
    pair = new_pair(tmp_path)
    pair.key.write_text("no key at all")
    plan = encrypted(plan_of([]), pair)
    with pytest.raises(CertificateUnusable):
        async with running(plan, tmp_path):
            raise AssertionError("it must not start")
    assert not (tmp_path / "envoy.log").exists()
