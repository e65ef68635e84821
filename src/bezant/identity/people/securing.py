"""Looking after one's own passkeys, codes and recovery codes. Each change goes out as a letter."""

from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor
from bezant.db.database import Tx
from bezant.identity import rules
from bezant.identity.logins import needs_second, own_id
from bezant.identity.people import authenticators, letters, one_time
from bezant.identity.people.authenticators import Answer, BadAnswer, Registered
from bezant.identity.people.entering import Entering
from bezant.identity.people.proving import codes_of
from bezant.identity.person import (
    PASSKEY_NAME_CHARACTERS_MAX,
    PASSKEYS_MAX,
    Ceremony,
    CodesKnown,
    ConfirmCodes,
    NewCodes,
    NewPasskey,
    Passkey,
    PasskeyKnown,
    PasskeyMalformed,
    RecoveryCodes,
    RegisterPasskey,
    RemovePasskey,
    Security,
    TooManyPasskeys,
    UnknownFactor,
    WrongCode,
)
from bezant.identity.store import factor as store
from bezant.identity.store import member as member_store
from bezant.identity.store.factor import PasskeyRow
from bezant.identity.store.sign_up import MailRow
from bezant.ids import read, spell
from bezant.secret import Secret

CHANGE: Final = "security.write"
NAMELESS: Final = "A passkey"
_log = telemetry.log("identity")


