"""What a key may do, who may make one, and that nobody reaches another tenant's or mode's."""

import asyncio

import pytest
from tests.identity.conftest import OPERATOR, Make, Open, accepted

from bezant.actor import PLATFORM, Actor, Mode
from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.identity import (
    Access,
    CreateApiKey,
    Grant,
    GrantsTooMuch,
    KeyKind,
    MalformedApiKey,
    MalformedName,
    NewApiKey,
    NotAllowed,
    OfTenant,
    RevokeApiKey,
    Role,
    TooManyKeys,
    UnknownApiKey,
    UnknownMerchant,
    rules,
)
from bezant.identity.service import IdentityService


@pytest.mark.parametrize(
    ("kind", "grants", "role", "error"),
    [
        (KeyKind.RESTRICTED, (), Role.DEVELOPER, MalformedApiKey),
        (KeyKind.SECRET, (Grant("payments", Access.READ),), Role.DEVELOPER, MalformedApiKey),
        (KeyKind.PUBLISHABLE, (Grant("payments", Access.READ),), Role.ADMIN, MalformedApiKey),
        (KeyKind.RESTRICTED, (Grant("moon", Access.READ),), Role.DEVELOPER, MalformedApiKey),
        (KeyKind.RESTRICTED, (Grant("refunds", Access.WRITE),), Role.DEVELOPER, MalformedApiKey),
        (KeyKind.RESTRICTED, (Grant("members", Access.WRITE),), Role.ADMIN, MalformedApiKey),
        (KeyKind.RESTRICTED, (Grant("api_keys", Access.WRITE),), Role.ADMIN, MalformedApiKey),
        (
            KeyKind.RESTRICTED,
            (Grant("payments", Access.READ), Grant("payments", Access.WRITE)),
            Role.DEVELOPER,
            MalformedApiKey,
        ),
    ],
)
async def test_grants_that_contradict_are_refused(
    make: Make,
    identity: IdentityService,
    kind: KeyKind,
    grants: tuple[Grant, ...],
    role: Role,
    error: type[Exception],
) -> None:
    merchant = await make.merchant()

    with pytest.raises(error):
        await make.key(merchant.id, kind, role, grants=grants)
    assert (await identity.keys(OfTenant(OPERATOR, merchant.id))).keys == ()


async def test_other_bad_commands_are_refused(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()

    for tenant, more, error in (
        (merchant.id, {"expires_at": clock.now()}, MalformedApiKey),
        (merchant.id, {"name": "x" * 201}, MalformedName),
        (merchant.id, {"name": "a\tb"}, MalformedName),
        (PLATFORM, {}, MalformedApiKey),
        (make.ids.new("mer"), {}, UnknownMerchant),
        ("mer_" + "0" * 32, {}, UnknownMerchant),
        ("mer_x", {}, Invalid),
    ):
        with pytest.raises(error):
            await make.key(tenant, **more)  # pyright: ignore[reportArgumentType]
    assert (await identity.keys(OfTenant(OPERATOR, merchant.id))).keys == ()


async def test_restricted_keys_can_do_what_is_named_and_no_more(make: Make) -> None:
    merchant = await make.merchant()
    grants = (
        Grant("payments", Access.READ),
        Grant("refunds", Access.WRITE),
        Grant("orders", Access.NONE),
    )

    made = await make.key(merchant.id, KeyKind.RESTRICTED, Role.FINANCE, grants=grants)

    actor = await make.key_actor(made)
    assert actor.permissions == {"payments.read", "refunds.read", "refunds.write"}


@pytest.mark.parametrize("role", Role)
async def test_nobody_makes_a_key_that_can_more_than_they(
    make: Make, identity: IdentityService, role: Role
) -> None:
    merchant = await make.merchant()
    by = await make.actor(merchant.id, role)

    for wanted in set(Role) - {Role.CUSTOMER}:
        permissions = rules.key_permissions(KeyKind.SECRET, wanted, ())
        command = CreateApiKey(make.ids.new("key"), by, merchant.id, KeyKind.SECRET, wanted)
        if not by.may("api_keys.write"):
            with pytest.raises(NotAllowed):
                await identity.create_key(command)
        elif permissions <= by.permissions:
            assert (await identity.create_key(command)).key.role is wanted
        else:
            with pytest.raises(GrantsTooMuch):
                await identity.create_key(command)


async def test_a_key_cannot_make_keys_or_members(make: Make, identity: IdentityService) -> None:
    merchant = await make.merchant()
    strongest = await make.key_actor(await make.key(merchant.id, role=Role.ADMIN))

    assert not {p for p in strongest.permissions if p in rules.NEVER_BY_KEY}
    with pytest.raises(NotAllowed):
        await identity.create_key(
            CreateApiKey(
                make.ids.new("key"), strongest, merchant.id, KeyKind.SECRET, Role.DEVELOPER
            )
        )


@pytest.mark.catalogue("T70")
@pytest.mark.requirement("S003-6", part="roles")
async def test_another_tenant_or_mode_is_never_reached(
    make: Make, identity: IdentityService
) -> None:
    mine, theirs = await make.merchant("mine"), await make.merchant("theirs")
    targets = {
        (tenant.id, mode): await make.key(tenant.id, mode=mode)
        for tenant in (mine, theirs)
        for mode in Mode
    }
    probes = reached = 0
    for tenant in (mine, theirs):
        for mode in Mode:
            by = await make.actor(tenant.id, Role.ADMIN, mode)
            for (owner, key_mode), target in targets.items():
                for asked in (mine.id, theirs.id, PLATFORM):
                    probes += 1
                    if not await _may_reach(identity, by, asked, target):
                        continue
                    reached += 1
                    assert (owner, key_mode, asked) == (tenant.id, mode, tenant.id)

    assert (probes, reached) == (48, 4)


async def _may_reach(identity: IdentityService, by: Actor, tenant: str, target: NewApiKey) -> bool:
    """Try every way to a key; tell whether all or none of them led there."""
    ways: list[bool] = []
    for attempt in (
        identity.key(by, tenant, target.key.id),
        identity.revoke_key(RevokeApiKey(by, tenant, target.key.id)),
    ):
        try:
            await attempt
        except (UnknownApiKey, UnknownMerchant):
            ways.append(False)
        else:
            ways.append(True)
    try:
        page = await identity.keys(OfTenant(by, tenant))
    except UnknownMerchant:
        ways.append(False)
    else:
        ways.append(target.key.id in {key.id for key in page.keys})
    (answer,) = set(ways)
    return answer


async def test_a_merchant_has_only_so_many_keys(
    make: Make, identity: IdentityService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bezant.identity.keyring.KEYS_MAX", 3)
    merchant = await make.merchant()
    made = [await make.key(merchant.id) for _ in range(2)]

    answers = await asyncio.gather(
        *(make.key(merchant.id) for _ in range(6)), return_exceptions=True
    )

    assert sum(isinstance(one, NewApiKey) for one in answers) == 1
    assert sum(isinstance(one, TooManyKeys) for one in answers) == 5
    await make.key(merchant.id, mode=Mode.LIVE)
    await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made[0].key.id))
    assert await make.key(merchant.id)


async def test_a_live_installation_lets_no_sample_merchant_in(
    make: Make, identity: IdentityService, open_identity: Open
) -> None:
    demo, real = await make.merchant(demo=True), await make.merchant()
    sample, own = await make.key(demo.id), await make.key(real.id)
    live = await open_identity(live=True)

    assert await accepted(identity, sample.secret.reveal())
    assert not await accepted(live, sample.secret.reveal())
    assert await accepted(live, own.secret.reveal())
