"""What `bezant doctor database` finds of movements: each is in the book, and none is invented."""

from collections.abc import AsyncIterator
from typing import Final

from bezant.cli.checkup import Finding, Health
from bezant.cli.checkup_catalogue import opened_for_doctor
from bezant.cli.ground import Ground
from bezant.clock import RealClock

AREA: Final = "database"
SHOWN_MAX: Final = 20  # Who has more of them has to find out why, not read on.


async def completeness(ground: Ground) -> AsyncIterator[Finding]:
    """Compare the latest payments, refunds and disputes with the book, one id after the other."""
    from bezant.wiring.completeness import incomplete

    addresses = ground.administrators
    async with (
        opened_for_doctor(addresses["payments"]) as payments,
        opened_for_doctor(addresses["ledger"]) as ledger,
    ):
        found = await incomplete(payments, ledger, RealClock())
    for one in found[:SHOWN_MAX]:
        yield Finding(AREA, one.check, Health.WRONG, one.found, one.remedy)
    if not found:
        said = "Every movement of the latest payments is in the book, and none is there alone"
        yield Finding(AREA, "completeness", Health.GOOD, said)
