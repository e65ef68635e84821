"""`bezant up --edge envoy`: an Envoy has the platform's port, and nobody walks around it."""

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import msgspec
import pytest
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.requirement("S000-2", part="Envoy in front")]
SECONDS = 240.0


@dataclass
class Platform:
    """A platform behind an Envoy."""

    port: int
    folder: Path
    key: str
    paid: bool
    """The first order of its demo was, and so through Envoy."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    place = tmp_path_factory.mktemp("platform")
    port, folder, words = free_port(), place / "data", place / "up.txt"
    given = {**os.environ, "BEZANT_KEY_FILE": str(place / "installation.key")}
    command = [sys.executable, "-m", "bezant.cli.main", "up", "--edge", "envoy", "--json"]
    command += ["--profile", "default", "--data", str(folder), "--port", str(port)]
    with words.open("wb") as told, (place / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, env=given, stdout=told, stderr=log)
    try:
        # Its facts are told when everything is done, the first order of the demo too.
        wait_until(
            lambda: process.poll() is not None or b"}" in words.read_bytes(),
            "the platform is well",
            SECONDS,
        )
        assert process.poll() is None, words.read_text()
        sample = msgspec.json.decode((folder / "sample.json").read_bytes(), type=dict[str, str])
        yield Platform(port, folder, sample["secret_key"], b'"first_order"' in words.read_bytes())
    finally:
        process.terminate()
        assert process.wait(60) == 0, words.read_text()


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx2.AsyncClient]:
    base = f"http://127.0.0.1:{platform.port}"
    async with httpx2.AsyncClient(base_url=base, timeout=60) as opened:
        yield opened


async def test_callers_meet_envoy_and_our_gateway_answers(
    platform: Platform, client: httpx2.AsyncClient
) -> None:
    well = await client.get("/health")
    keyed = await client.get("/v1/accounts", headers={"x-api-key": platform.key})
    nobody = await client.get("/v1/accounts")
    wrong = await client.get("/v1/accounts", headers={"x-api-key": "sk_test_wrong"})
    assert [one.status_code for one in (well, keyed, nobody, wrong)] == [200, 200, 401, 401]
    assert platform.paid
    # Refused by identity, told in its own words; and nobody came encrypted.
    assert nobody.json()["code"] == "credential_missing"
    assert wrong.json()["code"] == "credential_invalid"
    assert "strict-transport-security" not in well.headers
    assert "x-envoy-upstream-service-time" not in well.headers
    left, limit = (keyed.headers[f"ratelimit-{name}"] for name in ("remaining", "limit"))
    assert int(limit) - int(left) == 1, "it was looked at twice, and counted once"
    document = await client.get("/.well-known/openid-configuration")
    assert document.json()["issuer"] == f"http://localhost:{platform.port}"


async def test_nobody_walks_around_envoy(platform: Platform) -> None:
    own = platform.folder / "pki" / "modules" / "envoy" / "identity.pem"
    for distance in (7, 8):
        base = f"https://127.0.0.1:{platform.port + distance}"
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with httpx2.AsyncClient(base_url=base, verify=context) as stranger:
            with pytest.raises(httpx2.HTTPError):
                await stranger.get("/health")
        context.load_cert_chain(own)
        async with httpx2.AsyncClient(base_url=base, verify=context) as known:
            assert (await known.get("/health")).status_code == 200
        # Another module's certificate is of this house as well, and not Envoy's.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(own.parent.parent / "gateway" / "identity.pem")
        async with httpx2.AsyncClient(base_url=base, verify=context) as module:
            with pytest.raises(httpx2.HTTPError):
                await module.get("/health", headers={"x-forwarded-for": "203.0.113.7"})
        async with httpx2.AsyncClient() as plain:
            with pytest.raises(httpx2.HTTPError):
                await plain.get(base.replace("https", "http") + "/health")


def test_envoy_is_begun_again_when_it_dies(platform: Platform) -> None:
    def processes() -> list[int]:
        found = [one for one in Path("/proc").iterdir() if one.name.isdigit()]
        wanted = str(platform.folder / "logs" / "envoy.json").encode()
        return [int(one.name) for one in found if wanted in _command(one)]

    before = processes()
    assert len(before) == 1
    os.kill(before[0], signal.SIGKILL)

    def again() -> bool:
        return bool(processes()) and processes() != before

    wait_until(again, "another Envoy runs", 60)
    wait_until(lambda: _answers(platform.port), "it answers", 60)


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False
