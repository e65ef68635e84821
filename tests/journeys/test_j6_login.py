"""J6, the login: people sign up, add a passkey and codes, sign in; thieves get nothing."""

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from tests.cli.running import Nest
from tests.harness.ports import is_free
from tests.harness.waiting import wait_until
from tests.identity.people.authenticator import Authenticator
from tests.identity.people.conftest import claims, secret_of

from bezant.identity.people import one_time

pytestmark = pytest.mark.usefixtures("fixed_ports")
GATEWAY, AUTH = "http://localhost:3000", "http://localhost:3001"
ANN, PASSWORD = "ann@example.com", "correct horse battery staple"
LOGIN = {"email": ANN, "password": PASSWORD}
Json = dict[str, Any]


@pytest.fixture
def client(nest: Nest) -> Iterator[httpx2.Client]:
    ports = range(3000, 3004)
    wait_until(lambda: all(map(is_free, ports)), "the family's ports are free")
    nest.up_as_it_is("--profile", "peopletrust").wait_for("Stop ")
    with httpx2.Client(timeout=60, follow_redirects=False) as made:
        yield made


class People:
    """What a program of a person's own does, at the gateway or at the service itself."""

    def __init__(self, client: httpx2.Client, base: str = GATEWAY) -> None:
        self.client = client
        self.base = base

    def post(self, path: str, body: Json, token: str = "") -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.client.post(self.base + path, json=body, headers=headers)

    def told(self, path: str, body: Json, token: str = "") -> Json:
        answer = self.post(path, body, token)
        assert answer.status_code < 300, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def who(self, token: str) -> int:
        headers = {"authorization": f"Bearer {token}"}
        return self.client.get(f"{self.base}/v1/session", headers=headers).status_code

    def letter(self) -> str:
        shown = self.client.get(f"{self.base}/v1/mails").json()["data"]
        return next(line.partition("#")[2] for line in shown[0]["text"].split("\n") if "#" in line)


@pytest.mark.requirement("J6", part="sign-up, passkey, codes, PKCE login, reuse, bad logins")
@pytest.mark.requirement("S002-1", part="auth on its own port and on the gateway's")
@pytest.mark.requirement("S002-2", part="on the family's own ports")
def test_people_sign_up_and_sign_in(client: httpx2.Client) -> None:
    gateway, auth = People(client), People(client, AUTH)
    gateway.told("/auth/signup", {**LOGIN, "name": "Ann"})
    shown = {"token": gateway.letter(), "password": PASSWORD}
    user = auth.told("/auth/signup/confirm", shown)["userId"]
    tokens = auth.told("/auth/login", LOGIN)
    assert claims(tokens["idToken"])["sub"] == user
    assert (gateway.who(tokens["accessToken"]), auth.who(tokens["accessToken"])) == (200, 200)

    device = Authenticator()
    asked = gateway.told("/auth/biometric/setup", {}, tokens["accessToken"])
    body = {"credential": device.made(asked, origin=GATEWAY)}
    recovery = gateway.told("/auth/biometric/setup", body, tokens["accessToken"])["recoveryCodes"]
    begun = auth.told("/auth/2fa/setup", {}, tokens["accessToken"])
    secret, step = secret_of(begun["secret"]), int(time.time()) // one_time.STEP_SECONDS
    code = {"code": one_time.code_at(secret, step)}
    assert auth.told("/auth/2fa/setup", code, tokens["accessToken"])["enabled"] is True

    challenge = gateway.told("/auth/login", LOGIN)
    assert challenge["methods"] == ["code", "recovery", "passkey"]
    shown = {"challenge": challenge["challenge"], "code": one_time.code_at(secret, step + 1)}
    assert gateway.post("/auth/login", {**shown, "code": "000000"}).status_code == 401
    second = gateway.told("/auth/login", shown)
    assert gateway.post("/auth/login", shown).status_code == 401
    options = gateway.told("/auth/login/options", {})
    by_passkey = gateway.told("/auth/login", {"credential": device.used(options, origin=GATEWAY)})
    assert "mfa" in claims(by_passkey["idToken"])["amr"]

    fresh = auth.told("/auth/refresh", {"refreshToken": second["refreshToken"]})
    stolen = gateway.post("/auth/refresh", {"refreshToken": second["refreshToken"]})
    assert stolen.status_code == 401
    assert auth.post("/auth/refresh", {"refreshToken": fresh["refreshToken"]}).status_code == 401
    wait_until(lambda: gateway.who(fresh["accessToken"]) == 401, "the family's tokens are over")
    assert gateway.who(by_passkey["accessToken"]) == 200, "another family is not touched"

    assert claims(_by_code_and_pkce(client, recovery[0])["id_token"])["sub"] == user
    answers = [auth.post("/auth/login", {**LOGIN, "password": "wrong one"}) for _ in range(7)]
    assert {one.status_code for one in answers} == {401, 429}
    locked = gateway.post("/auth/login", LOGIN)
    assert locked.status_code == 429, "the right password waits as well"
    assert int(locked.headers["retry-after"]) >= 1


def _by_code_and_pkce(client: httpx2.Client, recovery: str) -> Json:
    """Sign in through the login pages, as a page of ours does, and return the tokens."""
    verifier = secrets.token_urlsafe(48)
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    wish = {
        "client_id": "bezant-people",
        "redirect_uri": f"{GATEWAY}/enter",
        "response_type": "code",
        "state": "/office",
        "code_challenge": hashed.rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    begun = client.get(f"{GATEWAY}/oauth/authorize?{urlencode(wish)}")
    page = GATEWAY + begun.headers["location"]
    assert re.search(r'data-passkey="/v1/session/passkey/options"', client.get(page).text)
    step = client.post(page, data={"name": ANN, "password": PASSWORD})
    assert step.headers["location"] == begun.headers["location"], "the password alone is not enough"
    assert "One more step" in client.get(page).text
    done = client.post(page, data={"code": recovery})
    answer = dict(parse_qsl(urlsplit(done.headers["location"]).query))
    assert answer["state"] == "/office"
    given = {
        "grant_type": "authorization_code",
        "client_id": "bezant-people",
        "code": answer["code"],
        "redirect_uri": f"{GATEWAY}/enter",
        "code_verifier": verifier,
    }
    tokens = client.post(f"{GATEWAY}/oauth/token", data=given)
    assert tokens.status_code == 200, tokens.text
    return tokens.json()
