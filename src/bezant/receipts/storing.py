"""The reconciliation worker: takes every receipt from the queue and stores it once.

The queue `receipts` is our own feed: it keeps what nobody has taken yet, in order, for ever.
"""

from collections.abc import Sequence
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Tx
from bezant.events import FedEvent
from bezant.receipts.store import stored as store

FOLLOWER: Final = "reconciliation"
QUEUE: Final = "receipts"


class ReceiptsLost(Exception):
    """A receipt was published that is not there: somebody has to look before anything goes on."""


class Storing:
    """What is done with each message of the queue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def handle(self, tx: Tx, events: Sequence[FedEvent]) -> None:
        """Store the receipts of these messages; one that comes again is ignored."""
        digests = {bytes.fromhex(str(fed.event.data["receipt"])) for fed in events}
        added = await store.keep(tx, list(digests), self._clock.now())
        if added != len(digests) and await store.kept(tx, list(digests)) != len(digests):
            raise ReceiptsLost
