"""The ledger's promises hold together (one process) and apart (gRPC with mutual TLS) alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import date, timedelta

import pytest
from tests.harness.cluster import TestDatabase
from tests.ledger.apart_book import followed, ledger_service
from tests.ledger.shelf import MERCHANT, STRANGER, Shelf, dsn
from tests.rpc.apart import PLACES, TOGETHER, at

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError, Invalid
from bezant.ledger import (
    BATCH_MAX,
    AccountClosed,
    AccountsOf,
    AccountState,
    AccountType,
    AlreadyReversed,
    Axis,
    BalanceOf,
    BatchTooLarge,
    ChangeAccount,
    ChartAccount,
    HoldExceeded,
    HoldOver,
    HoldState,
    IdReused,
    InsufficientFunds,
    Ledger,
    LedgerFeed,
    Leg,
    LegAmount,
    Period,
    PostLinked,
    PostTransfer,
    Reconcile,
    ReportOf,
    ReverseTransfer,
    Side,
    StatementOf,
    TransferKind,
    TransfersOf,
    TrialBalanceOf,
    Unbalanced,
    UnknownAccount,
    UnknownHold,
    WrongAsset,
)
from bezant.money import EUR, AmountTooLarge, MalformedAmount, Money
from bezant.rpc.permits import NotPermitted
from bezant.rpc.wire import contract

PATIENCE_SECONDS = 60.0
pytestmark = pytest.mark.requirement("S001-5", part="ledger over gRPC")


@pytest.fixture(params=PLACES)
async def shelf(
    request: pytest.FixtureRequest, ledger_database: TestDatabase, clock: MovableClock
) -> AsyncIterator[Shelf]:
    """Say everything through the port, wherever its service is."""
    async with standing(request.param, ledger_database, clock) as shelf:
        yield shelf


@asynccontextmanager
async def standing(
    place: str, database: TestDatabase, clock: MovableClock, caller: str = "gateway"
) -> AsyncIterator[Shelf]:
    now = clock.now().isoformat()
    async with at(place, Ledger, ledger_service, dsn(database), now, caller=caller) as ledger:
        yield Shelf(ledger, database, clock)  # pyright: ignore[reportArgumentType]


async def test_a_transfer_happens_once_and_reads_the_same(shelf: Shelf, clock: MovableClock):
    a, b = await shelf.funded("100.00"), await shelf.open(owner="ben")
    command = PostTransfer(
        "order-7", MERCHANT, Mode.TEST,
        (Leg(a.id, Side.DEBIT, EUR(12_34)), Leg(b.id, Side.CREDIT, EUR(12_34))),
        "reference ✓", "reason", clock.now() - timedelta(days=1, microseconds=1), {"": ""},
    )  # fmt: skip
    with pytest.raises(Invalid) as wrong:
        await shelf.ledger.post(command)
    assert wrong.value.field == "metadata"
    command = PostTransfer(
        command.id, MERCHANT, Mode.TEST, command.legs, command.reference, command.reason,
        command.occurred_at, {"k": "v", "a": "ü"},
    )  # fmt: skip
    first = await shelf.ledger.post(command)
    again = await shelf.ledger.post(command)
    assert (first.replayed, again.replayed) == (False, True)
    found = await shelf.ledger.transfer(MERCHANT, Mode.TEST, first.id)
    assert found == first
    assert found.legs == command.legs
    assert found.occurred_at == command.occurred_at
    assert await shelf.balance(b) == ("12.34", "0.00", "12.34")


Refusal = tuple[Awaitable[object], type[BezantError], dict[str, str], str | None]


async def rises(refusals: list[Refusal]) -> None:
    """Every call raises exactly this class, with these facts and this field."""
    for call, kind, facts, field in refusals:
        with pytest.raises(BezantError) as refused:
            await call
        assert type(refused.value) is kind
        assert (refused.value.facts, refused.value.field) == (facts, field), kind
        assert refused.value.detail


async def test_a_refused_transfer_rises_as_itself_with_its_facts(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    dollars, closed = await shelf.open("USD"), await shelf.open()
    await shelf.ledger.change_account(
        ChangeAccount("close", MERCHANT, Mode.TEST, closed.id, AccountState.CLOSED)
    )
    used = await shelf.move(a, b, "1.00", id="used")
    back = await shelf.ledger.reverse(ReverseTransfer("back", MERCHANT, Mode.TEST, used.id))
    assert back.subject == used.id
    odd = (Leg(a.id, Side.DEBIT, EUR(1)), Leg(b.id, Side.CREDIT, EUR(2)))
    short = {"account": a.id, "available": "10.00 EUR", "needed": "10.01 EUR"}
    again = ReverseTransfer("more", MERCHANT, Mode.TEST, used.id)
    await rises(
        [
            (shelf.move(a, b, "10.01"), InsufficientFunds, short, "legs"),
            (shelf.move(a, closed, "1.00"), AccountClosed, {"account": closed.id}, None),
            (shelf.move(a, b, "2.00", id="used"), IdReused, {}, None),
            (shelf.move(a, b, "0.00"), LegAmount, {}, "amount"),
            (shelf.move(a, dollars, "1.00"), WrongAsset, {}, "legs"),
            (
                shelf.ledger.post(PostTransfer("odd", MERCHANT, Mode.TEST, odd)),
                Unbalanced, {}, "legs",
            ),
            (shelf.ledger.reverse(again), AlreadyReversed, {}, None),
        ]
    )  # fmt: skip
    await shelf.agrees()


async def test_a_refused_question_rises_as_itself_with_its_facts(shelf: Shelf):
    a, b = await shelf.open(), await shelf.open()
    many = (shelf.moving(a, b, "0.01"),) * (BATCH_MAX + 1)
    ledger, unknown = shelf.ledger, {"account": a.id}
    await rises(
        [
            (ledger.account(STRANGER, Mode.TEST, a.id), UnknownAccount, unknown, None),
            (ledger.account(MERCHANT, Mode.LIVE, a.id), UnknownAccount, unknown, None),
            (ledger.hold(MERCHANT, Mode.TEST, "hold_0000010000ffffff"), UnknownHold, {}, None),
            (ledger.post_batch(many), BatchTooLarge, {}, "transfers"),
            (
                ledger.statement(StatementOf(MERCHANT, Mode.TEST, a.id, limit=101)),
                Invalid, {}, "limit",
            ),
        ]
    )  # fmt: skip


async def test_the_life_of_holds(shelf: Shelf, clock: MovableClock):
    a, b = await shelf.funded("10.00"), await shelf.open()
    hold = await shelf.hold(
        a, b, "6.00", expires_at=clock.now() + timedelta(days=1), metadata={"a": "b"}
    )
    assert await shelf.balance(a) == ("10.00", "6.00", "4.00")
    with pytest.raises(HoldExceeded):
        await shelf.capture(hold, "6.01")
    part = await shelf.capture(hold, "2.00")
    assert (part.kind, part.subject) == (TransferKind.CAPTURE, hold.id)
    found = await shelf.ledger.hold(MERCHANT, Mode.TEST, hold.id)
    assert (found.remaining, found.state, found.metadata) == (EUR(4_00), HoldState.HELD, {"a": "b"})
    assert found.expires_at == clock.now() + timedelta(days=1)
    assert (await shelf.void(hold)).state is HoldState.VOIDED
    with pytest.raises(HoldOver):
        await shelf.capture(hold)
    assert await shelf.balance(b) == ("2.00", "0.00", "2.00")


async def test_linked_transfers_happen_together_or_not_at_all(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    c, d = await shelf.funded("10.00", "USD"), await shelf.open("USD")

    def exchange(id: str, dollars: str) -> PostLinked:
        pair = shelf.moving(a, b, "1.00"), shelf.moving(c, d, dollars)
        return PostLinked(id, MERCHANT, Mode.TEST, pair)

    with pytest.raises(InsufficientFunds) as refused:
        await shelf.ledger.post_linked(exchange("much", "10.01"))
    assert refused.value.facts["account"] == c.id
    assert await shelf.balance(b) == ("0.00", "0.00", "0.00")
    one, two = await shelf.ledger.post_linked(exchange("fair", "1.10"))
    assert one.link == two.link != ""
    assert (one.asset, two.asset) == ("EUR", "USD")
    again = await shelf.ledger.post_linked(exchange("fair", "1.10"))
    assert [each.id for each in again] == [one.id, two.id]


async def test_a_batch_has_an_answer_for_each(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    amounts = ("4.00", "7.00", "0.00", "6.00")
    outcomes = await shelf.ledger.post_batch(
        tuple(shelf.moving(a, b, amount) for amount in amounts)
    )
    codes = [one.refusal.code if one.refusal else "" for one in outcomes]
    assert codes == ["", "insufficient_funds", "leg_amount", ""]
    refusal = outcomes[1].refusal
    assert refusal is not None
    assert refusal.facts == {"account": a.id, "available": "6.00 EUR", "needed": "7.00 EUR"}
    assert await shelf.balance(a) == ("0.00", "0.00", "0.00")


async def test_what_an_id_stands_for_is_told_to_whoever_used_it_and_nothing_is_written(
    shelf: Shelf,
):
    a, b = await shelf.funded("10.00"), await shelf.open()
    moved = await shelf.move(a, b, "1.00", id="used", reference="r")
    with pytest.raises(InsufficientFunds):
        await shelf.move(a, b, "99.00", id="refused", reference="r")

    async def found(name: str, tenant: str = MERCHANT, mode: Mode = Mode.TEST) -> tuple[str, ...]:
        query = TransfersOf(tenant, mode, posted_as=name)
        return tuple(one.id for one in (await shelf.ledger.transfers(query)).transfers)

    assert await found("used") == (moved.id,)
    assert await found("refused") == await found("unused") == ()
    # An id is its tenant's own, and its mode's.
    assert await found("used", PLATFORM) == await found("used", STRANGER) == ()
    assert await found("used", mode=Mode.LIVE) == ()
    assert await shelf.balance(b) == ("1.00", "0.00", "1.00")


async def test_the_charts_accounts_are_found_by_name_whatever_others_call_theirs(shelf: Shelf):
    theirs = [
        await shelf.ledger.chart_account(ChartAccount(name, Mode.TEST, "EUR", MERCHANT))
        for name in ("merchant_payable", "dispute_reserve")
    ]
    await shelf.open(owner=MERCHANT)
    query = AccountsOf(PLATFORM, Mode.TEST, owner=MERCHANT, chart="merchant_payable")
    assert (await shelf.ledger.accounts(query)).accounts == (theirs[0],)
    own = AccountsOf(MERCHANT, Mode.TEST, chart="merchant_payable")
    assert (await shelf.ledger.accounts(own)).accounts == ()


async def test_every_question_has_its_answer(shelf: Shelf, clock: MovableClock):
    a, b = await shelf.funded("10.00", owner="ann"), await shelf.open(owner="ben")
    chart = await shelf.ledger.chart_account(ChartAccount("fees_earned", Mode.TEST, "EUR"))
    assert (chart.tenant, chart.type, chart.chart) == (PLATFORM, AccountType.INCOME, "fees_earned")
    moved = [await shelf.move(a, b, "1.00", reference=f"r{n}") for n in range(3)]
    page = await shelf.ledger.accounts(AccountsOf(MERCHANT, Mode.TEST, owner="ben"))
    assert (page.accounts, page.has_more) == ((b,), False)
    found = await shelf.ledger.transfers(TransfersOf(MERCHANT, Mode.TEST, account=b.id, limit=2))
    assert ([one.id for one in found.transfers], found.has_more) == (
        [moved[2].id, moved[1].id], True,
    )  # fmt: skip
    by_reference = TransfersOf(MERCHANT, Mode.TEST, reference="r1", recorded_from=clock.now())
    assert (await shelf.ledger.transfers(by_reference)).transfers == (moved[1],)
    then = await shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, b.id, position=moved[0].id))
    assert then.posted == EUR(1_00)
    occurred = BalanceOf(MERCHANT, Mode.TEST, b.id, clock.now(), Axis.OCCURRED)
    assert (await shelf.ledger.balance(occurred)).posted == EUR(3_00)
    statement = await shelf.ledger.statement(StatementOf(MERCHANT, Mode.TEST, b.id))
    assert [line.balance.minor for line in statement.lines] == [300, 200, 100, 0]
    report = await shelf.ledger.report(
        ReportOf(MERCHANT, Mode.TEST, Period.DAILY, date(2026, 3, 1))
    )
    assert {line.owner: line.closing for line in report.lines} == {
        "ann": EUR(7_00),
        "ben": EUR(3_00),
    }
    (trial,) = await shelf.ledger.trial_balance(TrialBalanceOf(PLATFORM, Mode.TEST))
    assert (trial.asset, trial.difference) == ("EUR", EUR(0))
    checked = await shelf.ledger.reconcile(Reconcile(PLATFORM, Mode.TEST))
    assert (checked.differences, checked.accounts) == ((), 4)
    (head,) = await shelf.ledger.ledgers(Mode.TEST)
    assert (head.asset, len(head.head), head.transfers) == ("EUR", 64, 8)


async def test_huge_and_tiny_amounts_travel_exactly(shelf: Shelf):
    for asset, text in (("JPY", str(10**30)), ("ETH", "0.000000000000000001")):
        source = await shelf.open(asset, floor=None)
        target = await shelf.open(asset, floor=f"-{text}")
        moved = await shelf.move(source, target, text)
        assert moved.legs[0].amount == Money.parse(text, asset)
        assert (await shelf.balance(target))[0] == text
        assert target.floor == -Money.parse(text, asset)
    with pytest.raises(AmountTooLarge):
        await shelf.move(source, target, f"1{'0' * 14}.{'0' * 18}")


async def test_a_float_never_becomes_money_on_the_wire():
    with pytest.raises(MalformedAmount):
        EUR(1.5)  # pyright: ignore[reportArgumentType]
    leg = contract(Ledger).methods[3].request
    command = PostTransfer("x", MERCHANT, Mode.TEST, (Leg("acct_1", Side.DEBIT, EUR(1_50)),))
    written = leg.to_bytes(command)
    assert leg.from_bytes(written) == command
    assert written.count(b"150") == 1
    for forged in (b"1.5", b"1e2", b"NaN"):
        with pytest.raises(MalformedAmount):
            leg.from_bytes(written.replace(b"150", forged))


@pytest.mark.requirement("S001-6", part="the ledger's events, to other processes too")
@pytest.mark.parametrize("place", PLACES)
async def test_followers_of_the_feed_see_each_batch(
    ledger_database: TestDatabase, clock: MovableClock, place: str
):
    now = clock.now().isoformat()
    async with (
        standing(TOGETHER, ledger_database, clock) as shelf,
        at(place, LedgerFeed, followed, dsn(ledger_database), now, caller="webhooks") as feed,
    ):
        a, b = await shelf.funded("10.00"), await shelf.open()
        moved = await shelf.move(a, b, "1.00")
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found := await feed.read(0, 100)) < 5:
                await asyncio.sleep(0.02)
        assert [one.position for one in found] == [1, 2, 3, 4, 5]
        last = found[-1].event
        assert (last.type, last.mode, last.subject) == ("transfers.recorded", Mode.TEST, "book_1")
        assert (last.data["first"], last.data["last"]) == (moved.id, moved.id)
        assert await feed.read(5, 100) == ()
        with pytest.raises(Invalid):
            await feed.read(-1, 100)


async def test_a_module_moves_money_only_if_the_table_says_so(
    ledger_database: TestDatabase, clock: MovableClock
):
    for place in PLACES:
        async with standing(place, ledger_database, clock, caller="orders") as orders:
            page = await orders.ledger.accounts(AccountsOf(PLATFORM, Mode.TEST))
            assert page.accounts == ()
            with pytest.raises(NotPermitted):
                await orders.open()
