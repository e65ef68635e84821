"""When a delivery is tried again, and when it is given up. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

# Standard Webhooks: at once, then over three days.
DAYS_SECONDS: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
PAUSE_SECONDS_MAX: Final = 86_400
RETRY_AFTER_SECONDS_MAX: Final = 86_400  # Longer than that nobody is kept waiting by one header.
FAILING_MAX: Final = timedelta(days=5)  # Then an endpoint is disabled, and its owner told.
_JITTER_STEPS: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Schedule:
    """The pauses before each retry."""

    pauses_seconds: tuple[int, ...] = DAYS_SECONDS

    @classmethod
    def of(cls, retry_max: int | None) -> "Schedule":
        """Return the schedule of days, or so many retries 2, 4, 8 … seconds apart."""
        if retry_max is None:
            return cls()
        return cls(tuple(min(2**n, PAUSE_SECONDS_MAX) for n in range(1, retry_max + 1)))

    def pause(self, retries: int, asked_seconds: int, chance: bytes) -> timedelta | None:
        """Return how long to wait after so many retries, up to a tenth longer by chance.

        Whoever is to receive it may ask for more time; None when every retry was made.
        """
        if retries >= len(self.pauses_seconds):
            return None
        pause_seconds = max(self.pauses_seconds[retries], asked_seconds)
        share = int.from_bytes(chance[:2])
        return timedelta(milliseconds=pause_seconds * (1_000 + 100 * share // _JITTER_STEPS))
