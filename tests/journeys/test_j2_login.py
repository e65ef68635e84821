"""J2, the login: the customer signs in by OpenID Connect, and the page pays with that token."""

import base64
import hashlib
import re
import secrets
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from tests.journeys.conftest import MANNERS
from tests.journeys.house import House, apart

CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
CALLBACK = "http://localhost:3000/callback"


def signed_in(house: House, name: str = "customer1", password: str = "ChangeMe123!") -> str:
    """Do what a payer's browser and the payment page do, and return the access token."""
    with httpx2.Client(timeout=30, follow_redirects=False) as browser:
        told = browser.get(f"{house.url}/realms/ecommerce/.well-known/openid-configuration").json()
        verifier = secrets.token_urlsafe(48)
        hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        wish = {
            "client_id": "payment-frontend",
            "redirect_uri": CALLBACK,
            "response_type": "code",
            "scope": "openid",
            "state": "j2",
            "code_challenge": hashed.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        path = urlsplit(told["authorization_endpoint"]).path
        begun = browser.get(f"{house.url}{path}?{urlencode(wish)}")
        page = browser.get(house.url + begun.headers["location"])
        action = re.search(r'action="([^"]+)"', page.text)
        assert action, page.text
        done = browser.post(house.url + action[1], data={"name": name, "password": password})
        answer = dict(parse_qsl(urlsplit(done.headers["location"]).query))
        assert (answer["state"], answer["iss"]) == ("j2", told["issuer"])
        given = {
            "grant_type": "authorization_code",
            "client_id": "payment-frontend",
            "code": answer["code"],
            "redirect_uri": CALLBACK,
            "code_verifier": verifier,
        }
        tokens = browser.post(house.url + urlsplit(told["token_endpoint"]).path, data=given)
    assert tokens.status_code == 200, tokens.text
    return tokens.json()["access_token"]


@pytest.mark.requirement("J2", part="the customer signs in by OpenID Connect and pays")
@pytest.mark.requirement("S000-3", part="the gateway takes the token and refuses without a scope")
def test_a_customer_signs_in_and_pays(anywhere: House) -> None:
    house = anywhere
    by = {"authorization": f"Bearer {signed_in(house)}"}
    amount = {"amount": {"amount": "19.99", "asset": "EUR"}, "capture": False}
    opened = house.told("POST", "/v1/checkout_sessions", amount)

    token = house.told("POST", "/v1/payments/tokenize", CARD, by=by)["token"]
    means = {"client_secret": opened["client_secret"], "card": token}
    paid = house.told("POST", f"/v1/checkout_sessions/{opened['id']}/confirm", means, by=by)
    assert (paid["state"], paid["payment_state"]) == ("complete", "authorized")
    house.order_comes_to(paid["order"], "authorized")

    stranger = house.client.post(house.url + "/v1/payments/tokenize", json=CARD)
    assert stranger.status_code == 401
    for path in ("/v1/payments", "/v1/members", "/v1/accounts", "/v1/keys", "/v1/orders"):
        assert house.ask("GET", path, by=by).status_code == 403, path
    assert house.ask("GET", "/v1/session", by={"authorization": "Bearer x"}).status_code == 401


@pytest.mark.requirement("S004-7", part="sign-in with identity in a process of its own")
def test_signing_in_with_identity_in_a_process_of_its_own(house: House) -> None:
    with apart(house, "identity", **MANNERS) as gateway:
        by = {"authorization": f"Bearer {signed_in(gateway)}"}
        kept = gateway.ask("POST", "/v1/payments/tokenize", CARD, by=by)
        more = gateway.ask("GET", "/v1/payments", by=by)
        forged = {"authorization": by["authorization"][:-4]}
        refused = gateway.ask("POST", "/v1/payments/tokenize", CARD, by=forged)
    assert kept.status_code == 201, kept.text
    assert (more.status_code, refused.status_code) == (403, 401)
