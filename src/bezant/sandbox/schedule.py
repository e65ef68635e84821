"""What an emulator will do later: work of its own, and webhooks to send."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Due:
    """Work an emulator set itself for a time: a bank transfer that arrives, a payout."""

    provider: str
    work: str
    subject: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider sends its webhooks, and the secret it shares with whoever is there."""

    provider: str
    id: str
    url: str
    secret: str
    events: frozenset[str] = frozenset({"*"})
    """The types that are sent there; `*` is all of them."""

    def wants(self, kind: str) -> bool:
        """Tell whether an event of this type is sent there."""
        return "*" in self.events or kind in self.events


class State(StrEnum):
    """How far a delivery is."""

    DUE = "due"
    HELD = "held"
    """Waits for the next one to go first."""
    DELIVERED = "delivered"
    FAILED = "failed"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook to one endpoint."""

    number: int
    provider: str
    event: str
    kind: str
    endpoint: Endpoint
    body: bytes
    state: State
    forged: bool
    """Nobody who knows the secret signs this one."""
    tries: int
    last: str
    """How the last try ended: a status, or what went wrong."""
    due_at: datetime
