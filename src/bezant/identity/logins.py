"""Logging in and out: one answer for every wrong login, and waiting times after several."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor, Caller
from bezant.db.database import Tx
from bezant.errors import Conflict
from bezant.http.limits import bucket_of_address
from bezant.identity import rules
from bezant.identity.desk import Desk, token_hash
from bezant.identity.port import (
    ChangePassword,
    EndSession,
    LogIn,
    MalformedEmail,
    MalformedName,
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
from bezant.identity.store import member as member_store
from bezant.identity.store import session as store
from bezant.identity.store.member import MemberRow, PersonRow
from bezant.identity.store.session import SessionRow
from bezant.ids import read, spell
from bezant.secret import Secret

SESSIONS_KEPT: Final = timedelta(days=90)  # Long enough to answer who was logged in that day.
TIDY_EVERY: Final = timedelta(minutes=10)
TIDY_MAX: Final = 10_000  # More tries than that nobody makes in ten minutes: each costs a hash.

_log = telemetry.log("identity")


class Logins(Desk):
    """The part of the service that is about sessions and passwords."""

    _tidied_at = datetime.min.replace(tzinfo=UTC)

    async def log_in(self, command: LogIn) -> NewSession:
        """Start a session."""
        await self._tidy_at_times()
        try:
            place = _place(command.address)
            person = await self._prove(command.email, command.password, place)
        except (WrongLogin, TooManyTries) as refusal:
            _log.warn("login.refused", code=refusal.code, address=command.address)
            raise
        now = self._clock.now()
        if now - person.last_login_at > rules.INACTIVE:
            raise MemberInactive
        fresh_hash = None
        if self._passwords.outdated(person.hash):
            async with self._passwords.turn():
                fresh_hash = await self._passwords.hash(command.password)
        token = self._new_token("bzs")
        async with self._database.transaction() as tx:
            await _still_proved(tx, person)
            memberships = await member_store.memberships(tx, person.id)
            tenant = _chosen(memberships, command.tenant)
            row = SessionRow(
                id=self._ids.uuid(),
                member_id=person.id,
                merchant_id=tenant,
                mode=command.mode,
                created_at=now,
                last_seen_at=now,
                expires_at=now + rules.SESSION_ABSOLUTE,
                address=rules.plain_text(command.address),
                agent=rules.plain_text(command.agent),
            )
            await store.add(tx, row, token_hash(token))
            await member_store.seen_in(tx, person.id, now)
            if fresh_hash is not None:
                await member_store.add_password(tx, person.id, fresh_hash, now)
            session = _told(row)
            about = {"session": session.id, "mode": session.mode}
            await self._record(tx, "session.created", session.tenant, session.member, about)
        _log.info("login.succeeded", member=session.member, session=session.id)
        return NewSession(session, token)

    async def log_out(self, token: Secret[str]) -> None:
        """End the session of this token, if there is one."""
        async with self._database.transaction() as tx:
            ended = await store.end_by_token(tx, token_hash(token), self._clock.now())
            if ended is not None:
                await self._record_end(tx, _told(ended))
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
            memberships = await member_store.memberships(tx, living.member_id)
            tenant = _chosen(memberships, command.tenant)
            row = await store.move(tx, living.id, tenant, command.mode)
            assert row is not None
            session = _told(row)
            about = {"session": session.id, "mode": session.mode}
            await self._record(tx, "session.switched", session.tenant, session.member, about)
        self._rights_taken(session.id)
        return session

    async def sessions(self, by: Actor) -> tuple[Session, ...]:
        """Return one's own living sessions, newest first."""
        member_id = _member(by, "session.read")
        now = self._clock.now()
        async with self._database.transaction() as tx:
            rows = await store.of_member(tx, member_id, now, now - rules.SESSION_IDLE)
        return tuple(_told(row) for row in rows)

    async def end_session(self, command: EndSession) -> Session:
        """End one of one's own sessions."""
        member_id = _member(command.by, "session.write")
        async with self._database.transaction() as tx:
            session_id = read("ses", command.session)
            row = await store.end(tx, session_id, member_id, self._clock.now())
            if row is None:
                raise UnknownSession
            session = _told(row)
            await self._record_end(tx, session)
        self._rights_taken(command.session)
        return session

    async def change_password(self, command: ChangePassword) -> None:
        """Replace one's own password and end every session."""
        member_id = _member(command.by, "session.write")
        async with self._database.transaction() as tx:
            person = await member_store.person(tx, member_id)
            assert person is not None
            used = await member_store.last_passwords(tx, member_id, rules.PASSWORDS_REMEMBERED)
        rules.strong_password(rules.normal_password(command.new.reveal()), person.email)
        await self._prove(person.email, command.old)
        async with self._passwords.turn():
            for one in used:
                if await self._passwords.verify(one.hash, command.new):
                    raise PasswordUsedBefore(field="new")
            fresh_hash = await self._passwords.hash(command.new)
        async with self._database.transaction() as tx:
            now = self._clock.now()
            await _still_proved(tx, person)
            await member_store.add_password(tx, member_id, fresh_hash, now)
            await store.end_all(tx, member_id, now)
            await self._record(tx, "password.changed", command.by.tenant, command.by.subject, {})
        self._rights_taken()
        _log.info("password.changed", member=command.by.subject)

    async def tidy(self) -> int:
        """Delete sessions and counted tries that are long over; return how many."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            tries_before = now - 2 * rules.LOCK_MAX
            return await store.tidy(tx, now - SESSIONS_KEPT, tries_before, now, TIDY_MAX)

    async def _record_end(self, tx: Tx, session: Session) -> None:
        about = {"session": session.id}
        await self._record(tx, "session.ended", session.tenant, session.member, about)

    async def _tidy_at_times(self) -> None:
        """Tidy while logging in: nothing else makes these rows, so nothing else need watch them."""
        now = self._clock.now()
        if now - self._tidied_at >= TIDY_EVERY:
            self._tidied_at = now
            await self.tidy()

    async def _prove(
        self, email_typed: str, password: Secret[str], place: bytes | None = None
    ) -> PersonRow:
        """Return whoever has this address and password; a try counts before it is made.

        Counting first means that tries made at the same moment cannot outrun the count. The count
        belongs to the address typed, so a stranger learns nothing about who is a member; a second
        one belongs to the place it came from, and the stricter of the two decides.
        """
        email = _email_or_nobody(email_typed)
        identifier = hashlib.sha256(f"login {email}".encode()).digest()
        async with self._passwords.turn():
            async with self._database.transaction() as tx:
                now = self._clock.now()
                if place is not None:
                    await _spend(tx, place, now)
                tries = await store.lock_try(tx, identifier, now)
                if tries.locked_until is not None and tries.locked_until > now:
                    wait = tries.locked_until - now
                    raise TooManyTries(retry_after_seconds=wait / timedelta(seconds=1))
                failures = tries.failures + 1
                locked_until = now + rules.locked_for(failures)
                await store.count_try(tx, identifier, failures, locked_until, now)
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


async def _spend(tx: Tx, place: bytes, now: datetime) -> None:
    lasts = rules.ADDRESS_FAILURE_LASTS
    most = rules.ADDRESS_FAILURES_MAX * lasts
    over_at = await store.spend_address(tx, place, now, lasts, most)
    if over_at is not None:
        raise TooManyTries(
            "too many wrong passwords from where you are; wait, then try again",
            retry_after_seconds=max(1.0, (over_at - now) / timedelta(seconds=1)),
        )


def _place(address: str) -> bytes:
    """Return where a try came from, as it is stored. Those who do not say share one place."""
    return hashlib.sha256(f"login from {bucket_of_address(address)}".encode()).digest()


async def _still_proved(tx: Tx, person: PersonRow) -> None:
    """Refuse if the password was replaced after it was proved: its sessions have ended already."""
    if not await member_store.lock_password(tx, person.id, person.hash):
        raise Conflict("the password was replaced just now; try again")


def _chosen(memberships: list[MemberRow], tenant: str) -> UUID:
    """Return the tenant to enter: the one named, or the one joined first."""
    if not tenant and memberships:
        return memberships[0].merchant_id
    wanted = rules.tenant_id(tenant) if tenant else None
    for membership in memberships:
        if membership.merchant_id == wanted:
            return membership.merchant_id
    raise NoMembership


def _member(by: Actor, permission: str) -> UUID:
    rules.permit(by, permission)
    if by.caller is not Caller.MEMBER:
        raise NotAllowed
    return read("mem", by.subject)


def _email_or_nobody(typed: str) -> str:
    """Return an address or name to look for; what is none is looked for in vain, as hard."""
    try:
        return rules.normal_email(typed) if "@" in typed else rules.normal_username(typed)
    except (MalformedEmail, MalformedName):
        return f"nobody {hashlib.sha256(typed.encode(errors='replace')).hexdigest()}"


def _told(row: SessionRow) -> Session:
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
    )
