"""Custom roles: a part of one of ours, never more; and what changes with them at once."""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.conftest import OPERATOR, PASSWORD, Make, Open

from bezant.actor import PLATFORM, Actor, Mode
from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.http.caller import Credential, CredentialKind
from bezant.identity import (
    AcceptInvitation,
    Access,
    ChangeMember,
    ChangeRole,
    CreateApiKey,
    CreateRole,
    CustomRole,
    EndRole,
    Grant,
    GrantsTooMuch,
    Identify,
    InvitationInvalid,
    InviteMember,
    KeyKind,
    LastAdmin,
    LogIn,
    NotAllowed,
    OfTenant,
    RemoveMember,
    Role,
    UnknownMerchant,
    rules,
)
from bezant.identity.api_key import CredentialForm
from bezant.identity.callers import RECHECK_SECONDS, RememberedCallers
from bezant.identity.custom_role import (
    ROLES_MAX,
    MalformedRole,
    RoleInUse,
    RoleNameTaken,
    TooManyRoles,
    UnknownRole,
)
from bezant.identity.service import IdentityService
from bezant.secret import Secret

pytestmark = pytest.mark.requirement("S003-6", part="roles of a merchant's own")
READ_PAYMENTS = (Grant("payments", Access.READ), Grant("refunds", Access.WRITE))


class Staff:
    """A merchant whose owner makes roles."""

    def __init__(self, identity: IdentityService, make: Make, merchant: str, owner: Actor) -> None:
        self.identity = identity
        self.make = make
        self.merchant = merchant
        self.owner = owner

    async def role(
        self,
        grants: tuple[Grant, ...] = READ_PAYMENTS,
        basis: Role = Role.FINANCE,
        name: str = "Cashier",
        by: Actor | None = None,
        tenant: str = "",
    ) -> CustomRole:
        return await self.identity.create_role(
            CreateRole(
                self.make.ids.new("rol"),
                by or self.owner,
                tenant or self.merchant,
                name,
                basis,
                grants,
            )
        )

    async def joined(self, role: CustomRole) -> Actor:
        """Let somebody join in this role, and log in."""
        return (await self.session(role))[0]

    async def session(self, role: CustomRole) -> tuple[Actor, Credential]:
        email = f"{self.make.ids.uuid().hex[-12:]}@example.com"
        invited = await self.identity.invite(
            InviteMember(
                self.make.ids.new("inv"), self.owner, self.merchant, email, role.basis, role.id
            )
        )
        assert invited.invitation.custom_role == role.id
        member = await self.identity.accept_invitation(
            AcceptInvitation(invited.token, "Somebody", PASSWORD)
        )
        assert member.custom_role == role.id
        started = await self.identity.log_in(LogIn(email, PASSWORD, self.merchant))
        found = await self.identity.identify(Identify(CredentialForm.SESSION, started.token))
        return found.actor, Credential(CredentialKind.SESSION, started.token)


@pytest.fixture
async def staff(identity: IdentityService, make: Make) -> Staff:
    merchant = (await make.merchant()).id
    return Staff(identity, make, merchant, await make.actor(merchant, Role.ADMIN))


