"""Deadlines by the dozen: one timer looks after all of them, fifty times a second.

A timer of its own for every call, set and taken away again, costs more than many a call. Here that
is an entry in a set. Nothing runs while there is nothing to wait for.
"""

import asyncio
import threading
from typing import Final, Protocol

ROUND_SECONDS: Final = 0.02  # So late a deadline may be noticed; they are seconds long.


class Waits(Protocol):
    """Somebody with a deadline."""

    def late(self) -> None:
        """Hear that it is over."""


class Alarms:
    """The deadlines of one event loop."""

    __slots__ = ("_due", "_loop", "_rings")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: dict[int, set[Waits]] = {}
        """Who waits, by the number of the round in which the time is over."""
        self._rings = False

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Tell whose alarms these are."""
        return self._loop is loop

    def add(self, until: float, one: Waits) -> int:
        """Call somebody at this time of the loop; return the place to take them away from."""
        place = int(until / ROUND_SECONDS) + 1
        due = self._due.get(place)
        if due is None:
            due = self._due[place] = set()
            if not self._rings:
                self._rings = True
                self._loop.call_later(ROUND_SECONDS, self._ring)
        due.add(one)
        return place

    def take_away(self, place: int, one: Waits) -> None:
        """Call them no more."""
        due = self._due.get(place)
        if due is not None:
            due.discard(one)
            if not due:
                del self._due[place]

    def _ring(self) -> None:
        now = int(self._loop.time() / ROUND_SECONDS)
        for place in sorted([place for place in self._due if place <= now]):
            for one in self._due.pop(place):
                one.late()
        if self._due:
            self._loop.call_later(ROUND_SECONDS, self._ring)
        else:
            self._rings = False


class _Here(threading.local):
    alarms: Alarms | None = None


_here: Final = _Here()


def alarms(loop: asyncio.AbstractEventLoop) -> Alarms:
    """Return the alarms of the loop that runs here."""
    found = _here.alarms
    if found is None or not found.is_of(loop):
        found = _here.alarms = Alarms(loop)
    return found
