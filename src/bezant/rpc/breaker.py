"""A circuit breaker: stop asking a peer that does not answer; notice cheaply when it does again.

Closed: everything passes. When, within `WINDOW_SECONDS`, at least `FAILURES_MIN` calls failed and
they are half of all calls, it opens: calls are refused at once. After a pause one call passes as a
probe; answered in time, it closes the breaker, else the next pause is twice as long, up to
`PAUSE_SECONDS_MAX`. A call that is still unanswered when it is slow counts as failed then, not when
its deadline ends: a silent peer is noticed within seconds.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from math import inf
from typing import Final

WINDOW_SECONDS = 5.0
FAILURES_MIN = 4
PAUSE_SECONDS_MIN = 1.0
PAUSE_SECONDS_MAX = 10.0


class BreakerState(StrEnum):
    """What the breaker does with the next call."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Ticket:
    """One call on its way."""

    __slots__ = ("counted", "slow_at")

    def __init__(self, slow_at: float) -> None:
        self.slow_at = slow_at
        self.counted = False


class Breaker:
    """Guards one peer."""

    def __init__(
        self, now: Callable[[], float], changed: Callable[[BreakerState], None] | None = None
    ) -> None:
        self._now: Final = now
        self._changed: Final = changed
        self._settled: deque[tuple[float, bool]] = deque()
        self._failed = 0
        self._under_way: set[Ticket] = set()
        self._none_slow_before = inf
        self._probe: Ticket | None = None
        self._opened_until: float | None = None
        self._pause = PAUSE_SECONDS_MIN

    @property
    def state(self) -> BreakerState:
        """Return the present state."""
        if self._opened_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._probe is None else BreakerState.PROBING

    def enter(self, slow_seconds: float) -> Ticket | None:
        """Let a call pass, or return None: it must not be made now."""
        now = self._now()
        self._notice_slow(now)
        ticket = Ticket(now + slow_seconds)
        self._none_slow_before = min(self._none_slow_before, ticket.slow_at)
        if self._opened_until is not None:
            if self._probe is not None or now < self._opened_until:
                return None
            self._probe = ticket
        self._under_way.add(ticket)
        return ticket

    def pause_seconds(self) -> float:
        """Return how long it is until calls may pass again."""
        return 0.0 if self._opened_until is None else max(0.1, self._opened_until - self._now())

    def leave(self, ticket: Ticket, *, answered: bool | None) -> None:
        """Note how a call went; None says nothing about the peer: the caller gave up early."""
        now = self._now()
        self._under_way.discard(ticket)
        if now >= ticket.slow_at:
            answered = False
        if ticket is self._probe:
            self._probed(now, answered)
        elif answered is not None and not ticket.counted and self._opened_until is None:
            self._count(now, answered)
        ticket.counted = True

    def _notice_slow(self, now: float) -> None:
        if now < self._none_slow_before:
            return  # Hundreds may be under way, and every call passes here.
        for ticket in [late for late in self._under_way if now >= late.slow_at]:
            self.leave(ticket, answered=False)
        self._none_slow_before = min([one.slow_at for one in self._under_way], default=inf)

    def _count(self, now: float, answered: bool) -> None:
        self._settled.append((now, answered))
        self._failed += not answered
        while self._settled[0][0] <= now - WINDOW_SECONDS:
            self._failed -= not self._settled.popleft()[1]
        if self._failed >= FAILURES_MIN and self._failed * 2 >= len(self._settled):
            self._open(now)

    def _probed(self, now: float, answered: bool | None) -> None:
        self._probe = None
        if answered:
            self._opened_until = None
            self._pause = PAUSE_SECONDS_MIN
            self._tell()
        elif answered is not None:
            self._pause = min(self._pause * 2, PAUSE_SECONDS_MAX)
            self._opened_until = now + self._pause

    def _open(self, now: float) -> None:
        self._settled.clear()
        self._failed = 0
        self._opened_until = now + self._pause
        self._tell()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed(self.state)
