"""A partner that signs its requests, written from the specification and nothing of ours."""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from bezant.clock import Clock

Headers = dict[str, str]
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
KEYS = {
    "ecdsa-p256-sha256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa-pss-sha512": lambda: rsa.generate_private_key(65_537, 2_048),
}


class Partner:
    """A key, and how it signs a request (RFC 9421, 2 and 3)."""

    def __init__(self, clock: Clock, algorithm: str = "ed25519") -> None:
        self.clock = clock
        self.algorithm = algorithm
        self.key: Key = KEYS[algorithm]()
        self.id = ""

    @property
    def public(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def request(self, key: Key | None = None) -> str:
        """Return a request for a certificate, in PEM."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever")])
        key = key or self.key
        hashed = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashed)
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def sign(self, base: bytes) -> bytes:
        match self.key:
            case ec.EllipticCurvePrivateKey() as key:
                r, s = decode_dss_signature(key.sign(base, ec.ECDSA(hashes.SHA256())))
                return r.to_bytes(32) + s.to_bytes(32)
            case ed25519.Ed25519PrivateKey() as key:
                return key.sign(base)
            case rsa.RSAPrivateKey() as key:
                masked = padding.PSS(padding.MGF1(hashes.SHA512()), 64)
                return key.sign(base, masked, hashes.SHA512())

    def signed(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Headers | None = None,
        cover: Sequence[str] | None = None,
        label: str = "sig1",
        **parameters: Any,
    ) -> Headers:
        """Return the headers of a signed request; a parameter that is None is left out."""
        head = {"host": urlsplit(target).netloc, **(headers or {})}
        if body:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            head = {"content-type": "application/json", **head}
            head = {"content-digest": f"sha-256=:{digest}:", **head}
        covered = list(cover) if cover is not None else ["@method", "@target-uri"]
        if cover is None:
            covered += [one for one in ("content-digest", "content-type", "idempotency-key")
                        if one in head]  # fmt: skip
        told = {
            "created": int(self.clock.now().timestamp()),
            "keyid": self.id,
            "nonce": secrets.token_urlsafe(16),
            "alg": self.algorithm,
            "tag": "bezant-request",
            **parameters,
        }
        inner = "(" + " ".join(f'"{one}"' for one in covered) + ")"
        for name, value in told.items():
            if value is not None:
                inner += f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        known = {"@method": method, "@target-uri": target, "@authority": urlsplit(target).netloc}
        lines = [f'"{one}": {known.get(one) or head.get(one, "")}' for one in covered]
        lines.append(f'"@signature-params": {inner}')
        signature = base64.b64encode(self.sign("\n".join(lines).encode())).decode()
        return {
            **head,
            "signature-input": f"{label}={inner}",
            "signature": f"{label}=:{signature}:",
        }
