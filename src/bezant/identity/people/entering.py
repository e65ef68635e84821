"""Getting in by other than a page of ours, and proving anew who one is in a session."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.logins import (
    Logins,
    chosen,
    needs_second,
    own_id,
    still_proved,
    told_session,
)
from bezant.identity.people import authenticators
from bezant.identity.people.proving import BY_CODE, BY_PASSKEY, BY_PASSWORD
from bezant.identity.person import (
    Ceremony,
    FinishLogin,
    LoginTurn,
    PasskeyLogIn,
    PasskeyRefused,
    SecondFactorNeeded,
    StepUp,
    WrongCode,
)
from bezant.identity.port import (
    LogIn,
    NewSession,
    Session,
    UnknownCredential,
    WrongLogin,
)
from bezant.identity.store import factor as store
from bezant.identity.store import member as member_store
from bezant.identity.store import session as session_store
from bezant.identity.store.factor import FactorsRow, HalfLoginRow
from bezant.identity.store.session import LivingRow
from bezant.ids import spell
from bezant.secret import Secret

CEREMONY_LIFE: Final = timedelta(minutes=5)
HALF_LIFE: Final = timedelta(minutes=5)  # As long as one needs to find the telephone.
_log = telemetry.log("identity")


class Entering(Logins):
    """The part of the service that lets people in step by step."""

    async def begin_login(self, command: LogIn) -> LoginTurn:
        """Show a name and a password, and learn whether that is enough."""
        person = await self._by_password(command)
        found = await self._factors(person.id)
        if not needs_second(found):
            return LoginTurn(await self._open(person, command, BY_PASSWORD))
        half = self._new_token("bzh")
        async with self._database.transaction() as tx:
            await still_proved(tx, person)
            memberships = await member_store.memberships(tx, person.id)
            row = HalfLoginRow(person.id, chosen(memberships, command.tenant), command.mode)
            expires_at = self._clock.now() + HALF_LIFE
            await store.add_half_login(tx, token_hash(half), row, expires_at)
        return LoginTurn(None, half, methods_of(found), int(HALF_LIFE.total_seconds()))

    async def finish_login(self, command: FinishLogin) -> NewSession:
        """Show the second factor."""
        hashed = token_hash(command.half)
        async with self._database.transaction() as tx:
            half = await store.half_login(tx, hashed, self._clock.now())
            person = half and await member_store.person(tx, half.member_id)
        if half is None or person is None:
            raise WrongCode
        methods = await self._second(half.member_id, command.proof, command.address)
        async with self._database.transaction() as tx:
            if not await store.spend_half_login(tx, hashed, self._clock.now()):
                raise WrongCode
        login = LogIn(
            email=person.email,
            password=Secret(""),
            tenant=rules.tenant_text(half.merchant_id),
            mode=half.mode,
            address=command.address,
            agent=command.agent,
        )
        return await self._open(person, login, methods)

    async def ask_passkey(self) -> Ceremony:
        """Ask for a passkey, whosever it is."""
        challenge = await self._challenge(None)
        return Ceremony(authenticators.ask_for_any(self._party, challenge))

    async def log_in_by_passkey(self, command: PasskeyLogIn) -> NewSession:
        """Start a session without a password."""
        person = await self._by_passkey(command.answer, command.address)
        login = LogIn(
            email=person.email,
            password=Secret(""),
            tenant=command.tenant,
            mode=command.mode,
            address=command.address,
            agent=command.agent,
        )
        return await self._open(person, login, BY_PASSKEY)

    async def step_up(self, command: StepUp) -> Session:
        """Prove again who one is; what was withheld comes back.

        Whoever has a second factor shows it: a password alone proves less than they did before.
        """
        hashed = token_hash(command.token)
        living = await self._at_work(hashed)
        try:
            methods = await self._proved_again(living.member_id, command)
        except (WrongLogin, WrongCode, PasskeyRefused) as refusal:
            _log.warn("step_up.refused", code=refusal.code, session=spell("ses", living.id))
            raise
        async with self._database.transaction() as tx:
            if not await session_store.prove(tx, living.id, methods, self._clock.now()):
                raise UnknownCredential
            row = await session_store.find(tx, living.id)
            assert row is not None
            session = told_session(row)
            about = {"session": session.id, "methods": list(methods)}
            await self._record(tx, "session.proved", session.tenant, session.member, about)
        self._rights_taken(session.id)  # Given, in truth; whoever remembers asks again alike.
        return session

    async def end_sessions(self, by: Actor) -> int:
        """Sign out everywhere, here too; return how many sessions ended."""
        member_id = own_id(by, "session.write")
        async with self._database.transaction() as tx:
            await store.forget_half_logins(tx, member_id)
            ended = await session_store.end_all(tx, member_id, self._clock.now())
            about = {"sessions": ended}
            await self._record(tx, "sessions.ended", by.tenant, by.subject, about)
            tx.after_commit(self._rights_taken)
        return ended

    async def _at_work(self, hashed: bytes) -> LivingRow:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            living = await session_store.living(tx, hashed, now, now - rules.SESSION_IDLE)
        if living is None:
            raise UnknownCredential
        return living

    async def _proved_again(self, member: UUID, command: StepUp) -> tuple[str, ...]:
        if command.answer.reveal():
            if (await self._prove_passkey(command.answer)).member_id != member:
                raise PasskeyRefused
            return BY_PASSKEY
        if command.code.reveal():
            await self._prove_code(member, command.code)
            return BY_CODE[1:]
        if needs_second(await self._factors(member)):
            raise SecondFactorNeeded
        async with self._database.transaction() as tx:
            person = await member_store.person(tx, member)
        if person is None:  # They have no password of ours.
            raise WrongLogin
        await self._prove(person.email, command.password)
        return BY_PASSWORD

    async def _challenge(self, member: UUID | None) -> bytes:
        """Return a challenge that is answered once, within minutes, by nobody but `member`."""
        challenge = self._chance(authenticators.CHALLENGE_BYTES)
        expires_at = self._clock.now() + CEREMONY_LIFE
        async with self._database.transaction() as tx:
            hashed = authenticators.challenge_hash(challenge)
            await store.begin_ceremony(tx, hashed, member, expires_at)
        return challenge


def methods_of(found: FactorsRow) -> tuple[str, ...]:
    """Return what would do as a second factor."""
    known = {
        "code": found.codes,
        "recovery": found.recovery_left > 0,
        "passkey": found.passkeys > 0,
    }
    return tuple(name for name, has in known.items() if has)
