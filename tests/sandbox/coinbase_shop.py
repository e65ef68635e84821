"""A shop that uses Coinbase, for tests. Its tokens are signed here, by hand, as RFC 7519 says."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.sandbox.stand import Box, Town, town

from bezant.sandbox.coinbase import COMMERCE_KEY, EVERYBODY, KNOWN_KEY_NAME, Coinbase
from bezant.sandbox.coinbase_keys import known_private_key
from bezant.sandbox.emulator import Access

CHECKOUTS = "/api/v1/checkouts"
LINKS = "/api/v1/payment-links"
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def wanted(amount: str = "100.00", currency: str = "USDC", **more: object) -> dict[str, object]:
    return {"amount": amount, "currency": currency, "metadata": {"order": "pay_1"}, **more}


def known_key() -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(known_private_key().encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def token(claims: Mapping[str, object], key: Key | None = None, **header: object) -> str:
    """Sign claims as a CDP key does."""
    signer = key or known_key()
    by_curve = isinstance(signer, ec.EllipticCurvePrivateKey)
    head = {"alg": "ES256" if by_curve else "EdDSA", "kid": KNOWN_KEY_NAME, "typ": "JWT", **header}
    told = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
    if isinstance(signer, ec.EllipticCurvePrivateKey):
        first, second = decode_dss_signature(signer.sign(told.encode(), ec.ECDSA(hashes.SHA256())))
        proof = first.to_bytes(32) + second.to_bytes(32)
    else:
        proof = signer.sign(told.encode())
    return f"{told}.{encoded(proof)}"


@contextmanager
def shop_of(folder: Path, box: Box | None = None, access: Access = EVERYBODY) -> Iterator["Shop"]:
    """Serve Coinbase for one shop."""
    with town(Coinbase(access), folder=folder, box=box) as here:
        yield Shop(here)


@dataclass
class Shop:
    """A shop with a CDP key, and one of Commerce."""

    here: Town

    def claims(self, method: str, path: str, host: str = "business.coinbase.com") -> dict[str, Any]:
        now = int(self.here.clock.now().timestamp())
        return {
            "sub": KNOWN_KEY_NAME,
            "iss": "cdp",
            "nbf": now,
            "exp": now + 120,
            "uris": [f"{method} {host}{path}"],
        }

    def call(self, method: str, path: str, key: str = "", **how: Any) -> httpx2.Response:
        """Call a business API."""
        signed = token(self.claims(method, urlsplit(path).path))
        headers = {"authorization": f"Bearer {signed}", **(how.pop("headers", None) or {})}
        if key:
            headers["x-idempotency-key"] = key
        return self.here.call("coinbase", method, path, headers=headers, **how)

    def get(self, path: str) -> dict[str, Any]:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, key: str = "") -> httpx2.Response:
        return self.call("POST", path, key, json=body or {})

    def checkout(self, amount: str = "100.00", *, path: str = CHECKOUTS, **more: Any):
        answer = self.post(path, wanted(amount, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def pay(self, checkout: Mapping[str, Any], how: str = "exact") -> httpx2.Response:
        """Do what a payer does on the page."""
        at = urlsplit(checkout["url"]).path
        assert self.here.get("coinbase", at).status_code == 200
        return self.here.post("coinbase", f"{at}/pay?how={how}")

    def paid(self, amount: str = "100.00", **more: Any) -> dict[str, Any]:
        """Return a checkout that is completed."""
        made = self.checkout(amount, **more)
        assert self.pay(made).status_code == 200
        self.here.pass_time(seconds=20)
        return self.get(f"{CHECKOUTS}/{made['id']}")

    def refund(self, checkout: str, amount: str, key: str = "", **more: object) -> httpx2.Response:
        body = {"amount": amount, **more}
        return self.post(f"{CHECKOUTS}/{checkout}/refund", body, key)

    def commerce(self, method: str, path: str, **how: Any) -> httpx2.Response:
        """Call Commerce."""
        headers = {"x-cc-api-key": COMMERCE_KEY.reveal(), "x-cc-version": "2018-03-22"}
        return self.here.call("coinbase", method, path, headers=headers, **how)

    def charge(self, amount: str = "100.00", currency: str = "USD") -> dict[str, Any]:
        body = {
            "name": "Shoes",
            "description": "A pair",
            "pricing_type": "fixed_price",
            "local_price": {"amount": amount, "currency": currency},
            "metadata": {"order": "pay_1"},
        }
        answer = self.commerce("POST", "/charges", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    def send(self, charge: Mapping[str, Any], how: str = "exact", asset: str = "USDC") -> None:
        """Send coins on the payer's page."""
        at = urlsplit(charge["hosted_url"]).path
        assert self.here.get("coinbase", at).status_code == 200
        sent = self.here.post("coinbase", f"{at}/send?how={how}&asset={asset}")
        assert sent.status_code == 200, sent.text

    def charged(self, charge: Mapping[str, Any]) -> dict[str, Any]:
        """Return a charge as it is now."""
        return self.commerce("GET", f"/charges/{charge['code']}").json()["data"]
