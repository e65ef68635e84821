"""An authenticator in software: makes passkeys and uses them, honestly or not.

It answers as a browser does, so what it sends is what our pages would send. Each thing that can be
wrong with an answer is an argument.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

DOMAIN, ORIGIN = "localhost", "http://localhost:8081"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
Answer = dict[str, Any]


def text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def data(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


@dataclass
class Authenticator:
    """One device with at most one passkey here."""

    name: bytes = b"credential-0000000000000001"
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    count: int = 1
    owner: bytes = b""

    def made(self, options: Answer, **wrong: Any) -> Answer:
        """Answer `navigator.credentials.create`."""
        asked = options.get("publicKey", options)
        self.owner = data(asked["user"]["id"])
        flags = wrong.get("flags", PRESENT | VERIFIED | ATTESTED)
        body = b"\0" * 16 + len(self.name).to_bytes(2) + self.name + self._public()
        told = cbor2.dumps(
            {"fmt": "none", "attStmt": {}, "authData": self._facts(flags, wrong) + body}
        )
        client = self._client("webauthn.create", asked["challenge"], wrong)
        response = {"clientDataJSON": text(client), "attestationObject": text(told)}
        return self._credential({**response, "transports": ["internal"]})

    def used(self, options: Answer, **wrong: Any) -> Answer:
        """Answer `navigator.credentials.get`."""
        asked = options.get("publicKey", options)
        self.count = wrong.get("count", self.count + 1)
        facts = self._facts(wrong.get("flags", PRESENT | VERIFIED), wrong)
        client = self._client(wrong.get("kind", "webauthn.get"), asked["challenge"], wrong)
        key = wrong.get("key", self.key)
        signature = key.sign(facts + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._credential(
            {
                "clientDataJSON": text(client),
                "authenticatorData": text(facts),
                "signature": text(wrong.get("signature", signature)),
                "userHandle": text(wrong.get("owner", self.owner)),
            }
        )

    def _facts(self, flags: int, wrong: Answer) -> bytes:
        domain = hashlib.sha256(wrong.get("domain", DOMAIN).encode()).digest()
        return domain + bytes([flags]) + self.count.to_bytes(4)

    def _client(self, kind: str, challenge: str, wrong: Answer) -> bytes:
        told = {
            "type": kind,
            "challenge": wrong.get("challenge", challenge),
            "origin": wrong.get("origin", ORIGIN),
            "crossOrigin": False,
        }
        return json.dumps(told).encode()

    def _public(self) -> bytes:
        numbers = self.key.public_key().public_numbers()
        x, y = (one.to_bytes(32) for one in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def _credential(self, response: Answer) -> Answer:
        return {
            "id": text(self.name),
            "rawId": text(self.name),
            "type": "public-key",
            "response": response,
        }
