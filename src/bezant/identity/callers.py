"""Remembers whose a credential is, so that a busy key costs a dictionary lookup.

Credentials are kept as keyed hashes under a key that lives as long as the process. An answer is
good for `RECHECK_SECONDS`. A key's answer is good longer, up to `KEY_SECONDS_MAX`, while one small
question every `POLL_SECONDS` confirms that no key anywhere lost rights since. A token's answer is
good up to `TOKEN_SECONDS_MAX` while the same question names every one that did: people sign out all
the time, and nobody else shall be asked about again for it. So a revocation is honoured here at
once where it happens, and elsewhere after `RECHECK_SECONDS` at the latest.

A token that is bound to a key or a certificate is remembered like any other; that its holder has
the key is looked at with every request (`_look_at_proof`).
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bezant.actor import Actor
from bezant.clock import Clock
from bezant.errors import TooManyRequests, Unavailable
from bezant.http.caller import (
    Credential,
    CredentialInvalid,
    CredentialKind,
    CredentialUnproved,
)
from bezant.http.limits import MemoryLimits, Rule, bucket_of_address
from bezant.identity.oauth import InvalidProof, ProofNeedsNonce
from bezant.identity.port import (
    ApiKeyUse,
    CredentialForm,
    Identified,
    Identify,
    Identity,
    ShownProof,
    UnknownCredential,
)
from bezant.identity.signer import SignedRequest

RECHECK_SECONDS: Final = 5
POLL_SECONDS: Final = 2
KEY_SECONDS_MAX: Final = 60
TOKEN_SECONDS_MAX: Final = 600
USES_SECONDS: Final = 30
REMEMBERED_MAX: Final = 30_000  # About 20 MB.
STRANGERS_BURST: Final = 100  # Wrong credentials in a row before they must wait,
STRANGERS_PER_SECOND: Final = 20  # and how many a second from then on, in one process.
STRANGERS: Final = Rule(STRANGERS_BURST, STRANGERS_BURST / STRANGERS_PER_SECOND)
STRANGERS_OF_ADDRESS: Final = Rule(STRANGERS_BURST // 2, STRANGERS.window_seconds)
"""Half of them at most from one address: nobody keeps all others' new credentials out."""

