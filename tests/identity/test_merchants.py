"""Merchants: the platform looks after them, and each sees itself alone."""

from datetime import timedelta

import psycopg
import pytest
from tests.harness.cluster import MODULE_PASSWORD, TestDatabase
from tests.identity.conftest import OPERATOR, Make

from bezant.actor import PLATFORM
from bezant.clock import MovableClock
from bezant.errors import Invalid
from bezant.identity import (
    AlreadyExists,
    AlreadyShown,
    ChangeMerchant,
    CreateMerchant,
    InviteMember,
    MerchantsOf,
    MerchantState,
    NotAllowed,
    Role,
    UnknownMerchant,
)
from bezant.identity.service import IdentityService
from bezant.ids import MalformedId

ANNA = "anna@example.com"


async def test_commands_may_be_repeated(make: Make, identity: IdentityService) -> None:
    merchant = CreateMerchant(make.ids.new("mer"), OPERATOR, "Sample")
    invitation = InviteMember(make.ids.new("inv"), OPERATOR, PLATFORM, ANNA, Role.ADMIN)

    assert await identity.create_merchant(merchant) == await identity.create_merchant(merchant)
    with pytest.raises(AlreadyExists):
        await identity.create_merchant(CreateMerchant(merchant.id, OPERATOR, "Another"))
    await identity.invite(invitation)
    with pytest.raises(AlreadyShown):
        await identity.invite(invitation)
    for wrong in ("", "mer_", "inv_" + "0" * 32, merchant.id.upper()):
        with pytest.raises(MalformedId):
            await identity.create_merchant(CreateMerchant(wrong, OPERATOR, "Sample"))


async def test_only_the_platform_adds_and_suspends_merchants(
    make: Make, identity: IdentityService
) -> None:
    mine, theirs = await make.merchant("mine"), await make.merchant("theirs")
    admin = await make.actor(mine.id)
    platform = await make.actor(PLATFORM)

    for attempt in (
        identity.create_merchant(CreateMerchant(make.ids.new("mer"), admin, "Mine too")),
        identity.change_merchant(ChangeMerchant(admin, mine.id, MerchantState.SUSPENDED)),
    ):
        with pytest.raises(NotAllowed):
            await attempt
    with pytest.raises(UnknownMerchant):
        await identity.merchant(admin, theirs.id)
    assert (await identity.merchants(MerchantsOf(admin))).merchants == (mine,)
    assert {one.id for one in (await identity.merchants(MerchantsOf(platform))).merchants} == {
        mine.id,
        theirs.id,
    }
    changed = await identity.change_merchant(
        ChangeMerchant(platform, theirs.id, MerchantState.SUSPENDED)
    )
    assert changed.state is MerchantState.SUSPENDED
    for unknown in (make.ids.new("mer"), "mer_" + "0" * 32):  # The platform itself is no merchant.
        with pytest.raises(UnknownMerchant):
            await identity.change_merchant(
                ChangeMerchant(platform, unknown, MerchantState.SUSPENDED)
            )


async def test_lists_go_page_by_page(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    made: list[str] = []
    for number in range(5):
        clock.move(timedelta(milliseconds=1))
        made.insert(0, (await make.merchant(f"number {number}")).id)

    first = await identity.merchants(MerchantsOf(OPERATOR, 3))
    second = await identity.merchants(MerchantsOf(OPERATOR, 3, first.merchants[-1].id))

    assert [one.id for page in (first, second) for one in page.merchants] == made
    assert (first.has_more, second.has_more) == (True, False)
    with pytest.raises(Invalid):
        await identity.merchants(MerchantsOf(OPERATOR, 3, "nonsense"))


async def test_the_modules_role_can_do_no_more_than_it_must(
    make: Make, identity_database: TestDatabase
) -> None:
    await make.member()
    forbidden = (
        "UPDATE identity.password SET hash = hash",
        "DELETE FROM identity.password",
        "UPDATE identity.member SET email = email",
        "DELETE FROM identity.member",
        "UPDATE identity.api_key SET role = 'admin'",
        "UPDATE identity.api_key SET merchant_id = merchant_id",
        "DELETE FROM identity.api_key",
        "DELETE FROM identity.invitation",
        "UPDATE identity.invitation SET role = 'admin'",
        "UPDATE identity.generation SET number = 0",
        "SELECT kid FROM keys.key_version",
    )

    dsn = identity_database.dsn("bezant_identity", MODULE_PASSWORD)
    with psycopg.connect(dsn, autocommit=True) as role:
        for statement in forbidden:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                role.execute(statement)
        assert role.execute("SELECT count(*) FROM identity.password").fetchone() == (1,)
