"""Attacks on who is asking: what is proved in one moment and used in the next, and the crowd."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from argon2 import PasswordHasher
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR, PASSWORD, Make, Open
from tests.identity.test_callers import Counted, remembering

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.errors import Conflict, TooManyRequests
from bezant.http.caller import Credential, CredentialInvalid, CredentialKind
from bezant.identity import (
    AcceptInvitation,
    Access,
    ChangeMember,
    ChangePassword,
    CreateApiKey,
    CredentialForm,
    Grant,
    GrantsTooMuch,
    Identify,
    InvitationInvalid,
    InviteMember,
    KeyKind,
    LogIn,
    MalformedEmail,
    NewSession,
    RemoveMember,
    RevokeApiKey,
    Role,
    RotateApiKey,
    WrongLogin,
    rules,
)
from bezant.identity.callers import RememberedCallers
from bezant.identity.passwords import Passwords
from bezant.identity.service import IdentityService
from bezant.secret import Secret

ANNA = "anna@example.com"
NEW = Secret("staple battery correct")
STRONGER = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
_numbers = count()


class HeldUp(Passwords):
    """Passwords whose last step before a session can be held up."""

    def __init__(self, hasher: PasswordHasher) -> None:
        super().__init__(hasher)
        self.proved = asyncio.Event()
        self.may_go_on = asyncio.Event()

    def outdated(self, stored: str) -> bool:
        self.proved.set()
        return super().outdated(stored)

    async def verify(self, stored: str | None, password: Secret[str]) -> bool:
        fits = await super().verify(stored, password)
        self.proved.set()
        await self.may_go_on.wait()
        return fits


async def change(identity: IdentityService, old: Secret[str], new: Secret[str]) -> None:
    started = await identity.log_in(LogIn(ANNA, old))
    asker = await identity.identify(Identify(CredentialForm.SESSION, started.token))
    await identity.change_password(ChangePassword(asker.actor, old, new))


@pytest.mark.parametrize("hasher", [None, STRONGER])
async def test_a_login_on_its_way_does_not_outlive_the_password_it_showed(
    make: Make,
    identity: IdentityService,
    open_identity: Open,
    identity_database: TestDatabase,
    hasher: PasswordHasher | None,
) -> None:
    await make.member(email=ANNA)
    thiefs = await (open_identity(hasher=hasher) if hasher else open_identity())
    held = HeldUp(thiefs._passwords._hasher)
    thiefs._passwords = held
    thief = asyncio.create_task(thiefs.log_in(LogIn(ANNA, PASSWORD)))
    await held.proved.wait()

    await change(identity, PASSWORD, NEW)
    held.may_go_on.set()

    with pytest.raises(Conflict):
        await thief
    with psycopg.connect(identity_database.administrator_dsn) as connection:
        living = "SELECT count(*) FROM identity.session WHERE ended_at IS NULL"
        assert connection.execute(living).fetchone() == (0,)
    assert isinstance(await identity.log_in(LogIn(ANNA, NEW)), NewSession)
    with pytest.raises(WrongLogin):
        await identity.log_in(LogIn(ANNA, PASSWORD))


async def test_of_two_who_replace_one_password_at_once_one_is_told(
    make: Make, identity: IdentityService, open_identity: Open
) -> None:
    await make.member(email=ANNA)
    started = await identity.log_in(LogIn(ANNA, PASSWORD))
    asker = (await identity.identify(Identify(CredentialForm.SESSION, started.token))).actor
    news = [NEW, Secret("another battery staple"), Secret("a third one, battery")]
    services = [await open_identity() for _ in news]

    told = await asyncio.gather(
        *(
            service.change_password(ChangePassword(asker, PASSWORD, new))
            for service, new in zip(services, news, strict=True)
        ),
        return_exceptions=True,
    )

    assert told.count(None) == 1
    assert {type(one) for one in told if one is not None} <= {Conflict, WrongLogin}


def by_key(text: Secret[str], address: str = "") -> Credential:
    return Credential(CredentialKind.API_KEY, text, address)


def junk() -> Secret[str]:
    number = next(_numbers)
    text = rules.new_key_text(
        KeyKind.SECRET, Mode.TEST, lambda size: number.to_bytes(2) * (size // 2)
    )
    return Secret(text)


@pytest.mark.parametrize("stranger", ["203.0.113.9", "2001:db8:1:2::1"])
async def test_one_who_guesses_does_not_keep_others_out(
    make: Make, identity: IdentityService, clock: MovableClock, stranger: str
) -> None:
    merchant = await make.merchant()
    keys = [(await make.key(merchant.id)).secret for _ in range(5)]
    remembered, counted = remembering(identity, clock)
    limited = 0
    for number in range(300):
        # Whoever has an IPv6 address has 2^64 of them.
        address = stranger.replace("::1", f"::{number:x}") if ":" in stranger else stranger
        try:
            await remembered.identify(by_key(junk(), address))
        except CredentialInvalid:
            continue
        except TooManyRequests:
            limited += 1

    assert limited == 250
    assert counted.asked == 50
    for secret in keys:  # Each was never seen here before.
        assert await remembered.identify(by_key(secret, "198.51.100.2"))
    with pytest.raises(TooManyRequests):
        await remembered.identify(by_key(junk(), stranger))


async def test_a_crowd_with_one_new_key_asks_once_and_all_get_in(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    secret = (await make.key(merchant.id)).secret
    remembered, counted = remembering(identity, clock)
    credential = by_key(secret, "203.0.113.9")

    found = await asyncio.gather(*(remembered.identify(credential) for _ in range(500)))

    assert {actor.tenant for actor in found} == {merchant.id}
    assert counted.asked == 1


async def test_nobody_joins_a_question_asked_before_rights_were_taken(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    owner = await make.actor(merchant.id)
    remembered, counted = remembering(identity, clock)
    counted.hold = asyncio.Event()
    early = asyncio.create_task(remembered.identify(by_key(made.secret)))
    await counted.answering.wait()

    await identity.revoke_key(RevokeApiKey(owner, merchant.id, made.key.id))
    late = asyncio.create_task(remembered.identify(by_key(made.secret)))
    with pytest.raises(CredentialInvalid):
        await asyncio.wait_for(late, 30)
    counted.hold.set()

    assert await early
    assert remembered.known(by_key(made.secret)) is None


async def test_who_gives_up_waiting_takes_nobody_with_them(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    credential = by_key((await make.key(merchant.id)).secret)
    remembered, counted = remembering(identity, clock)
    counted.hold = asyncio.Event()
    first = asyncio.create_task(remembered.identify(credential))
    await counted.answering.wait()
    second = asyncio.create_task(remembered.identify(credential))
    first.cancel()
    counted.hold.set()

    assert await second
    assert counted.asked == 1


class Settable:
    """A machine's clock, which somebody sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at


