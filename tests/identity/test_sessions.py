"""Sessions: they end in time, belong to one member, and enter that member's tenants only."""

from datetime import timedelta

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR, PASSWORD, Make, outcome, whose

from bezant.actor import PLATFORM, Caller, Mode
from bezant.clock import MovableClock
from bezant.identity import (
    ChangeMerchant,
    ChangePassword,
    CredentialForm,
    EndSession,
    Identify,
    LogIn,
    MerchantState,
    NewSession,
    NoMembership,
    NotAllowed,
    Role,
    SwitchSession,
    UnknownCredential,
    UnknownSession,
    rules,
)
from bezant.identity.service import IdentityService
from bezant.secret import Secret

ANNA = "anna@example.com"
WRONG = Secret("not the right password")


@pytest.mark.requirement("S003-6", part="roles")
async def test_a_session_says_who_where_and_in_which_mode(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    member = await make.member(merchant.id, Role.FINANCE, ANNA)

    new = await identity.log_in(
        LogIn(" ANNA@Example.com ", PASSWORD, merchant.id, Mode.LIVE, "203.0.113.9", "Firefox")
    )
    found = await whose(identity, new.token)

    assert found is not None
    actor = found.actor
    assert (actor.caller, actor.subject, actor.role) == (Caller.MEMBER, member.id, "finance")
    assert (actor.tenant, actor.mode) == (merchant.id, Mode.LIVE)
    assert actor.permissions == rules.member_permissions(Role.FINANCE, merchant.id)
    assert (new.session.address, new.session.agent) == ("203.0.113.9", "Firefox")
    assert await identity.sessions(actor) == (new.session,)
    assert new.token.reveal() not in repr(new)


async def test_a_session_ends_when_left_idle_and_after_half_a_day(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    await make.member(email=ANNA)
    idle = await identity.log_in(LogIn(ANNA, PASSWORD))
    busy = await identity.log_in(LogIn(ANNA, PASSWORD))
    started = clock.now()

    clock.move(timedelta(minutes=15) - timedelta(seconds=1))
    assert await whose(identity, busy.token)
    clock.move(timedelta(seconds=1))
    assert await whose(identity, idle.token) is None

    while clock.now() - started < timedelta(hours=11, minutes=50):
        assert await whose(identity, busy.token)
        clock.move(timedelta(minutes=10))
    clock.move(started + timedelta(hours=12) - timedelta(seconds=1) - clock.now())
    assert await whose(identity, busy.token)
    clock.move(timedelta(seconds=1))
    assert await whose(identity, busy.token) is None


@pytest.mark.catalogue("T76")
async def test_every_login_has_a_new_token_and_no_other_token_is_accepted(
    make: Make, identity: IdentityService, identity_database: TestDatabase
) -> None:
    await make.member(email=ANNA)
    tokens = {(await identity.log_in(LogIn(ANNA, PASSWORD))).token.reveal() for _ in range(5)}
    with psycopg.connect(identity_database.administrator_dsn) as connection:
        told = connection.execute(
            "SELECT string_agg(s::text, ' ') FROM identity.session AS s"
        ).fetchone()
        hashes = connection.execute("SELECT token_hash FROM identity.session").fetchall()
    wrong = [token[:-1] for token in tokens] + [token + "A" for token in tokens]
    wrong += [token.swapcase() for token in tokens] + ["", "bzs_", "bzs_" + "A" * 43]
    wrong += [row[0].hex() for row in hashes]

    assert len(tokens) == 5
    assert told is not None
    assert not [token for token in tokens if token[4:16] in told[0]]
    assert not [one for one in wrong if await whose(identity, Secret(one))]
    assert all([await whose(identity, Secret(token)) for token in tokens])


async def test_logging_out_ends_one_session_and_repeating_it_is_fine(
    make: Make, identity: IdentityService
) -> None:
    await make.member(email=ANNA)
    one, two = [await identity.log_in(LogIn(ANNA, PASSWORD)) for _ in range(2)]

    await identity.log_out(one.token)
    await identity.log_out(one.token)
    await identity.log_out(Secret("bzs_nobody"))

    assert await whose(identity, one.token) is None
    assert await whose(identity, two.token)


async def test_one_ends_ones_own_sessions_only(make: Make, identity: IdentityService) -> None:
    mine, other, theirs = [await _in(make, identity) for _ in range(3)]
    actor = (await identity.identify(Identify(CredentialForm.SESSION, mine.token))).actor

    for session in (theirs.session.id, make.ids.new("ses")):
        with pytest.raises(UnknownSession):
            await identity.end_session(EndSession(actor, session))
    await identity.end_session(EndSession(actor, mine.session.id))

    assert await whose(identity, mine.token) is None
    assert await whose(identity, other.token)
    assert await whose(identity, theirs.token)


async def _in(make: Make, identity: IdentityService) -> NewSession:
    member = await make.member()
    return await identity.log_in(LogIn(member.email, PASSWORD))


async def test_a_session_enters_the_tenants_of_its_member_only(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    mine, also, foreign = [await make.merchant(name) for name in ("mine", "also", "foreign")]
    await make.member(mine.id, Role.SUPPORT, ANNA)
    clock.move(timedelta(days=1))
    await make.member(also.id, Role.ADMIN, ANNA)
    new = await identity.log_in(LogIn(ANNA, PASSWORD))
    assert new.session.tenant == mine.id

    moved = await identity.switch_session(SwitchSession(new.token, also.id, Mode.LIVE))
    found = await whose(identity, new.token)

    assert (moved.tenant, moved.mode) == (also.id, Mode.LIVE)
    assert found is not None
    assert (found.actor.tenant, found.actor.mode, found.actor.role) == (also.id, Mode.LIVE, "admin")
    for tenant in (foreign.id, PLATFORM):
        with pytest.raises(NoMembership):
            await identity.switch_session(SwitchSession(new.token, tenant, Mode.TEST))
        with pytest.raises(NoMembership):
            await identity.log_in(LogIn(ANNA, PASSWORD, tenant))
    with pytest.raises(UnknownCredential):
        await identity.switch_session(SwitchSession(Secret("bzs_x"), mine.id, Mode.TEST))


async def test_a_suspended_merchants_members_stay_out(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    await make.member(merchant.id, email=ANNA)
    new = await identity.log_in(LogIn(ANNA, PASSWORD))

    await identity.change_merchant(ChangeMerchant(OPERATOR, merchant.id, MerchantState.SUSPENDED))

    assert await whose(identity, new.token) is None


async def test_what_is_long_over_is_tidied_away(
    make: Make,
    identity: IdentityService,
    identity_database: TestDatabase,
    clock: MovableClock,
) -> None:
    await make.member(email=ANNA)
    await identity.log_in(LogIn(ANNA, PASSWORD))
    await outcome(identity, "nobody@example.com", WRONG)
    clock.move(timedelta(days=91))
    fresh = await identity.log_in(LogIn(await _other(make), PASSWORD))
    await outcome(identity, "somebody@example.com", WRONG)
    assert await identity.tidy() == 3, "a session, somebody who tried, and an invitation's letter"

    with psycopg.connect(identity_database.administrator_dsn) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM identity.session), count(*) FROM identity.login_try"
        ).fetchone()

    assert counts == (1, 1)
    assert await identity.tidy() == 0
    assert await whose(identity, fresh.token)


async def _other(make: Make) -> str:
    return (await make.member()).email


async def test_only_members_have_sessions(make: Make, identity: IdentityService) -> None:
    merchant = await make.merchant()
    by_key = await make.key_actor(await make.key(merchant.id, role=Role.ADMIN))

    for actor in (by_key, OPERATOR):
        with pytest.raises(NotAllowed):
            await identity.sessions(actor)
        with pytest.raises(NotAllowed):
            await identity.change_password(ChangePassword(actor, PASSWORD, PASSWORD))
