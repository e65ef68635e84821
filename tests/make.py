"""Makers: what a test needs to exist, in one line, the same every time.

clock = make.clock()
actor = make.actor("ledger.read", tenant="mer_1")
"""

import random
from datetime import UTC, datetime

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.clock import Clock, MovableClock
from bezant.ids import Ids

NOON = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)


def clock(start: datetime = NOON) -> MovableClock:
    """Return a clock that stands still until it is moved."""
    return MovableClock(start)


def ids(of: Clock | None = None, seed: int = 1) -> Ids:
    """Return ids that are the same in every run of the same seed."""
    return Ids(of or clock(), random.Random(seed).randbytes)


def actor(*permissions: str, tenant: str = PLATFORM, mode: Mode = Mode.TEST) -> Actor:
    """Return a caller with a key that holds exactly these permissions."""
    return Actor(Caller.KEY, "key_1", tenant, mode, frozenset(permissions))
