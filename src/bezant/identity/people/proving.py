"""Proving who one is: by a password, by a code, by a passkey. A try counts before it is made.

Counting first means that tries made at the same moment cannot outrun the count. Codes are counted
apart from passwords: who does not have the password shall not be able to lock the second factor.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import PLATFORM
from bezant.db.database import Tx
from bezant.http.limits import bucket_of_address
from bezant.identity import rules
from bezant.identity.people import authenticators, letters, one_time
from bezant.identity.people.authenticators import BadAnswer, Used
from bezant.identity.people.letters import Letters
from bezant.identity.person import PasskeyRefused, WrongCode
from bezant.identity.port import MalformedEmail, MalformedName, TooManyTries, WrongLogin
from bezant.identity.store import factor as factor_store
from bezant.identity.store import member as member_store
from bezant.identity.store import session as store
from bezant.identity.store.factor import FactorsRow, PasskeyRow
from bezant.identity.store.member import PersonRow
from bezant.ids import spell
from bezant.secret import Secret

# RFC 8176: how somebody proved who they are.
BY_PASSWORD: Final = ("pwd",)
BY_CODE: Final = ("pwd", "otp", "mfa")
BY_PASSKEY: Final = ("pop", "user", "mfa")
BY_BOTH: Final = ("pwd", "pop", "user", "mfa")
_log = telemetry.log("identity")


class Proving(Letters):
    """The part of the service that decides whether somebody is who they say."""

    async def _prove(
        self, email_typed: str, password: Secret[str], place: bytes | None = None
    ) -> PersonRow:
        """Return whoever has this address and password.

        The count belongs to the address typed, so a stranger learns nothing about who is a member;
        a second one belongs to the place it came from, and the stricter of the two decides.
        """
        email = _email_or_nobody(email_typed)
        identifier = hashlib.sha256(f"login {email}".encode()).digest()
        async with self._passwords.turn():
            async with self._database.transaction() as tx:
                now = self._clock.now()
                if place is not None:
                    await spend_place(tx, place, now)
                await count_try(tx, identifier, now)
                person = await member_store.person_by_name(tx, email)
            fits = await self._passwords.verify(person.hash if person else None, password)
        if person is None or not fits:
            raise WrongLogin
        async with self._database.transaction() as tx:
            if place is not None:
                # Only this try was none: who has a password of their own may still guess others'.
                await store.forgive_address(tx, place, rules.ADDRESS_FAILURE_LASTS)
            await store.forget_tries(tx, identifier)
        return person

    async def _factors(self, member: UUID) -> FactorsRow:
        """Return what somebody has beside a password."""
        async with self._database.transaction() as tx:
            return await factor_store.factors(tx, member)

    async def _prove_second(self, member: UUID, proof: Secret[str]) -> tuple[str, ...]:
        """Return how somebody whose password was right proved the rest of it."""
        if proof.reveal().lstrip().startswith("{"):
            found = await self._prove_passkey(proof)
            if found.member_id != member:
                raise PasskeyRefused
            return BY_BOTH
        await self._prove_code(member, proof)
        return BY_CODE

    async def _prove_code(self, member: UUID, code: Secret[str]) -> None:
        """Use up a code of an app, or a recovery code."""
        identifier = hashlib.sha256(b"second factor " + member.bytes).digest()
        typed = one_time.typed_plainly(code.reveal())
        async with self._database.transaction() as tx:
            await count_try(tx, identifier, self._clock.now())
            codes = await factor_store.totp(tx, member)
        step = None
        if codes is not None and one_time.looks_like_code(typed):
            secret = await self._unsealed(codes.sealed, codes_of(member))
            step = one_time.step_of(secret, typed, self._clock.now())
        async with self._database.transaction() as tx:
            if codes is not None and step is not None:
                right = await factor_store.use_step(tx, member, codes.sealed, step)
            else:
                hashed = one_time.recovery_hash(member.bytes, typed)
                right = await factor_store.use_recovery(tx, member, hashed, self._clock.now())
            if right:
                await store.forget_tries(tx, identifier)
        if not right:
            _log.warn("code.refused", member=spell("mem", member))
            raise WrongCode

    async def _prove_passkey(self, answer: Secret[str]) -> PasskeyRow:
        """Return the passkey that answered a question of ours, just now and for the first time."""
        try:
            return await self._answered(answer)
        except BadAnswer:
            _log.warn("passkey.refused")
            raise PasskeyRefused from None

    async def _answered(self, answer: Secret[str]) -> PasskeyRow:
        read = authenticators.read_answer(answer.reveal())
        async with self._database.transaction() as tx:
            asked = authenticators.challenge_hash(read.challenge)
            if not await factor_store.end_ceremony(tx, asked, None, self._clock.now()):
                raise BadAnswer
            row = await factor_store.passkey(tx, read.credential_id)
        if row is None or row.cloned_at is not None or read.owner != row.member_id.bytes:
            raise BadAnswer
        used = authenticators.used(read, self._party, row.public_key)
        await self._count_use(row, used)
        return row

    async def _count_use(self, row: PasskeyRow, used: Used) -> None:
        """Let a passkey count upwards; of one that does not, there may be a copy."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            counted = await factor_store.use_passkey(
                tx, row.id, used.sign_count, now, synced=used.synced
            )
            person = None if counted else await member_store.person(tx, row.member_id)
        if counted:
            return
        assert person is not None
        mail = await self._stamped(letters.copied(person.email, row.name, self._issuer.base))
        async with self._database.transaction() as tx:
            if await factor_store.refuse_passkey(tx, row.id, now):
                await self._post(tx, mail)
                about = {"passkey": spell("psk", row.id)}
                member = spell("mem", row.member_id)
                await self._record(tx, "passkey.copied", PLATFORM, member, about)
        _log.warn("passkey.copied", passkey=spell("psk", row.id))
        raise BadAnswer


def codes_of(member: UUID) -> bytes:
    """Return what somebody's secret for codes is bound to."""
    return b"codes " + member.bytes


def place_of(address: str) -> bytes:
    """Return where a try came from, as it is stored. Those who do not say share one place."""
    return hashlib.sha256(f"login from {bucket_of_address(address)}".encode()).digest()


async def count_try(tx: Tx, identifier: bytes, now: datetime) -> None:
    """Count a try as a failure; if there were too many, raise `TooManyTries`."""
    tries = await store.lock_try(tx, identifier, now)
    if tries.locked_until is not None and tries.locked_until > now:
        wait = tries.locked_until - now
        raise TooManyTries(retry_after_seconds=wait / timedelta(seconds=1))
    failures = tries.failures + 1
    await store.count_try(tx, identifier, failures, now + rules.locked_for(failures), now)


async def spend_place(tx: Tx, place: bytes, now: datetime) -> None:
    """Count a try from a place, or raise `TooManyTries`."""
    lasts = rules.ADDRESS_FAILURE_LASTS
    most = rules.ADDRESS_FAILURES_MAX * lasts
    over_at = await store.spend_address(tx, place, now, lasts, most)
    if over_at is not None:
        raise TooManyTries(
            "too many wrong passwords from where you are; wait, then try again",
            retry_after_seconds=max(1.0, (over_at - now) / timedelta(seconds=1)),
        )


def _email_or_nobody(typed: str) -> str:
    """Return an address or name to look for; what is none is looked for in vain, as hard."""
    try:
        return rules.normal_email(typed) if "@" in typed else rules.normal_username(typed)
    except (MalformedEmail, MalformedName):
        return f"nobody {hashlib.sha256(typed.encode(errors='replace')).hexdigest()}"
