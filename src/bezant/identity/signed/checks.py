"""What a signed request must be beyond its signature (RFC 9421, 3.2.1). Pure."""

from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bezant.identity.signer import SignedRequest, SigningAlgorithm

AGE_MAX: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=30)
NONCE_CHARACTERS_MIN, NONCE_CHARACTERS_MAX = 16, 128
_P256_BYTES: Final = 64
_RSA_SALT_BYTES: Final = 64


class SignatureRefused(Exception):
    """A signature that opens nothing here; nobody is told why."""


def timely(request: SignedRequest, now: datetime) -> datetime:
    """Return until when its nonce must be remembered, or raise."""
    made, at = request.created, now.timestamp()
    if not at - AGE_MAX.total_seconds() <= made <= at + SKEW.total_seconds():
        raise SignatureRefused
    if request.expires is not None and not max(made, at) <= request.expires:
        raise SignatureRefused
    return now + AGE_MAX + 2 * SKEW


def well_formed(request: SignedRequest, algorithm: SigningAlgorithm) -> None:
    """Refuse another algorithm than the key's own, and a nonce that could be met twice."""
    if request.algorithm not in ("", algorithm.value):
        raise SignatureRefused
    if not NONCE_CHARACTERS_MIN <= len(request.nonce) <= NONCE_CHARACTERS_MAX:
        raise SignatureRefused


def fits(request: SignedRequest, public_key: bytes) -> None:
    """Return if the signature fits the key, else raise."""
    key = serialization.load_der_public_key(public_key)
    signature, base = request.signature, request.base
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                if len(signature) != _P256_BYTES:
                    raise SignatureRefused
                r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
                key.verify(encode_dss_signature(r, s), base, ec.ECDSA(hashes.SHA256()))
            case ed25519.Ed25519PublicKey():
                key.verify(signature, base)
            case rsa.RSAPublicKey():
                masked = padding.PSS(padding.MGF1(hashes.SHA512()), _RSA_SALT_BYTES)
                key.verify(signature, base, masked, hashes.SHA512())
            case _:
                raise SignatureRefused
    except InvalidSignature:
        raise SignatureRefused from None
