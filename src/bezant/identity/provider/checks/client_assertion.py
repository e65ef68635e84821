"""RFC 7523, 3 and FAPI 2.0, 5.3.2.1: a client proves who it is by a signed statement."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, cast

import msgspec

from bezant.identity.oauth import InvalidClient
from bezant.identity.provider import jose
from bezant.identity.provider.jose import BadToken, Read

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE_MAX: Final = timedelta(minutes=5)
SKEW: Final = timedelta(seconds=10)  # Clocks of decent machines differ by less.
ID_CHARACTERS_MAX: Final = 256


def whose(parameters: Mapping[str, str]) -> str:
    """The JWT MUST contain a "sub" claim identifying the client; read before it is believed."""
    try:
        return jose.read(parameters.get("client_assertion", ""), jose.ASSERTION).text_of("sub")
    except BadToken:
        raise InvalidClient from None


def proved(
    text: str, client_id: str, jwks: str, issuer: str, now: datetime
) -> tuple[str, datetime]:
    """The JWT MUST be digitally signed by the issuer, name the client as "iss" and "sub", the
    authorization server as its only "aud", and expire soon. Returns its id, to be spent once, and
    until when.
    """
    try:
        token = jose.read(text, jose.ASSERTION)
        # The issuer's own name alone: one for another server that we also are cannot be replayed.
        if (token.claims.get("iss"), token.claims.get("sub")) != (client_id, client_id):
            raise BadToken
        if token.claims.get("aud") not in (issuer, [issuer]):
            raise BadToken
        until = _until(token, now)
        _verify(token, jwks)
        name = token.text_of("jti")
    except BadToken:
        raise InvalidClient from None
    if not 0 < len(name) <= ID_CHARACTERS_MAX:
        raise InvalidClient
    return name, until


def _until(token: Read, now: datetime) -> datetime:
    at = int(now.timestamp())
    skew, life = int(SKEW.total_seconds()), int(LIFE_MAX.total_seconds())
    expires = token.seconds_of("exp")
    if not at - skew < expires <= at + life + skew:
        raise BadToken
    for claim in ("iat", "nbf"):
        if claim in token.claims and token.seconds_of(claim) > at + skew:
            raise BadToken
    return now + timedelta(seconds=expires - at) + SKEW


def _verify(token: Read, jwks: str) -> None:
    kid = token.header.get("kid")
    for one in registered_keys(jwks):
        if kid is not None and one.get("kid") != kid:
            continue
        key = jose.key_of(one)
        if jose.fits(key, token.header["alg"]):
            # A client that names no key may have two of a kind while it moves to the next one.
            with suppress(BadToken):
                jose.verify(token, key)
                return
    raise BadToken


def registered_keys(jwks: str) -> list[dict[str, object]]:
    """Return the keys of a JWK Set as it was registered."""
    try:
        told = msgspec.json.decode(jwks or '{"keys": []}', type=dict[str, object])
    except msgspec.MsgspecError:
        raise BadToken from None
    keys = told.get("keys")
    if not isinstance(keys, list):
        raise BadToken
    found = cast("list[object]", keys)
    if not all(isinstance(one, dict) for one in found):
        raise BadToken
    return cast("list[dict[str, object]]", found)
