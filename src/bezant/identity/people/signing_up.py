"""Signing up: a letter goes to the address, and whoever can read it becomes a customer.

Whether an address is known here is told to its owner alone: the answer, and the work for it, are
the same for everybody.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.http.limits import MemoryLimits, Rule, bucket_of_address
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.logins import Logins
from bezant.identity.members import told
from bezant.identity.passwords import strong
from bezant.identity.people import letters
from bezant.identity.people.letters import Letter, Written
from bezant.identity.people.proving import count_try
from bezant.identity.person import (
    ConfirmAddress,
    ConfirmationInvalid,
    Mail,
    NoMailsShown,
    SignUp,
    SignUpClosed,
)
from bezant.identity.port import Member, Role, TooManyTries, WrongLogin
from bezant.identity.store import member as member_store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store import sign_up as store
from bezant.identity.store.sign_up import SignUpRow
from bezant.ids import spell
from bezant.secret import Secret

SIGN_UP_LIFE: Final = timedelta(days=1)
LETTERS_MAX: Final = 3  # To one address in a day: nobody's mailbox is filled through us.
FROM_ONE_PLACE: Final = Rule(20, 3_600)
CONFIRM_PATH: Final = "/confirm"
MAILS_SHOWN_MAX: Final = 50
_log = telemetry.log("identity")


class SigningUp(Logins):
    """The part of the service that lets strangers become customers."""

    _signing: MemoryLimits | None = None

    async def sign_up(self, command: SignUp) -> None:
        """Send a letter to an address; whose it is, and whether it is known here, is not told."""
        merchant = await self._open_to_strangers()
        self._spend_place(command.address)
        email, name = rules.normal_email(command.email), rules.normal_name(command.name)
        strong(command.password, email)
        async with self._passwords.turn():
            password_hash = await self._passwords.hash(command.password)
        now = self._clock.now()
        code = self._new_token("bzc")
        row = SignUpRow(
            id=self._ids.uuid(),
            email=email,
            name=name,
            password_hash=password_hash,
            merchant_id=merchant,
            created_at=now,
            expires_at=now + SIGN_UP_LIFE,
        )
        link, base = self._issuer.base + CONFIRM_PATH, self._issuer.base
        async with self._database.transaction() as tx:
            person = await member_store.person_by_email(tx, email)
            joined = person and await member_store.find(tx, person.id, merchant)
        written: Written = letters.confirm(email, link, code, base)
        if joined is not None:
            written = letters.known(email, base)
        elif person is not None:
            written = letters.join(email, link, code, base)
        mail = await self._stamped(written)
        async with self._database.transaction() as tx:
            if await store.recent(tx, email, now - SIGN_UP_LIFE) >= LETTERS_MAX:
                _log.warn("sign_up.repeated")
                return
            await store.add(tx, row, token_hash(code))
            await self._post(tx, mail)
        _log.info("sign_up.begun", sign_up=spell("sgn", row.id))

    async def confirm_address(self, command: ConfirmAddress) -> Member:
        """Become a customer."""
        hashed = token_hash(command.token)
        await self._prove_signer(hashed, command.password)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await store.take(tx, hashed, now)
            if row is None:
                raise ConfirmationInvalid
            await store.forget(tx, row.email)
            await merchant_store.lock(tx, row.merchant_id)
            person = await member_store.person_by_email(tx, row.email)
            member = person.id if person else self._ids.uuid()
            if person is None:
                await member_store.add_person(tx, member, row.email, row.name, now)
                await member_store.add_password(tx, member, row.password_hash, now)
            found = await member_store.find(tx, member, row.merchant_id)
            if found is None:  # Else they are here already, perhaps as one of the staff.
                await member_store.join(tx, member, row.merchant_id, Role.CUSTOMER, now)
                found = await member_store.find(tx, member, row.merchant_id)
            assert found is not None
            about = {"role": found.role}
            tenant = rules.tenant_text(row.merchant_id)
            await self._record(tx, "member.joined", tenant, spell("mem", member), about)
        _log.info("sign_up.confirmed", member=spell("mem", member), tenant=tenant)
        return told(found)

    async def mails(self) -> tuple[Mail, ...]:
        """Return the newest letters of a demo that sends none."""
        if self._live:
            raise NoMailsShown
        async with self._database.transaction() as tx:
            rows = await store.newest_mails(tx, MAILS_SHOWN_MAX)
        opened: list[tuple[str, Letter]] = [(row.kind, await self._letter(row)) for row in rows]
        return tuple(
            Mail(kind, letter.to, letter.subject, letter.text, row.created_at)
            for row, (kind, letter) in zip(rows, opened, strict=True)
        )

    async def _prove_signer(self, hashed: bytes, password: Secret[str]) -> None:
        """Return if whoever has the letter also has the password."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await store.find(tx, hashed, now)
            person = row and await member_store.person_by_email(tx, row.email)
        if row is None:  # Looked at first, so that nobody makes us hash for nothing.
            raise ConfirmationInvalid
        if person is not None:
            await self._prove(person.email, password)
            return
        async with self._passwords.turn():
            async with self._database.transaction() as tx:
                await count_try(tx, hashed, now)
            fits = await self._passwords.verify(row.password_hash, password)
        if not fits:
            raise WrongLogin

    async def _open_to_strangers(self) -> UUID:
        """Return whose customers people become who sign up."""
        if self._signs_up_at:
            return rules.merchant_id(self._signs_up_at)
        found = None
        if not self._live:
            async with self._database.transaction() as tx:
                found = await store.demo_merchant(tx)
        if found is None:
            raise SignUpClosed
        return found

    def _spend_place(self, address: str) -> None:
        if self._signing is None:
            self._signing = MemoryLimits(lambda: self._clock.now().timestamp())
        spent = self._signing.spend(bucket_of_address(address), FROM_ONE_PLACE)
        if not spent.allowed:
            raise TooManyTries(
                "too many letters asked for from where you are; wait, then try again",
                retry_after_seconds=spent.reset_seconds,
            )
