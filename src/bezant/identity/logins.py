"""Logging in and out: one answer for every wrong login, and waiting times after several."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor, Caller
from bezant.db.database import Tx
from bezant.errors import BezantError, Conflict
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.passwords import strong
from bezant.identity.people import letters
from bezant.identity.people.proving import BY_PASSWORD, Proving, place_of, spend_place
from bezant.identity.person import PasskeyRefused, SecondFactorNeeded, WrongCode
from bezant.identity.port import (
    ChangePassword,
    EndSession,
    LogIn,
    MemberInactive,
    NewSession,
    NoMembership,
    NotAllowed,
    PasswordUsedBefore,
    Session,
    SwitchSession,
    TooManyTries,
    UnknownCredential,
    UnknownSession,
    WrongLogin,
)
from bezant.identity.store import factor as factor_store
from bezant.identity.store import member as member_store
from bezant.identity.store import outsider as outsider_store
from bezant.identity.store import session as store
from bezant.identity.store.factor import FactorsRow
from bezant.identity.store.member import MemberRow, PersonRow
from bezant.identity.store.session import SessionRow
from bezant.identity.store.sign_up import MailRow
from bezant.ids import read, spell
from bezant.secret import Secret

_log = telemetry.log("identity")


REFUSED: Final = (WrongLogin, TooManyTries, WrongCode, PasskeyRefused)
"""What is logged when somebody does not get in."""


class Logins(Proving):
    """The part of the service that is about sessions and passwords."""

    async def log_in(self, command: LogIn) -> NewSession:
        """Start a session."""
        person = await self._by_password(command)
        methods = BY_PASSWORD
        if needs_second(await self._factors(person.id)):
            if not command.proof.reveal():
                raise SecondFactorNeeded
            methods = await self._second(person.id, command.proof, command.address)
        return await self._open(person, command, methods)

    async def _by_password(self, command: LogIn) -> PersonRow:
        """Return whose name and password these are."""
        try:
            person = await self._prove(command.email, command.password, place_of(command.address))
        except REFUSED as refusal:
            raise self._kept_out(refusal, command.address) from None
        if self._clock.now() - person.last_login_at > rules.INACTIVE:
            raise MemberInactive
        if not self._passwords.outdated(person.hash):
            return person
        async with self._passwords.turn():
            fresh_hash = await self._passwords.hash(command.password)
        async with self._database.transaction() as tx:
            await still_proved(tx, person)
            await member_store.add_password(tx, person.id, fresh_hash, self._clock.now())
        return replace(person, hash=fresh_hash)

    async def _second(self, member: UUID, proof: Secret[str], address: str) -> tuple[str, ...]:
        """Return how somebody whose password was right proved the rest of it."""
        try:
            return await self._prove_second(member, proof)
        except REFUSED as refusal:
            raise self._kept_out(refusal, address) from None

    async def _by_passkey(self, answer: Secret[str], address: str) -> PersonRow:
        """Return whose passkey this is."""
        place = place_of(address)
        try:
            async with self._database.transaction() as tx:
                await spend_place(tx, place, self._clock.now())
            found = await self._prove_passkey(answer)
        except REFUSED as refusal:
            raise self._kept_out(refusal, address) from None
        async with self._database.transaction() as tx:
            await store.forgive_address(tx, place, rules.ADDRESS_FAILURE_LASTS)
            person = await member_store.person(tx, found.member_id)
        if person is None:  # Only an issuer of others lets them in: it knows whether they may.
            raise self._kept_out(PasskeyRefused(), address)
        if self._clock.now() - person.last_login_at > rules.INACTIVE:
            raise MemberInactive
        return person

    def _kept_out(self, refusal: BezantError, address: str) -> BezantError:
        _log.warn("login.refused", code=refusal.code, address=address)
        return refusal

    async def _open(
        self, person: PersonRow, command: LogIn, methods: tuple[str, ...]
    ) -> NewSession:
        """Start the session of somebody who proved who they are."""
        now = self._clock.now()
        token = self._new_token("bzs")
        mail = await self._letter_about(person, command)
        async with self._database.transaction() as tx:
            await still_proved(tx, person)
            memberships = await member_store.memberships(tx, person.id)
            row = SessionRow(
                id=self._ids.uuid(),
                member_id=person.id,
                merchant_id=chosen(memberships, command.tenant),
                mode=command.mode,
                created_at=now,
                last_seen_at=now,
                expires_at=now + rules.SESSION_ABSOLUTE,
                address=rules.plain_text(command.address),
                agent=rules.plain_text(command.agent),
                methods=methods,
                proved_at=now,
            )
            await store.add(tx, row, token_hash(token))
            await member_store.seen_in(tx, person.id, now)
            if mail is not None:
                await self._post(tx, mail)
            session = told_session(row)
            about = {"session": session.id, "mode": session.mode}
            await self._record(tx, "session.created", session.tenant, session.member, about)
        _log.info("login.succeeded", member=session.member, session=session.id)
        return NewSession(session, token)

    async def _letter_about(self, person: PersonRow, command: LogIn) -> MailRow | None:
        """Return the letter to somebody whose device was not seen before."""
        agent = rules.plain_text(command.agent)
        async with self._database.transaction() as tx:
            if not await store.is_new_device(tx, person.id, agent):
                return None
        told = letters.device(person.email, agent, command.address, self._issuer.base)
        return await self._stamped(told)

    async def log_out(self, token: Secret[str]) -> None:
        """End the session of this token, if there is one."""
        async with self._database.transaction() as tx:
            ended = await store.end_by_token(tx, token_hash(token), self._clock.now())
            if ended is not None:
                await self._record_end(tx, told_session(ended))
        if ended is not None:
            self._rights_taken(spell("ses", ended.id))

    async def switch_session(self, command: SwitchSession) -> Session:
        """Move a session to another tenant or mode."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            hashed = token_hash(command.token)
            living = await store.living(tx, hashed, now, now - rules.SESSION_IDLE)
            if living is None:
                raise UnknownCredential
            if command.mode is not living.mode and await outsider_store.is_one(
                tx, living.member_id
            ):
                raise NotAllowed  # Their issuer is trusted in one mode.
            memberships = await member_store.memberships(tx, living.member_id)
            tenant = chosen(memberships, command.tenant)
            row = await store.move(tx, living.id, tenant, command.mode)
            assert row is not None
            session = told_session(row)
            about = {"session": session.id, "mode": session.mode}
            await self._record(tx, "session.switched", session.tenant, session.member, about)
        self._rights_taken(session.id)
        return session

    async def sessions(self, by: Actor) -> tuple[Session, ...]:
        """Return one's own living sessions, newest first."""
        member_id = own_id(by, "session.read")
        now = self._clock.now()
        async with self._database.transaction() as tx:
            rows = await store.of_member(tx, member_id, now, now - rules.SESSION_IDLE)
        return tuple(told_session(row) for row in rows)

    async def end_session(self, command: EndSession) -> Session:
        """End one of one's own sessions."""
        member_id = own_id(command.by, "session.write")
        async with self._database.transaction() as tx:
            session_id = read("ses", command.session)
            row = await store.end(tx, session_id, member_id, self._clock.now())
            if row is None:
                raise UnknownSession
            session = told_session(row)
            await self._record_end(tx, session)
        self._rights_taken(command.session)
        return session

    async def change_password(self, command: ChangePassword) -> None:
        """Replace one's own password and end every session."""
        member_id = own_id(command.by, "session.write")
        async with self._database.transaction() as tx:
            person = await member_store.person(tx, member_id)
            if person is None:  # They have no password of ours.
                raise WrongLogin
            used = await member_store.last_passwords(tx, member_id, rules.PASSWORDS_REMEMBERED)
        strong(command.new, person.email)
        await self._prove(person.email, command.old)
        async with self._passwords.turn():
            for one in used:
                if await self._passwords.verify(one.hash, command.new):
                    raise PasswordUsedBefore(field="new")
            fresh_hash = await self._passwords.hash(command.new)
        told = letters.changed(person.email, "your password was changed", self._issuer.base)
        mail = await self._stamped(told)
        async with self._database.transaction() as tx:
            now = self._clock.now()
            await still_proved(tx, person)
            await member_store.add_password(tx, member_id, fresh_hash, now)
            await factor_store.forget_half_logins(tx, member_id)
            await store.end_all(tx, member_id, now)
            await self._post(tx, mail)
            await self._record(tx, "password.changed", command.by.tenant, command.by.subject, {})
        self._rights_taken()
        _log.info("password.changed", member=command.by.subject)

    async def _record_end(self, tx: Tx, session: Session) -> None:
        about = {"session": session.id}
        await self._record(tx, "session.ended", session.tenant, session.member, about)


