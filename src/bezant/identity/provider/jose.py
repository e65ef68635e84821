"""Signed tokens (RFC 7515, 7519): read strictly, signed by the key room.

A token is looked at before any cryptography: three parts, a small header with names we know, the
one type and the algorithms that are expected here. Nothing in a header ever chooses where a key
comes from, but for the key of a DPoP proof, which the specification puts there.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from bezant.errors import Unavailable
from bezant.keys.port import Keys
from bezant.secret import Secret

TOKEN_CHARACTERS_MAX: Final = 8_192
SIGNING_KEY: Final = "jwt-signing"
"""The logical key that signs access and ID tokens."""
OWN_ALGORITHM: Final = "ES256"
CLIENT_ALGORITHMS: Final = ("ES256", "PS256", "Ed25519")
PROOF_ALGORITHMS: Final = ("ES256", "Ed25519")
ROTATIONS_MAX: Final = 3
_PART: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_CURVES: Final = {"EC": "P-256", "OKP": "Ed25519"}
_KEY_NAMES: Final = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
RSA_BITS_MIN: Final = 2_048

Json = Mapping[str, object]
Key = ECKey | OKPKey | RSAKey


@dataclass(frozen=True, slots=True)
class Form:
    """What the header of one kind of token says."""

    kinds: frozenset[str]
    """What `typ` may be; empty where it may be left out."""
    algorithms: tuple[str, ...]
    needs: frozenset[str]
    takes: frozenset[str] = frozenset()


ACCESS_KIND: Final = "at+jwt"
IDENTITY_KIND: Final = "JWT"
ACCESS: Final = Form(frozenset({ACCESS_KIND}), (OWN_ALGORITHM,), frozenset({"kid"}))
IDENTITY: Final = Form(frozenset({IDENTITY_KIND}), (OWN_ALGORITHM,), frozenset({"kid"}))
PROOF: Final = Form(frozenset({"dpop+jwt"}), PROOF_ALGORITHMS, frozenset({"jwk"}))
ASSERTION: Final = Form(
    frozenset({"", "JWT", "client-authentication+jwt"}),
    CLIENT_ALGORITHMS,
    frozenset(),
    frozenset({"kid"}),
)


class BadToken(Exception):
    """A token that is not what it should be; nobody is told why."""


@dataclass(frozen=True, slots=True)
class Read:
    """A token's parts, before its signature was looked at."""

    text: str
    header: Json
    claims: Json

    def text_of(self, claim: str) -> str:
        """Return a claim that is text; one that is not there is empty."""
        value = self.claims.get(claim, "")
        # Half of a character cannot be stored, hashed or compared, nor can a NUL.
        if not isinstance(value, str) or not value.isprintable():
            raise BadToken
        return value

    def seconds_of(self, claim: str) -> int:
        """Return a claim that is an instant (RFC 7519, NumericDate), in whole seconds."""
        value = self.claims.get(claim)
        if type(value) is not int or not 0 <= value < 2**40:
            raise BadToken
        return value


def looks_signed(text: str) -> bool:
    """Tell whether a text could be a signed token at all."""
    return text.startswith("eyJ") and text.count(".") == 2


def read(text: str, form: Form) -> Read:
    """Take a token apart, or raise `BadToken`; its signature is still to be verified."""
    parts = text.split(".")
    if len(text) > TOKEN_CHARACTERS_MAX or len(parts) != 3 or not all(map(_PART.match, parts)):
        raise BadToken
    header = _object(parts[0])
    names = header.keys() - {"alg", "typ"}
    kind = header.get("typ", "")
    if not isinstance(kind, str) or kind not in form.kinds:
        raise BadToken
    if header.get("alg") not in form.algorithms:
        raise BadToken
    if not form.needs <= names <= form.needs | form.takes:
        raise BadToken
    return Read(text, header, _object(parts[1]))


