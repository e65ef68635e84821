"""The list of events: everything that happened to a merchant, as it was told when it happened."""

from dataclasses import dataclass
from datetime import datetime

from bezant.actor import Mode
from bezant.errors import Invalid, NotFound, Refused, TooManyRequests
from bezant.events import Event

RUN_MAX = 100  # Events in one answer to whoever follows.
WAIT_MILLISECONDS_MAX = 3_000  # A call between processes ends after five seconds.


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, newest first."""

    events: tuple[Event, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class EventsOf:
    """Ask for a page of events, newest first; what is left out fits all."""

    tenant: str
    mode: Mode
    types: tuple[str, ...] = ()
    """Filters, as endpoints have them."""
    subject: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    limit: int = 20
    after: str | None = None
    """Events older than this one."""
    before: str | None = None
    """Events newer than this one, the nearest of them."""


@dataclass(frozen=True, slots=True)
class EventsAfter:
    """Follow the list, oldest first: wait for what comes after a place."""

    tenant: str
    mode: Mode
    place: int
    types: tuple[str, ...] = ()
    limit: int = RUN_MAX
    wait_milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class EventRun:
    """Events in order, and the place to go on from."""

    events: tuple[Event, ...]
    place: int


@dataclass(frozen=True, slots=True)
class TriggerEvent:
    """Make a sample event, marked as one; to one endpoint alone or to all that asked for it."""

    id: str
    tenant: str
    mode: Mode
    type: str
    endpoint: str | None = None


class UnknownEvent(NotFound):
    """There is no such event."""

    code = "unknown_event"


class TooManyStreams(TooManyRequests):
    """Too many streams of events are open; close one, or wait until one ends."""

    code = "too_many_event_streams"


class MalformedEventType(Invalid):
    """An event's type is words with dots between, such as payment.captured."""

    code = "malformed_event_type"


class SamplesOnlyInTest(Refused):
    """In live mode no sample says that money moved; endpoints are tested with endpoint.tested."""

    code = "samples_only_in_test"
