"""What an attacker tries on the book, and what has to come of it."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone

import psycopg
import pytest
from tests.ledger.shelf import MERCHANT, STRANGER, Shelf

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.errors import BezantError, Invalid
from bezant.ledger import (
    AMOUNT_MAX,
    Account,
    AccountsOf,
    AccountType,
    BalanceOf,
    CaptureHold,
    ChangeAccount,
    ChartAccount,
    HoldState,
    IdReused,
    InsufficientFunds,
    Leg,
    OpenAccount,
    Period,
    PlaceHold,
    PostLinked,
    PostTransfer,
    Reconcile,
    ReportOf,
    ReverseTransfer,
    Side,
    StatementOf,
    Transfer,
    TransfersOf,
    TrialBalanceOf,
    UnknownHold,
    VoidHold,
)
from bezant.money import EUR, AmountTooLarge

MOST = EUR(AMOUNT_MAX)
# What a hand-written array, a JSON text or a terminal trips over.
STRANGE = (
    "NULL", "null", '"', '""', "\\", "\\\\", '\\"', '"\\', "{}", "{", "}", "{NULL}", ",", ",,",
    "','", '","', "\\N", "\\x00", "$1", "%s", "%", ";--", "' OR 1=1", "\u00a0", "\u2028",
    "\ufeff", "\uffff",
    "\U0010ffff", "\u200f\u202e", "🪙", "é" * 200, "\u0301" * 200, "🪙" * 200, '"' * 200, "\\" * 200,
)  # fmt: skip


async def most(shelf: Shelf, source: Account, target: Account, id: str) -> Transfer:
    legs = Leg(source.id, Side.DEBIT, MOST), Leg(target.id, Side.CREDIT, MOST)
    return await shelf.ledger.post(PostTransfer(id, MERCHANT, Mode.TEST, legs))


def linked(shelf: Shelf, id: str, *transfers: PostTransfer) -> "asyncio.Future[object]":
    command = PostLinked(id, MERCHANT, Mode.TEST, transfers)
    return asyncio.ensure_future(shelf.ledger.post_linked(command))


async def test_a_refusal_in_a_crowd_names_the_callers_own_account(shelf: Shelf):
    """Many callers share one statement; what is told to one is never about another's account."""
    rich, other = await shelf.funded("9.00"), await shelf.open()
    poor = [await shelf.funded(f"0.0{number}") for number in range(1, 7)]
    answers = await asyncio.gather(
        *(shelf.move(rich, other, "1.00") for _ in range(3)),
        *(shelf.move(one, other, "5.00") for one in poor),
        return_exceptions=True,
    )
    for number, (one, answer) in enumerate(zip(poor, answers[3:], strict=True), 1):
        assert isinstance(answer, InsufficientFunds)
        assert answer.facts["account"] == one.id
        assert answer.facts["available"] == f"0.0{number} EUR"


async def test_a_flood_of_overflows_spoils_no_batch(shelf: Shelf):
    """An amount that does not fit is an answer, not an error that breaks the statement of all."""
    a, b, c, d = [await shelf.open(floor=None) for _ in range(4)]
    await most(shelf, a, b, "first")
    await shelf.move(d, c, "1.00")  # From here on all accounts are known, so one batch takes all.
    written = shelf.ledger._books.poster(1).written  # pyright: ignore[reportPrivateUsage]
    before = written.bisections
    answers = await asyncio.gather(
        *(most(shelf, a, b, f"again-{number}") for number in range(25)),
        *(most(shelf, c, b, f"other-{number}") for number in range(25)),
        *(shelf.move(c, d, "1.00") for _ in range(50)),
        return_exceptions=True,
    )
    assert Counter(type(one) for one in answers) == {AmountTooLarge: 50, Transfer: 50}
    assert written.bisections == before
    await most(shelf, b, a, "back")
    with pytest.raises(AmountTooLarge):  # A caller who was told no is told no for good.
        await most(shelf, a, b, "again-0")
    await shelf.agrees()


