"""What is known of an endpoint while deliveries go there: its address, its keys, and its pace."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.ids import spell
from bezant.keys.port import Keys
from bezant.webhooks.desk import unsealed
from bezant.webhooks.endpoint import PayloadKind
from bezant.webhooks.signatures import SigningKey
from bezant.webhooks.store import endpoint as store

REMEMBERED_MAX: Final = 10_000
_log = telemetry.log("webhooks")

SLOTS_FIRST: Final = 8
SLOTS_MAX: Final = 64  # Requests under way to one endpoint; a fast one takes thousands a second so.
SLOTS_SLOW_MIN: Final = 2
SLOW_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint as one version of it is."""

    version: int
    url: str
    payload: PayloadKind
    keys: tuple[tuple[SigningKey, datetime | None], ...]
    """Each with the instant at which it stops signing, oldest first."""

    def keys_at(self, now: datetime) -> Sequence[SigningKey]:
        """Return the keys that sign now."""
        return [key for key, ends_at in self.keys if ends_at is None or ends_at > now]


@dataclass(slots=True)
class Pace:
    """How many requests to one endpoint may be under way at once: more while it is quick, half
    with every failure. So what does not answer holds few of the places that all share.
    """

    slots: int = SLOTS_FIRST
    under_way: int = 0

    def answered(self, milliseconds: int) -> None:
        """Note a success."""
        if milliseconds < SLOW_MILLISECONDS:
            self.slots = min(SLOTS_MAX, self.slots + 1)
        else:
            self.slots = max(SLOTS_SLOW_MIN, self.slots - 1)

    def failed(self) -> None:
        """Note a failure."""
        self.slots = max(1, self.slots // 2)


@dataclass(slots=True)
class Paces:
    """The paces of the endpoints one worker sends to."""

    by_endpoint: OrderedDict[UUID, Pace] = field(default_factory=OrderedDict[UUID, Pace])

    def of(self, endpoint: UUID) -> Pace:
        """Return an endpoint's pace."""
        pace = self.by_endpoint.get(endpoint)
        if pace is None:
            pace = self.by_endpoint[endpoint] = Pace()
            if len(self.by_endpoint) > REMEMBERED_MAX:
                self._forget_one()
        else:
            self.by_endpoint.move_to_end(endpoint)
        return pace

    def left(self) -> dict[UUID, int]:
        """Return how many more requests each known endpoint may be sent now."""
        return {
            endpoint: max(0, pace.slots - pace.under_way)
            for endpoint, pace in self.by_endpoint.items()
            if pace.under_way or pace.slots != SLOTS_FIRST
        }

    def _forget_one(self) -> None:
        for endpoint, pace in self.by_endpoint.items():
            if not pace.under_way:
                del self.by_endpoint[endpoint]
                return


class Targets:
    """Remembers endpoints with their opened secrets, as long as their version stays."""

    def __init__(self, database: Database, clock: Clock, keys: Keys) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._known: OrderedDict[UUID, Target] = OrderedDict()

    def known(self, endpoint: UUID, version: int) -> Target | None:
        """Return an endpoint if this version of it, or a later one, is remembered."""
        found = self._known.get(endpoint)
        return found if found is not None and found.version >= version else None

    async def learn(self, endpoints: Sequence[UUID]) -> None:
        """Read endpoints and open their secrets; one whose secrets do not open stays unknown."""
        async with self._database.transaction() as tx:
            rows = await store.by_ids(tx, endpoints)
            secrets = await store.secrets(tx, endpoints, self._clock.now())
        for row in rows:
            own = [one for one in secrets if one.endpoint_id == row.id]
            try:
                keys = [
                    (await unsealed(self._keys, one.id, one.scheme, one.sealed), one.expires_at)
                    for one in own
                ]
            except BezantError as error:
                _log.error("webhooks.sealed", error, endpoint=spell("whe", row.id))
                continue
            self._known[row.id] = Target(row.version, row.url, row.payload, tuple(keys))
            self._known.move_to_end(row.id)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