@pytest.mark.catalogue("T15")
async def test_a_clock_set_back_keeps_no_right_alive(
    make: Make, identity: IdentityService, open_identity: Open
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    owner = await make.actor(merchant.id)
    clock = Settable()
    counted = Counted(await open_identity())  # Another process: nobody tells it of revocations.
    remembered = RememberedCallers(counted, clock)  # pyright: ignore[reportArgumentType]
    await remembered.start()
    await remembered.identify(by_key(made.secret))
    assert remembered.known(by_key(made.secret))

    clock.at -= timedelta(hours=1)
    await identity.revoke_key(RevokeApiKey(owner, merchant.id, made.key.id))

    assert remembered.known(by_key(made.secret)) is None
    with pytest.raises(CredentialInvalid):
        await remembered.identify(by_key(made.secret))
    await remembered.stop()


async def test_a_clock_set_back_does_not_shut_the_door(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    clock = Settable()
    remembered, _ = remembering(identity, clock)
    for number in range(40):
        with pytest.raises(CredentialInvalid):
            await remembered.identify(by_key(junk(), f"203.0.113.{number}"))
    clock.at -= timedelta(hours=1)
    for _ in range(5):
        secret = (await make.key(merchant.id)).secret
        assert await remembered.identify(by_key(secret, "203.0.113.1"))


def test_every_address_is_stored_in_the_case_the_database_expects(
    identity_database: TestDatabase,
) -> None:
    letters: set[str] = set()
    for point in range(0x20, 0x30000):
        if not 0xD800 <= point < 0xE000:
            with suppress(MalformedEmail):
                letters.add(rules.normal_email(f"a{chr(point)}@example.com"))
    with psycopg.connect(identity_database.administrator_dsn) as connection:
        moved = connection.execute(
            "SELECT count(*) FROM unnest(%s::text[]) AS e WHERE e <> lower(e)", (sorted(letters),)
        ).fetchone()
    assert len(letters) > 50_000
    assert moved == (0,)


@pytest.mark.parametrize("way", ["removed", "demoted", "removed from the platform"])
async def test_who_may_invite_no_more_has_no_invitation_left(
    make: Make, identity: IdentityService, way: str
) -> None:
    merchant = await make.merchant()
    boss = await make.actor(merchant.id)
    home = PLATFORM if "platform" in way else merchant.id
    await make.member(PLATFORM)
    going = await make.actor(home)
    invited = await identity.invite(
        InviteMember(make.ids.new("inv"), going, merchant.id, "me2@example.com", Role.ADMIN)
    )
    kept = await identity.invite(
        InviteMember(make.ids.new("inv"), boss, merchant.id, "you@example.com", Role.SUPPORT)
    )

    if way == "demoted":
        command = ChangeMember(OPERATOR, home, going.subject, Role.FINANCE)
        await identity.change_member(command)
    else:
        await identity.remove_member(RemoveMember(OPERATOR, home, going.subject))

    with pytest.raises(InvitationInvalid):
        await identity.accept_invitation(AcceptInvitation(invited.token, "Me", PASSWORD))
    assert await identity.accept_invitation(AcceptInvitation(kept.token, "You", PASSWORD))


async def test_a_restricted_key_carries_no_role_above_its_makers(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    maker = await make.actor(merchant.id, Role.DEVELOPER)
    grants = (Grant("payments", Access.READ),)
    for role in (Role.ADMIN, Role.FINANCE):
        command = CreateApiKey(
            make.ids.new("key"), maker, merchant.id, KeyKind.RESTRICTED, role, grants=grants
        )
        with pytest.raises(GrantsTooMuch):
            await identity.create_key(command)
        bosses = await make.key(merchant.id, KeyKind.RESTRICTED, role, grants=grants)
        with pytest.raises(GrantsTooMuch):
            await identity.rotate_key(
                RotateApiKey(make.ids.new("key"), maker, merchant.id, bosses.key.id)
            )
    own = CreateApiKey(
        make.ids.new("key"), maker, merchant.id, KeyKind.RESTRICTED, Role.DEVELOPER, grants=grants
    )
    assert (await make.key_actor(await identity.create_key(own))).role == "developer"
