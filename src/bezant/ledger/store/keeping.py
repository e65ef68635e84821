"""SQL about the platform's word on a merchant's account."""

from typing import Final

from bezant.db.database import Tx

WORD: Final = "platform"
"""The metadata of a change says under this what the platform decided by it."""
KEEPS: Final = "keeps"
GIVES_BACK: Final = "gives_back"


async def take_turn(tx: Tx, book: int) -> None:
    """Wait for the turn to write into a book, and keep it until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(7001, %s)", (book,))


async def keeps(tx: Tx, account: int) -> bool:
    """Tell whether the platform's last word on an account is that it decides about it."""
    word = await tx.fetch_value(
        """
        SELECT metadata ->> 'platform'
        FROM ledger.transfer
        WHERE one = %s AND kind = 8 AND metadata ->> 'platform' IS NOT NULL
        ORDER BY id DESC
        LIMIT 1
        """,
        (account,),
    )
    return word == KEEPS
