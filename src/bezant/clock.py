"""Time comes in as an argument. Only the command line owns the real clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the platform's business time comes from."""

    def now(self) -> datetime:
        """Return the present instant, aware and in UTC."""
        ...


class RealClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class MovableClock:
    """A clock that follows another one at a distance that can be changed; stands still
    without one.
    """

    def __init__(self, start: datetime, follows: Clock | None = None) -> None:
        self._follows = follows
        self._fixed = start
        self._offset = start - follows.now() if follows else timedelta(0)

    def now(self) -> datetime:
        return self._follows.now() + self._offset if self._follows else self._fixed

    def move(self, by: timedelta) -> None:
        """Move time forward. Business time never goes back: due work would happen twice."""
        if by < timedelta(0):
            raise ValueError("time only moves forward")
        self._offset += by
        self._fixed += by
