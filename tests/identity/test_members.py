"""Members and merchants: who may do what to whom, and links that work once."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

import psycopg
import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR, PASSWORD, Make, Open

from bezant.actor import PLATFORM, Actor, Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError, Conflict, Forbidden, NotFound
from bezant.identity import (
    AcceptInvitation,
    CancelInvitation,
    ChangeMember,
    GrantsTooMuch,
    InvitationInvalid,
    InviteMember,
    LastAdmin,
    LogIn,
    MalformedEmail,
    MalformedName,
    Member,
    NewInvitation,
    OfTenant,
    RemoveMember,
    Role,
    UnknownInvitation,
    UnknownMember,
    WrongLogin,
    rules,
)
from bezant.identity.service import IdentityService
from bezant.secret import Secret

ANNA = "anna@example.com"


async def invited(
    make: Make, tenant: str = PLATFORM, role: Role = Role.ADMIN, email: str = ANNA
) -> NewInvitation:
    return await make.identity.invite(
        InviteMember(make.ids.new("inv"), OPERATOR, tenant, email, role)
    )


def accept(new: NewInvitation, password: Secret[str] = PASSWORD) -> AcceptInvitation:
    return AcceptInvitation(new.token, "Anna", password)


async def test_a_live_installation_begins_with_an_invitation_from_the_machine_itself(
    make: Make, identity: IdentityService
) -> None:
    new = await invited(make)

    member = await identity.accept_invitation(accept(new))
    session = await identity.log_in(LogIn(ANNA, PASSWORD))

    assert (member.email, member.role, member.tenant) == (ANNA, Role.ADMIN, PLATFORM)
    assert session.session.tenant == PLATFORM
    assert new.token.reveal().startswith("bzi_")
    assert new.token.reveal() not in repr(new)
    page = await identity.invitations(OfTenant(OPERATOR, PLATFORM))
    assert [one.id for one in page.invitations] == [new.invitation.id]
    assert page.invitations[0].accepted_at is not None


@pytest.mark.catalogue("T54")
async def test_of_forty_who_accept_at_once_one_gets_in(
    make: Make, identity: IdentityService, open_identity: Open
) -> None:
    merchant = await make.merchant()
    new = await invited(make, merchant.id)
    doors = [identity, await open_identity()]

    answers = await asyncio.gather(
        *(doors[at % 2].accept_invitation(accept(new)) for at in range(40)),
        return_exceptions=True,
    )

    assert sum(isinstance(one, Member) for one in answers) == 1
    refused = [one for one in answers if not isinstance(one, Member)]
    assert {type(one) for one in refused} <= {InvitationInvalid, Conflict}
    assert len((await identity.members(OfTenant(OPERATOR, merchant.id))).members) == 1


async def test_an_invitation_is_used_once_in_time_and_while_it_stands(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    used, late, cancelled = [
        await invited(make, email=f"{who}@example.com") for who in ("used", "late", "cancelled")
    ]
    await identity.accept_invitation(accept(used))
    first = await identity.cancel_invitation(
        CancelInvitation(OPERATOR, PLATFORM, cancelled.invitation.id)
    )
    clock.move(rules.INVITATION_LIFE)
    told: set[str] = set()

    for token in (
        used.token,
        late.token,
        cancelled.token,
        Secret(used.token.reveal()[:-1]),
        Secret(""),
        Secret("bzi_" + "A" * 43),
    ):
        with pytest.raises(InvitationInvalid) as refusal:
            await identity.accept_invitation(AcceptInvitation(token, "Eve", PASSWORD))
        told.add(str(refusal.value))

    assert len(told) == 1
    assert first.cancelled_at is not None
    fresh = await invited(make, email="late@example.com")
    clock.move(rules.INVITATION_LIFE - timedelta(seconds=1))
    assert await identity.accept_invitation(accept(fresh))


async def test_no_invitation_token_lies_in_the_database(
    make: Make, identity_database: TestDatabase
) -> None:
    new = await invited(make)

    with psycopg.connect(identity_database.administrator_dsn) as connection:
        told = connection.execute(
            "SELECT string_agg(i::text, ' ') FROM identity.invitation AS i"
        ).fetchone()

    assert told is not None
    assert ANNA in told[0]
    assert new.token.reveal()[4:16] not in told[0]


async def test_who_is_a_member_elsewhere_joins_with_the_password_they_have(
    make: Make, identity: IdentityService
) -> None:
    first, second = await make.merchant("first"), await make.merchant("second")
    await identity.accept_invitation(accept(await invited(make, first.id, Role.SUPPORT)))
    again = await invited(make, second.id)

    with pytest.raises(WrongLogin):
        await identity.accept_invitation(accept(again, Secret("somebody else's password")))
    member = await identity.accept_invitation(accept(again))

    assert (member.tenant, member.role) == (second.id, Role.ADMIN)
    assert (await identity.log_in(LogIn(ANNA, PASSWORD, first.id))).session.tenant == first.id
    assert (await identity.log_in(LogIn(ANNA, PASSWORD, second.id))).session.tenant == second.id


async def test_an_invitation_of_a_member_changes_the_role_but_never_leaves_nobody_in_charge(
    make: Make, identity: IdentityService
) -> None:
    merchant = await make.merchant()
    await identity.accept_invitation(accept(await invited(make, merchant.id)))
    down = await invited(make, merchant.id, Role.SUPPORT)

    with pytest.raises(LastAdmin):
        await identity.accept_invitation(accept(down))
    await make.member(merchant.id)
    member = await identity.accept_invitation(accept(down))

    assert member.role is Role.SUPPORT


@pytest.mark.parametrize(
    "email", ["", "a", "@", "a@", "@b", "a b@c", "a@b@c", f"{'a' * 250}@b.c", "a\n@b", "a@b\u200b"]
)
async def test_what_is_no_address_is_not_invited(make: Make, email: str) -> None:
    with pytest.raises(MalformedEmail):
        await invited(make, email=email)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\0b", "a\nb"])
async def test_what_is_no_name_is_refused(make: Make, identity: IdentityService, name: str) -> None:
    new = await invited(make)

    with pytest.raises(MalformedName):
        await identity.accept_invitation(AcceptInvitation(new.token, name, PASSWORD))
    with pytest.raises(MalformedName):
        await make.merchant(name)
    assert await identity.accept_invitation(accept(new))


@pytest.mark.catalogue("T54")
async def test_two_admins_cannot_remove_each_other_and_leave_nobody(
    make: Make, identity: IdentityService
) -> None:
    for _ in range(5):
        merchant = await make.merchant()
        one, two = await make.member(merchant.id), await make.member(merchant.id)

        answers = await asyncio.gather(
            identity.remove_member(RemoveMember(OPERATOR, merchant.id, one.id)),
            identity.change_member(ChangeMember(OPERATOR, merchant.id, two.id, Role.AUDITOR)),
            return_exceptions=True,
        )

        assert sorted(type(answer).__name__ for answer in answers) == ["LastAdmin", "Member"]
        left = (await identity.members(OfTenant(OPERATOR, merchant.id))).members
        assert [member.role for member in left if member.role is Role.ADMIN] == [Role.ADMIN]


async def test_members_are_changed_and_removed(make: Make, identity: IdentityService) -> None:
    merchant = await make.merchant()
    admin = await make.member(merchant.id)
    member = await make.member(merchant.id, Role.SUPPORT)

    changed = await identity.change_member(
        ChangeMember(OPERATOR, merchant.id, member.id, Role.FINANCE)
    )
    removed = await identity.remove_member(RemoveMember(OPERATOR, merchant.id, member.id))

    assert changed.role is removed.role is Role.FINANCE
    left = await identity.members(OfTenant(OPERATOR, merchant.id))
    assert [one.id for one in left.members] == [admin.id]
    for unknown in (member.id, make.ids.new("mem")):
        with pytest.raises(UnknownMember):
            await identity.remove_member(RemoveMember(OPERATOR, merchant.id, unknown))
    with pytest.raises(UnknownInvitation):
        await identity.cancel_invitation(
            CancelInvitation(OPERATOR, merchant.id, make.ids.new("inv"))
        )


def test_the_permission_table_is_what_the_design_says() -> None:
    may = rules.PERMISSIONS

    assert {role for role in Role if "refunds.write" in may[role]} == {Role.ADMIN, Role.FINANCE}
    assert {role for role in Role if "members.write" in may[role]} == {Role.ADMIN}
    assert {role for role in Role if "api_keys.write" in may[role]} == {Role.ADMIN, Role.DEVELOPER}
    assert not [one for one in may[Role.AUDITOR] if one.endswith(".write")]
    assert all(may[role] <= may[Role.ADMIN] for role in Role)
    for role in Role:
        for one in may[role]:
            resource, _, access = one.partition(".")
            assert access == "read" or f"{resource}.read" in may[role]
        assert not rules.member_permissions(role, "mer_x") & rules.PLATFORM_ONLY


@pytest.mark.catalogue("T70")
@pytest.mark.requirement("S003-6", part="roles")
async def test_every_role_at_every_door(make: Make, identity: IdentityService) -> None:
    """Every command by every role, for one's own tenant, for another one and for the platform."""
    mine, theirs = await make.merchant("mine"), await make.merchant("theirs")
    target = {mine.id: mine, theirs.id: theirs}
    members = {t: (await make.member(t)).id for t in target}
    for tenant in target:
        await make.member(tenant)
    probes = crossed = 0
    for role in Role:
        by = await make.actor(mine.id, role)
        for tenant in (mine.id, theirs.id, PLATFORM):
            for permission, allowed in (
                ("members.read", identity.members(OfTenant(by, tenant))),
                ("members.read", identity.invitations(OfTenant(by, tenant))),
                ("members.write", identity.invite(_invite(make, by, tenant))),
                ("members.write", _change(identity, by, tenant, members)),
                ("api_keys.read", identity.keys(OfTenant(by, tenant))),
            ):
                probes += 1
                expected: type[BezantError] | None = None
                if not by.may(permission):
                    expected = Forbidden
                elif tenant != mine.id:
                    expected = NotFound
                    crossed += 1
                await _expect(expected, allowed)

    assert (probes, crossed) == (90, 2 * sum(len(_held(role)) for role in Role))


