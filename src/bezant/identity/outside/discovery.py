"""What an issuer publishes about itself: its endpoints and its keys, remembered and renewed.

Nobody outside decides how often an issuer is asked. Its keys are read anew when they are old, and
for a key nobody knows at most once in `KEYS_PAUSE`, however many tokens name one. While an issuer
is silent, what it said before still counts, up to `KEYS_STALE_MAX`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from urllib.parse import urlsplit

from joserfc.jwk import ECKey, OKPKey, RSAKey

from bezant import telemetry
from bezant.clock import Clock
from bezant.identity.outside.calling import Calls, IssuerSilent
from bezant.identity.outside.trusted import Trusted
from bezant.identity.provider import jose
from bezant.identity.provider.jose import BadToken, Json, Key

ABOUT_LASTS: Final = timedelta(hours=1)
ABOUT_PAUSE: Final = timedelta(seconds=5)
KEYS_LAST: Final = timedelta(minutes=10)
KEYS_PAUSE: Final = timedelta(seconds=30)
KEYS_STALE_MAX: Final = timedelta(hours=24)
KEYS_MAX: Final = 50
WELL_KNOWN: Final = "/.well-known/openid-configuration"
_NEEDED: Final = ("kty", "n", "e", "crv", "x", "y")
_ALGORITHMS: Final = {
    RSAKey: frozenset({"RS256", "PS256"}),
    ECKey: frozenset({"ES256"}),
    OKPKey: frozenset({"Ed25519"}),
}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_log = telemetry.log("identity")


@dataclass(frozen=True, slots=True)
class About:
    """What an issuer's discovery document says, as far as it is used."""

    authorization: str
    token: str
    keys: str
    introspection: str
    says_who: bool
    """Its answers carry `iss` (RFC 9207), so an answer without it is not its."""


@dataclass(frozen=True, slots=True)
class Published:
    """One key of an issuer."""

    kid: str
    key: Key
    algorithms: frozenset[str]


class Known:
    """One trusted issuer, as far as it is known by now."""

    def __init__(self, trusted: Trusted, calls: Calls, clock: Clock) -> None:
        self.trusted = trusted
        self._calls = calls
        self._clock = clock
        self._about: About | None = None
        self._about_at = self._keys_at = self._tried_at = self._silent_at = _LONG_AGO
        self._keys: tuple[Published, ...] = ()
        self._turn = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None

    async def about(self) -> About:
        """Return where its endpoints are."""
        async with self._turn:
            return await self._read_about()

    async def key(self, kid: str, algorithm: str) -> Key:
        """Return the key that a token names, or raise `BadToken`."""
        found, now = self._found(kid, algorithm), self._clock.now()
        if found is not None and now - self._keys_at < KEYS_STALE_MAX:
            if now - self._keys_at >= KEYS_LAST and self._may_try(now):
                self._renew_beside()
            return found.key
        async with self._turn:
            found, now = self._found(kid, algorithm), self._clock.now()
            if found is None or now - self._keys_at >= KEYS_STALE_MAX:
                if not self._may_try(now):
                    raise BadToken
                await self._read_keys()
                found = self._found(kid, algorithm)
        if found is None:
            raise BadToken
        return found.key

    async def close(self) -> None:
        """Wait for what is under way."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])

    def _may_try(self, now: datetime) -> bool:
        # Whoever set the clock back does not keep us from asking.
        return not timedelta(0) <= now - self._tried_at < KEYS_PAUSE

    def _renew_beside(self) -> None:
        if self._renewing is None or self._renewing.done():
            self._tried_at = self._clock.now()
            self._renewing = asyncio.create_task(self._renew(), name="outside keys")

    async def _renew(self) -> None:
        try:
            async with self._turn:
                await self._read_keys()
        except IssuerSilent:
            _log.warn("outside.keys_stale", issuer=self.trusted.name)

    async def _read_about(self) -> About:
        now = self._clock.now()
        if self._about is None or not timedelta(0) <= now - self._about_at < ABOUT_LASTS:
            # All who ask take turns: nobody waits until everybody before found it silent, too.
            if timedelta(0) <= now - self._silent_at < ABOUT_PAUSE:
                raise IssuerSilent(retry_after_seconds=5)
            try:
                told = await self._calls.read(self.trusted.issuer.rstrip("/") + WELL_KNOWN)
                self._about, self._about_at = about_of(self.trusted, told), now
            except IssuerSilent:
                self._silent_at = self._clock.now()
                raise
        return self._about

    async def _read_keys(self) -> None:
        self._tried_at = self._clock.now()
        told = await self._calls.read((await self._read_about()).keys)
        found = published(told)
        if not found:
            raise IssuerSilent("the issuer published no key that could be used")
        self._keys, self._keys_at = found, self._clock.now()

    def _found(self, kid: str, algorithm: str) -> Published | None:
        fits = [one for one in self._keys if algorithm in one.algorithms]
        if kid:
            fits = [one for one in fits if one.kid == kid]
        # Two keys of one name, or none named among several: nobody says which is meant.
        return fits[0] if len(fits) == 1 else None


def about_of(trusted: Trusted, told: Json) -> About:
    """Read a discovery document; one that speaks of somebody else, or leads elsewhere, is none."""
    if told.get("issuer") != trusted.issuer:
        raise IssuerSilent("the discovery document is another issuer's")

    def address(name: str) -> str:
        value = told.get(name, "")
        if not isinstance(value, str):
            raise IssuerSilent(f"{name} is no address")
        if value and not (trusted.may_call(value) and not urlsplit(value).fragment):
            _log.warn("outside.address_refused", issuer=trusted.name, name=name)
            raise IssuerSilent(f"{name} is on a host that nobody named")
        return value

    about = About(
        authorization=address("authorization_endpoint"),
        token=address("token_endpoint"),
        keys=address("jwks_uri"),
        introspection=address("introspection_endpoint"),
        says_who=told.get("authorization_response_iss_parameter_supported") is True,
    )
    if not about.keys:
        raise IssuerSilent("the discovery document names no keys")
    return about


def published(told: Json) -> tuple[Published, ...]:
    """Read a JWK Set; what is not a key for signatures of a kind we take is passed over."""
    listed = told.get("keys")
    if not isinstance(listed, list):
        raise IssuerSilent("this is not a JWK Set")
    found: list[Published] = []
    for one in cast("list[object]", listed)[:KEYS_MAX]:
        if isinstance(one, dict):
            read = _published(cast("dict[str, object]", one))
            found += [read] if read else []
    return tuple(found)


def _published(one: Mapping[str, object]) -> Published | None:
    if one.get("use", "sig") != "sig":
        return None
    kid, algorithm = one.get("kid", ""), one.get("alg")
    try:
        key = jose.key_of({name: one[name] for name in _NEEDED if name in one})
    except BadToken:
        return None
    algorithms = _ALGORITHMS[type(key)]
    if algorithm is not None:
        algorithms &= frozenset({"Ed25519" if algorithm == "EdDSA" else str(algorithm)})
    return Published(kid if isinstance(kid, str) else "", key, algorithms)
