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
    """A clock that stands still until it is moved, for tests."""

    def __init__(self, start: datetime) -> None:
        self._fixed = start

    def now(self) -> datetime:
        return self._fixed

    def move(self, by: timedelta) -> None:
        """Move time forward. Business time never goes back: due work would happen twice."""
        if by < timedelta(0):
            raise ValueError("time only moves forward")
        self._fixed += by


class BusinessClock:
    """The time of the trade: the machine's, in a demo moved ahead as far as somebody said."""

    def __init__(self, real: Clock, ahead: timedelta = timedelta(0)) -> None:
        self._real = real
        self._ahead = ahead

    @property
    def ahead(self) -> timedelta:
        """Return how far it is ahead of the machine's."""
        return self._ahead

    def now(self) -> datetime:
        return self._real.now() + self._ahead

    def follow(self, ahead: timedelta) -> None:
        """Be this far ahead from now on; never less far than before."""
        self._ahead = max(self._ahead, ahead)
