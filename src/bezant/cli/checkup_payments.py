"""What `bezant doctor database` finds of payments: money a person has to look after."""

from collections.abc import AsyncIterator
from typing import Final

from bezant.cli.checkup import Finding, Health
from bezant.cli.checkup_catalogue import opened_for_doctor
from bezant.cli.ground import Ground

AREA: Final = "database"


async def payments(ground: Ground) -> AsyncIterator[Finding]:
    """Look for money that no program can put where it belongs."""
    from bezant.wiring.payments import MODULE, troubles

    async with opened_for_doctor(ground.administrators[MODULE]) as opened:
        found = await troubles(opened)
    for one in found:
        yield Finding(AREA, one.check, Health.WRONG, one.found, one.remedy)
    if not found:
        yield Finding(AREA, "payments", Health.GOOD, "No payer's money waits for somebody to look")
