"""What every part of the service works with."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids
from bezant.keys.port import Keys, Sealed
from bezant.secret import Secret
from bezant.webhooks.endpoint import Scheme
from bezant.webhooks.signatures import HMAC_BYTES, SigningKey
from bezant.webhooks.store import event as event_store
from bezant.webhooks.telling import Telling

SEALING_KEY: Final = "webhook-secrets"
"""The logical key under which secrets are sealed."""
DUE: Final = "webhooks.due"
"""The topic poked when something became due."""
TOLD: Final = "webhooks.told"
"""The topic poked when the list of events has grown."""


class Desk:
    """The database, the clock and the rest, handed in once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keys: Keys,
        nudges: Nudges,
        *,
        live: bool,
        chance: Callable[[int], bytes] = os.urandom,
        outbox: Outbox | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._nudges = nudges
        self._live = live
        self._chance = chance
        self._telling = Telling(outbox, Ids(clock, chance))

    def _due(self, tx: Tx) -> None:
        """Wake the worker once this transaction is committed."""
        tx.after_commit(lambda: self._nudges.poke(DUE))

    def _new_key(self, scheme: Scheme) -> SigningKey:
        return SigningKey.of_chance(scheme, self._chance(HMAC_BYTES))

    async def _sealed(self, secret: UUID, key: SigningKey) -> bytes:
        plain = key.text.reveal().encode()
        return (await self._keys.seal(SEALING_KEY, plain, bound_to(secret))).to_bytes()


async def unsealed(keys: Keys, secret: UUID, scheme: Scheme, sealed: bytes) -> SigningKey:
    """Open a secret as it is stored."""
    plain = await keys.open(Sealed.from_bytes(sealed), bound_to(secret))
    return SigningKey(scheme, Secret(plain.decode()))


def bound_to(secret: UUID) -> bytes:
    """Return what a sealed secret is bound to: moved to another row, it does not open."""
    return b"webhook secret " + secret.bytes


async def take(
    tx: Tx, nudges: Nudges, events: Sequence[Event], at: datetime, alone: UUID | None = None
) -> None:
    """Add events to the list and to the endpoints' queues, and wake whoever waits for them."""
    made = await event_store.take(tx, events, at, alone)
    tx.after_commit(lambda: nudges.poke(TOLD))
    if made:
        tx.after_commit(lambda: nudges.poke(DUE))
