"""The reconciliation worker stores every receipt once, and days and weeks are summed up."""

from datetime import UTC, date, datetime, timedelta

import pytest
from tests.receipts.office import A_DAY, ANN, BOB, Office

from bezant.actor import Mode
from bezant.db.follower import Follower, Together
from bezant.db.nudges import Nudges
from bezant.events import FedEvent
from bezant.receipts import rules, storing
from bezant.receipts.port import Period, Report, ReportsOf
from bezant.receipts.storing import ReceiptsLost, Storing

pytestmark = pytest.mark.requirement("S000-11", "S000-8", part="the worker")


@pytest.mark.requirement("S000-11")
async def test_every_receipt_is_stored_with_signature_status_reference_and_payload(office: Office):
    payments = {office.till.paid(): "succeeded"}
    payments |= {office.till.tell("payment.declined", "declined"): "declined"}
    await office.record()
    rows = office.rows(
        "SELECT payment_id, status, psp_reference, signature, raw_payload, digest, amount, currency"
        " FROM receipts.reconciliation_receipts"
    )
    assert {row[0]: row[1] for row in rows} == payments
    for payment, _, reference, signature, payload, digest, amount, asset in rows:
        receipt = await office.only(payment)
        assert (reference, digest) == (receipt.reference, receipt.digest)
        assert payload["signatures"][0]["signature"] == signature
        assert (str(amount), asset) == ("19.99", "EUR")


async def test_a_message_that_comes_again_is_ignored(office: Office):
    for _ in range(5):
        office.till.paid()
    await office.record()
    before = office.rows("SELECT t::text FROM receipts.stored_receipt AS t ORDER BY receipt")
    office.clock.move(timedelta(hours=1))
    office.sql(
        "UPDATE receipts.follower_position SET position = 0 WHERE follower = 'reconciliation'"
    )
    while await office.worker.step():
        pass
    after = office.rows("SELECT t::text FROM receipts.stored_receipt AS t ORDER BY receipt")
    assert after == before
    assert len(before) == 5


async def test_one_message_twice_in_one_batch_is_stored_once(office: Office):
    office.till.paid()
    await office.issue()
    (fed,) = await office.feed.read(0, 10)
    twice = (fed, FedEvent(2, fed.event))
    async with office.database.transaction() as tx:
        await Storing(office.clock).handle(tx, twice)
    assert office.count("receipts.stored_receipt") == 1


async def test_a_receipt_that_is_gone_is_noticed_and_nothing_goes_on_without_it(office: Office):
    office.till.paid()
    await office.issue()
    office.sql("DELETE FROM receipts.receipt")
    with pytest.raises(ReceiptsLost):
        await office.worker.step()
    assert office.count("receipts.stored_receipt") == 0
    assert office.worker.state.stuck_at == 1


async def test_both_forms_of_a_receipt_are_stored_and_counted_once(office: Office):
    payment = office.till.paid()
    await office.record()
    await office.receipts.sign_in_full(ANN, Mode.TEST, (await office.only(payment)).id)
    await office.record()
    assert office.count("receipts.stored_receipt") == 2
    office.clock.move(A_DAY)
    await office.reporting.sum_up()
    (report,) = await reports(office, Period.DAILY)
    assert [line.receipts for line in report.lines] == [1]


async def test_two_workers_at_once_store_each_once(office: Office):
    for _ in range(20):
        office.till.paid()
    await office.issue()
    other = Follower(
        storing.FOLLOWER, storing.QUEUE, office.feed, office.database,
        Together(Storing(office.clock).handle), Nudges(), batch_max=3,
    )  # fmt: skip
    import asyncio

    async def work(worker: Follower) -> None:
        while await worker.step():
            pass

    await asyncio.gather(work(office.worker), work(other))
    while await office.worker.step():
        pass
    assert office.count("receipts.stored_receipt") == 20


async def reports(office: Office, period: Period, tenant: str = ANN) -> tuple[Report, ...]:
    found = await office.receipts.reports(ReportsOf(tenant, Mode.TEST, period, limit=100))
    return found.reports


def lines(report: Report) -> dict[tuple[str, str], tuple[int, str]]:
    return {(line.about, line.outcome): (line.receipts, str(line.amount)) for line in report.lines}


