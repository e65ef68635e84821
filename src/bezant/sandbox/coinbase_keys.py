"""Who calls Coinbase: the bearer token a CDP key signs for each single request, and its check.

A token is a JWT of two minutes, by ES256 or EdDSA, that names the key, the method and the address
it is for (as `uri`, or `uris` in newer clients).
"""

import base64
import binascii
import hashlib
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bezant.sandbox.emulator import Call

HOSTS: Final = ("business.coinbase.com", "api.cdp.coinbase.com")
"""The real addresses; a token for one of them is good here too."""
LIFE_SECONDS_MAX: Final = 120
SKEW_SECONDS_MAX: Final = 30
_SEED: Final = b"bezant sandbox coinbase: known to everybody"
_NUMBER_BYTES: Final = 32

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class Refused(ValueError):
    """This token is no good; the text says why."""


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    iss: str
    nbf: int
    exp: int
    uri: str = ""
    uris: tuple[str, ...] = ()


Part = TypeVar("Part", _Header, _Claims)


def known_private_key() -> str:
    """Return the private key of the demo, as Coinbase lets its customers download theirs."""
    return (
        _known_key()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )


def known_public_key() -> str:
    """Return the public half of it, which is what Coinbase keeps."""
    return (
        _known_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def check(token: str, name: str, public_key: str, call: Call, now: datetime) -> None:
    """Raise `Refused` unless the key signed this token for this call."""
    parts = token.split(".")
    if len(parts) != 3:
        raise Refused("not a JWT")
    header, claims = _decoded(parts[0], _Header), _decoded(parts[1], _Claims)
    if header.kid != name or claims.sub != name or claims.iss != "cdp":
        raise Refused("signed by a key that is not known here")
    _check_signature(header.alg, public_key, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]))
    seconds = now.timestamp()
    if claims.exp - claims.nbf > LIFE_SECONDS_MAX:
        raise Refused("a token lives for two minutes")
    if not claims.nbf - SKEW_SECONDS_MAX <= seconds < claims.exp:
        raise Refused("this token is not of now")
    hosts = (call.base_url.partition("://")[2], *HOSTS)
    if not {claims.uri, *claims.uris} & {f"{call.method} {host}{call.path}" for host in hosts}:
        raise Refused("this token is for another request")


def _check_signature(algorithm: str, public_key: str, told: bytes, proof: bytes) -> None:
    key = _read(public_key)
    try:
        if algorithm == "ES256" and isinstance(key, ec.EllipticCurvePublicKey):
            if len(proof) != 2 * _NUMBER_BYTES:
                raise Refused("the signature has a wrong length")
            halves = proof[:_NUMBER_BYTES], proof[_NUMBER_BYTES:]
            numbers = [int.from_bytes(half) for half in halves]
            signature = encode_dss_signature(numbers[0], numbers[1])
            key.verify(signature, told, ec.ECDSA(hashes.SHA256()))
        elif algorithm == "EdDSA" and isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(proof, told)
        else:
            raise Refused("not signed the way of this key")
    except InvalidSignature as wrong:
        raise Refused("the signature is wrong") from wrong


def _decoded(part: str, shape: type[Part]) -> Part:
    try:
        return msgspec.json.decode(_bytes(part), type=shape)
    except msgspec.DecodeError as mistake:
        raise Refused("not a JWT of Coinbase's kind") from mistake


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as mistake:
        raise Refused("not a JWT") from mistake


@lru_cache(maxsize=4)
def _read(pem: str) -> PublicKey:
    key = serialization.load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey), "an agreed key"
    return key


@lru_cache(maxsize=1)
def _known_key() -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(_SEED).digest())
    return ec.derive_private_key(number, ec.SECP256R1())
