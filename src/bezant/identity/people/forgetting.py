"""Forgotten passwords: a letter goes to the address, and whoever can read it sets a new one.

Whether an address is known here is told to nobody: the answer, and the work for it, are the same
for everybody. A new password opens nothing by itself: whoever has a second factor is asked for it
as ever, and every session of before ends.
"""

import hashlib
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.logins import still_proved
from bezant.identity.passwords import strong
from bezant.identity.people import letters
from bezant.identity.people.signing_up import SigningUp
from bezant.identity.person import AskNewPassword, ConfirmationInvalid, SetNewPassword
from bezant.identity.port import PasswordUsedBefore
from bezant.identity.store import factor as factor_store
from bezant.identity.store import forgotten as store
from bezant.identity.store import member as member_store
from bezant.identity.store import session as session_store
from bezant.identity.store.forgotten import ForgottenRow
from bezant.ids import spell

CODE_LIFE: Final = timedelta(hours=1)
LETTERS_MAX: Final = 3
"""To one address while a code counts: nobody's mailbox is filled through us, and whoever gets no
further letter has one that counts, however often a stranger asked.
"""
ANEW_PATH: Final = "/new-password"
_log = telemetry.log("identity")


class Forgetting(SigningUp):
    """The part of the service that lets people set a password they forgot anew."""

    async def ask_new_password(self, command: AskNewPassword) -> None:
        """Send a letter to an address if somebody with a password is known by it."""
        self._spend_place(command.address)
        email, now = rules.normal_email(command.email), self._clock.now()
        code = self._new_token("bzp")
        async with self._database.transaction() as tx:
            person = await member_store.person_by_email(tx, email)
        link, base = self._issuer.base + ANEW_PATH, self._issuer.base
        mail = await self._stamped(letters.forgotten(email, link, code, base))
        member = person.id if person else None
        row = ForgottenRow(self._ids.uuid(), member, now, now + CODE_LIFE)
        address = hashlib.sha256(email.encode()).digest()
        async with self._database.transaction() as tx:
            if await store.recent(tx, address, now - CODE_LIFE) >= LETTERS_MAX:
                _log.warn("password.forgotten_repeated")
                return
            await store.add(tx, row, address, token_hash(code))
            if person is not None:
                await self._post(tx, mail)
        _log.info("password.forgotten")

    async def set_new_password(self, command: SetNewPassword) -> None:
        """Set a password anew by the code from the letter; every session ends."""
        hashed = token_hash(command.token)
        async with self._database.transaction() as tx:
            member = await store.find(tx, hashed, self._clock.now())
            person = member and await member_store.person(tx, member)
            used = (
                await member_store.last_passwords(tx, member, rules.PASSWORDS_REMEMBERED)
                if member
                else []
            )
        if not person:  # Looked at first, so that nobody makes us hash for nothing.
            raise ConfirmationInvalid
        strong(command.password, person.email)
        async with self._passwords.turn():
            for one in used:
                if await self._passwords.verify(one.hash, command.password):
                    raise PasswordUsedBefore(field="password")
            fresh_hash = await self._passwords.hash(command.password)
        told = letters.changed(person.email, "your password was set anew", self._issuer.base)
        mail = await self._stamped(told)
        async with self._database.transaction() as tx:
            now = self._clock.now()
            if await store.take(tx, hashed, now) is None:
                raise ConfirmationInvalid
            await still_proved(tx, person)  # Nobody changed it meanwhile.
            await store.use_up(tx, person.id, now)
            await member_store.add_password(tx, person.id, fresh_hash, now)
            await factor_store.forget_half_logins(tx, person.id)
            await session_store.end_all(tx, person.id, now)
            await self._post(tx, mail)
            for membership in await member_store.memberships(tx, person.id):
                tenant = rules.tenant_text(membership.merchant_id)
                await self._record(tx, "password.changed", tenant, spell("mem", person.id), {})
        self._rights_taken()
        _log.info("password.set_anew", member=spell("mem", person.id))