_FORMS: Final = {
    CredentialKind.API_KEY: (CredentialForm.API_KEY, b"k"),
    CredentialKind.BEARER: (CredentialForm.ANY, b"b"),
    CredentialKind.DPOP: (CredentialForm.ANY, b"b"),
    CredentialKind.SESSION: (CredentialForm.SESSION, b"s"),
    CredentialKind.CERTIFICATE: (CredentialForm.ANY, b"c"),
}
_NOTED: Final = ("key_", "sgn_")
"""Whose last use is written down: the keys and signers that a merchant keeps."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Remembered:
    """One accepted credential."""

    actor: Actor
    holder: str
    is_key: bool
    is_token: bool
    bound_to: str
    generation: int
    since: datetime
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
        self._rechecked = -1
        self._confirmed_at = self._confirmed_until = _LONG_AGO
        self._forgotten = 0
        self._strangers = MemoryLimits(lambda: clock.now().timestamp())
        self._asking: dict[tuple[bytes, int], asyncio.Task[Identified]] = {}
        self._polling: asyncio.Task[None] | None = None

    def known(self, credential: Credential) -> Actor | None:
        """Return the caller if that is known without waiting, else None."""
        if credential.kind is CredentialKind.SIGNATURE:
            return None  # It counts once.
        entry = self._entry(self._digest(credential))
        if entry is None or entry.bound_to or credential.kind is CredentialKind.DPOP:
            return None
        return entry.actor

    def _entry(self, digest: bytes) -> Remembered | None:
        """Return what is remembered and still good."""
        entry = self._remembered.get(digest)
        if entry is None:
            return None
        now = self._clock.now()
        # Whatever was learnt later than now was learnt before somebody set the clock back.
        if not entry.since <= now < entry.fresh_until and not (
            entry.since <= now < entry.good_until
            and self._confirmed_at <= now < self._confirmed_until
            and (entry.is_token or entry.generation == self._generation)
        ):
            return None
        self._note_use(entry.holder, now)
        return entry

    async def identify(self, credential: Credential) -> Actor:
        """Return the caller, or raise `CredentialInvalid`."""
        if credential.kind is CredentialKind.SIGNATURE:
            return await self._identify_signed(credential)
        digest = self._digest(credential)
        known = self._entry(digest)
        if known is not None:
            await self._look_at_proof(credential, known.bound_to)
            return known.actor
        # Whoever shows the same credential meanwhile waits for the same answer; but never for one
        # that was asked for before rights were taken.
        question = digest, self._forgotten
        asking = self._asking.get(question)
        if asking is None:
            asking = asyncio.create_task(self._ask(credential, *question), name="identify")
            self._asking[question] = asking
            asking.add_done_callback(lambda done: self._answered(question, done))
        found = await asyncio.shield(asking)
        await self._look_at_proof(credential, found.bound_to)
        return found.actor

    async def _look_at_proof(self, credential: Credential, bound_to: str) -> None:
        """Refuse a bound token whose key is not shown, and a proof of what is not bound."""
        shown = credential.shown
        kind, _, thumbprint = bound_to.partition(":")
        if credential.kind is CredentialKind.DPOP:
            if kind != "jkt" or shown is None:
                raise CredentialInvalid
            proof = ShownProof(
                shown.proof, credential.secret, thumbprint, shown.method, shown.address
            )
            try:
                await self._identity.check_proof(proof)
            except (InvalidProof, ProofNeedsNonce) as refusal:
                raise CredentialUnproved(facts=refusal.facts) from None
        elif kind == "x5t":
            if shown is None or not hmac.compare_digest(_mark(shown.certificate), thumbprint):
                raise CredentialUnproved
        elif bound_to:
            raise CredentialInvalid

    async def _ask(self, credential: Credential, digest: bytes, forgotten: int) -> Identified:
        stranger = digest not in self._remembered
        if stranger:
            self._let_in_a_stranger(credential.address)
        form, _ = _FORMS[credential.kind]
        try:
            if credential.kind is CredentialKind.CERTIFICATE:
                shown = certificate_of(credential.secret.reveal())
                found = await self._identity.identify_certificate(shown)
            else:
                found = await self._identity.identify(Identify(form, credential.secret))
        except UnknownCredential:
            self._remembered.pop(digest, None)
            raise CredentialInvalid from None
        if stranger:  # It was none after all.
            self._spend_strangers(credential.address, -1.0)
        if forgotten == self._forgotten:  # Else it may have lost its rights while we asked.
            self._remember(digest, found)
        return found

    async def _identify_signed(self, credential: Credential) -> Actor:
        """Return whose a signature is; a new one is as costly as a stranger's credential."""
        signed = credential.signed
        if signed is None:  # Nobody took a signature apart: there is none.
            raise CredentialInvalid
        self._let_in_a_stranger(credential.address)
        request = SignedRequest(
            key=signed.key,
            algorithm=signed.algorithm,
            created=signed.created,
            expires=signed.expires,
            nonce=signed.nonce,
            base=signed.base,
            signature=signed.signature,
            origin=signed.origin,
        )
        try:
            found = await self._identity.identify_signed(request)
        except UnknownCredential:
            raise CredentialInvalid from None
        self._spend_strangers(credential.address, -1.0)
        self._note_use(found.holder, self._clock.now())
        return found.actor

    def _answered(self, question: tuple[bytes, int], asked: asyncio.Task[Identified]) -> None:
        del self._asking[question]
        if not asked.cancelled():
            asked.exception()  # Told to those who wait; perhaps nobody does any more.

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
        """Write down when keys and signers were used last."""
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
        await self._recheck()
        self._confirmed_at = asked_at
        self._confirmed_until = asked_at + timedelta(seconds=RECHECK_SECONDS)

    async def _recheck(self) -> None:
        """Forget the tokens that lost rights, wherever that happened."""
        told = await self._identity.rechecks(self._rechecked)
        named = frozenset(told.delegations)
        if named or told.everybody:
            self._remembered = {
                digest: entry
                for digest, entry in self._remembered.items()
                if not entry.is_token or not (told.everybody or entry.holder in named)
            }
        self._rechecked = told.number

    def _remember(self, digest: bytes, found: Identified) -> None:
        if found.is_token and found.generation < self._rechecked:
            return  # It may be among those that were named between the answer and now.
        now = self._clock.now()
        seconds = TOKEN_SECONDS_MAX if found.is_token else KEY_SECONDS_MAX if found.is_key else 0
        ends = found.expires_at or datetime.max.replace(tzinfo=UTC)
        while len(self._remembered) >= REMEMBERED_MAX and digest not in self._remembered:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[digest] = Remembered(
            actor=found.actor,
            holder=found.holder,
            is_key=found.is_key,
            is_token=found.is_token,
            bound_to=found.bound_to,
            generation=found.generation,
            since=now,
            fresh_until=min(now + timedelta(seconds=RECHECK_SECONDS), ends),
            good_until=min(now + timedelta(seconds=seconds), ends),
        )
        self._note_use(found.holder, now)

    def _note_use(self, holder: str, at: datetime) -> None:
        if holder.startswith(_NOTED):
            self._used[holder] = at

    def _let_in_a_stranger(self, address: str) -> None:
        """Spend a token for a credential never seen here; guessing must not become load."""
        if not self._spend_strangers(address, 1.0):
            raise TooManyRequests(retry_after_seconds=1)

    def _spend_strangers(self, address: str, cost: float) -> bool:
        if address:
            bucket = bucket_of_address(address)
            if not self._strangers.spend(bucket, STRANGERS_OF_ADDRESS, cost).allowed:
                return False
        return self._strangers.spend("", STRANGERS, cost).allowed

    def _digest(self, credential: Credential) -> bytes:
        secret = credential.secret.reveal().encode()
        form = _FORMS[credential.kind][1]
        return hashlib.blake2b(secret, digest_size=16, key=self._pepper, person=form).digest()


def certificate_of(header: str) -> bytes:
    """Read a certificate as a trusted proxy tells it: base64 between colons (RFC 9440)."""
    try:
        return base64.b64decode(header.strip().strip(":"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _mark(header: str) -> str:
    hashed = hashlib.sha256(certificate_of(header)).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()
