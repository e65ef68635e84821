"""Balances at any time, statements, transfers found again, sums."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.ledger.shelf import MERCHANT, STRANGER, Shelf

from bezant.actor import PLATFORM, Mode
from bezant.errors import Invalid
from bezant.ledger import (
    AccountsOf,
    AccountType,
    Axis,
    BalanceOf,
    ChartAccount,
    Leg,
    OpenAccount,
    Period,
    PostTransfer,
    Reconcile,
    ReportOf,
    Side,
    StatementOf,
    TransfersOf,
    TrialBalanceOf,
    UnknownAccount,
    UnknownTransfer,
)
from bezant.ledger.summing import span
from bezant.money import EUR


async def test_a_balance_at_every_point_of_its_past(shelf: Shelf, clock):
    a, b = await shelf.funded("10.00"), await shelf.open()
    seen: list[tuple[str, datetime, int]] = []
    for n in range(1, 6):
        clock.move(timedelta(minutes=1))
        moved = await shelf.move(a, b, "1.00")
        seen.append((moved.id, moved.recorded_at, 100 * n))
    clock.move(timedelta(minutes=1))
    for position, at, posted in seen:
        by_position = await shelf.ledger.balance(
            BalanceOf(MERCHANT, Mode.TEST, b.id, position=position)
        )
        by_time = await shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, b.id, at))
        before = await shelf.ledger.balance(
            BalanceOf(MERCHANT, Mode.TEST, b.id, at - timedelta(microseconds=1))
        )
        assert by_position.posted == by_time.posted == EUR(posted)
        assert before.posted == EUR(posted - 100)
    long_ago = await shelf.ledger.balance(
        BalanceOf(MERCHANT, Mode.TEST, b.id, datetime(2020, 1, 1, tzinfo=UTC))
    )
    assert long_ago.posted == EUR(0)


async def test_what_occurred_and_what_was_recorded_are_two_times(shelf: Shelf, clock):
    a, b = await shelf.funded("10.00"), await shelf.open()
    week = timedelta(days=7)
    late = PostTransfer(
        "late", MERCHANT, Mode.TEST,
        (Leg(a.id, Side.DEBIT, EUR(300)), Leg(b.id, Side.CREDIT, EUR(300))),
        occurred_at=clock.now() - week,
    )  # fmt: skip
    clock.move(timedelta(minutes=1))
    moved = await shelf.ledger.post(late)
    assert moved.occurred_at == moved.recorded_at - week - timedelta(minutes=1)
    at = clock.now() - timedelta(days=3)
    for axis, posted in ((Axis.RECORDED, 0), (Axis.OCCURRED, 300)):
        found = await shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, b.id, at, axis))
        assert found.posted == EUR(posted), axis
    for axis, on, lines in (
        (Axis.RECORDED, clock.now().date(), 2),
        (Axis.OCCURRED, (clock.now() - week).date(), 2),
        (Axis.RECORDED, (clock.now() - week).date(), 0),
    ):
        report = await shelf.ledger.report(ReportOf(MERCHANT, Mode.TEST, Period.DAILY, on, axis))
        assert len(report.lines) == lines, (axis, on)


async def test_statement_pages_join_without_gap_or_overlap(shelf: Shelf):
    a, b = await shelf.funded("100.00"), await shelf.open()
    moved = [await shelf.move(a, b, "1.00", reference=f"r{n}") for n in range(25)]
    lines = []
    before = None
    while True:
        page = await shelf.ledger.statement(
            StatementOf(MERCHANT, Mode.TEST, b.id, limit=7, before=before)
        )
        lines.extend(page.lines)
        if not page.has_more:
            break
        before = page.lines[-1].transfer
    assert [line.transfer for line in lines[:25]] == [one.id for one in reversed(moved)]
    assert [line.balance for line in lines[:25]] == [EUR(100 * n) for n in range(25, 0, -1)]
    assert len(lines) == 26  # And the opening.
    for wrong in (0, 101, -1):
        with pytest.raises(Invalid):
            await shelf.ledger.statement(StatementOf(MERCHANT, Mode.TEST, b.id, limit=wrong))


async def test_a_statement_of_a_span_of_time(shelf: Shelf, clock):
    a, b = await shelf.funded("100.00"), await shelf.open()
    times = []
    for _ in range(5):
        clock.move(timedelta(hours=1))
        times.append((await shelf.move(a, b, "1.00")).recorded_at)
    page = await shelf.ledger.statement(
        StatementOf(MERCHANT, Mode.TEST, b.id, recorded_from=times[1], recorded_until=times[3])
    )
    assert [line.recorded_at for line in page.lines] == [times[2], times[1]]


async def test_transfers_are_found_by_all_that_names_them(shelf: Shelf, clock):
    a = await shelf.funded("100.00", owner="alice")
    b = await shelf.open(owner="bob")
    c, d = await shelf.funded("100.00", "USD", owner="alice"), await shelf.open("USD")
    for n in range(12):
        clock.move(timedelta(minutes=1))
        pair = (a, b) if n % 2 else (c, d)
        await shelf.move(*pair, "1.00", reference="even" if n % 2 else "odd")

    async def find(**by: object) -> list[str]:
        query = TransfersOf(MERCHANT, Mode.TEST, **by)  # pyright: ignore
        return [one.reference for one in (await shelf.ledger.transfers(query)).transfers]

    assert await find(reference="even") == ["even"] * 6
    assert await find(asset="USD", reference="even") == []
    assert await find(owner="bob", reference="even") == ["even"] * 6
    assert (await find(account=c.id)).count("odd") == 6
    assert await find(limit=3, reference="odd") == ["odd"] * 3
    assert (await find())[:4] == ["even", "odd", "even", "odd"]
    assert await find(recorded_from=clock.now()) == ["even"]
    pages: list[str] = []
    before = None
    while True:
        page = await shelf.ledger.transfers(
            TransfersOf(PLATFORM, Mode.TEST, limit=5, before=before)
        )
        pages.extend(one.id for one in page.transfers)
        if not page.has_more:
            break
        before = page.transfers[-1].id
    whole = await shelf.ledger.transfers(TransfersOf(PLATFORM, Mode.TEST, limit=100))
    assert pages == [one.id for one in whole.transfers]
    assert len(set(pages)) == len(pages)
    none = await shelf.ledger.transfers(TransfersOf(STRANGER, Mode.TEST))
    assert none.transfers == ()
    with pytest.raises(UnknownTransfer):
        await shelf.ledger.transfers(TransfersOf(PLATFORM, Mode.TEST, before="tr_0" + "f" * 15))


async def test_accounts_are_listed_for_their_owner_only(shelf: Shelf):
    mine = [await shelf.open(owner=f"o{n % 2}") for n in range(5)]
    await shelf.open(tenant=STRANGER)
    found = await shelf.ledger.accounts(AccountsOf(MERCHANT, Mode.TEST))
    assert [one.id for one in found.accounts] == [one.id for one in reversed(mine)]
    assert found.accounts[0] == mine[-1]
    by_owner = await shelf.ledger.accounts(AccountsOf(MERCHANT, Mode.TEST, owner="o1"))
    assert len(by_owner.accounts) == 2
    first = await shelf.ledger.accounts(AccountsOf(MERCHANT, Mode.TEST, limit=2))
    assert first.has_more
    rest = await shelf.ledger.accounts(
        AccountsOf(MERCHANT, Mode.TEST, before=first.accounts[-1].id)
    )
    assert [one.id for one in (*first.accounts, *rest.accounts)] == [
        one.id for one in found.accounts
    ]


async def test_the_chart_opens_on_first_use(shelf: Shelf):
    command = ChartAccount("psp_receivable", Mode.TEST, "EUR", "stripe")
    first = await shelf.ledger.chart_account(command)
    assert (first.type, first.tenant, first.chart) == (
        AccountType.ASSET,
        PLATFORM,
        "psp_receivable",
    )
    assert (await shelf.ledger.chart_account(command)).id == first.id
    other = await shelf.ledger.chart_account(ChartAccount("psp_receivable", Mode.TEST, "EUR", "x"))
    assert other.id != first.id
    for wrong, error in (
        (ChartAccount("no_such_name", Mode.TEST, "EUR"), UnknownAccount),
        (ChartAccount("psp_receivable", Mode.TEST, "EUR"), Invalid),
        (ChartAccount("rounding", Mode.TEST, "EUR", "of something"), Invalid),
        (ChartAccount("rounding", Mode.TEST, "XXXX"), Invalid),
    ):
        with pytest.raises(error):
            await shelf.ledger.chart_account(wrong)


async def test_the_trial_balance_is_zero_in_every_asset(shelf: Shelf, clock):
    start = clock.now()
    bank = await shelf.ledger.chart_account(ChartAccount("cash_at_bank", Mode.TEST, "EUR", "main"))
    owed = await shelf.ledger.chart_account(
        ChartAccount("merchant_payable", Mode.TEST, "EUR", MERCHANT)
    )
    clock.move(timedelta(hours=1))
    await shelf.move(bank, owed, "7.00", tenant=PLATFORM)
    (trial,) = await shelf.ledger.trial_balance(TrialBalanceOf(PLATFORM, Mode.TEST))
    assert (trial.debits, trial.credits, trial.difference) == (EUR(700), EUR(700), EUR(0))
    assert [one.type for one in trial.types] == [AccountType.ASSET, AccountType.LIABILITY]
    (then,) = await shelf.ledger.trial_balance(TrialBalanceOf(PLATFORM, Mode.TEST, start))
    assert then.debits == EUR(0)


async def test_clearing_accounts_are_listed(shelf: Shelf):
    receivable = await shelf.ledger.chart_account(
        ChartAccount("psp_receivable", Mode.TEST, "EUR", "stripe")
    )
    owed = await shelf.ledger.chart_account(
        ChartAccount("merchant_payable", Mode.TEST, "EUR", MERCHANT)
    )
    await shelf.move(receivable, owed, "7.00", tenant=PLATFORM)
    found = await shelf.ledger.reconcile(Reconcile(PLATFORM, Mode.TEST))
    (clearing,) = found.clearing
    assert (clearing.name, clearing.of, clearing.balance) == ("psp_receivable", "stripe", EUR(700))
    mine = await shelf.ledger.reconcile(Reconcile(MERCHANT, Mode.TEST))
    assert mine.clearing == ()


async def test_a_report_says_how_each_account_moved(shelf: Shelf, clock):
    a, b = await shelf.funded("10.00"), await shelf.open(owner="shop")
    await shelf.move(a, b, "1.00")
    clock.move(timedelta(days=1))
    await shelf.move(a, b, "2.00")
    await shelf.move(b, a, "0.50")
    today = clock.now().date()
    report = await shelf.ledger.report(ReportOf(MERCHANT, Mode.TEST, Period.DAILY, today))
    (line,) = [one for one in report.lines if one.account == b.id]
    assert (line.opening, line.debits, line.credits, line.closing) == (
        EUR(100), EUR(50), EUR(200), EUR(250),
    )  # fmt: skip
    assert (line.transfers, line.owner) == (2, "shop")
    month = await shelf.ledger.report(ReportOf(MERCHANT, Mode.TEST, Period.MONTHLY, today))
    (line,) = [one for one in month.lines if one.account == b.id]
    assert (line.opening, line.closing, line.transfers) == (EUR(0), EUR(250), 3)


@pytest.mark.parametrize(
    ("period", "on", "first", "after"),
    [
        (Period.DAILY, date(2024, 2, 29), date(2024, 2, 29), date(2024, 3, 1)),
        (Period.WEEKLY, date(2026, 1, 1), date(2025, 12, 29), date(2026, 1, 5)),
        (Period.WEEKLY, date(2026, 3, 2), date(2026, 3, 2), date(2026, 3, 9)),
        (Period.MONTHLY, date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
        (Period.MONTHLY, date(2026, 2, 28), date(2026, 2, 1), date(2026, 3, 1)),
    ],
)
def test_periods_begin_and_end_at_midnight_utc(period: Period, on: date, first: date, after: date):
    start, end = span(period, on)
    assert (start.date(), end.date()) == (first, after)
    assert start.tzinfo is end.tzinfo is UTC


async def test_an_account_keeps_what_it_was_opened_with(shelf: Shelf):
    command = OpenAccount(
        "o", PLATFORM, Mode.TEST, "JPY", AccountType.ASSET, "owner", None, "group", {"k": "v"}
    )
    with pytest.raises(Invalid):  # Or a merchant could open books without end.
        await shelf.ledger.open_account(replace(command, tenant=MERCHANT))
    opened = await shelf.ledger.open_account(command)
    assert await shelf.ledger.account(PLATFORM, Mode.TEST, opened.id) == opened
    assert (opened.asset, opened.group, dict(opened.metadata)) == ("JPY", "group", {"k": "v"})
    assert await shelf.ledger.open_account(command) == opened


async def test_heads_tell_how_long_each_book_is(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    for _ in range(3):
        await shelf.move(a, b, "1.00")
    (head,) = await shelf.ledger.ledgers(Mode.TEST)
    assert (head.asset, head.transfers, len(head.head)) == ("EUR", 7, 64)
    assert await shelf.ledger.ledgers(Mode.LIVE) == ()