@pytest.mark.requirement("S000-12")
async def test_days_and_weeks_are_summed_up_once_they_are_over(office: Office):
    # The clock begins on a Friday.
    first = office.till.paid("20.00 EUR")
    office.till.paid("5.00 EUR", tenant=BOB)
    office.till.tell("payment.declined", "declined", "7.00 EUR")
    await office.record()
    assert await office.reporting.sum_up() == 0  # Today is not over.
    office.clock.move(A_DAY)
    office.till.paid("1.00 EUR")
    office.till.tell(
        "refund.succeeded", "succeeded", "4.00 EUR", payment=first, refund="re_" + "1" * 32
    )
    await office.record()
    assert await office.reporting.sum_up() == 1
    (friday,) = await reports(office, Period.DAILY)
    assert (friday.starts_on, friday.ends_on) == (date(2026, 11, 20), date(2026, 11, 20))
    assert lines(friday) == {
        ("payment", "succeeded"): (1, "20.00 EUR"),
        ("payment", "declined"): (1, "7.00 EUR"),
    }
    assert await reports(office, Period.WEEKLY) == ()
    office.clock.move(3 * A_DAY)
    await office.reporting.sum_up()
    (week,) = await reports(office, Period.WEEKLY)
    assert (week.starts_on, week.ends_on) == (date(2026, 11, 16), date(2026, 11, 22))
    assert lines(week) == {
        ("payment", "succeeded"): (2, "21.00 EUR"),
        ("payment", "declined"): (1, "7.00 EUR"),
        ("refund", "succeeded"): (1, "4.00 EUR"),
    }
    days = {one.starts_on: lines(one) for one in await reports(office, Period.DAILY)}
    assert sorted(days) == [date(2026, 11, day) for day in (20, 21, 22, 23)]
    assert days[date(2026, 11, 22)] == {}  # A day without receipts has a report that says so.
    everybody = await reports(office, Period.WEEKLY, "")
    assert sum(line.receipts for line in everybody[0].lines) == 5
    totals = office.rows(
        "SELECT period, sum(receipts) FROM receipts.reconciliation_reports "
        "GROUP BY period ORDER BY period"
    )
    assert totals == [("daily", 5), ("weekly", 5)]


async def test_a_report_made_again_is_the_same_and_one_made_early_is_corrected(office: Office):
    office.till.paid("20.00 EUR")
    await office.record()
    office.clock.move(A_DAY)
    await office.reporting.sum_up()
    before = lines((await reports(office, Period.DAILY))[0])
    await office.reporting.sum_up()
    assert lines((await reports(office, Period.DAILY))[0]) == before
    # A worker that was down brings a receipt of yesterday.
    office.sql(
        "UPDATE receipts.stored_receipt SET decided_at = decided_at",
    )
    office.clock.move(timedelta(minutes=10))
    late = office.till.paid("1.00 EUR")
    yesterday = office.till.events[-1].event.occurred_at - A_DAY
    await office.record()
    office.sql(
        f"UPDATE receipts.stored_receipt SET decided_at = '{yesterday.isoformat()}' "
        f"WHERE payment = '{late}'"
    )
    await office.reporting.sum_up()
    assert lines((await reports(office, Period.DAILY))[0]) == {
        ("payment", "succeeded"): (2, "21.00 EUR")
    }


def test_which_periods_are_due():
    now = datetime(2026, 11, 25, 9, tzinfo=UTC)  # A Wednesday.
    first = date(2026, 11, 20)
    days = rules.due(Period.DAILY, first, {}, now)
    assert days == [date(2026, 11, day) for day in range(20, 25)]
    assert rules.due(Period.WEEKLY, first, {}, now) == [date(2026, 11, 16)]
    long_made = {day: now - timedelta(hours=1) for day in days}
    assert rules.due(Period.DAILY, first, long_made, now) == [
        date(2026, 11, 23), date(2026, 11, 24),
    ]  # fmt: skip
    assert rules.due(Period.DAILY, date(2026, 11, 25), {}, now) == []
    assert len(rules.due(Period.DAILY, date(2020, 1, 1), {}, now)) == rules.PERIODS_MAX
