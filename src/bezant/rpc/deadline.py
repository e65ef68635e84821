"""Deadlines: every call has one, and what it calls in turn gets what is left of it."""

import asyncio
from contextvars import ContextVar
from types import TracebackType
from typing import Final

from bezant.errors import OutcomeUnknown, Unavailable
from bezant.rpc.alarms import alarms

_until: Final[ContextVar[float | None]] = ContextVar("deadline", default=None)


class DeadlinePassed(Unavailable):
    """The time for this request was over before it was started."""

    code = "deadline_passed"


def remaining_seconds() -> float | None:
    """Return how long the request in hand may still take; None if it has no deadline."""
    until = _until.get()
    return None if until is None else until - asyncio.get_running_loop().time()


class within:  # noqa: N801  # reads as a word: `async with within(5):`
    """End what happens inside after so many seconds, or at the request's own deadline if sooner.

    What was ended may have happened: that is `OutcomeUnknown`, never a plain failure.
    """

    __slots__ = ("_alarms", "_cancelling", "_is_late", "_place", "_task", "_token", "_until")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        outer = _until.get()
        self._until = now + seconds if outer is None else min(outer, now + seconds)
        if self._until <= now:
            raise DeadlinePassed
        self._alarms = alarms(loop)
        self._is_late = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "a call is made in a task"
        self._task = task
        self._cancelling = task.cancelling()
        self._token = _until.set(self._until)
        self._place = self._alarms.add(self._until, self)

    def late(self) -> None:
        """End what happens inside."""
        self._is_late = True
        self._task.cancel()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _until.reset(self._token)
        if not self._is_late:
            self._alarms.take_away(self._place, self)
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise OutcomeUnknown("there was no answer in time") from None
