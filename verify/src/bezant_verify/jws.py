"""Signatures over JSON (RFC 7515, general form) of which every one counts.

Which signatures there must be stands inside what is signed; one that is missing, twice, or of
another kind than its key spoils the whole. ML-DSA is named as RFC 9964 names it, and its context is
empty, as that RFC demands.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ES256, PS256, EDDSA, MLDSA87 = "ES256", "PS256", "EdDSA", "ML-DSA-87"
POST_QUANTUM = frozenset({MLDSA87, "ML-DSA-65", "ML-DSA-44"})
SIGNATURES_MAX = 4
COORDINATE_BYTES = 32
_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)


class BadObject(Exception):
    """This is not signed as it must be."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as its owner published it: what it signs with is the key's, not the signature's."""

    kid: str
    algorithm: str
    public_key: bytes
    """SPKI in DER."""


@dataclass(frozen=True, slots=True)
class Part:
    """One signature as it was read."""

    protected: str
    signature: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed object, taken apart."""

    payload: str
    parts: tuple[Part, ...]

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "Signed":
        """Read the general form; anything beside it is refused."""
        try:
            rows = cast("list[dict[str, Any]]", given["signatures"])
            parts = tuple(Part(str(row["protected"]), str(row["signature"])) for row in rows)
            payload = str(given["payload"])
        except (KeyError, TypeError) as error:
            raise BadObject(f"this is no signed object: {error}") from None
        if not 0 < len(parts) <= SIGNATURES_MAX:
            raise BadObject(f"there are 1 to {SIGNATURES_MAX} signatures")
        if set(given) != {"payload", "signatures"}:
            raise BadObject("a signed object has a payload and signatures, nothing else")
        if any(set(row) != {"protected", "signature"} for row in rows):
            raise BadObject("a signature has a protected header and nothing unprotected")
        return cls(payload, parts)

    def claims(self) -> dict[str, Any]:
        """Return what was signed, unbelieved."""
        return read_object(from_base64url(self.payload))


def verify(signed: Signed, typ: str, keys: Mapping[str, PublicKey]) -> tuple[PublicKey, ...]:
    """Return who signed, if that is exactly who must have, or raise `BadObject`."""
    demanded = _demanded(signed.claims())
    found: dict[tuple[str, str], PublicKey] = {}
    for part in signed.parts:
        header = read_object(from_base64url(part.protected))
        if set(header) != {"alg", "kid", "typ"} or header["typ"] != typ:
            raise BadObject(f"the header is not one of a {typ}")
        name = (str(header["alg"]), str(header["kid"]))
        key = keys.get(name[1])
        if key is None:
            raise BadObject(f"{name[1]} is a key that is not known here")
        if key.algorithm != name[0]:
            raise BadObject(f"{name[1]} does not sign with {name[0]}")
        if name in found:
            raise BadObject(f"{name[1]} signed twice")
        message = f"{part.protected}.{signed.payload}".encode()
        if not fits(key.algorithm, key.public_key, message, from_base64url(part.signature)):
            raise BadObject(f"the signature of {name[1]} does not fit")
        found[name] = key
    if set(found) != demanded:
        raise BadObject("the signatures are not those that what is signed demands")
    return tuple(found.values())


def fits(algorithm: str, public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether a signature fits; a key of another kind never does."""
    try:
        public = serialization.load_der_public_key(public_key)
        match algorithm, public:
            case "ES256", ec.EllipticCurvePublicKey() if len(signature) == 2 * COORDINATE_BYTES:
                r = int.from_bytes(signature[:COORDINATE_BYTES])
                s = int.from_bytes(signature[COORDINATE_BYTES:])
                public.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
            case "PS256", rsa.RSAPublicKey():
                public.verify(signature, message, _PSS, hashes.SHA256())
            case "EdDSA", ed25519.Ed25519PublicKey():
                public.verify(signature, message)
            case (
                ("ML-DSA-44", mldsa.MLDSA44PublicKey())
                | ("ML-DSA-65", mldsa.MLDSA65PublicKey())
                | ("ML-DSA-87", mldsa.MLDSA87PublicKey())
            ):
                public.verify(signature, message)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def read_object(text: bytes) -> dict[str, Any]:
    """Read a JSON object in which no name stands twice."""
    found = read_json(text)
    if not isinstance(found, dict):
        raise BadObject("this is no JSON object")
    return cast("dict[str, Any]", found)


def read_json(text: bytes) -> object:
    """Read JSON in which no name stands twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise BadObject("a name stands twice")
        return dict(pairs)

    try:
        found: object = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise BadObject("this is no JSON") from None
    return found


def base64url(value: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url that has exactly one spelling."""
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadObject("this is no base64url") from None
    if base64url(value) != text:
        raise BadObject("this base64url has bits that mean nothing")
    return value


def _demanded(claims: dict[str, Any]) -> set[tuple[str, str]]:
    rows = cast("object", claims.get("sigs"))
    if not isinstance(rows, list) or not rows:
        raise BadObject("what is signed does not say who must have signed")
    try:
        named = [(str(one["alg"]), str(one["kid"])) for one in cast("list[dict[str, Any]]", rows)]
    except (KeyError, TypeError):
        raise BadObject("what is signed does not say who must have signed") from None
    if len(set(named)) != len(named):
        raise BadObject("what is signed demands a signature twice")
    return set(named)
