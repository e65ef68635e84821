"""Sums up each day and each week that is over, from what the worker stored."""

from datetime import UTC, date, datetime, time
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.money import Money, asset_of
from bezant.receipts import rules
from bezant.receipts.port import PAGE_MAX
from bezant.receipts.receipt import Period, Report, ReportLine, ReportPage, ReportsOf
from bezant.receipts.store import stored as store

LENGTHS: Final = {Period.DAILY: rules.DAY, Period.WEEKLY: rules.WEEK}


class Reporting:
    """Makes reports and tells them. Days are those of UTC, weeks begin on Monday."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def sum_up(self) -> int:
        """Make every report that is due, and return how many were."""
        now = self._clock.now()
        first = await store.first_day(self._database)
        if first is None:
            return 0
        count = 0
        for period in Period:
            made = await store.made(self._database, period)
            for starts in rules.due(period, first, made, now):
                ends = starts + LENGTHS[period]
                async with self._database.transaction() as tx:
                    await store.sum_up(tx, period, starts, ends, (_at(starts), _at(ends)), now)
                count += 1
        return count

    async def reports(self, query: ReportsOf) -> ReportPage:
        """Return a page of reports, newest first."""
        limit = min(max(query.limit, 1), PAGE_MAX)
        found = await store.reports(self._database, query.period, query.before, limit + 1)
        heads = found[:limit]
        lines = await store.lines(
            self._database, query.period, [one.starts_on for one in heads], query.tenant, query.mode
        )
        return ReportPage(
            tuple(
                Report(
                    query.period,
                    head.starts_on,
                    head.ends_on - rules.DAY,
                    head.made_at,
                    tuple(_told(line) for line in lines if line.starts_on == head.starts_on),
                )
                for head in heads
            ),
            len(found) > limit,
        )


def _told(line: store.LineRow) -> ReportLine:
    amount = Money(int(line.amount), asset_of(line.asset))
    return ReportLine(line.tenant, line.about, line.outcome, line.receipts, amount)


def _at(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
