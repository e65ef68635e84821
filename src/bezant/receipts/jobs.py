"""What receipts do by themselves: sum up the days and weeks that are over."""

from typing import Final

from bezant.db.jobs import Tick, Turn
from bezant.receipts.reporting import Reporting

REPORT_EVERY_SECONDS: Final = 60.0


def ticks(reporting: Reporting) -> tuple[Tick, ...]:
    """Return the recurring work of receipts."""

    async def report(turn: Turn) -> None:
        del turn  # A report made twice is the same report.
        await reporting.sum_up()

    return (Tick("receipts.report", REPORT_EVERY_SECONDS, report),)
