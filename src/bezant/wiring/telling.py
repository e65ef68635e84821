"""What the audit is told without asking: who started with which settings, and what was looked at
again.
"""

import asyncio
from typing import Final

import bezant
from bezant import telemetry
from bezant.actor import Mode
from bezant.audit.port import Audit, Started
from bezant.audit.published import Verification
from bezant.db.jobs import Tick, Turn
from bezant.errors import BezantError, Unavailable
from bezant.ledger.proof import Proof
from bezant.ledger.rechecking import Rechecked, Rechecking
from bezant.settings.digest import digest
from bezant.wiring.book import SLOW_QUESTIONS
from bezant.wiring.receipts import configuration_digest
from bezant.wiring.workbench import Workbench

RECHECK_EVERY_SECONDS: Final = 60.0
TELL_AGAIN_SECONDS: Final = 5.0

_log = telemetry.log("audit")


def tell_start(bench: Workbench, audit: Audit) -> None:
    """Record that this process started; an audit that does not answer holds up nobody."""
    settings = bench.settings
    started = Started(
        bench.name,
        bezant.__version__,
        configuration_digest(settings),
        digest(settings, bench.site.key),
        tuple(sorted(settings.given)),
        Mode.LIVE if bench.site.live else Mode.TEST,
    )
    task = asyncio.create_task(_told(audit, started), name="audit of the start")
    bench.stack.callback(task.cancel)


async def _told(audit: Audit, started: Started) -> None:
    while True:
        try:
            return await audit.note_start(started)
        except Unavailable as error:
            _log.info("start.untold", code=error.code)
        except BezantError as error:
            return _log.error("start.untold", error, code=error.code)
        await asyncio.sleep(TELL_AGAIN_SECONDS)


async def recheck_books(bench: Workbench, audit: Audit) -> None:
    """Look at the books again and again, and tell how far; slowly, in sessions of its own."""
    database = await bench.database("ledger", 1, SLOW_QUESTIONS)

    async def tell(found: Rechecked) -> None:
        subject = f"book_{found.book}"  # As the book's feed names it.
        await audit.note_verification(Verification(subject, found.batch, found.fault, found.at))
        if found.fault:
            _log.warn("book.fault", book=found.book, batch=found.batch, fault=found.fault)

    proof = Proof(database, bench.real)
    rechecking = Rechecking(proof, bench.site.folder / "heads", bench.real, tell)

    async def recheck(turn: Turn) -> None:
        del turn  # Reading it twice does no harm.
        await rechecking.step()

    bench.ticks.append(Tick("ledger.recheck", RECHECK_EVERY_SECONDS, recheck))
