"""How providers fare just now: who failed too often lately is asked last."""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Final

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.psp.port import Result

REMEMBERED: Final = 20  # Exchanges with one provider.
LATELY: Final = timedelta(minutes=2)
FAILURES_MIN: Final = 3  # Fewer are bad luck.
_FAILED: Final = frozenset({Result.NOT_SENT, Result.OUTAGE, Result.UNKNOWN})


class Health:
    """Recent outcomes, in this process's memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._recent: defaultdict[tuple[str, Mode], deque[tuple[datetime, bool]]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED)
        )
        self._failures: defaultdict[tuple[str, Mode], int] = defaultdict(int)

    def note(self, provider: str, mode: Mode, result: Result) -> None:
        """Remember how an exchange went."""
        key, failed = (provider, mode), result in _FAILED
        recent = self._recent[key]
        if len(recent) == REMEMBERED:
            self._failures[key] -= recent[0][1]
        recent.append((self._clock.now(), failed))
        self._failures[key] += failed

    def ailing(self, mode: Mode) -> frozenset[str]:
        """Return the providers of which half of the recent exchanges failed."""
        if not any(self._failures.values()):
            return frozenset()
        since = self._clock.now() - LATELY
        found: set[str] = set()
        for (provider, of), recent in self._recent.items():
            lately = [failed for at, failed in recent if at >= since]
            if of is mode and sum(lately) >= max(FAILURES_MIN, len(lately) / 2):
                found.add(provider)
        return frozenset(found)
