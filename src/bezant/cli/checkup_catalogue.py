"""What `bezant doctor database` looks at inside: functions, and with `--deep` every page."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from bezant.cli.checkup import Finding, Health
from bezant.cli.ground import Ground
from bezant.clock import RealClock
from bezant.secret import Secret

if TYPE_CHECKING:
    from bezant.db.database import Database, Limits

AREA: Final = "database"
RESTORE: Final = "Stop, keep this folder as it is, and restore a backup elsewhere."
SAVE_FROM_LOG: Final = (
    "Run CHECKPOINT in psql before anything restarts: then the log is not needed. Make a backup."
)
FIRST: Final = "ledger"
"""Whose tables matter most: looked at first, in case the time runs out."""


async def functions(ground: Ground) -> AsyncIterator[Finding]:
    """Look whether every function is the one of the migrations."""
    from bezant.db.functions import differences, written
    from bezant.schemas import by_database

    count = 0
    differ = False
    for address, schemas in by_database(ground.administrators):
        async with opened_for_doctor(address) as opened:
            found = await differences(opened, schemas)
        count += sum(len(written(schema)) for schema in schemas)
        differ = differ or bool(found)
        for one in found:
            yield Finding(
                AREA,
                one.what,
                Health.WRONG,
                f"{one.what} {one.how}",
                "Find out who did that. Restore a backup, or put back what the migrations say.",
            )
    if not differ:
        yield Finding(
            AREA, "functions", Health.GOOD, f"{count} functions are those of the migrations"
        )


async def soundness(ground: Ground) -> AsyncIterator[Finding]:
    """Read every table and index, for some minutes at most."""
    from bezant.db.soundness import LIMITS, NotPossible, look
    from bezant.schemas import by_database

    for address, schemas in by_database(ground.administrators):
        names = sorted((schema.module for schema in schemas), key=lambda name: name != FIRST)
        try:
            async with opened_for_doctor(address, LIMITS) as opened:
                found = await look(opened, names)
        except NotPossible:
            yield Finding(
                AREA,
                "pages",
                Health.NOTE,
                "amcheck and pg_walinspect cannot be used here, so pages were not read",
                "Install them (PostgreSQL's contrib), or let its administrator run pg_amcheck.",
            )
            continue
        for broken in found.broken:
            yield Finding(
                AREA,
                "pages",
                Health.WRONG,
                f"{broken} is damaged on disk",
                SAVE_FROM_LOG if found.log_broken else RESTORE,
            )
        if found.not_reached:
            said = f"The time was over before {found.not_reached} of them were read"
            yield Finding(AREA, "pages", Health.NOTE, said, "Run pg_amcheck when it is quiet.")
        if not found.broken:
            said = f"{found.whole} tables, indexes and logs were read and are whole"
            yield Finding(AREA, "pages", Health.GOOD, said)


@asynccontextmanager
async def opened_for_doctor(
    address: Secret[str], limits: "Limits | None" = None
) -> "AsyncGenerator[Database]":
    """Open a database for a few questions."""
    from bezant.db.database import Database

    opened = await Database.open(
        address, name="doctor", size_max=1, clock=RealClock(), limits=limits
    )
    try:
        yield opened
    finally:
        await opened.close()