async def test_holds_at_the_limit_of_amounts_are_refused_in_words(shelf: Shelf):
    a, b = [await shelf.open(floor=None) for _ in range(2)]

    async def hold(id: str) -> str:
        command = PlaceHold(id, MERCHANT, Mode.TEST, a.id, MOST, b.id)
        return (await shelf.ledger.place_hold(command)).id

    held = await hold("one")
    with pytest.raises(AmountTooLarge):
        await hold("two")
    await most(shelf, a, b, "fill")
    with pytest.raises(AmountTooLarge):
        await shelf.ledger.capture_hold(CaptureHold("c", MERCHANT, Mode.TEST, held))
    await shelf.ledger.void_hold(VoidHold("v", MERCHANT, Mode.TEST, held))
    # Twice the limit below its floor: what is available has a digit more than any balance.
    await shelf.ledger.change_account(ChangeAccount("f", MERCHANT, Mode.TEST, a.id, floor=MOST))
    for spend in (shelf.move(a, b, "1.00"), shelf.hold(a, b, "1.00")):
        with pytest.raises(InsufficientFunds):
            await spend
    await shelf.agrees()


async def test_an_id_means_one_thing_whatever_the_kind(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    c, d = await shelf.funded("10.00", "USD"), await shelf.open("USD")
    euros, dollars = shelf.moving(a, b, "1.00"), shelf.moving(c, d, "1.00")
    done = await linked(shelf, "L", euros, dollars)
    assert isinstance(done, tuple)
    held = await shelf.hold(a, b, "1.00")
    others = (
        lambda: linked(shelf, "L", euros),
        lambda: linked(shelf, "L", dollars, euros),
        lambda: linked(shelf, "L", euros, dollars, euros),
        lambda: shelf.move(a, b, "1.00", id="L"),
        lambda: shelf.move(c, d, "1.00", id="L"),
        lambda: shelf.ledger.reverse(ReverseTransfer("L", MERCHANT, Mode.TEST, done[0].id)),
        lambda: shelf.ledger.place_hold(PlaceHold("L", MERCHANT, Mode.TEST, a.id, EUR(1), b.id)),
        lambda: shelf.ledger.capture_hold(CaptureHold("L", MERCHANT, Mode.TEST, held.id)),
        lambda: shelf.ledger.void_hold(VoidHold("L", MERCHANT, Mode.TEST, held.id)),
        lambda: shelf.ledger.change_account(
            ChangeAccount("L", MERCHANT, Mode.TEST, a.id, floor=EUR(-1))
        ),
        lambda: shelf.ledger.open_account(
            OpenAccount("L", MERCHANT, Mode.TEST, "JPY", AccountType.ASSET)
        ),
    )
    for other in others:
        with pytest.raises(IdReused):
            await other()
    assert await shelf.balance(a) == ("9.00", "1.00", "8.00")
    again = await linked(shelf, "L", euros, dollars)
    assert isinstance(again, tuple)
    assert [one.id for one in again] == [one.id for one in done]
    await shelf.agrees()


async def test_refused_linked_transfers_stay_refused_as_a_whole(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    c, d = await shelf.funded("1.00", "USD"), await shelf.open("USD")
    euros, dollars = shelf.moving(a, b, "1.00"), shelf.moving(c, d, "5.00")
    told: list[BezantError] = []
    for _ in range(2):
        with pytest.raises(InsufficientFunds) as caught:
            await linked(shelf, "L", euros, dollars)
        told.append(caught.value)
        await shelf.move(await shelf.funded("9.00", "USD"), c, "9.00")
    assert told[0].facts == told[1].facts
    for other in (linked(shelf, "L", euros), shelf.move(a, b, "1.00", id="L")):
        with pytest.raises(IdReused):
            await other
    assert await shelf.balance(a) == ("10.00", "0.00", "10.00")
    assert await shelf.balance(c) == ("19.00", "0.00", "19.00")


@pytest.mark.catalogue("T52")
async def test_the_same_ids_in_two_books_trouble_nobody_else(shelf: Shelf):
    """Whoever sends ids in opposite orders to two books must not get others' batches undone."""
    euros = await shelf.funded("100.00"), await shelf.open()
    dollars = await shelf.funded("100.00", "USD"), await shelf.open("USD")
    for turn in range(8):
        ids = [f"{turn}-{number}" for number in range(400)]
        bystanders = [asyncio.ensure_future(shelf.move(*euros, "0.01")) for _ in range(20)]
        answers = await asyncio.gather(
            shelf.ledger.post_batch(tuple(shelf.moving(*euros, "0.01", id=id) for id in ids)),
            shelf.ledger.post_batch(
                tuple(shelf.moving(*dollars, "0.01", id=id) for id in reversed(ids))
            ),
        )
        told = Counter(
            "posted" if one.refusal is None else one.refusal.code
            for many in answers
            for one in many
        )
        assert told == {"posted": 400, "id_reused": 400}
        assert len(await asyncio.gather(*bystanders)) == 20
    await shelf.agrees()
    with psycopg.connect(shelf.database.administrator_dsn) as connection:
        counted = connection.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        )
        assert counted.fetchone() == (0,)


async def test_nobody_can_take_the_ids_of_our_own_work(shelf: Shelf):
    """A caller's id is never one of those under which holds expire and the chart is opened."""
    a, b = await shelf.funded("10.00"), await shelf.open()
    held = await shelf.hold(a, b, "1.00", expires_at=shelf.clock.now() + timedelta(minutes=1))
    for id in (f"expiry:{held.id[5:]}", f"expiry:{held.id}", held.id[5:], "chart:equity:EUR:0"):
        await shelf.move(a, b, "0.01", tenant=PLATFORM, id=id)
    for id in ("expiry 1", " expiry", "\texpiry", "é", "a" * 256, "\ud800", "\x00"):
        with pytest.raises(Invalid):
            await shelf.move(a, b, "0.01", tenant=PLATFORM, id=id)
    assert isinstance(shelf.clock, MovableClock)
    shelf.clock.move(timedelta(minutes=2))
    assert await shelf.ledger.expire_holds() == 1
    equity = await shelf.ledger.chart_account(ChartAccount("equity", Mode.TEST, "EUR"))
    assert equity.chart == "equity"


async def test_a_merchant_cannot_end_a_hold_for_the_platform(shelf: Shelf):
    """What the platform set aside for itself its merchant may see, and neither pay nor free."""
    theirs, ours = await shelf.funded("10.00"), await shelf.open(tenant=PLATFORM)
    held = await shelf.ledger.place_hold(
        PlaceHold("ours", PLATFORM, Mode.TEST, theirs.id, EUR(500), ours.id)
    )
    seen = await shelf.ledger.hold(MERCHANT, Mode.TEST, held.id)
    assert seen.state is HoldState.HELD
    to = (Leg((await shelf.open()).id, Side.CREDIT, EUR(500)),)
    for attempt in (shelf.capture(held), shelf.capture(held, to=to), shelf.void(held)):
        with pytest.raises(UnknownHold):
            await attempt
    await shelf.ledger.capture_hold(CaptureHold("take", PLATFORM, Mode.TEST, held.id))
    assert await shelf.balance(ours) == ("5.00", "0.00", "5.00")


@pytest.mark.parametrize("where", ["reference", "reason", "metadata", "owner"])
async def test_strange_texts_come_back_as_they_were(shelf: Shelf, where: str):
    a, b = await shelf.funded("10.00"), await shelf.open()
    commands: list[PostTransfer] = []
    for number, text in enumerate(STRANGE):
        legs = shelf.moving(a, b, "0.01").legs
        texts = {"metadata": {text[:40]: text, "k": text}} if where == "metadata" else {where: text}
        if where == "owner":
            account = await shelf.ledger.open_account(
                OpenAccount(f"o{number}", MERCHANT, Mode.TEST, "EUR", AccountType.ASSET, text)
            )
            found = await shelf.ledger.accounts(AccountsOf(MERCHANT, Mode.TEST, owner=text))
            assert [one.id for one in found.accounts] == [account.id]
            continue
        commands.append(PostTransfer(f"t{number}", MERCHANT, Mode.TEST, legs, **texts))
    outcomes = await shelf.ledger.post_batch(tuple(commands))
    for command, outcome in zip(commands, outcomes, strict=True):
        assert outcome.transfer is not None
        stored = await shelf.ledger.transfer(MERCHANT, Mode.TEST, outcome.transfer.id)
        assert stored.reference == command.reference
        assert stored.reason == command.reason
        assert stored.metadata == command.metadata
        if where == "reference":
            query = TransfersOf(MERCHANT, Mode.TEST, reference=command.reference)
            page = await shelf.ledger.transfers(query)
            assert [one.id for one in page.transfers] == [stored.id]


@pytest.mark.parametrize("text", ["\x00", "\n", "\x7f", "\ud800", "x\udfff", "x" * 201])
async def test_unwritable_texts_are_refused_at_every_place(shelf: Shelf, text: str):
    a, b = await shelf.funded("10.00"), await shelf.open()
    held = await shelf.hold(a, b, "1.00")
    long = text * 3
    attempts = (
        shelf.move(a, b, "0.01", reference=text),
        shelf.hold(a, b, "0.01", reference=text),
        shelf.hold(a, b, "0.01", reason=text),
        shelf.hold(a, b, "0.01", metadata={"k": long}),
        shelf.capture(held, reference=text),
        shelf.capture(held, metadata={text: "v"}),
        shelf.ledger.void_hold(VoidHold("v", MERCHANT, Mode.TEST, held.id, text)),
        shelf.ledger.reverse(
            ReverseTransfer("r", MERCHANT, Mode.TEST, (await shelf.move(a, b, "0.01")).id, text)
        ),
        shelf.open(owner=text),
        shelf.ledger.chart_account(ChartAccount("merchant_payable", Mode.TEST, "EUR", text)),
        shelf.ledger.accounts(AccountsOf(MERCHANT, Mode.TEST, owner=text)),
        shelf.ledger.transfers(TransfersOf(MERCHANT, Mode.TEST, owner=text)),
        shelf.ledger.transfers(TransfersOf(MERCHANT, Mode.TEST, reference=text)),
    )
    for attempt in attempts:
        with pytest.raises(Invalid):
            await attempt
    assert (await shelf.ledger.hold(MERCHANT, Mode.TEST, held.id)).state is HoldState.HELD


WEST, EAST = timezone(timedelta(hours=-12)), timezone(timedelta(hours=14))
OUTSIDE = (
    datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=EAST),
    datetime.max.replace(tzinfo=WEST), datetime(1899, 12, 31, tzinfo=UTC), datetime(2026, 3, 1),
)  # fmt: skip