async def still_proved(tx: Tx, person: PersonRow) -> None:
    """Refuse if the password was replaced after it was proved: its sessions have ended already."""
    if not await member_store.lock_password(tx, person.id, person.hash):
        raise Conflict("the password was replaced just now; try again")


def chosen(memberships: list[MemberRow], tenant: str) -> UUID:
    """Return the tenant to enter: the one named, or the one joined first."""
    if not tenant and memberships:
        return memberships[0].merchant_id
    wanted = rules.tenant_id(tenant) if tenant else None
    for membership in memberships:
        if membership.merchant_id == wanted:
            return membership.merchant_id
    raise NoMembership


def needs_second(found: FactorsRow) -> bool:
    """Tell whether a password alone opens nothing."""
    return found.codes or found.passkeys > 0


def own_id(by: Actor, permission: str) -> UUID:
    """Return who asks about themselves; only a person has anything of their own."""
    rules.permit(by, permission)
    if by.caller is not Caller.MEMBER:
        raise NotAllowed
    return read("mem", by.subject)


def told_session(row: SessionRow) -> Session:
    """Return a session as the door tells it."""
    return Session(
        id=spell("ses", row.id),
        member=spell("mem", row.member_id),
        tenant=rules.tenant_text(row.merchant_id),
        mode=row.mode,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        expires_at=row.expires_at,
        address=row.address,
        agent=row.agent,
        methods=row.methods,
        proved_at=row.proved_at,
    )