def _invite(make: Make, by: Actor, tenant: str) -> InviteMember:
    return InviteMember(make.ids.new("inv"), by, tenant, "new@example.com", Role.SUPPORT)


def _held(role: Role) -> list[str]:
    asked = ["members.read"] * 2 + ["members.write"] * 2 + ["api_keys.read"]
    return [one for one in asked if one in rules.PERMISSIONS[role]]


async def _change(
    identity: IdentityService, by: Actor, tenant: str, members: dict[str, str]
) -> object:
    member = members.get(tenant, next(iter(members.values())))
    return await identity.change_member(ChangeMember(by, tenant, member, Role.ADMIN))


async def _expect(error: type[BezantError] | None, attempt: Awaitable[object]) -> None:
    if error is None:
        await attempt
    else:
        with pytest.raises(error):
            await attempt


async def test_nobody_gives_rights_they_do_not_have(make: Make, identity: IdentityService) -> None:
    merchant = await make.merchant()
    await make.member(merchant.id)
    member = await make.member(merchant.id, Role.SUPPORT)
    weak = Actor(
        OPERATOR.caller,
        "operator",
        PLATFORM,
        Mode.TEST,
        rules.PERMISSIONS[Role.SUPPORT] | {"members.write"},
    )

    for attempt in (
        identity.invite(InviteMember(make.ids.new("inv"), weak, merchant.id, ANNA, Role.ADMIN)),
        identity.change_member(ChangeMember(weak, merchant.id, member.id, Role.FINANCE)),
    ):
        with pytest.raises(GrantsTooMuch):
            await attempt