class Securing(Entering):
    """The part of the service in which people change how they prove who they are."""

    async def security(self, by: Actor) -> Security:
        """Return what one has to prove who one is."""
        member = own_id(by, "session.read")
        async with self._database.transaction() as tx:
            found = await store.factors(tx, member)
            rows = await store.passkeys(tx, member, PASSKEYS_MAX)
            about = await member_store.name_of(tx, member)
        assert about is not None
        keys = tuple(_told(row) for row in rows)
        return Security(about.email, about.name, keys, found.codes, found.recovery_left)

    async def begin_passkey(self, by: Actor) -> Ceremony:
        """Ask for a new passkey."""
        member = own_id(by, CHANGE)
        async with self._database.transaction() as tx:
            about = await member_store.name_of(tx, member)
            rows = await store.passkeys(tx, member, PASSKEYS_MAX)
        assert about is not None
        if len(rows) >= PASSKEYS_MAX:
            raise TooManyPasskeys
        challenge = await self._challenge(member)
        known = [row.credential_id for row in rows]
        asked = authenticators.ask_for_new(self._party, challenge, member.bytes, about.email, known)
        return Ceremony(asked)

    async def register_passkey(self, command: RegisterPasskey) -> NewPasskey:
        """Add a passkey to one's own."""
        member = own_id(command.by, CHANGE)
        name = rules.plain_text(command.name).strip()[:PASSKEY_NAME_CHARACTERS_MAX] or NAMELESS
        try:
            answer = authenticators.read_answer(command.answer)
            made = await self._made(member, answer)
        except BadAnswer:
            raise PasskeyMalformed from None
        row = self._row(member, name, answer, made)
        mail = await self._changed(member, f"the passkey “{name}” was added")
        async with self._database.transaction() as tx:
            await store.lock_member(tx, member)
            if len(await store.passkeys(tx, member, PASSKEYS_MAX)) >= PASSKEYS_MAX:
                raise TooManyPasskeys
            codes = await self._first_recovery(tx, member)
            if not await store.add_passkey(tx, row):
                raise PasskeyKnown
            await self._tell_change(tx, command.by, "passkey.added", mail, row.id)
        _log.info("passkey.added", member=command.by.subject, passkey=spell("psk", row.id))
        return NewPasskey(_told(row), codes)

    async def remove_passkey(self, command: RemovePasskey) -> None:
        """Forget one of one's own passkeys."""
        member = own_id(command.by, CHANGE)
        passkey = read("psk", command.passkey)
        mail = await self._changed(member, "a passkey was removed")
        async with self._database.transaction() as tx:
            await store.lock_member(tx, member)
            if not await store.remove_passkey(tx, passkey, member):
                raise UnknownFactor
            await self._forget_recovery(tx, member)
            await self._tell_change(tx, command.by, "passkey.removed", mail, passkey)
        _log.info("passkey.removed", member=command.by.subject, passkey=command.passkey)

    async def begin_codes(self, by: Actor) -> NewCodes:
        """Make what an app needs to show codes; it counts once a first code was typed."""
        member = own_id(by, CHANGE)
        secret = self._chance(one_time.SECRET_BYTES)
        sealed = await self._sealed(secret, codes_of(member))
        async with self._database.transaction() as tx:
            about = await member_store.name_of(tx, member)
            assert about is not None
            if not await store.begin_totp(tx, member, sealed, self._clock.now()):
                raise CodesKnown
        address = one_time.address_of(secret, self._party.title, about.email)
        return NewCodes(Secret(one_time.secret_text(secret)), Secret(address))

    async def confirm_codes(self, command: ConfirmCodes) -> RecoveryCodes:
        """Ask for codes from now on."""
        member = own_id(command.by, CHANGE)
        async with self._database.transaction() as tx:
            row = await store.totp(tx, member)
        if row is None or row.confirmed_at is not None:
            raise UnknownFactor
        now = self._clock.now()
        secret = await self._unsealed(row.sealed, codes_of(member))
        typed = one_time.typed_plainly(command.code.reveal())
        step = one_time.step_of(secret, typed, now)
        if step is None:
            raise WrongCode
        mail = await self._changed(member, "codes from an app were set up")
        async with self._database.transaction() as tx:
            await store.lock_member(tx, member)
            codes = await self._first_recovery(tx, member)
            if not await store.confirm_totp(tx, member, row.sealed, step, now):
                raise WrongCode
            await self._tell_change(tx, command.by, "codes.added", mail)
        _log.info("codes.added", member=command.by.subject)
        return RecoveryCodes(codes)

    async def remove_codes(self, by: Actor) -> None:
        """Ask for codes no longer."""
        member = own_id(by, CHANGE)
        mail = await self._changed(member, "codes from an app were removed")
        async with self._database.transaction() as tx:
            await store.lock_member(tx, member)
            if not await store.remove_totp(tx, member):
                raise UnknownFactor
            await self._forget_recovery(tx, member)
            await self._tell_change(tx, by, "codes.removed", mail)
        _log.info("codes.removed", member=by.subject)

    async def renew_recovery(self, by: Actor) -> RecoveryCodes:
        """Replace the recovery codes."""
        member = own_id(by, CHANGE)
        mail = await self._changed(member, "new recovery codes were made; the old ones are void")
        async with self._database.transaction() as tx:
            await store.lock_member(tx, member)
            if not needs_second(await store.factors(tx, member)):
                raise UnknownFactor
            codes = await self._new_recovery(tx, member)
            await self._tell_change(tx, by, "recovery.renewed", mail)
        return RecoveryCodes(codes)

    async def _made(self, member: UUID, answer: Answer) -> Registered:
        """Return the passkey that answers a question of ours to this person."""
        async with self._database.transaction() as tx:
            asked = authenticators.challenge_hash(answer.challenge)
            if not await store.end_ceremony(tx, asked, member, self._clock.now()):
                raise BadAnswer
        return authenticators.registered(answer, self._party)

    def _row(self, member: UUID, name: str, answer: Answer, made: Registered) -> PasskeyRow:
        return PasskeyRow(
            id=self._ids.uuid(),
            member_id=member,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
            transports=answer.transports,
            synced=made.synced,
            name=name,
            created_at=self._clock.now(),
            last_used_at=None,
            cloned_at=None,
        )

    async def _first_recovery(self, tx: Tx, member: UUID) -> tuple[Secret[str], ...]:
        """Make recovery codes with the first factor: there must be a way without it."""
        found = await store.factors(tx, member)
        return () if needs_second(found) else await self._new_recovery(tx, member)

    async def _new_recovery(self, tx: Tx, member: UUID) -> tuple[Secret[str], ...]:
        codes = one_time.new_recovery_codes(self._chance)
        hashes = [one_time.recovery_hash(member.bytes, one) for one in codes]
        await store.replace_recovery(tx, member, hashes, self._clock.now())
        return tuple(Secret(one) for one in codes)

    async def _forget_recovery(self, tx: Tx, member: UUID) -> None:
        """With the last factor its recovery codes go; and no half login counts for less now."""
        await store.forget_half_logins(tx, member)
        if not needs_second(await store.factors(tx, member)):
            await store.replace_recovery(tx, member, [], self._clock.now())

    async def _changed(self, member: UUID, what: str) -> MailRow:
        async with self._database.transaction() as tx:
            about = await member_store.name_of(tx, member)
        assert about is not None
        return await self._stamped(letters.changed(about.email, what, self._issuer.base))

    async def _tell_change(
        self, tx: Tx, by: Actor, what: str, mail: MailRow, passkey: UUID | None = None
    ) -> None:
        about = {"passkey": spell("psk", passkey)} if passkey else {}
        await self._post(tx, mail)
        await self._record(tx, what, by.tenant, by.subject, about)


def _told(row: PasskeyRow) -> Passkey:
    return Passkey(
        id=spell("psk", row.id),
        name=row.name,
        synced=row.synced,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        cloned_at=row.cloned_at,
    )
