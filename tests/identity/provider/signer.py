"""Keys, proofs and certificates of the clients in these tests."""

import base64
import hashlib
import json
import secrets
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from joserfc.jwk import ECKey
from tests.identity.provider.words import ISSUER, Json, encoded

from bezant.clock import Clock


class Signer:
    """A key of a client or of a DPoP holder."""

    def __init__(self, clock: Clock) -> None:
        self.key = ECKey.generate_key("P-256")
        self.clock = clock

    def sign(self, header: Json, claims: Json) -> str:
        """Sign whatever stands there: no library looks at it first."""
        parts = ({"alg": "ES256", **header}, claims)
        start = ".".join(encoded(json.dumps(one).encode()) for one in parts)
        der = self.key.private_key.sign(start.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return f"{start}.{encoded(r.to_bytes(32) + s.to_bytes(32))}"

    @property
    def public(self) -> Json:
        return dict(self.key.as_dict(private=False))

    def at(self, seconds: int = 0) -> int:
        return int(self.clock.now().timestamp()) + seconds

    def assertion(self, client: str, audience: str = ISSUER, **more: Any) -> str:
        claims = {
            "iss": client, "sub": client, "aud": audience, "jti": secrets.token_hex(8),
            "iat": self.at(), "exp": self.at(60), **more,
        }  # fmt: skip
        return self.sign({"typ": "JWT"}, claims)

    def proof(
        self, method: str, address: str, nonce: str = "", token: str = "", **more: Any
    ) -> str:
        header = {"typ": "dpop+jwt", "jwk": bare(self.public), **more.pop("header", {})}
        claims: Json = {
            "jti": secrets.token_hex(8), "htm": method, "htu": address, "iat": self.at(),
        }  # fmt: skip
        if nonce:
            claims["nonce"] = nonce
        if token:
            claims["ath"] = encoded(hashlib.sha256(token.encode()).digest())
        return self.sign(header, {**claims, **more})


def bare(jwk: Json) -> Json:
    return {name: jwk[name] for name in ("kty", "crv", "x", "y")}


def certificate(name: str, clock: Clock, life_days: int = 30) -> bytes:
    """Make a certificate with a name of its own, in DER."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = clock.now()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=life_days))
        .not_valid_after(now + timedelta(days=life_days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def shown(der: bytes) -> str:
    return f":{base64.b64encode(der).decode()}:"
