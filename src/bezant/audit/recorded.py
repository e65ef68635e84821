"""What auditors search: what happened, to what and when, with where it stands in the log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bezant.actor import Mode

EXPORT_MAX = 10_000  # One answer carries so many at most; an export asks again.


@dataclass(frozen=True, slots=True)
class Recorded:
    """Something that happened, as the log committed to it."""

    index: int
    """Its place in the log."""
    feed: str
    """The module it happened in."""
    position: int
    type: str
    mode: Mode
    tenant: str
    subject: str
    occurred_at: datetime
    data: Mapping[str, object]
    event: str
    """The exact text that was committed to."""
    salt: bytes


@dataclass(frozen=True, slots=True)
class EventsOf:
    """Ask what happened, newest first. Without a tenant it is asked for the whole platform."""

    tenant: str
    mode: Mode
    subject: str = ""
    feed: str = ""
    type: str = ""
    text: str = ""
    """Somewhere in what was recorded: an id, an amount, who did it."""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 20
    before: int | None = None
    """Older than this index."""


@dataclass(frozen=True, slots=True)
class RecordedPage:
    """A page of what happened."""

    events: tuple[Recorded, ...]
    has_more: bool
