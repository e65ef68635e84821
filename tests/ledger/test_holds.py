"""What a hold promises."""

import asyncio
from datetime import timedelta

import pytest
from tests.ledger.shelf import MERCHANT, STRANGER, Shelf

from bezant.actor import PLATFORM, Mode
from bezant.errors import BezantError, Invalid
from bezant.ledger import (
    AccountNotEmpty,
    AccountState,
    AccountType,
    CaptureHold,
    ChangeAccount,
    HoldExceeded,
    HoldOver,
    HoldState,
    IdReused,
    InsufficientFunds,
    Leg,
    LegAmount,
    MalformedTransfer,
    PlaceHold,
    ReverseTransfer,
    Side,
    TransferKind,
    Unbalanced,
    UnknownHold,
    VoidHold,
    WrongAsset,
)
from bezant.money import EUR, USD


async def test_held_money_is_there_and_cannot_be_spent(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    hold = await shelf.hold(a, b, "7.00")
    assert (hold.state, hold.remaining) == (HoldState.HELD, EUR(700))
    assert await shelf.balance(a) == ("10.00", "7.00", "3.00")
    for spend in (shelf.move(a, b, "3.01"), shelf.hold(a, b, "3.01")):
        with pytest.raises(InsufficientFunds) as caught:
            await spend
        assert caught.value.facts["available"] == "3.00 EUR"
    await shelf.move(a, b, "3.00")
    await shelf.agrees()


async def test_a_hold_is_captured_in_parts_and_the_rest_given_back(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    hold = await shelf.hold(a, b, "7.00")
    first = await shelf.capture(hold, "2.00")
    assert (first.kind, first.subject) == (TransferKind.CAPTURE, hold.id)
    assert await shelf.balance(a) == ("8.00", "5.00", "3.00")
    with pytest.raises(HoldExceeded):
        await shelf.capture(hold, "5.01")
    await shelf.capture(hold, "1.50")
    given_back = await shelf.void(hold)
    assert (given_back.state, given_back.remaining) == (HoldState.VOIDED, EUR(0))
    assert await shelf.balance(a) == ("6.50", "0.00", "6.50")
    assert await shelf.balance(b) == ("3.50", "0.00", "3.50")
    for late in (shelf.capture(hold, "0.01"), shelf.capture(hold), shelf.void(hold)):
        with pytest.raises(HoldOver):
            await late
    await shelf.agrees()


async def test_a_whole_capture_takes_all_that_remains(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    hold = await shelf.hold(a, b, "7.00")
    await shelf.capture(hold, "3.00")
    rest = await shelf.capture(hold)
    assert rest.legs[0].amount == EUR(400)
    found = await shelf.ledger.hold(MERCHANT, Mode.TEST, hold.id)
    assert found.state is HoldState.CAPTURED
    await shelf.agrees()


async def test_a_capture_may_say_where_the_money_goes(shelf: Shelf):
    a, b, fee = await shelf.funded("10.00"), await shelf.open(), await shelf.open()
    hold = await shelf.hold(a, b, "7.00")
    to = (Leg(b.id, Side.CREDIT, EUR(600)), Leg(fee.id, Side.CREDIT, EUR(20)))
    with pytest.raises(Unbalanced):
        await shelf.capture(hold, "6.21", to=to)
    for wrong in (
        (Leg(a.id, Side.CREDIT, EUR(1)),),
        (Leg(b.id, Side.DEBIT, EUR(1)),),
        (Leg(b.id, Side.CREDIT, EUR(1)), Leg(b.id, Side.CREDIT, EUR(1))),
    ):
        with pytest.raises(MalformedTransfer):
            await shelf.capture(hold, to=wrong)
    await shelf.capture(hold, "6.20", to=to)
    assert await shelf.balance(fee) == ("0.20", "0.00", "0.20")
    assert await shelf.balance(a) == ("3.80", "0.80", "3.00")
    await shelf.agrees()


@pytest.mark.catalogue("T51")
async def test_captures_and_voids_at_once_have_one_winner_each(shelf: Shelf):
    for _ in range(10):
        a, b = await shelf.funded("10.00"), await shelf.open()
        hold = await shelf.hold(a, b, "7.00")
        answers = await asyncio.gather(
            *(shelf.capture(hold, "3.00") for _ in range(4)), *(shelf.void(hold) for _ in range(2)),
            return_exceptions=True,
        )  # fmt: skip
        captured = [one for one in answers[:4] if not isinstance(one, BaseException)]
        voided = [one for one in answers[4:] if not isinstance(one, BaseException)]
        assert len(captured) <= 2
        assert len(voided) == 1
        assert all(isinstance(one, BezantError) for one in answers if isinstance(one, Exception))
        left = 1000 - 300 * len(captured)
        assert await shelf.balance(a) == (f"{EUR(left).decimal()}", "0.00", EUR(left).decimal())
    await shelf.agrees()


async def test_repeats_answer_the_first_record(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    place = PlaceHold("h", MERCHANT, Mode.TEST, a.id, EUR(500), b.id)
    hold = await shelf.ledger.place_hold(place)
    assert (await shelf.ledger.place_hold(place)).id == hold.id
    capture = CaptureHold("c", MERCHANT, Mode.TEST, hold.id, EUR(200))
    first = await shelf.ledger.capture_hold(capture)
    again = await shelf.ledger.capture_hold(capture)
    assert (again.id, again.replayed) == (first.id, True)
    void = VoidHold("v", MERCHANT, Mode.TEST, hold.id)
    assert (await shelf.ledger.void_hold(void)).state is HoldState.VOIDED
    assert (await shelf.ledger.void_hold(void)).replayed
    for other in (
        shelf.ledger.place_hold(PlaceHold("h", MERCHANT, Mode.TEST, a.id, EUR(501), b.id)),
        shelf.ledger.capture_hold(CaptureHold("c", MERCHANT, Mode.TEST, hold.id, EUR(201))),
        shelf.ledger.void_hold(VoidHold("c", MERCHANT, Mode.TEST, hold.id)),
    ):
        with pytest.raises(IdReused):
            await other
    assert await shelf.balance(a) == ("8.00", "0.00", "8.00")


async def test_a_hold_ends_by_itself(shelf: Shelf, clock):
    a, b = await shelf.funded("10.00"), await shelf.open()
    soon = clock.now() + timedelta(hours=1)
    hold = await shelf.hold(a, b, "7.00", expires_at=soon)
    late = await shelf.hold(a, b, "1.00", expires_at=soon + timedelta(days=1))
    open_end = await shelf.hold(a, b, "1.00")
    assert await shelf.ledger.expire_holds() == 0
    clock.move(timedelta(hours=1))
    with pytest.raises(HoldOver):  # Its time is over, though nobody has ended it yet.
        await shelf.capture(hold, "1.00")
    counts = await asyncio.gather(*(shelf.ledger.expire_holds() for _ in range(3)))
    assert sum(counts) == 1
    found = await shelf.ledger.hold(MERCHANT, Mode.TEST, hold.id)
    assert (found.state, found.remaining) == (HoldState.EXPIRED, EUR(0))
    assert await shelf.balance(a) == ("10.00", "2.00", "8.00")
    for still in (late, open_end):
        await shelf.capture(still)
    await shelf.agrees()


async def test_what_a_hold_must_be(shelf: Shelf, clock):
    a, b = await shelf.funded("10.00"), await shelf.open()
    dollars = await shelf.open("USD")
    past = clock.now()
    table: list[tuple[type[BezantError], PlaceHold]] = [
        (LegAmount, PlaceHold("1", MERCHANT, Mode.TEST, a.id, EUR(0), b.id)),
        (LegAmount, PlaceHold("2", MERCHANT, Mode.TEST, a.id, EUR(-1), b.id)),
        (MalformedTransfer, PlaceHold("3", MERCHANT, Mode.TEST, a.id, EUR(1), a.id)),
        (WrongAsset, PlaceHold("4", MERCHANT, Mode.TEST, a.id, USD(1), b.id)),
        (WrongAsset, PlaceHold("5", MERCHANT, Mode.TEST, a.id, EUR(1), dollars.id)),
        (Invalid, PlaceHold("6", MERCHANT, Mode.TEST, a.id, EUR(1), b.id, past)),
        (BezantError, PlaceHold("7", STRANGER, Mode.TEST, a.id, EUR(1), b.id)),
    ]
    for error, command in table:
        with pytest.raises(error):
            await shelf.ledger.place_hold(command)
    hold = await shelf.hold(a, b, "1.00")
    for tenant, mode in ((STRANGER, Mode.TEST), (MERCHANT, Mode.LIVE)):
        with pytest.raises(UnknownHold):
            await shelf.ledger.hold(tenant, mode, hold.id)
        with pytest.raises(UnknownHold):
            await shelf.ledger.capture_hold(CaptureHold("8", tenant, mode, hold.id))
        with pytest.raises(UnknownHold):
            await shelf.ledger.void_hold(VoidHold("9", tenant, mode, hold.id))


async def test_a_floor_above_the_balance_does_not_trap_held_money(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    hold = await shelf.hold(a, b, "7.00")
    await shelf.ledger.change_account(
        ChangeAccount(shelf.fresh(), MERCHANT, Mode.TEST, a.id, floor=EUR(600))
    )
    assert await shelf.balance(a) == ("10.00", "7.00", "-3.00")
    await shelf.capture(hold)
    assert await shelf.balance(b) == ("7.00", "0.00", "7.00")
    await shelf.agrees()


async def test_an_account_with_money_or_holds_is_not_closed(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    debt = await shelf.open(floor="-10.00")

    async def close(account: str) -> None:
        await shelf.ledger.change_account(
            ChangeAccount(shelf.fresh(), MERCHANT, Mode.TEST, account, AccountState.CLOSED)
        )

    await shelf.hold(debt, b, "1.00")
    for account in (a, debt):
        with pytest.raises(AccountNotEmpty):
            await close(account.id)
    await close(b.id)
    assert (await shelf.ledger.account(MERCHANT, Mode.TEST, b.id)).state is AccountState.CLOSED


async def test_a_hold_on_an_account_that_debits_grow(shelf: Shelf):
    bank = await shelf.open(type=AccountType.ASSET, tenant=PLATFORM)
    owed = await shelf.open(tenant=PLATFORM, floor=None)
    await shelf.move(bank, owed, "5.00", tenant=PLATFORM)
    hold = await shelf.ledger.place_hold(
        PlaceHold("h", PLATFORM, Mode.TEST, bank.id, EUR(300), owed.id)
    )
    assert await shelf.balance(bank) == ("5.00", "3.00", "2.00")
    with pytest.raises(InsufficientFunds):
        await shelf.move(owed, bank, "2.01", tenant=PLATFORM)
    await shelf.ledger.capture_hold(CaptureHold("c", PLATFORM, Mode.TEST, hold.id))
    assert await shelf.balance(bank) == ("2.00", "0.00", "2.00")
    assert await shelf.balance(owed) == ("2.00", "0.00", "2.00")
    await shelf.agrees()


async def test_a_capture_can_be_reversed(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    captured = await shelf.capture(await shelf.hold(a, b, "7.00"))
    await shelf.ledger.reverse(ReverseTransfer("r", MERCHANT, Mode.TEST, captured.id))
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")
    await shelf.agrees()
