"""Deadlines: every call has one, and what it calls in turn gets what is left of it."""

import asyncio
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final

from bezant.errors import OutcomeUnknown, Unavailable

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

    __slots__ = ("_timeout", "_token", "_until")

    def __init__(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        outer = _until.get()
        self._until = now + seconds if outer is None else min(outer, now + seconds)
        if self._until <= now:
            raise DeadlinePassed
        self._timeout = asyncio.timeout_at(self._until)
        self._token: Token[float | None] | None = None

    async def __aenter__(self) -> None:
        self._token = _until.set(self._until)
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._token is not None
        _until.reset(self._token)
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise OutcomeUnknown("there was no answer in time") from None
