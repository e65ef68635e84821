"""Keys of members who have left: they go on working, and nobody can overlook that."""

from tests.identity.conftest import OPERATOR, Make, accepted

from bezant.actor import PLATFORM, Actor
from bezant.identity import (
    CreateApiKey,
    KeyKind,
    NewApiKey,
    OfTenant,
    RemoveMember,
    RevokeApiKey,
    Role,
    RotateApiKey,
)
from bezant.identity.service import IdentityService
from bezant.ids import Ids


async def key_by(
    identity: IdentityService, ids: Ids, by: Actor, tenant: str, role: Role = Role.DEVELOPER
) -> NewApiKey:
    return await identity.create_key(
        CreateApiKey(ids.new("key"), by, tenant, KeyKind.SECRET, role, "till")
    )


async def flagged(identity: IdentityService, tenant: str) -> list[str]:
    page = await identity.keys(OfTenant(OPERATOR, tenant))
    return [key.id for key in page.keys if key.maker_left]


async def test_a_key_outlives_its_maker_and_says_so(
    make: Make, identity: IdentityService, ids: Ids
) -> None:
    shop = (await make.merchant()).id
    await make.member(shop)
    maker = await make.actor(shop)
    made = await key_by(identity, ids, maker, shop)
    others = await key_by(identity, ids, await make.actor(shop), shop)
    assert not made.key.maker_left
    assert await flagged(identity, shop) == []
    assert await identity.left_behind() == ()

    await identity.remove_member(RemoveMember(OPERATOR, shop, maker.subject))
    assert await accepted(identity, made.secret.reveal())
    assert await flagged(identity, shop) == [made.key.id]
    assert [key.id for key in await identity.left_behind()] == [made.key.id]
    assert (await identity.key(OPERATOR, shop, made.key.id)).maker_left
    assert not (await identity.key(OPERATOR, shop, others.key.id)).maker_left

    new = await identity.rotate_key(RotateApiKey(ids.new("key"), OPERATOR, shop, made.key.id, 0))
    assert not new.key.maker_left
    assert await identity.left_behind() == ()  # The old one ended; the new one's maker is here.
    assert not await accepted(identity, made.secret.reveal())


async def test_who_comes_back_or_is_the_platforms_has_not_left(
    make: Make, identity: IdentityService, ids: Ids
) -> None:
    shop = (await make.merchant()).id
    await make.member(shop)
    await make.member(PLATFORM)
    platform = await make.actor(PLATFORM)
    made = await key_by(identity, ids, platform, shop, Role.SUPPORT)
    by_operator = await key_by(identity, ids, OPERATOR, shop)
    assert await flagged(identity, shop) == []
    await identity.remove_member(RemoveMember(OPERATOR, PLATFORM, platform.subject))
    assert await flagged(identity, shop) == [made.key.id]
    assert by_operator.key.id not in await flagged(identity, shop)
    await identity.revoke_key(RevokeApiKey(OPERATOR, shop, made.key.id))
    assert await identity.left_behind() == ()


async def test_a_member_of_another_shop_has_left_this_one(
    make: Make, identity: IdentityService, ids: Ids
) -> None:
    shop, other = (await make.merchant()).id, (await make.merchant("Other")).id
    await make.member(shop)
    member = await make.member(shop, email="both@example.com")
    await make.member(other, email="both@example.com")
    maker = Actor(OPERATOR.caller, member.id, shop, OPERATOR.mode, OPERATOR.permissions, Role.ADMIN)
    made = await key_by(identity, ids, maker, shop)
    await identity.remove_member(RemoveMember(OPERATOR, shop, member.id))
    assert await flagged(identity, shop) == [made.key.id]
