"""How many requests a caller and an address may make: token buckets, told in `RateLimit-*` headers.

`Limits` answers without waiting. Whoever shares buckets between processes keeps a local copy and
settles it in the background: no request waits for another machine to be told that it may go on.
"""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Protocol

import msgspec

from bezant.errors import TooManyRequests

BUCKETS_MAX = 100_000  # About 20 MB. Whoever has more addresses has the oldest ones forgotten.


class Rule(msgspec.Struct, frozen=True):
    """So many requests in so many seconds; all of them at once if one likes."""

    requests: int
    window_seconds: float


class Spent(msgspec.Struct, frozen=True):
    """What a bucket holds after a request took from it."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int
    """Until the bucket is full again; when refused, until the next request may come."""


class Limits(Protocol):
    """Counts requests."""

    def spend(self, bucket: str, rule: Rule, cost: float = 1.0) -> Spent:
        """Take from a bucket, or learn that it is empty; a negative cost gives back."""
        ...

    @property
    def alone(self) -> bool:
        """Whether others count as well, and what they count is not known here."""
        ...


class TooManyFromAddress(TooManyRequests):
    """Too many requests from this IP."""

    code = "too_many_requests"


class MemoryLimits:
    """Buckets of this process."""

    def __init__(self, monotonic: Callable[[], float], buckets_max: int = BUCKETS_MAX) -> None:
        self._monotonic = monotonic
        self._buckets_max = buckets_max
        self._buckets: dict[str, list[float]] = {}

    @property
    def alone(self) -> bool:
        """Nobody else counts."""
        return False

    @property
    def buckets(self) -> int:
        """How many buckets are remembered."""
        return len(self._buckets)

    def spend(self, bucket: str, rule: Rule, cost: float = 1.0) -> Spent:
        """Refill by the time that passed, then take."""
        now = self._monotonic()
        capacity = rule.requests
        a_second = capacity / rule.window_seconds
        state = self._buckets.get(bucket)
        if state is None:
            self._make_room()
            state = self._buckets[bucket] = [float(capacity), now]
        passed = max(0.0, now - state[1])  # A clock that was set back takes nothing away.
        tokens = min(capacity, state[0] + passed * a_second)
        state[1] = now
        if tokens < cost:
            state[0] = tokens
            return Spent(False, capacity, 0, int((cost - tokens) / a_second) + 1)
        tokens = min(float(capacity), tokens - cost)
        state[0] = tokens
        return Spent(True, capacity, int(tokens), int((capacity - tokens) / a_second) + 1)

    def lower(self, bucket: str, rule: Rule, tokens: float) -> None:
        """Learn that others took from a bucket, too; what is known here is never more than that."""
        now = self._monotonic()
        state = self._buckets.get(bucket)
        if state is None:
            return  # Forgotten meanwhile.
        a_second = rule.requests / rule.window_seconds
        passed = max(0.0, now - state[1])
        state[0] = min(rule.requests, state[0] + passed * a_second, tokens)
        state[1] = now

    def _make_room(self) -> None:
        # The oldest fifth goes, in the order of first use: forgetting a bucket only ever fills it.
        if len(self._buckets) >= self._buckets_max:
            for bucket in list(self._buckets)[: max(1, self._buckets_max // 5)]:
                del self._buckets[bucket]


def bucket_of_address(address: str) -> str:
    """Name the bucket of an address; an IPv6 customer owns a whole /64, so that is one bucket."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> 64:x}::/64"
    return address
