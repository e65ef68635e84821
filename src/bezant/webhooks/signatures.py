"""Signing and checking as Standard Webhooks says: over `id.timestamp.body`, the raw bytes.

`v1` is HMAC-SHA256 with a shared secret (`whsec_…`), `v1a` is Ed25519 (`whsk_…` signs, `whpk_…`
checks). A message may carry several signatures, so that a secret can be rotated.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bezant.errors import Invalid, Refused
from bezant.secret import Secret
from bezant.webhooks.endpoint import Scheme

HMAC_PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
HMAC_BYTES: Final = 32
HMAC_BYTES_MIN: Final = 24
HMAC_BYTES_MAX: Final = 64
ED25519_BYTES: Final = 32
TOLERANCE_SECONDS: Final = 300
SIGNATURES_MAX: Final = 20  # What a header may carry; a rotation needs two for each scheme.
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}\Z")


class NotGenuine(Refused):
    """This message was not sent by whom it claims, was changed on its way, or is too old."""

    code = "webhook_not_genuine"


class MalformedSecret(Invalid):
    """A webhook secret reads whsec_ or whpk_ and then base64."""

    code = "malformed_webhook_secret"


class SigningKey:
    """One secret, ready to sign."""

    def __init__(self, scheme: Scheme, text: Secret[str]) -> None:
        self.scheme = scheme
        self._text = text

    @classmethod
    def of_chance(cls, scheme: Scheme, chance: bytes) -> "SigningKey":
        """Make a new secret of 32 random bytes."""
        assert len(chance) == HMAC_BYTES, len(chance)
        if scheme is Scheme.HMAC:
            return cls(scheme, Secret(HMAC_PREFIX + _base64(chance)))
        # As NaCl writes a private key: the seed, then the public half.
        public = Ed25519PrivateKey.from_private_bytes(chance).public_key().public_bytes_raw()
        return cls(scheme, Secret(PRIVATE_PREFIX + _base64(chance + public)))

    @property
    def text(self) -> Secret[str]:
        """Return the secret as it is told or sealed."""
        return self._text

    @property
    def public_text(self) -> str | None:
        """Return what the receiver needs to check, if that is no secret."""
        if self.scheme is Scheme.HMAC:
            return None
        return PUBLIC_PREFIX + _base64(self._private.public_key().public_bytes_raw())

    def sign(self, content: bytes) -> str:
        """Return one signature as the header carries it."""
        if self.scheme is Scheme.HMAC:
            return "v1," + _base64(hmac.digest(self._shared, content, "sha256"))
        return "v1a," + _base64(self._private.sign(content))

    def hex_hmac(self, content: bytes) -> str:
        """Return the signature of the older header, made with the secret's own text."""
        return hmac.new(self._text.reveal().encode(), content, hashlib.sha256).hexdigest()

    @cached_property
    def _shared(self) -> bytes:
        return _material(self._text.reveal(), HMAC_PREFIX)

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        seed = _material(self._text.reveal(), PRIVATE_PREFIX)[:ED25519_BYTES]
        return Ed25519PrivateKey.from_private_bytes(seed)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a message is signed as: its id and the second of this attempt."""

    id: str
    at: datetime

    @property
    def seconds(self) -> int:
        """Return the second as the header tells it."""
        return int(self.at.timestamp())

    @property
    def milliseconds(self) -> int:
        """Return the instant as the older header tells it."""
        return int(self.at.timestamp() * 1_000)


def headers_of(
    stamp: Stamp, body: bytes, keys: Sequence[SigningKey], *, sha256: bool = False
) -> dict[str, str]:
    """Return the headers of one attempt, a signature for every key.

    The older `X-Webhook-Signature` has room for one signature. It is the oldest secret's, so that
    making a new secret breaks nobody.
    """
    content = b"%b.%d.%b" % (stamp.id.encode(), stamp.seconds, body)
    headers = {
        "webhook-id": stamp.id,
        "webhook-timestamp": str(stamp.seconds),
        "webhook-signature": " ".join(key.sign(content) for key in keys),
    }
    shared = [key for key in keys if key.scheme is Scheme.HMAC]
    if sha256 and shared:
        milliseconds = stamp.milliseconds
        headers["x-webhook-timestamp"] = str(milliseconds)
        headers["x-webhook-signature"] = shared[0].hex_hmac(b"%d.%b" % (milliseconds, body))
    return headers


def verify(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return the message's id if one of these secrets or public keys signed it lately."""
    given = {name.lower(): value for name, value in headers.items()}
    identifier, seconds = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not identifier or not _TIMESTAMP.match(seconds):
        raise NotGenuine
    if abs(int(seconds) - int(now.timestamp())) > TOLERANCE_SECONDS:
        raise NotGenuine("this message is too old, or from the future")
    content = b"%b.%b.%b" % (identifier.encode(), seconds.encode(), body)
    signatures = given.get("webhook-signature", "").split(" ")[:SIGNATURES_MAX]
    # Every pair is tried, so that the time it takes tells nothing about which one fits.
    fits = [_fits(secret, one, content) for secret in secrets for one in signatures]
    if not any(fits):
        raise NotGenuine
    return identifier


def _fits(secret: str, signature: str, content: bytes) -> bool:
    version, _, encoded = signature.partition(",")
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    if secret.startswith(PUBLIC_PREFIX):
        if version != Scheme.ED25519:
            return False
        try:
            key = Ed25519PublicKey.from_public_bytes(_material(secret, PUBLIC_PREFIX))
            key.verify(value, content)
        except InvalidSignature:
            return False
        return True
    expected = hmac.digest(_material(secret, HMAC_PREFIX), content, "sha256")
    return version == Scheme.HMAC and hmac.compare_digest(expected, value)


def _material(text: str, prefix: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedSecret from None
    lengths = {
        HMAC_PREFIX: range(HMAC_BYTES_MIN, HMAC_BYTES_MAX + 1),
        PRIVATE_PREFIX: range(2 * ED25519_BYTES, 2 * ED25519_BYTES + 1),
        PUBLIC_PREFIX: range(ED25519_BYTES, ED25519_BYTES + 1),
    }
    if not text.startswith(prefix) or len(found) not in lengths[prefix]:
        raise MalformedSecret
    return found


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
