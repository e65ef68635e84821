"""What followers of a feed see: an envelope, never another module's classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bezant.actor import Mode

FEED_LIMIT_MAX = 1_000  # One read answers at most this many events; a follower asks again.


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as its owner tells it to the world."""

    id: str
    """`evt_…`, stable for ever."""
    type: str
    """Past tense, such as `payment.captured`."""
    version: int
    mode: Mode
    tenant: str
    subject: str
    """The id of the thing it happened to; events of one subject keep their order."""
    occurred_at: datetime
    data: Mapping[str, object]
    """A public JSON snapshot written by the owner."""


@dataclass(frozen=True, slots=True)
class FedEvent:
    """An event at its dense position in one feed."""

    position: int
    event: Event


class Feed(Protocol):
    """The events of one module, in order, with positions that never have gaps."""

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Return up to `limit` events after this position, oldest first."""
        ...
