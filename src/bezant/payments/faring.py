"""How providers fare, and when another one stepped in: what operators look at."""

from dataclasses import dataclass
from datetime import datetime

from bezant.exchange import MethodKind


@dataclass(frozen=True, slots=True)
class ProviderFaring:
    """One provider, by the last things asked of it."""

    provider: str
    methods: tuple[MethodKind, ...]
    ailing: bool
    """It failed too often in the last minutes: whoever else can is asked first."""
    asked: int
    done: int
    declined: int
    not_reached: int
    open: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Failover:
    """A payment that went to another provider than the first one asked."""

    attempt: str
    payment: str
    provider: str
    why: str
    """In a sentence: who failed, how, and why this one."""
    at: datetime
    result: str


@dataclass(frozen=True, slots=True)
class Faring:
    """All providers of one mode, in the order of preference."""

    providers: tuple[ProviderFaring, ...]
    failovers: tuple[Failover, ...]
    """The newest first."""
    looked_at: int
    """How many of the newest attempts this is about."""
