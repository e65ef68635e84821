"""What a transfer promises, unhappy paths first."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.ledger.shelf import MERCHANT, STRANGER, Shelf

from bezant.actor import PLATFORM, Mode
from bezant.errors import BezantError, Invalid
from bezant.ledger import (
    AMOUNT_MAX,
    LEGS_MAX,
    AccountClosed,
    AccountFrozen,
    AccountState,
    AccountType,
    ChangeAccount,
    IdReused,
    InsufficientFunds,
    Leg,
    LegAmount,
    MalformedTransfer,
    PostTransfer,
    ReverseTransfer,
    Side,
    TooManyLegs,
    TransferKind,
    Unbalanced,
    UnknownAccount,
    UnknownTransfer,
    WrongAsset,
)
from bezant.money import EUR, USD, AmountTooLarge, Money


async def test_money_moves_once_and_shows_on_both_sides(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    moved = await shelf.move(a, b, "4.50", reference="order 7")
    assert moved.kind is TransferKind.POST
    assert [leg.amount for leg in moved.legs] == [EUR(450), EUR(450)]
    assert await shelf.balance(a) == ("5.50", "0.00", "5.50")
    assert await shelf.balance(b) == ("4.50", "0.00", "4.50")
    assert await shelf.ledger.transfer(MERCHANT, Mode.TEST, moved.id) == moved
    await shelf.agrees()


async def test_a_transfer_never_takes_more_than_is_there(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    with pytest.raises(InsufficientFunds) as caught:
        await shelf.move(a, b, "10.01")
    assert caught.value.facts == {
        "account": a.id, "available": "10.00 EUR", "needed": "10.01 EUR",
    }  # fmt: skip
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")


async def test_a_refusal_is_remembered(shelf: Shelf):
    """A late repeat of a refused request must not succeed after its caller was told no."""
    a, b = await shelf.funded("1.00"), await shelf.open()
    command = shelf.moving(a, b, "2.00")
    for _ in range(2):
        with pytest.raises(InsufficientFunds):
            await shelf.ledger.post(command)
    await shelf.move(await shelf.funded("5.00"), a, "5.00")
    with pytest.raises(InsufficientFunds) as caught:
        await shelf.ledger.post(command)
    assert caught.value.facts["available"] == "1.00 EUR"
    with pytest.raises(IdReused):
        await shelf.ledger.post(replace(command, reference="something else"))
    await shelf.move(a, b, "2.00")


async def test_the_same_command_again_answers_the_first_record(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    command = shelf.moving(a, b, "1.00")
    first = await shelf.ledger.post(command)
    again = await shelf.ledger.post(command)
    assert replace(again, replayed=False) == first
    assert again.replayed
    assert not first.replayed
    assert await shelf.balance(b) == ("1.00", "0.00", "1.00")


@pytest.mark.parametrize(
    "change",
    [
        {"reference": "another"},
        {"reason": "another"},
        {"metadata": {"a": "b"}},
        {"occurred_at": datetime(2026, 2, 1, tzinfo=UTC)},
    ],
)
async def test_an_id_is_for_one_request(shelf: Shelf, change: dict[str, object]):
    a, b = await shelf.funded("10.00"), await shelf.open()
    command = shelf.moving(a, b, "1.00")
    await shelf.ledger.post(command)
    with pytest.raises(IdReused):
        await shelf.ledger.post(replace(command, **change))
    with pytest.raises(IdReused):
        await shelf.ledger.post(replace(shelf.moving(a, b, "1.01"), id=command.id))
    with pytest.raises(IdReused):
        await shelf.ledger.post(replace(shelf.moving(b, a, "1.00"), id=command.id))
    assert await shelf.balance(b) == ("1.00", "0.00", "1.00")


async def test_an_id_is_known_per_tenant_and_mode(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    c = await shelf.funded("10.00", tenant=STRANGER)
    d = await shelf.open(tenant=STRANGER)
    live = await shelf.funded("10.00", mode=Mode.LIVE)
    other = await shelf.open(mode=Mode.LIVE)
    for source, target, tenant in ((a, b, MERCHANT), (c, d, STRANGER), (live, other, MERCHANT)):
        moved = await shelf.move(source, target, "1.00", tenant=tenant, id="the-same")
        assert not moved.replayed


@pytest.mark.catalogue("T53")
async def test_one_key_fifty_times_at_once_has_one_effect(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    command = shelf.moving(a, b, "1.00")
    other = replace(command, reference="not the same")
    answers = await asyncio.gather(
        *(shelf.ledger.post(command if n % 5 else other) for n in range(50)),
        return_exceptions=True,
    )
    refused = [answer for answer in answers if isinstance(answer, IdReused)]
    done = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert len(done) + len(refused) == 50
    assert len({answer.id for answer in done}) == 1
    assert len(refused) in (10, 40)  # Whichever of the two requests came first.
    assert await shelf.balance(b) == ("1.00", "0.00", "1.00")


@pytest.mark.catalogue("T52")
async def test_sixteen_spenders_never_overdraw_one_balance(shelf: Shelf):
    purse = await shelf.funded("10.00")
    shops = [await shelf.open() for _ in range(16)]
    answers = await asyncio.gather(
        *(shelf.move(purse, shops[n % 16], "0.30") for n in range(160)), return_exceptions=True
    )
    done = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert all(
        isinstance(answer, InsufficientFunds)
        for answer in answers
        if isinstance(answer, BaseException)
    )
    assert len(done) == 33
    assert await shelf.balance(purse) == ("0.10", "0.00", "0.10")
    await shelf.agrees()


async def test_transfers_both_ways_at_once_never_block_each_other(shelf: Shelf):
    a, b = await shelf.funded("100.00"), await shelf.funded("100.00")
    await asyncio.gather(
        *(shelf.move(a, b, "1.00") if n % 2 else shelf.move(b, a, "1.00") for n in range(100))
    )
    assert await shelf.balance(a) == ("100.00", "0.00", "100.00")


async def test_many_legs_all_or_none(shelf: Shelf):
    payer = await shelf.funded("10.00")
    poor = await shelf.open()
    shop, fee = await shelf.open(), await shelf.open()

    def split(second: str) -> PostTransfer:
        return PostTransfer(
            shelf.fresh(),
            MERCHANT,
            Mode.TEST,
            (
                Leg(payer.id, Side.DEBIT, EUR(900)),
                Leg(second, Side.DEBIT, EUR(100)),
                Leg(shop.id, Side.CREDIT, EUR(970)),
                Leg(fee.id, Side.CREDIT, EUR(30)),
            ),
        )

    with pytest.raises(InsufficientFunds) as caught:
        await shelf.ledger.post(split(poor.id))
    assert caught.value.facts["account"] == poor.id
    assert await shelf.balance(payer) == ("10.00", "0.00", "10.00")
    assert await shelf.balance(shop) == ("0.00", "0.00", "0.00")
    rich = await shelf.funded("1.00")
    moved = await shelf.ledger.post(split(rich.id))
    assert await shelf.ledger.transfer(MERCHANT, Mode.TEST, moved.id) == moved
    assert await shelf.balance(shop) == ("9.70", "0.00", "9.70")
    await shelf.agrees()


async def test_what_a_transfer_must_be(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    dollars = await shelf.open("USD")
    debit, credit = Leg(a.id, Side.DEBIT, EUR(100)), Leg(b.id, Side.CREDIT, EUR(100))
    nowhere = f"acct_{(1 << 40) + 999_999:016x}"
    many = [Leg(a.id, Side.DEBIT, EUR(LEGS_MAX)), *[credit] * LEGS_MAX]
    table: list[tuple[type[BezantError], tuple[Leg, ...]]] = [
        (MalformedTransfer, ()),
        (MalformedTransfer, (debit,)),
        (Unbalanced, (debit, Leg(b.id, Side.CREDIT, EUR(99)))),
        (Unbalanced, (debit, Leg(b.id, Side.DEBIT, EUR(100)))),
        (LegAmount, (Leg(a.id, Side.DEBIT, EUR(0)), Leg(b.id, Side.CREDIT, EUR(0)))),
        (LegAmount, (Leg(a.id, Side.DEBIT, EUR(-1)), Leg(b.id, Side.CREDIT, EUR(-1)))),
        (MalformedTransfer, (debit, Leg(a.id, Side.CREDIT, EUR(100)))),
        (TooManyLegs, tuple(many)),
        (UnknownAccount, (debit, Leg(nowhere, Side.CREDIT, EUR(100)))),
        (UnknownAccount, (Leg(nowhere, Side.DEBIT, EUR(100)), credit)),
        (WrongAsset, (debit, Leg(dollars.id, Side.CREDIT, EUR(100)))),
        (WrongAsset, (debit, Leg(b.id, Side.CREDIT, USD(100)))),
        (WrongAsset, (Leg(a.id, Side.DEBIT, USD(1)), Leg(b.id, Side.CREDIT, USD(1)))),
        (Invalid, (debit, Leg("acct_1", Side.CREDIT, EUR(100)))),
        (Invalid, (debit, Leg("' OR 1=1 --", Side.CREDIT, EUR(100)))),
    ]
    for error, legs in table:
        for tenant in (MERCHANT, PLATFORM):
            with pytest.raises(error):
                await shelf.ledger.post(PostTransfer(shelf.fresh(), tenant, Mode.TEST, legs))
    for change in (
        {"id": ""}, {"id": "x" * 256}, {"id": "two words"}, {"reference": "x" * 201},
        {"reference": "\x00"}, {"reason": "a\nb"}, {"metadata": {"k" * 41: ""}},
        {"metadata": {"k": "v" * 501}}, {"metadata": {str(n): "" for n in range(51)}},
        {"occurred_at": datetime(2026, 1, 1)}, {"occurred_at": datetime(2126, 1, 1, tzinfo=UTC)},
        {"occurred_at": datetime(1969, 1, 1, tzinfo=UTC)},
    ):  # fmt: skip
        with pytest.raises(Invalid):
            await shelf.ledger.post(replace(shelf.moving(a, b, "1.00"), **change))  # pyright: ignore[reportArgumentType]
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")


async def test_a_stranger_finds_nothing(shelf: Shelf):
    mine, also_mine = await shelf.funded("10.00"), await shelf.open()
    theirs = await shelf.funded("10.00", tenant=STRANGER)
    ours = await shelf.open(tenant=PLATFORM)
    live = await shelf.funded("10.00", mode=Mode.LIVE)
    moved = await shelf.move(mine, also_mine, "1.00")
    for source, target in ((theirs, mine), (mine, theirs), (ours, mine), (mine, ours)):
        with pytest.raises(UnknownAccount):
            await shelf.move(source, target, "1.00")
    with pytest.raises(WrongAsset):  # The two modes keep different books.
        await shelf.move(mine, live, "1.00")
    with pytest.raises(UnknownAccount):
        await shelf.ledger.post(replace(shelf.moving(mine, also_mine, "1.00"), mode=Mode.LIVE))
    for tenant, mode in ((STRANGER, Mode.TEST), (MERCHANT, Mode.LIVE)):
        with pytest.raises(UnknownTransfer):
            await shelf.ledger.transfer(tenant, mode, moved.id)
        with pytest.raises(UnknownAccount):
            await shelf.ledger.account(tenant, mode, mine.id)
        with pytest.raises(UnknownTransfer):
            await shelf.ledger.reverse(ReverseTransfer(shelf.fresh(), tenant, mode, moved.id))
    assert (await shelf.ledger.account(MERCHANT, Mode.TEST, mine.id)).id == mine.id


async def test_a_merchant_sees_its_own_legs_only(shelf: Shelf):
    mine, ours = await shelf.open(), await shelf.open(tenant=PLATFORM, floor=None)
    moved = await shelf.move(ours, mine, "3.00", tenant=PLATFORM)
    seen = await shelf.ledger.transfer(MERCHANT, Mode.TEST, moved.id)
    assert [leg.account for leg in seen.legs] == [mine.id]


async def test_frozen_and_closed_accounts_move_nothing(shelf: Shelf):
    a, b, gone = await shelf.funded("10.00"), await shelf.funded("10.00"), await shelf.open()

    async def become(account: str, state: AccountState) -> None:
        command = ChangeAccount(shelf.fresh(), MERCHANT, Mode.TEST, account, state)
        assert (await shelf.ledger.change_account(command)).state is state

    for source, target in ((a, b), (b, a)):
        await become(a.id, AccountState.FROZEN)
        with pytest.raises(AccountFrozen):
            await shelf.move(source, target, "1.00")
        await become(a.id, AccountState.OPEN)
    await become(gone.id, AccountState.CLOSED)
    with pytest.raises(AccountClosed):
        await shelf.move(a, gone, "1.00")
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")


async def test_the_type_says_which_side_grows_an_account(shelf: Shelf):
    bank = await shelf.open(type=AccountType.ASSET, tenant=PLATFORM)
    owed = await shelf.open(type=AccountType.LIABILITY, tenant=PLATFORM)
    await shelf.move(bank, owed, "5.00", tenant=PLATFORM)
    assert await shelf.balance(bank) == ("5.00", "0.00", "5.00")
    assert await shelf.balance(owed) == ("5.00", "0.00", "5.00")
    with pytest.raises(InsufficientFunds) as caught:  # A bank account that cannot be overdrawn.
        await shelf.move(owed, bank, "5.01", tenant=PLATFORM)
    assert caught.value.facts["available"] == "5.00 EUR"


@pytest.mark.parametrize("minor", [1, 10**30, 123456789012345678901234567890])
async def test_amounts_of_any_size_come_back_as_they_went(shelf: Shelf, minor: int):
    a = await shelf.open("ETH", floor=None)
    b = await shelf.open("ETH")
    amount = Money(minor, a.floor.asset if a.floor else Money.of("0 ETH").asset)
    await shelf.move(a, b, amount.decimal())
    assert (await shelf.balance(b))[0] == amount.decimal()
    assert (await shelf.balance(a))[0] == (-amount).decimal()


async def test_one_overflowing_command_fails_alone(shelf: Shelf):
    full, well = await shelf.open("ETH", floor=None), await shelf.open("ETH", floor=None)
    most = Money(AMOUNT_MAX, Money.of("0 ETH").asset).decimal()
    await shelf.move(full, well, most)
    good = [await shelf.open("ETH", floor=None) for _ in range(10)]
    answers = await asyncio.gather(
        *(shelf.move(one, other, "1") for one, other in zip(good[:5], good[5:], strict=True)),
        shelf.move(full, well, most),
        shelf.move(full, good[0], most),
        return_exceptions=True,
    )
    assert [type(one).__name__ for one in answers] == ["Transfer"] * 5 + ["AmountTooLarge"] * 2
    assert issubclass(AmountTooLarge, Invalid)
    await shelf.agrees()


async def test_numbers_have_no_gaps(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    moved = [await shelf.move(a, b, "1.00")]
    for _ in range(3):
        with pytest.raises(InsufficientFunds):
            await shelf.move(a, b, "100.00")
        moved.append(await shelf.move(a, b, "1.00"))
    numbers = [int(one.id[3:], 16) for one in moved]
    assert numbers == list(range(numbers[0], numbers[0] + 4))


async def test_recorded_time_never_goes_back(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    first = await shelf.move(a, b, "1.00")
    shelf.clock._fixed -= timedelta(hours=1)  # pyright: ignore
    second = await shelf.move(a, b, "1.00")
    assert second.recorded_at == first.recorded_at
