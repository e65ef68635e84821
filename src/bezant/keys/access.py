"""Who used which key for what: the lines of the access log, and how they are asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ACCESSES_MAX = 100  # What one answer carries; a caller asks again for more.


class Use(StrEnum):
    """What a key, or the place it lies in, was used for."""

    LOGIN = "login"
    SIGN = "sign"
    HASH = "hash"
    SEAL = "seal"
    OPEN = "open"
    UNWRAP = "unwrap"


class Outcome(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Access:
    """One line: the same use of the same key by the same caller, counted over about a second."""

    id: int
    first_at: datetime
    last_at: datetime
    process: str
    """The process the key room ran in."""
    caller: str
    """The module that asked: by its certificate, or as the port in this process knows it."""
    use: Use
    key: str
    """The kid; of a login, the provider and its token."""
    outcome: Outcome
    times: int


@dataclass(frozen=True, slots=True)
class AccessesOf:
    """Ask for lines of the access log, newest first."""

    caller: str = ""
    key: str = ""
    use: Use | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 20
    before: int | None = None
    """Older than this line."""


@dataclass(frozen=True, slots=True)
class AccessPage:
    """A page of the access log."""

    accesses: tuple[Access, ...]
    has_more: bool
