"""A client's public keys as people paste them, and as they are stored: a JWK Set. Pure."""

import json
from typing import Final, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey

from bezant.identity.client import (
    KEY_CHARACTERS_MAX,
    KEYS_OF_CLIENT_MAX,
    MalformedClientKey,
)
from bezant.identity.provider import jose
from bezant.identity.provider.checks import client_assertion
from bezant.identity.provider.jose import BadToken, Key

NAME_CHARACTERS_MAX: Final = 200
_PRIVATE: Final = ("PRIVATE KEY-----", '"d"', '"k"')

Stored = dict[str, str]


def set_of(text: str, kept: str = "") -> str:
    """Return the JWK Set to store for what somebody pasted, before what is kept of the old one."""
    if len(text) > KEY_CHARACTERS_MAX:
        raise _wrong("a key is shorter than this")
    if any(mark in text for mark in _PRIVATE):
        raise _wrong("this is the private half: keep it to yourself, and paste the public one")
    found = _of_json(text) if text.lstrip().startswith("{") else [_of_pem(text)]
    for one in client_assertion.registered_keys(kept):
        found.append(_stored(jose.key_of(one), one.get("kid")))
    new: dict[str, Stored] = {}
    for one in found:
        # Of two that are called the same, one would be lost without a word.
        if new.setdefault(one["kid"], one) != one:
            raise _wrong("two different keys have the same name (kid)")
    if len(new) > KEYS_OF_CLIENT_MAX:
        raise _wrong(f"a client has at most {KEYS_OF_CLIENT_MAX} keys")
    return json.dumps({"keys": list(new.values())}, separators=(",", ":"))


def names_of(jwks: str) -> tuple[str, ...]:
    """Return what the keys of a stored set are called."""
    try:
        return tuple(str(one.get("kid", "")) for one in client_assertion.registered_keys(jwks))
    except BadToken:
        return ()


def _of_json(text: str) -> list[Stored]:
    try:
        told: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong("this is not JSON") from None
    if not isinstance(told, dict):
        raise _wrong("there is no key in this")
    keys = cast("dict[str, object]", told).get("keys", [cast("object", told)])
    if not isinstance(keys, list) or not keys:
        raise _wrong("there is no key in this")
    return [_of_jwk(one) for one in cast("list[object]", keys)]


def _of_jwk(jwk: object) -> Stored:
    try:
        key = jose.key_of(jwk)
    except BadToken:
        raise _wrong("a key is P-256, Ed25519, or RSA of at least 2048 bits") from None
    return _stored(key, cast("dict[str, object]", jwk).get("kid"))


def _of_pem(text: str) -> Stored:
    try:
        key = serialization.load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong("a public key begins with -----BEGIN PUBLIC KEY-----") from None
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    match key:
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            jwk = ECKey.import_key(pem).as_dict(private=False)
        case ed25519.Ed25519PublicKey():
            jwk = OKPKey.import_key(pem).as_dict(private=False)
        case rsa.RSAPublicKey():
            jwk = RSAKey.import_key(pem).as_dict(private=False)
        case _:
            raise _wrong("a key is P-256, Ed25519, or RSA of at least 2048 bits")
    return _of_jwk({name: value for name, value in jwk.items() if isinstance(value, str)})


def _stored(key: Key, name: object) -> Stored:
    """Return a key as it is stored; one without a name has the one of RFC 7638."""
    kid = name if isinstance(name, str) and name else jose.thumbprint(key)
    if len(kid) > NAME_CHARACTERS_MAX or not kid.isprintable():
        raise _wrong("a key's name is a short text")
    fields = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
    return {**{name: str(value) for name, value in fields.items()}, "kid": kid}


def _wrong(why: str) -> MalformedClientKey:
    return MalformedClientKey(why, field="public_key")
