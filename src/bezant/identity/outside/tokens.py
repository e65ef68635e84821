"""Tokens of an issuer that is trusted: read as strictly as our own, with its pinned algorithms."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from bezant.identity.outside.discovery import Known
from bezant.identity.outside.trusted import ALGORITHMS, Trusted
from bezant.identity.provider import jose
from bezant.identity.provider.jose import BadToken, Form, Json, Read
from bezant.identity.provider.proofs import BY_CERTIFICATE, BY_KEY

SKEW: Final = timedelta(seconds=30)  # Two machines of two companies.
LIFE_MAX: Final = timedelta(hours=24)
SUBJECT_CHARACTERS_MAX: Final = 255  # OpenID Connect Core, 2.
_ACCESS_KINDS: Final = frozenset({"", "JWT", "at+jwt", "application/at+jwt"})
_IDENTITY_KINDS: Final = frozenset({"", "JWT"})
_HINTS: Final = frozenset({"kid", "x5t", "x5t#S256"})
"""Names in a header that choose among keys we already have; what leads elsewhere is refused."""
NOT_ACCESS: Final = frozenset({"ID", "Refresh", "Offline", "Logout"})
"""What Keycloak calls its other tokens, in the claim `typ`."""
METHODS_MAX: Final = 5
_METHODS: Final = frozenset({"pwd", "otp", "mfa", "hwk", "swk", "fpt", "face", "pin", "sms"})
"""What an issuer may say about how somebody proved who they are, in the words of RFC 8176."""
AUTH_TIME_MAX: Final = 2**40
_ONLY_IN_ID: Final = frozenset({"nonce", "at_hash", "c_hash"})


@dataclass(frozen=True, slots=True)
class Word:
    """What an issuer says about somebody, once it was verified."""

    subject: str
    claims: Json
    expires_at: datetime
    bound_to: str = ""


def named_issuer(text: str) -> str:
    """Return the issuer a signed token names, before anything of it is believed."""
    try:
        return read_form(text, ALGORITHMS, _ACCESS_KINDS).text_of("iss")
    except BadToken:
        return ""


def read_form(text: str, algorithms: tuple[str, ...], kinds: frozenset[str]) -> Read:
    """Take a token apart."""
    return jose.read(text, Form(kinds, algorithms, frozenset(), _HINTS))


async def access_token(known: Known, text: str, now: datetime) -> Word:
    """Return what an access token says (RFC 9068), or raise `BadToken`."""
    trusted = known.trusted
    token = await _verified(known, text, _ACCESS_KINDS)
    # An ID token is told to a client about a sign-in; it opens nothing.
    if token.claims.get("typ") in NOT_ACCESS or not _ONLY_IN_ID.isdisjoint(token.claims):
        raise BadToken
    return word_of(trusted, token.claims, trusted.audience, now)


async def identity_token(known: Known, text: str, nonce: str, now: datetime) -> Word:
    """Return what an ID token says to us (OpenID Connect Core, 3.1.3.7), or raise `BadToken`."""
    trusted = known.trusted
    token = await _verified(known, text, _IDENTITY_KINDS)
    word = word_of(trusted, token.claims, trusted.client_id, now)
    if token.claims.get("azp", trusted.client_id) != trusted.client_id:
        raise BadToken
    if token.text_of("nonce") != nonce or not nonce:
        raise BadToken
    return word


def word_of(trusted: Trusted, claims: Json, audience: str, now: datetime) -> Word:
    """Check what every token must say: whose it is, for whom, and since and until when."""
    read = Read("", {}, claims)
    told = claims.get("aud")
    audiences = cast("list[object]", told) if isinstance(told, list) else [told]
    if read.text_of("iss") != trusted.issuer or audience not in audiences:
        raise BadToken
    expires = datetime.fromtimestamp(read.seconds_of("exp"), UTC)
    if not now < expires + SKEW or expires > now + LIFE_MAX:
        raise BadToken
    for claim in ("iat", "nbf"):
        if claim in claims and read.seconds_of(claim) > (now + SKEW).timestamp():
            raise BadToken
    subject = read.text_of("sub")
    if not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX:
        raise BadToken
    return Word(subject, claims, expires, bound_to(claims))


def bound_to(claims: Json) -> str:
    """Return the key or certificate that a token is bound to (RFC 7800); an unknown way is no way
    around the binding.
    """
    told = claims.get("cnf")
    if told is None:
        return ""
    if isinstance(told, dict):
        match list(cast("Mapping[str, object]", told).items()):
            case [("jkt", str(mark))] if mark:
                return BY_KEY + mark
            case [("x5t#S256", str(mark))] if mark:
                return BY_CERTIFICATE + mark
            case _:
                pass
    raise BadToken


def methods_of(word: Word) -> tuple[str, ...]:
    """Return how somebody proved at their issuer who they are."""
    told = word.claims.get("amr")
    if not isinstance(told, list):
        return ()
    return tuple(
        one for one in cast("list[object]", told) if isinstance(one, str) and one in _METHODS
    )[:METHODS_MAX]


def proved_at(word: Word, now: datetime) -> datetime | None:
    """Return when somebody proved at their issuer who they are: perhaps long before today, and None
    where it does not say (OpenID Connect Core, 2, auth_time). Clocks that differ make nobody early.
    """
    told = word.claims.get("auth_time")
    if type(told) is not int or not 0 <= told < AUTH_TIME_MAX:
        return None
    return min(now, datetime.fromtimestamp(told, UTC))


def began_after(word: Word, asked_at: datetime) -> bool:
    """Tell whether a token was made after we asked for it."""
    told = word.claims.get("iat")
    return type(told) is int and told >= int((asked_at - SKEW).timestamp())


def mark_of(trusted: Trusted, subject: str) -> bytes:
    """Return how a person of an issuer is found again, without keeping what it calls them."""
    return hashlib.sha256(f"{trusted.issuer}\n{subject}".encode()).digest()


async def _verified(known: Known, text: str, kinds: frozenset[str]) -> Read:
    token = read_form(text, known.trusted.algorithms, kinds)
    kid = token.header.get("kid", "")
    if not isinstance(kid, str):
        raise BadToken
    jose.verify(token, await known.key(kid, str(token.header["alg"])))
    return token
