"""Where the provider of these tests is found, what is asked of it, and how tokens are read."""

import base64
import hashlib
import json
from typing import Any

BASE = "http://localhost:8081"
REALM = "ecommerce"
ISSUER = f"{BASE}/realms/{REALM}"
BELOW = f"/realms/{REALM}/protocol/openid-connect"
CALLBACK = "http://localhost:3000/callback"
PARTNER_CALLBACK = "https://partner.example/cb"
NAME, PASSWORD = "customer1", "ChangeMe123!"
VERIFIER = "v" * 43
Json = dict[str, Any]


def challenge(verifier: str = VERIFIER) -> str:
    return encoded(hashlib.sha256(verifier.encode()).digest())


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def claims_of(token: str) -> Json:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
