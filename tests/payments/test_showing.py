"""What an office shows beside payments: a course over time, postings, what the platform owes."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.payments.counter import Counter, asked, opened_counter
from tests.payments.test_wire import back, far
from tests.payments.till import MERCHANT, Till

from bezant.actor import PLATFORM, Mode
from bezant.clock import MovableClock
from bezant.ledger.port import PAGE_MAX, AccountType, Leg, OpenAccount, PostTransfer, Side
from bezant.money import Money
from bezant.payments.port import PaymentsOf, SeriesOf, Step

SPAN = "since=2026-01-01T00:00:00Z&until=2026-12-31T00:00:00Z"


@pytest.fixture
async def counter(
    payments_database: TestDatabase, clock: MovableClock, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with opened_counter(payments_database, clock, tmp_path) as made:
        yield made


async def paid_to_bob(counter: Counter, amount: str) -> None:
    body = asked(amount)
    answer = await counter.send("POST", "/v1/payments", body, by=counter.bob.keys["developer"])
    assert answer.status_code == 201, answer.text


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


async def test_a_course_counts_what_fits_and_nothing_else(counter: Counter) -> None:
    for number in range(3):
        await counter.paid(f"{number + 1}.00", order="o-1" if number else "o-2")
    counter.till.acquirer.plan("charge", "lost_card")
    await counter.paid("9.00")
    await paid_to_bob(counter, "5.00")

    async def course(query: str) -> list[tuple[str, int, int, int, str]]:
        answer = await counter.get(f"/v1/stats/series?{SPAN}{query}")
        assert answer.status_code == 200, answer.text
        return [
            (
                one["asset"], one["payments"], one["succeeded"], one["declined"],
                one["captured"]["amount"],
            )
            for one in answer.json()["points"]
        ]  # fmt: skip

    assert await course("") == [("EUR", 4, 3, 1, "6.00")], "another merchant's are not counted"
    assert await course("&order=o-1") == [("EUR", 2, 2, 0, "5.00")]
    assert await course("&state=declined") == [("EUR", 1, 0, 1, "0.00")]
    assert await course("&asset=USD") == []


async def test_a_step_is_an_hour_or_a_day_of_utc(counter: Counter) -> None:
    clock = counter.till.clock
    begin = clock.now()
    await counter.paid("1.00")
    clock.move(timedelta(hours=25))
    await counter.paid("2.00")
    until = clock.now() + timedelta(hours=1)

    async def steps(step: str) -> list[str]:
        query = f"since={text(begin - timedelta(hours=1))}&until={text(until)}&step={step}"
        answer = await counter.get(f"/v1/stats/series?{query}")
        assert answer.status_code == 200, answer.text
        return [one["starts_at"] for one in answer.json()["points"]]

    days, hours = await steps("day"), await steps("hour")
    assert (len(days), len(hours)) == (2, 2)
    assert all(one.endswith("T00:00:00Z") for one in days), days
    assert {one[:10] for one in hours} == {one[:10] for one in days}


async def test_a_course_that_no_screen_could_show_is_refused(counter: Counter) -> None:
    for query in (
        "since=2026-01-01T00:00:00Z&until=2026-12-31T00:00:00Z&step=hour",
        "since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z",
    ):
        answer = await counter.get(f"/v1/stats/series?{query}")
        assert (answer.status_code, answer.json()["field"]) == (400, "until"), answer.text


async def test_postings_name_their_accounts_and_balance(counter: Counter) -> None:
    payment = await counter.paid("20.00")
    answer = await counter.get(f"/v1/payments/{payment['id']}/postings")
    assert answer.status_code == 200, answer.text
    (capture,) = answer.json()["data"]
    assert capture["reason"] == "capture"
    sides = {(one["name"], one["of"], one["side"]): one["amount"] for one in capture["sides"]}
    assert ("merchant_payable", counter.ann.merchant, "credit") in sides
    assert any(name == "psp_receivable" and side == "debit" for name, _, side in sides)
    totals = {"debit": Money.of("0 EUR"), "credit": Money.of("0 EUR")}
    for (_, _, side), amount in sides.items():
        totals[side] += Money.parse(amount["amount"], amount["asset"])
    assert totals["debit"] == totals["credit"] == Money.of("20.00 EUR")
    strange = await counter.get(
        f"/v1/payments/{payment['id']}/postings", by=counter.bob.keys["developer"]
    )
    assert strange.status_code == 404, "nobody reads another merchant's"


async def test_what_is_owed_is_the_merchants_own(counter: Counter) -> None:
    await counter.paid("20.00")
    await paid_to_bob(counter, "7.00")

    async def owed(by: str | None = None) -> list[tuple[str, str, str]]:
        answer = await counter.get("/v1/balances", by=by)
        assert answer.status_code == 200, answer.text
        return [
            (one["account"], one["of"], one["amount"]["amount"]) for one in answer.json()["data"]
        ]

    (ours,) = await owed()
    (theirs,) = await owed(counter.bob.keys["developer"])
    assert (ours[:2], theirs[:2]) == (
        ("merchant_payable", counter.ann.merchant),
        ("merchant_payable", counter.bob.merchant),
    )
    assert Money.parse(ours[2], "EUR") > Money.parse(theirs[2], "EUR")


async def written_by_bob(counter: Counter, payment: str) -> None:
    """Let another merchant write a payment's id and its merchant's all over a page of the book."""
    ledger, bob = counter.till.ledger, counter.bob.merchant

    async def opened(owner: str) -> str:
        name = counter.till.fresh()
        made = OpenAccount(name, bob, Mode.TEST, "EUR", AccountType.ASSET, owner)
        return (await ledger.open_account(made)).id

    mine = [await opened(counter.ann.merchant) for _ in range(PAGE_MAX + 1)]
    one = Money.of("1 EUR")
    legs = (Leg(mine[0], Side.DEBIT, one), Leg(mine[1], Side.CREDIT, one))
    for _ in range(PAGE_MAX + 1):
        forged = PostTransfer(counter.till.fresh(), bob, Mode.TEST, legs, payment, "capture")
        await ledger.post(forged)


async def test_what_another_merchant_writes_into_the_book_neither_shows_nor_hides(
    counter: Counter,
) -> None:
    payment = await counter.paid("20.00")
    before = (await counter.get("/v1/balances")).json()
    await written_by_bob(counter, str(payment["id"]))
    answer = await counter.get(f"/v1/payments/{payment['id']}/postings")
    assert answer.status_code == 200, answer.text
    (capture,) = answer.json()["data"]
    assert {one["name"] for one in capture["sides"]} >= {"merchant_payable", "psp_receivable"}
    assert (await counter.get("/v1/balances")).json() == before != {"data": []}


async def test_they_travel_unchanged(till: Till) -> None:
    payment = await till.payments.create(till.asking("20.00 EUR"))
    now = till.clock.now()
    query = SeriesOf(PaymentsOf(MERCHANT, Mode.TEST), now - timedelta(days=1), now, Step.HOUR)
    assert far("series", query) == (query,)
    series = await till.payments.series(
        SeriesOf(query.payments, query.since, now + timedelta(hours=1))
    )
    assert series.points
    assert back("series", series) == series
    postings = await till.payments.postings(MERCHANT, Mode.TEST, payment.id)
    assert postings
    assert back("postings", postings) == postings
    for tenant in (MERCHANT, PLATFORM):
        owed = await till.payments.owed(tenant, Mode.TEST)
        assert owed
        assert back("owed", owed) == owed