@pytest.mark.parametrize("at", OUTSIDE, ids=str)
async def test_times_nobody_can_reckon_with_are_refused(shelf: Shelf, at: datetime):
    a, b = await shelf.funded("10.00"), await shelf.open()
    attempts = (
        shelf.hold(a, b, "1.00", expires_at=at),
        shelf.ledger.post(
            PostTransfer("t", MERCHANT, Mode.TEST, shelf.moving(a, b, "1.00").legs, occurred_at=at)
        ),
        shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, a.id, at)),
        shelf.ledger.trial_balance(TrialBalanceOf(MERCHANT, Mode.TEST, at)),
        shelf.ledger.statement(StatementOf(MERCHANT, Mode.TEST, a.id, recorded_from=at)),
        shelf.ledger.statement(StatementOf(MERCHANT, Mode.TEST, a.id, recorded_until=at)),
        shelf.ledger.transfers(TransfersOf(MERCHANT, Mode.TEST, recorded_from=at)),
        shelf.ledger.transfers(TransfersOf(MERCHANT, Mode.TEST, recorded_until=at)),
    )
    for attempt in attempts:
        with pytest.raises(Invalid):
            await attempt


async def test_the_farthest_times_we_reckon_with_do_no_harm(shelf: Shelf):
    a, b = await shelf.funded("10.00"), await shelf.open()
    last, first = datetime.max.replace(tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC)
    held = await shelf.hold(a, b, "1.00", expires_at=last)
    assert held.expires_at == last
    statement = await shelf.ledger.statement(
        StatementOf(MERCHANT, Mode.TEST, a.id, recorded_from=first, recorded_until=last)
    )
    assert len(statement.lines) == 3
    for at, posted in ((first, 0), (last, 1000)):
        balance = await shelf.ledger.balance(BalanceOf(MERCHANT, Mode.TEST, a.id, at))
        assert balance.posted.minor == posted
        await shelf.ledger.trial_balance(TrialBalanceOf(MERCHANT, Mode.TEST, at))
    for period in Period:
        for on in (date.min, date(1899, 12, 31), date.max, date(9999, 1, 1)):
            with pytest.raises(Invalid):
                await shelf.ledger.report(ReportOf(MERCHANT, Mode.TEST, period, on))
        for on in (date(1900, 1, 1), date(9998, 12, 31)):
            report = await shelf.ledger.report(ReportOf(MERCHANT, Mode.TEST, period, on))
            assert report.lines == ()


