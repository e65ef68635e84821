"""Remembers whose a credential is, so that a busy key costs a dictionary lookup.

Credentials are kept as keyed hashes under a key that lives as long as the process. An answer is
good for `RECHECK_SECONDS`. A key's answer is good longer, up to `KEY_SECONDS_MAX`, while one small
question every `POLL_SECONDS` confirms that no key anywhere lost rights since. So a revocation is
honoured here at once where it happens, and elsewhere after `RECHECK_SECONDS` at the latest.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bezant.actor import Actor
from bezant.clock import Clock
from bezant.errors import TooManyRequests, Unavailable
from bezant.http.caller import Credential, CredentialInvalid, CredentialKind
from bezant.identity.port import (
    ApiKeyUse,
    CredentialForm,
    Identified,
    Identify,
    Identity,
    UnknownCredential,
)

RECHECK_SECONDS: Final = 5
POLL_SECONDS: Final = 2
KEY_SECONDS_MAX: Final = 60
USES_SECONDS: Final = 30
REMEMBERED_MAX: Final = 10_000
STRANGERS_BURST: Final = 100  # Wrong credentials in a row before they must wait,
STRANGERS_PER_SECOND: Final = 20  # and how many a second from then on, in one process.

_FORMS: Final = {
    CredentialKind.API_KEY: (CredentialForm.API_KEY, b"k"),
    CredentialKind.BEARER: (CredentialForm.ANY, b"b"),
    CredentialKind.SESSION: (CredentialForm.SESSION, b"s"),
}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Remembered:
    """One accepted credential."""

    actor: Actor
    holder: str
    is_key: bool
    generation: int
    fresh_until: datetime
    good_until: datetime


class RememberedCallers:
    """Implements `Callers` on the identity port, near or far."""

    def __init__(
        self, identity: Identity, clock: Clock, chance: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._identity = identity
        self._clock = clock
        self._pepper = chance(32)
        self._remembered: dict[bytes, Remembered] = {}
        self._used: dict[str, datetime] = {}
        self._generation = -1
        self._confirmed_until = _LONG_AGO
        self._forgotten = 0
        self._strangers = float(STRANGERS_BURST)
        self._strangers_at = clock.now()
        self._polling: asyncio.Task[None] | None = None

    def known(self, credential: Credential) -> Actor | None:
        """Return the caller if that is known without waiting, else None."""
        entry = self._remembered.get(self._digest(credential))
        if entry is None:
            return None
        now = self._clock.now()
        if now >= entry.fresh_until and not (
            entry.is_key
            and now < entry.good_until
            and now < self._confirmed_until
            and entry.generation == self._generation
        ):
            return None
        if entry.is_key:
            self._used[entry.holder] = now
        return entry.actor

    async def identify(self, credential: Credential) -> Actor:
        """Return the caller, or raise `CredentialInvalid`."""
        known = self.known(credential)
        if known is not None:
            return known
        digest = self._digest(credential)
        stranger = digest not in self._remembered
        if stranger:
            self._let_in_a_stranger()
        form, _ = _FORMS[credential.kind]
        forgotten = self._forgotten
        try:
            found = await self._identity.identify(Identify(form, credential.secret))
        except UnknownCredential:
            self._remembered.pop(digest, None)
            raise CredentialInvalid from None
        if stranger:
            self._strangers += 1  # It was none after all.
        if forgotten == self._forgotten:  # Else it may have lost its rights while we asked.
            self._remember(digest, found)
        return found.actor

    def forget(self, holder: str) -> None:
        """Ask again about this key or session; about everybody if none is named."""
        self._forgotten += 1
        if not holder:
            self._remembered.clear()
            return
        for digest in [d for d, entry in self._remembered.items() if entry.holder == holder]:
            del self._remembered[digest]

    async def start(self) -> None:
        """Begin to ask for lost rights."""
        await self._poll()
        self._polling = asyncio.create_task(self._poll_for_ever(), name="identity callers")

    async def stop(self) -> None:
        """Stop asking, and write down what is not written yet."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
            self._polling = None
        with suppress(Unavailable):
            await self.write_uses()

    async def write_uses(self) -> None:
        """Write down when keys were used last."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            await self._identity.note_uses(tuple(ApiKeyUse(key, at) for key, at in used.items()))
        except Unavailable:
            self._used = {**used, **self._used}
            raise

    async def _poll_for_ever(self) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            rounds += 1
            with suppress(Unavailable):  # Answers age meanwhile; then every caller is looked up.
                await self._poll()
                if rounds % (USES_SECONDS // POLL_SECONDS) == 0:
                    await self.write_uses()

    async def _poll(self) -> None:
        asked_at = self._clock.now()
        self._generation = await self._identity.generation()
        self._confirmed_until = asked_at + timedelta(seconds=RECHECK_SECONDS)

    def _remember(self, digest: bytes, found: Identified) -> None:
        now = self._clock.now()
        ends = found.expires_at or datetime.max.replace(tzinfo=UTC)
        while len(self._remembered) >= REMEMBERED_MAX and digest not in self._remembered:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = Remembered(
            actor=found.actor,
            holder=found.holder,
            is_key=found.is_key,
            generation=found.generation,
            fresh_until=min(now + timedelta(seconds=RECHECK_SECONDS), ends),
            good_until=min(now + timedelta(seconds=KEY_SECONDS_MAX), ends),
        )
        if found.is_key:
            self._used[found.holder] = now

    def _let_in_a_stranger(self) -> None:
        """Spend a token for a credential never seen here; guessing must not become load."""
        now = self._clock.now()
        passed = (now - self._strangers_at) / timedelta(seconds=1)
        self._strangers_at = now
        refilled = self._strangers + passed * STRANGERS_PER_SECOND
        self._strangers = min(float(STRANGERS_BURST), refilled)
        if self._strangers < 1:
            raise TooManyRequests(retry_after_seconds=1)
        self._strangers -= 1

    def _digest(self, credential: Credential) -> bytes:
        secret = credential.secret.reveal().encode()
        form = _FORMS[credential.kind][1]
        return hashlib.blake2b(secret, digest_size=16, key=self._pepper, person=form).digest()
