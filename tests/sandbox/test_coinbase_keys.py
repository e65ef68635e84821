"""Bearer tokens of CDP keys: made here by hand, and recorded from the official client."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests import make
from tests.sandbox.coinbase_shop import CHECKOUTS, LINKS, Shop, shop_of, token

from bezant.sandbox.coinbase import EVERYBODY, KNOWN_KEY_NAME
from bezant.sandbox.emulator import Access
from bezant.secret import Secret

# What `generate_jwt` of cdp-sdk 1.51.0 signed at noon on 2026-08-01 for a GET of the checkouts:
# with the demo's key on P-256, and with a key on Ed25519 whose public half stands below.
RECORDED_ES256 = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9yZ2FuaXphdGlvbnMvYmV6YW50LXNhbmRib3"  # pragma: allowlist secret
    "gvYXBpS2V5cy9rbm93bi10by1ldmVyeWJvZHkiLCJub25jZSI6IjM3OTEwODIyMjc2"  # pragma: allowlist secret
    "MjIwMDMiLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJvcmdhbml6YXRpb25zL2JlemFudC1"  # pragma: allowlist secret
    "zYW5kYm94L2FwaUtleXMva25vd24tdG8tZXZlcnlib2R5IiwiaXNzIjoiY2RwIiwiY"  # pragma: allowlist secret
    "XVkIjpudWxsLCJuYmYiOjE3ODU1ODU2MDAsImV4cCI6MTc4NTU4NTcyMCwidXJpcyI"  # pragma: allowlist secret
    "6WyJHRVQgYnVzaW5lc3MuY29pbmJhc2UuY29tL2FwaS92MS9jaGVja291dHMiXX0.5"  # pragma: allowlist secret
    "D5yzuDfTfN8PV6d7pBkQy4yI_BaMgUP208TNDMRkszLgKW7J4OGDFwB6s7JhmY0BrE"  # pragma: allowlist secret
    "BGsyE8eU8yNBTzaGW2A"  # pragma: allowlist secret
)
RECORDED_EDDSA = (
    "eyJhbGciOiJFZERTQSIsImtpZCI6Im9yZ2FuaXphdGlvbnMvYmV6YW50LXNhbmRib3"  # pragma: allowlist secret
    "gvYXBpS2V5cy9rbm93bi10by1ldmVyeWJvZHkiLCJub25jZSI6IjQzNzEyNjE5MDk5"  # pragma: allowlist secret
    "MjgzNzciLCJ0eXAiOiJKV1QifQ.eyJzdWIiOiJvcmdhbml6YXRpb25zL2JlemFudC1"  # pragma: allowlist secret
    "zYW5kYm94L2FwaUtleXMva25vd24tdG8tZXZlcnlib2R5IiwiaXNzIjoiY2RwIiwiY"  # pragma: allowlist secret
    "XVkIjpudWxsLCJuYmYiOjE3ODU1ODU2MDAsImV4cCI6MTc4NTU4NTcyMCwidXJpcyI"  # pragma: allowlist secret
    "6WyJHRVQgYnVzaW5lc3MuY29pbmJhc2UuY29tL2FwaS92MS9jaGVja291dHMiXX0.t"  # pragma: allowlist secret
    "b5p4U3M2xov2sZvkYajP76b1dojKAuYcik7FxBnVoZYjj_muvDpbU8BIhMVWm8rYBZ"  # pragma: allowlist secret
    "DjzS0Y2DuyKMz-T-BDA"  # pragma: allowlist secret
)
EDDSA_PUBLIC = "qsoghwaJ26Exx28pgrxrNAJ6NCUbOmvJCfaOEkEWY/0="  # pragma: allowlist secret


@pytest.fixture(scope="module")
def old_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Serve a shop for all tests that leave nothing behind."""
    with shop_of(tmp_path_factory.mktemp("keys")) as shop:
        yield shop


def shown(shop: Shop, bearer: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {bearer}"}
    return shop.here.get("coinbase", CHECKOUTS, headers=headers)


def test_only_a_token_of_the_known_key_for_this_request_and_this_moment_is_good(old_shop: Shop):
    good = old_shop.claims("GET", CHECKOUTS)
    host = old_shop.here.urls["coinbase"].partition("://")[2]
    now = good["nbf"]
    stranger = ec.generate_private_key(ec.SECP256R1())
    wrong = {
        "another key": token(good, stranger),
        "another name": token(good, kid="organizations/x/apiKeys/y"),
        "another subject": token({**good, "sub": "somebody"}),
        "another issuer": token({**good, "iss": "me"}),
        "another method": token(old_shop.claims("POST", CHECKOUTS)),
        "another path": token(old_shop.claims("GET", LINKS)),
        "another host": token(old_shop.claims("GET", CHECKOUTS, "example.com")),
        "no address": token({**good, "uris": []}),
        "over": token({**good, "nbf": now - 200, "exp": now - 80}),
        "not yet": token({**good, "nbf": now + 60, "exp": now + 120}),
        "too long": token({**good, "exp": now + 121}),
        "no algorithm": token(good, alg="none"),
        "another algorithm": token(good, alg="HS256"),
        "cut": token(good)[:-8],
        "dots": "..",
        "rubbish": "a.b.c",
    }
    answers = {name: shown(old_shop, bearer).status_code for name, bearer in wrong.items()}
    assert answers == dict.fromkeys(wrong, 401)
    assert shown(old_shop, token(good)).status_code == 200
    assert shown(old_shop, token(old_shop.claims("GET", CHECKOUTS, host))).status_code == 200
    older = {**good, "uri": good["uris"][0]}
    assert shown(old_shop, token({**older, "uris": []})).status_code == 200
    assert shown(old_shop, "rubbish").json()["errorType"] == "unauthorized"


def test_a_key_on_the_other_curve_works_too(tmp_path: Path):
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    access = Access(name=KNOWN_KEY_NAME, secret=Secret(public.decode()))
    with shop_of(tmp_path, access=access) as shop:
        claims = shop.claims("GET", CHECKOUTS)
        assert shown(shop, token(claims, key)).status_code == 200
        assert shown(shop, token(claims)).status_code == 401


def test_what_the_official_client_signs_is_good_for_two_minutes(tmp_path: Path):
    raw = base64.b64decode(EDDSA_PUBLIC)
    other = ed25519.Ed25519PublicKey.from_public_bytes(raw).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    accesses = {
        RECORDED_ES256: EVERYBODY,
        RECORDED_EDDSA: Access(name=KNOWN_KEY_NAME, secret=Secret(other.decode())),
    }
    for at, (recorded, access) in enumerate(accesses.items()):
        with shop_of(tmp_path / str(at), access=access) as shop:
            assert shop.here.clock.now() == make.NOON
            assert shown(shop, recorded).status_code == 200
            assert shown(shop, recorded[:-4] + "AAAA").status_code == 401
            shop.here.clock.move(timedelta(seconds=119))
            assert shown(shop, recorded).status_code == 200
            shop.here.clock.move(timedelta(seconds=1))
            assert shown(shop, recorded).status_code == 401