@pytest.mark.parametrize(
    ("basis", "grants", "error"),
    [
        (Role.FINANCE, (), MalformedRole),
        (Role.CUSTOMER, (Grant("checkout", Access.READ),), MalformedRole),
        (Role.FINANCE, (Grant("moon", Access.READ),), MalformedRole),
        (Role.SUPPORT, (Grant("payments", Access.WRITE),), MalformedRole),
        (Role.ADMIN, (Grant("settings", Access.READ),), MalformedRole),
        (Role.ADMIN, (Grant("merchants", Access.WRITE),), MalformedRole),
        (
            Role.ADMIN,
            (Grant("payments", Access.READ), Grant("payments", Access.WRITE)),
            MalformedRole,
        ),
    ],
)
async def test_a_role_that_is_no_part_of_its_basis_is_refused(
    staff: Staff, basis: Role, grants: tuple[Grant, ...], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await staff.role(grants, basis)
    assert await staff.identity.roles(OfTenant(staff.owner, staff.merchant)) == ()


async def test_names_are_told_once_and_roles_are_few(staff: Staff) -> None:
    first = await staff.role()
    with pytest.raises(RoleNameTaken):
        await staff.role(name="CASHIER")
    with pytest.raises(Invalid):
        await staff.role(name=" \t")
    await staff.identity.end_role(EndRole(staff.owner, staff.merchant, first.id))
    await staff.role(name="cashier")
    for number in range(ROLES_MAX - 1):
        await staff.role(name=f"role {number}")
    with pytest.raises(TooManyRoles):
        await staff.role(name="one more")
    with pytest.raises(UnknownRole):
        await staff.identity.role(staff.owner, staff.merchant, first.id)


async def test_a_member_may_what_the_role_names_and_no_more(staff: Staff) -> None:
    by = await staff.joined(await staff.role())
    assert by.role == "finance"
    assert by.permissions == rules.OWN_SESSION | {
        "payments.read",
        "refunds.read",
        "refunds.write",
    }


async def test_another_tenants_roles_do_not_exist(staff: Staff, make: Make) -> None:
    role = await staff.role()
    other = (await make.merchant()).id
    stranger = await make.actor(other, Role.ADMIN)
    identity = staff.identity
    with pytest.raises(UnknownMerchant):
        await identity.role(stranger, staff.merchant, role.id)
    with pytest.raises(UnknownRole):
        await identity.role(stranger, other, role.id)
    with pytest.raises(UnknownRole):
        await identity.invite(
            InviteMember(make.ids.new("inv"), stranger, other, "a@b.example", role.basis, role.id)
        )
    with pytest.raises(UnknownRole):
        await identity.create_key(
            CreateApiKey(
                make.ids.new("key"), stranger, other, KeyKind.SECRET, role.basis, "", (), None,
                role.id,
            )
        )  # fmt: skip
    with pytest.raises(MalformedRole):  # And one's own narrows one role only.
        await identity.invite(
            InviteMember(
                make.ids.new("inv"), staff.owner, staff.merchant, "a@b.example", Role.ADMIN, role.id
            )
        )


async def test_nobody_makes_a_role_that_may_more_than_they(staff: Staff) -> None:
    people = (Grant("members", Access.WRITE), Grant("payments", Access.READ))
    chief = await staff.joined(await staff.role(people, Role.ADMIN, "Chief"))
    assert (await staff.role(people[:1], Role.ADMIN, "Hirer", chief)).basis is Role.ADMIN
    with pytest.raises(GrantsTooMuch):
        await staff.role((Grant("ledger", Access.WRITE),), Role.ADMIN, "Thief", chief)
    own = (await staff.identity.roles(OfTenant(staff.owner, staff.merchant)))[0]
    assert own.name == "Chief"
    wider = (*people, Grant("refunds", Access.WRITE))
    with pytest.raises(GrantsTooMuch):
        await staff.identity.change_role(ChangeRole(chief, staff.merchant, own.id, None, wider))
    with pytest.raises(NotAllowed):
        await staff.role(by=await staff.make.actor(staff.merchant, Role.AUDITOR))


async def test_whoever_may_less_neither_removes_nor_changes_whoever_may_more(staff: Staff) -> None:
    people = (Grant("members", Access.WRITE), Grant("payments", Access.READ))
    role = await staff.role(people, Role.ADMIN, "Chief")
    chief = await staff.joined(role)
    await staff.make.actor(staff.merchant, Role.ADMIN)
    with pytest.raises(GrantsTooMuch):
        await staff.identity.remove_member(RemoveMember(chief, staff.merchant, staff.owner.subject))
    with pytest.raises(GrantsTooMuch):
        await staff.identity.change_member(
            ChangeMember(chief, staff.merchant, staff.owner.subject, Role.ADMIN, role.id)
        )
    second = await staff.joined(role)
    await staff.identity.remove_member(RemoveMember(chief, staff.merchant, second.subject))


async def test_a_narrowed_administrator_is_not_in_charge(staff: Staff) -> None:
    role = await staff.role((Grant("members", Access.WRITE),), Role.ADMIN, "Hirer")
    await staff.joined(role)
    for step in (
        staff.identity.remove_member(RemoveMember(OPERATOR, staff.merchant, staff.owner.subject)),
        staff.identity.change_member(
            ChangeMember(OPERATOR, staff.merchant, staff.owner.subject, Role.ADMIN, role.id)
        ),
    ):
        with pytest.raises(LastAdmin):
            await step


async def test_a_role_that_changes_changes_members_and_keys_at_once_everywhere(
    staff: Staff, open_identity: Open, clock: MovableClock
) -> None:
    role = await staff.role()
    _, session = await staff.session(role)
    made = await staff.identity.create_key(
        CreateApiKey(
            staff.make.ids.new("key"), staff.owner, staff.merchant, KeyKind.SECRET, role.basis,
            custom_role=role.id,
        )
    )  # fmt: skip
    assert made.key.custom_role == role.id
    key = Credential(CredentialKind.API_KEY, made.secret)
    here = RememberedCallers(staff.identity, clock)
    staff.identity.when_rights_are_taken(here.forget)
    far = await open_identity()
    there = RememberedCallers(far, clock)
    for memory in (here, there):
        await memory._poll()
        assert (await memory.identify(session)).may("refunds.write")
        assert (await memory.identify(key)).may("refunds.write")

    narrower = (Grant("payments", Access.READ),)
    await staff.identity.change_role(
        ChangeRole(staff.owner, staff.merchant, role.id, "Looker", narrower)
    )

    for credential in (session, key):
        assert here.known(credential) is None
        assert not (await here.identify(credential)).may("refunds.write")
    clock.move(timedelta(seconds=RECHECK_SECONDS))
    await there._poll()
    for credential in (session, key):
        assert not (await there.identify(credential)).may("refunds.write")
    assert (await staff.identity.role(staff.owner, staff.merchant, role.id)).name == "Looker"


async def test_who_loses_rights_by_their_role_has_invited_nobody_to_them(staff: Staff) -> None:
    grants = (Grant("members", Access.WRITE), Grant("payments", Access.WRITE))
    role = await staff.role(grants, Role.ADMIN, "Hirer")
    by = await staff.joined(role)

    async def invited() -> Secret[str]:
        name = staff.make.ids.new("inv")
        email = f"{staff.make.ids.uuid().hex[-12:]}@example.com"
        asked = InviteMember(name, by, staff.merchant, email, role.basis, given.id)
        return (await staff.identity.invite(asked)).token

    given = await staff.role((Grant("payments", Access.WRITE),), Role.ADMIN, "Cashier")
    early, late = await invited(), await invited()
    named = ChangeRole(staff.owner, staff.merchant, role.id, "Recruiter")
    await staff.identity.change_role(named)
    await staff.identity.accept_invitation(AcceptInvitation(early, "Friend", PASSWORD))
    narrower = (Grant("members", Access.READ),)
    await staff.identity.change_role(
        ChangeRole(staff.owner, staff.merchant, role.id, grants=narrower)
    )
    with pytest.raises(InvitationInvalid):
        await staff.identity.accept_invitation(AcceptInvitation(late, "Accomplice", PASSWORD))


async def test_a_role_that_somebody_has_does_not_end(staff: Staff) -> None:
    role = await staff.role()
    by = await staff.joined(role)
    ending = EndRole(staff.owner, staff.merchant, role.id)
    with pytest.raises(RoleInUse):
        await staff.identity.end_role(ending)
    await staff.identity.change_member(
        ChangeMember(staff.owner, staff.merchant, by.subject, Role.FINANCE)
    )
    await staff.identity.end_role(ending)
    with pytest.raises(UnknownRole):
        await staff.joined(role)


async def test_a_role_is_given_or_ended_never_both(staff: Staff) -> None:
    for number in range(8):
        role = await staff.role(name=f"race {number}")
        ended, given = await asyncio.gather(
            staff.identity.end_role(EndRole(staff.owner, staff.merchant, role.id)),
            staff.joined(role),
            return_exceptions=True,
        )
        assert isinstance(ended, RoleInUse) != isinstance(given, UnknownRole)


async def test_a_narrowed_developer_makes_keys_of_the_same_role_only(staff: Staff) -> None:
    grants = (Grant("api_keys", Access.WRITE), Grant("payments", Access.READ))
    role = await staff.role(grants, Role.DEVELOPER, "Plumber")
    by = await staff.joined(role)

    def wanted(custom_role: str) -> CreateApiKey:
        name = staff.make.ids.new("key")
        return CreateApiKey(
            name, by, staff.merchant, KeyKind.SECRET, Role.DEVELOPER, custom_role=custom_role
        )

    with pytest.raises(GrantsTooMuch):
        await staff.identity.create_key(wanted(""))
    made = await staff.identity.create_key(wanted(role.id))
    actor = await staff.make.key_actor(made)
    assert actor.permissions == {"api_keys.read", "payments.read"}


async def test_the_platform_has_roles_of_its_own(staff: Staff, make: Make) -> None:
    role = await staff.role(
        (Grant("merchants", Access.WRITE),), Role.ADMIN, "Onboarding", OPERATOR, PLATFORM
    )
    assert (await staff.identity.role(OPERATOR, PLATFORM, role.id)).tenant == PLATFORM
    with pytest.raises(MalformedRole):  # By hand the platform's people post in no book.
        await staff.role((Grant("ledger", Access.WRITE),), Role.ADMIN, "Poster", OPERATOR, PLATFORM)
    assert (await make.actor(PLATFORM, Role.ADMIN, Mode.LIVE)).may("merchants.write")
