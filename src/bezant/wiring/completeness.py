"""Whether payments and the book tell of the same movements of money, for the doctor."""

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.ledger.service import LedgerService
from bezant.payments.completeness import Completeness
from bezant.payments.finding import Trouble


async def incomplete(payments: Database, ledger: Database, clock: Clock) -> list[Trouble]:
    """Return what is in one of the two only; nothing is changed."""
    book = LedgerService(ledger, ledger, clock)
    try:
        return await Completeness(payments, book).look()
    finally:
        await book.close()
