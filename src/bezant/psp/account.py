"""An account at a provider: where it is, in which mode, and how we show that we are its owner."""

import base64
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.errors import Invalid
from bezant.secret import Secret

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
JWT_SECONDS: Final = 120  # Coinbase refuses a longer life.
NONCE_BYTES: Final = 16
ED25519_BYTES: Final = 64  # The seed, then the public key that belongs to it.


class AccountWrong(Invalid):
    """An account at a provider cannot be used as it is configured."""

    code = "account_wrong"


@dataclass(frozen=True, slots=True)
class Bearer:
    """A secret key that is sent along, such as Stripe's."""

    secret: Secret[str]

    def header(self) -> tuple[str, str]:
        """Return the header that shows it."""
        return "authorization", f"Bearer {self.secret.reveal()}"


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """A key in a header of the provider's own, such as Commerce's `X-CC-Api-Key`."""

    name: str
    secret: Secret[str]

    def header(self) -> tuple[str, str]:
        """Return the header that shows it."""
        return self.name, self.secret.reveal()


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A name and a secret that are exchanged for a token now and then (OAuth 2), as at PayPal."""

    client: str
    secret: Secret[str]
    token_path: str

    def header(self) -> tuple[str, str]:
        """Return the header with which a token is asked for."""
        pair = f"{self.client}:{self.secret.reveal()}".encode()
        return "authorization", f"Basic {base64.b64encode(pair).decode()}"


class SigningKey:
    """A private key that signs a token for each request, as at Coinbase (CDP API keys)."""

    __slots__ = ("_algorithm", "_key", "_name")

    def __init__(self, name: str, secret: Secret[str]) -> None:
        self._name: Final = name
        self._key: Final = _private_key(secret.reveal())
        self._algorithm: Final = (
            "EdDSA" if isinstance(self._key, ed25519.Ed25519PrivateKey) else "ES256"
        )

    def header(self, method: str, host_and_path: str, now: datetime, nonce: str) -> tuple[str, str]:
        """Return a token for exactly this request, good for two minutes."""
        at = int(now.timestamp())
        head = {"alg": self._algorithm, "kid": self._name, "typ": "JWT", "nonce": nonce}
        claims = {
            "iss": "cdp",
            "sub": self._name,
            "nbf": at,
            "exp": at + JWT_SECONDS,
            "uri": f"{method} {host_and_path}",
        }
        signed = b".".join(_base64url(msgspec.json.encode(part)) for part in (head, claims))
        token = b".".join((signed, _base64url(self._sign(signed))))
        return "authorization", f"Bearer {token.decode()}"

    def _sign(self, text: bytes) -> bytes:
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(text)
        r, s = decode_dss_signature(self._key.sign(text, ec.ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)


Credential = Bearer | KeyHeader | ClientCredentials | SigningKey


@dataclass(frozen=True, slots=True)
class Account:
    """One account in one mode."""

    provider: str
    mode: Mode
    base_url: str
    credential: Credential = field(repr=False)
    webhook_secrets: tuple[Secret[str], ...] = ()
    """With what the provider signs its events: two while one is being replaced, none where no
    events are taken.
    """
    webhook_id: str = ""
    """The provider's name of our subscription, where that is a part of what is signed."""
    emulated: bool = False
    """It is one of our own emulators: its time is business time, its addresses are loopback."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        plain = parts.scheme == "http" and parts.hostname in LOOPBACK
        if not parts.hostname or not (plain or parts.scheme == "https"):
            raise AccountWrong(f"the address of {self.provider} must begin with https://")
        if parts.query or parts.fragment or parts.username or self.base_url.endswith("/"):
            raise AccountWrong(f"the address of {self.provider} is a host and perhaps a path")
        if self.emulated and self.mode is Mode.LIVE:
            raise AccountWrong("an emulator has no live mode")


@dataclass(frozen=True, slots=True)
class Clocks:
    """An emulator lives in business time, everybody else in the machine's."""

    business: Clock
    real: Clock

    def now(self, account: Account) -> datetime:
        """Return the time at an account's provider."""
        return (self.business if account.emulated else self.real).now()


def _private_key(text: str) -> ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    wrong = AccountWrong("a Coinbase key is an EC key on P-256 as PEM, or 64 bytes in base64")
    try:
        if "BEGIN" in text:
            key = load_pem_private_key(text.replace("\\n", "\n").encode(), None)
            if isinstance(key, ed25519.Ed25519PrivateKey):
                return key
            if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
                return key
            raise wrong
        raw = base64.b64decode(text, validate=True)
        key = ed25519.Ed25519PrivateKey.from_private_bytes(raw[:32])
    except (ValueError, TypeError):
        raise wrong from None
    if len(raw) != ED25519_BYTES or key.public_key().public_bytes_raw() != raw[32:]:
        raise wrong
    return key


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
