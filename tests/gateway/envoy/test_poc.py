"""`bezant up --edge envoy --profile poc`: what the family's own steps ask of its gateway."""

from collections.abc import AsyncIterator

import httpx2
import pytest
from tests.cli.running import Nest
from tests.harness.ports import is_free
from tests.harness.waiting import wait_until
from tests.identity.provider.stand import Person, answered
from tests.identity.provider.words import BASE, BELOW, CALLBACK, VERIFIER, challenge

from bezant.gateway.profile import load_profile
from bezant.wiring.front import DOOR_DISTANCE, GATE_DISTANCE
from bezant.wiring.modules import MODULES

pytestmark = [
    pytest.mark.system,
    pytest.mark.requirement("S000-3", part="the gateway on 10000 with Envoy"),
    pytest.mark.usefixtures("fixed_ports"),
]
GATEWAY = "http://localhost:10000"


@pytest.fixture
async def gateway(installed: Nest) -> AsyncIterator[httpx2.AsyncClient]:
    profile = load_profile("poc")
    ports = [one.port for one in profile.opens(MODULES)]
    ports += [profile.main.port + GATE_DISTANCE, profile.main.port + DOOR_DISTANCE]
    wait_until(lambda: all(map(is_free, ports)), f"the ports {ports} are free")
    running = installed.up_as_it_is("--profile", "poc", "--edge", "envoy")
    assert running.url().endswith(":10000")
    async with httpx2.AsyncClient(base_url=GATEWAY, timeout=60) as client:
        yield client
    running.stop()


async def token_of(scope: str) -> str:
    """Let customer1 sign in at the issuer on 8081, for the payment page."""
    asked = {
        "client_id": "payment-frontend", "redirect_uri": CALLBACK, "response_type": "code",
        "scope": scope, "state": "st-1", "nonce": "n-1", "code_challenge": challenge(),
        "code_challenge_method": "S256",
    }  # fmt: skip
    async with httpx2.AsyncClient(base_url=BASE, timeout=60) as issuer:
        person = Person(issuer)
        told = answered(await person.sign_in(await person.get(f"{BELOW}/auth", **asked)))
        given = {
            "grant_type": "authorization_code", "client_id": "payment-frontend",
            "code": told["code"], "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
        }  # fmt: skip
        answer = await issuer.post(f"{BELOW}/token", data=given)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]


async def test_a_token_opens_what_its_scopes_say(gateway: httpx2.AsyncClient) -> None:
    token = await token_of("openid tokens.write")
    forged = {"authorization": f"Bearer {token[:-8]}AAAAAAAA"}
    by = {"authorization": f"Bearer {token}"}
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}

    nobody = await gateway.post("/api/payment/tokenize", json=card)
    altered = await gateway.post("/api/payment/tokenize", json=card, headers=forged)
    known = await gateway.post("/api/payment/tokenize", json=card, headers=by)
    beyond = await gateway.get("/v1/accounts", headers=by)
    told = [one.status_code for one in (nobody, altered, known, beyond)]
    assert told == [401, 401, 201, 403], [one.text for one in (nobody, altered, known, beyond)]
    assert (known.json()["last4"], known.json()["brand"]) == ("4242", "visa")
    assert nobody.json()["code"] == "credential_missing"
    at = f"{BASE}/.well-known/oauth-protected-resource"
    assert nobody.headers["www-authenticate"] == f'Bearer realm="bezant", resource_metadata="{at}"'
    assert beyond.json()["code"] == "insufficient_permissions"
    for one in (nobody, known, beyond):
        assert one.headers["request-id"].startswith("req_")
        assert one.headers["x-content-type-options"] == "nosniff"
