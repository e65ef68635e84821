"""The book for a command beside a running platform."""

from typing import Final

from bezant.db.database import Limits
from bezant.ledger.proof import Proof, Verified
from bezant.ledger.service import LedgerService
from bezant.wiring.workbench import Workbench

__all__ = ["SLOW_CONNECTIONS_MAX", "SLOW_QUESTIONS", "Proof", "Verified", "open_book"]

SLOW_QUESTIONS: Final = Limits(statement_seconds=300, transaction_seconds=330)
"""A report reads every entry of a month; nothing else may take so long."""
SLOW_CONNECTIONS_MAX: Final = 2


async def open_book(bench: Workbench) -> tuple[LedgerService, Proof]:
    """Open the book; nothing recurring is started here."""
    database = await bench.database("ledger", SLOW_CONNECTIONS_MAX, SLOW_QUESTIONS)
    service = LedgerService(database, database, bench.clock)
    bench.stack.push_async_callback(service.close)
    return service, Proof(database, bench.clock)
