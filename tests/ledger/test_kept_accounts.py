"""What the platform decided about a merchant's account, the merchant does not undo."""

import asyncio

import pytest
from tests.ledger.shelf import MERCHANT, Shelf

from bezant.actor import PLATFORM, Mode
from bezant.errors import BezantError, Invalid
from bezant.ledger.port import (
    Account,
    AccountFrozen,
    AccountState,
    ChangeAccount,
    IdReused,
    InsufficientFunds,
    KeptByPlatform,
)
from bezant.money import EUR

FROZEN, OPEN, CLOSED = AccountState.FROZEN, AccountState.OPEN, AccountState.CLOSED


async def change(
    shelf: Shelf, account: Account, tenant: str = MERCHANT, key: str = "", **wish: object
) -> Account:
    command = ChangeAccount(
        key or shelf.fresh(),
        tenant,
        Mode.TEST,
        account.id,
        **wish,  # pyright: ignore[reportArgumentType]
    )
    return await shelf.ledger.change_account(command)


async def test_a_merchant_lifts_no_freeze_of_the_platform(shelf: Shelf):
    mine, other = await shelf.funded("10.00"), await shelf.open()
    await change(shelf, mine, PLATFORM, state=FROZEN, reason="an order of a court")
    for wish in ({"state": OPEN}, {"state": FROZEN}, {"floor": EUR(-1_00)}, {"unlimited": True}):
        with pytest.raises(KeptByPlatform) as refused:
            await change(shelf, mine, **wish)
        assert refused.value.facts == {"account": mine.id}
    with pytest.raises(AccountFrozen):
        await shelf.move(mine, other, "1.00")

    # The platform opens it and still decides about it; then it gives it back.
    assert (await change(shelf, mine, PLATFORM, state=OPEN)).state is OPEN
    await shelf.move(mine, other, "1.00")
    with pytest.raises(KeptByPlatform):
        await change(shelf, mine, state=CLOSED)
    await change(shelf, mine, PLATFORM, gives_back=True)
    assert (await change(shelf, mine, state=FROZEN)).state is FROZEN
    await shelf.agrees()


async def test_a_merchant_lowers_no_floor_of_the_platform(shelf: Shelf):
    mine, other = await shelf.funded("10.00"), await shelf.open()
    await change(shelf, mine, PLATFORM, floor=EUR(5_00))
    for wish in ({"floor": EUR(0)}, {"unlimited": True}, {"state": FROZEN}):
        with pytest.raises(KeptByPlatform):
            await change(shelf, mine, **wish)
    with pytest.raises(InsufficientFunds):
        await shelf.move(mine, other, "5.01")
    back = await change(shelf, mine, PLATFORM, floor=EUR(0), gives_back=True)
    assert back.floor == EUR(0)
    assert (await change(shelf, mine, unlimited=True)).floor is None


async def test_without_the_platforms_word_a_merchant_decides(shelf: Shelf):
    mine = await shelf.funded("10.00")
    assert (await change(shelf, mine, state=FROZEN)).state is FROZEN
    assert (await change(shelf, mine, state=OPEN, floor=EUR(-2_00))).floor == EUR(-2_00)
    theirs = await shelf.open(tenant=PLATFORM, floor=None)
    await change(shelf, theirs, PLATFORM, state=FROZEN)
    assert (await change(shelf, theirs, PLATFORM, state=OPEN)).state is OPEN


async def test_a_repeat_answers_what_was_recorded_before_the_platform_spoke(shelf: Shelf):
    mine = await shelf.funded("10.00")
    await change(shelf, mine, key="first", floor=EUR(-1_00))
    await change(shelf, mine, PLATFORM, state=FROZEN)
    again = await change(shelf, mine, key="first", floor=EUR(-1_00))
    assert (again.floor, again.state) == (EUR(-1_00), FROZEN)
    with pytest.raises(IdReused):
        await change(shelf, mine, key="first", state=OPEN)


async def test_a_merchant_cannot_give_itself_anything_back(shelf: Shelf):
    mine = await shelf.funded("10.00")
    with pytest.raises(Invalid):
        await change(shelf, mine, gives_back=True)


async def test_a_wish_in_the_same_moment_never_ends_up_on_top(shelf: Shelf):
    """Whoever comes first: after the platform's freeze no merchant's change is recorded."""
    for _ in range(10):
        mine = await shelf.funded("10.00")

        async def wish(account: Account = mine) -> str:
            try:
                await change(shelf, account, state=OPEN)
            except BezantError as refusal:
                return refusal.code
            return "ok"

        answers = await asyncio.gather(
            *(wish() for _ in range(4)),
            change(shelf, mine, PLATFORM, state=FROZEN),
            *(wish() for _ in range(4)),
        )
        assert {one for one in answers if isinstance(one, str)} <= {"ok", "kept_by_platform"}
        found = await shelf.ledger.account(MERCHANT, Mode.TEST, mine.id)
        assert found.state is FROZEN
    await shelf.agrees()