def verify(token: Read, key: Key) -> None:
    """Return if the signature fits the key and the header's algorithm, else raise `BadToken`."""
    registry = jws.JWSRegistry(algorithms=[str(token.header["alg"])])
    registry.max_header_length = TOKEN_CHARACTERS_MAX
    registry.strict_check_header = False  # Its names were checked above.
    try:
        jws.deserialize_compact(token.text, key, registry=registry)
    except (JoseError, ValueError, TypeError):
        raise BadToken from None


def key_of(jwk: object) -> Key:
    """Return the public key that a header or a client's registration gives, of a kind we take."""
    if not isinstance(jwk, dict):
        raise BadToken
    fields = cast("dict[str, object]", jwk)
    if not all(isinstance(value, str) for name, value in fields.items() if name != "key_ops"):
        raise BadToken
    try:
        return _imported(cast("dict[str, str]", fields))
    except (JoseError, ValueError, TypeError, KeyError):
        raise BadToken from None


def _imported(fields: dict[str, str]) -> Key:
    kind = fields.get("kty")
    if "d" in fields or "k" in fields or "p" in fields:
        raise BadToken  # Whoever shows a private key has lost it.
    if kind == "RSA":
        key = RSAKey.import_key({"kty": "RSA", "n": fields["n"], "e": fields["e"]})
        if key.public_key.key_size < RSA_BITS_MIN:
            raise BadToken
        return key
    if kind not in _CURVES or fields.get("crv") != _CURVES[kind]:
        raise BadToken
    plain = {name: fields[name] for name in _KEY_NAMES[kind]}
    if kind == "EC":
        return ECKey.import_key({"kty": "EC", **plain})
    return OKPKey.import_key({"kty": "OKP", **plain})


def fits(key: Key, algorithm: object) -> bool:
    """Tell whether an algorithm is the one of this kind of key."""
    return {ECKey: "ES256", OKPKey: "Ed25519", RSAKey: "PS256"}[type(key)] == algorithm


def thumbprint(key: Key) -> str:
    """Return a key's name for itself (RFC 7638)."""
    return key.thumbprint()


def own_key(public_key: bytes) -> ECKey:
    """Return one of our own keys from its SPKI."""
    return ECKey.import_key(_pem(public_key))


def _pem(public_key: bytes) -> bytes:
    body = base64.encodebytes(public_key)
    return b"-----BEGIN PUBLIC KEY-----\n" + body + b"-----END PUBLIC KEY-----\n"


async def signed(keys: Keys, kind: str, claims: Json) -> Secret[str]:
    """Return a token signed by the active key."""
    payload = encoded(json.dumps(claims, separators=(",", ":")).encode())
    for _ in range(ROTATIONS_MAX):  # The key may be rotated between the two questions.
        kid = await _active(keys)
        header = {"alg": OWN_ALGORITHM, "kid": kid, "typ": kind}
        start = f"{encoded(json.dumps(header, separators=(',', ':')).encode())}.{payload}"
        signature = await keys.sign(SIGNING_KEY, start.encode())
        if signature.kid == kid:
            return Secret(f"{start}.{encoded(signature.value)}")
    raise Unavailable("the signing key was rotated just now; try again", retry_after_seconds=1)


async def _active(keys: Keys) -> str:
    found = await keys.public_keys(SIGNING_KEY)
    return next(one.kid for one in found if one.state == "active")


def encoded(value: bytes) -> str:
    """Write bytes as JOSE does: base64url without padding."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Read bytes as JOSE writes them, and in no other spelling."""
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise BadToken from None
    if encoded(value) != text:
        raise BadToken
    return value


def half_hash(value: str) -> str:
    """Return the left half of a hash, as `at_hash` wants it (OpenID Connect Core 3.1.3.6)."""
    return encoded(hashlib.sha256(value.encode()).digest()[:16])


def _object(part: str) -> Json:
    try:
        value: object = json.loads(
            decoded(part).decode(), object_pairs_hook=_unique, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        raise BadToken from None
    if not isinstance(value, dict):
        raise BadToken
    return cast("dict[str, object]", value)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadToken  # Two readers could choose differently.
    return found


def _refuse(_: str) -> object:
    raise BadToken