async def test_nobody_is_the_platform_by_spelling(shelf: Shelf):
    """The platform is stored as the nil uuid; a merchant of that number must not be it."""
    ours, theirs = await shelf.funded("10.00", tenant=PLATFORM), await shelf.open()
    for tenant in ("mer_" + "0" * 32, "Platform", "platform ", "", "mer_", "mer_" + "1" * 31):
        attempts = (
            shelf.move(ours, theirs, "1.00", tenant=tenant),
            shelf.open(tenant=tenant),
            shelf.ledger.balance(BalanceOf(tenant, Mode.TEST, ours.id)),
            shelf.ledger.accounts(AccountsOf(tenant, Mode.TEST)),
            shelf.ledger.transfers(TransfersOf(tenant, Mode.TEST)),
            shelf.ledger.trial_balance(TrialBalanceOf(tenant, Mode.TEST)),
            shelf.ledger.reconcile(Reconcile(tenant, Mode.TEST)),
        )
        for attempt in attempts:
            with pytest.raises(Invalid):
                await attempt
    assert await shelf.balance(ours) == ("10.00", "0.00", "10.00")


async def test_a_stranger_finds_an_empty_house(shelf: Shelf):
    """A merchant without an account gets empty answers, not an error and not another's numbers."""
    await shelf.funded("10.00")
    assert await shelf.ledger.trial_balance(TrialBalanceOf(STRANGER, Mode.TEST)) == ()
    found = await shelf.ledger.reconcile(Reconcile(STRANGER, Mode.TEST))
    assert (found.accounts, found.entries, found.differences, found.clearing) == (0, 0, (), ())
    assert (await shelf.ledger.accounts(AccountsOf(STRANGER, Mode.TEST))).accounts == ()
    assert (await shelf.ledger.transfers(TransfersOf(STRANGER, Mode.TEST))).transfers == ()


async def test_rehearsals_at_once_are_answered_as_if_alone(shelf: Shelf):
    euros = await shelf.funded("10.00"), await shelf.open()
    dollars = await shelf.funded("10.00", "USD"), await shelf.open("USD")
    trials = await asyncio.gather(
        *(shelf.ledger.rehearse(shelf.moving(*pair, "1.00")) for pair in (euros, dollars) * 5),
        shelf.ledger.rehearse(shelf.moving(*euros, "11.00")),
    )
    assert [trial.accepted for trial in trials] == [True] * 10 + [False]
    assert [one.posted for one in trials[0].balances] == [EUR(900), EUR(100)]
    assert [one.posted for one in trials[-1].balances] == [EUR(1000), EUR(0)]
    await shelf.move(*euros, "10.00")
