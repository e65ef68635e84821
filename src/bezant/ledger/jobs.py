"""What the ledger does by itself: end holds, write its heads down, forget old refusals."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.jobs import Tick, Turn
from bezant.ledger.proof import Proof
from bezant.ledger.service import LedgerService
from bezant.ledger.store import write

EXPIRE_EVERY_SECONDS: Final = 5.0
HEADS_EVERY_SECONDS: Final = 60.0
FORGET_EVERY_SECONDS: Final = 3_600.0
REFUSALS_KEPT: Final = timedelta(days=30)  # As long as an idempotency key is honoured.


def ticks(
    service: LedgerService, proof: Proof, database: Database, heads: Path, clock: Clock
) -> tuple[Tick, ...]:
    """Return the ledger's recurring work."""

    async def expire(turn: Turn) -> None:
        del turn  # Safe to repeat: each expiry has an id of its own.
        await service.expire_holds()

    async def write_heads(turn: Turn) -> None:
        del turn
        await proof.write_heads(heads)

    async def forget(turn: Turn) -> None:
        del turn  # Deleting what is old may happen twice, and the book may be in another database.
        async with database.transaction() as tx:
            await write.forget_refusals(tx, clock.now() - REFUSALS_KEPT)

    return (
        Tick("ledger.expire_holds", EXPIRE_EVERY_SECONDS, expire),
        Tick("ledger.write_heads", HEADS_EVERY_SECONDS, write_heads),
        Tick("ledger.forget_refusals", FORGET_EVERY_SECONDS, forget),
    )
