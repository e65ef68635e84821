"""The audit's doors: the request log and what was recorded, for those who may look; the
transparency log, for everybody.

The request log keeps no body, no header and no query: a line says which route was called by whom,
what it answered, and, where it was refused, the code and words the caller was told. It is a help,
not a proof: of a caller who sends more than so many requests a second some are only counted.

The transparency log is a proof: a commitment to every event, in one order that is signed every
second and never changes. It shows nothing of what happened; salt and event lie apart, for auditors,
and can be erased without touching the log.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bezant.actor import Caller, Mode
from bezant.audit.published import Consistency, Integrity, PublishedKeys, Verification
from bezant.audit.recorded import EventsOf, Recorded, RecordedPage
from bezant.errors import NotFound, Unavailable

PAGE_MAX = 100
KEPT_DAYS = 30


class UnknownRequest(NotFound):
    """There is no such request in the log."""

    code = "unknown_request"


class UnknownEntry(NotFound):
    """There is no such entry in what was signed, or what it committed to was erased."""

    code = "unknown_entry"


class UnknownTile(NotFound):
    """There is no such tile in what was signed."""

    code = "unknown_tile"


class NothingSigned(Unavailable):
    """Nothing has been signed yet; the first checkpoint comes with the first event."""

    code = "nothing_signed"


class LogBroken(Unavailable):
    """The log does not continue what was signed; nothing is signed until somebody has looked."""

    code = "log_broken"


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request and its answer."""

    id: str
    """`req_…`, as the caller was told in `X-Request-Id`."""
    at: datetime
    tenant: str
    mode: Mode
    caller: Caller
    subject: str
    """The key or member that asked."""
    method: str
    route: str
    """With placeholders, such as `/v1/payments/{payment}`."""
    about: str
    """What stood in the first placeholder: usually the id of a thing."""
    status: int
    microseconds: int
    address: str
    agent: str
    key: str
    """The idempotency key."""
    code: str = ""
    """Of the problem, where it was refused."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RequestsOf:
    """Ask for the requests of a tenant, newest first."""

    tenant: str
    mode: Mode
    failed: bool | None = None
    """Only those that were refused, or only those that were not."""
    method: str = ""
    route: str = ""
    subject: str = ""
    about: str = ""
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 20
    before: str = ""
    """Older than this request."""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A page of the request log."""

    requests: tuple[RequestSeen, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A process that began its work, and what it was configured with."""

    process: str
    """Such as `gateway`, or the module it runs."""
    version: str
    configuration: str
    """The digest of its configuration that its receipts carry; it tells nothing of secrets."""
    settings: str
    """Changes when any setting does, a secret too; nobody can compute it who lacks the key."""
    given: tuple[str, ...]
    """The names of the settings that were given; never what they are."""
    mode: Mode


class Audit(Protocol):
    """What was asked of us."""

    async def note_requests(self, requests: tuple[RequestSeen, ...]) -> None:
        """Add requests to the log; one that is there already stays as it is."""
        ...

    async def request(self, tenant: str, mode: Mode, request: str) -> RequestSeen:
        """Return one request."""
        ...

    async def requests(self, query: RequestsOf) -> RequestPage:
        """Return a page of the log."""
        ...

    async def events(self, query: EventsOf) -> RecordedPage:
        """Return a page of what was recorded."""
        ...

    async def event(self, tenant: str, mode: Mode, index: int) -> Recorded:
        """Return what one entry of the log committed to, with the salt that opens it."""
        ...

    async def forget(self, tenant: str, subjects: tuple[str, ...]) -> int:
        """Erase what was recorded about these subjects; the log and all proofs stay valid."""
        ...

    async def note_verification(self, found: Verification) -> None:
        """Keep how far something was recomputed, and what was found."""
        ...

    async def note_start(self, started: Started) -> None:
        """Record that a process began its work, and with which configuration."""
        ...


class TransparencyLog(Protocol):
    """The log that everybody may read, as the C2SP specifications want it."""

    async def checkpoint(self) -> str:
        """Return the newest signed checkpoint with what witnesses added."""
        ...

    async def tile(self, level: int, number: int, width: int) -> bytes:
        """Return the hashes of a tile."""
        ...

    async def bundle(self, number: int, width: int) -> bytes:
        """Return the entries of a tile of level 0."""
        ...

    async def inclusion(self, index: int) -> str:
        """Return the proof that an entry is in the log, to be kept as a `.tlog-proof` file."""
        ...

    async def consistency(self, old_size: int, size: int) -> Consistency:
        """Return the proof that what was signed at one size is the beginning of another."""
        ...

    async def keys(self) -> PublishedKeys:
        """Return whom to believe about this log."""
        ...

    async def integrity(self) -> Integrity:
        """Return the state of everything that can be checked."""
        ...
