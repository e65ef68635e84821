"""What is wrong with an installation, and its remedy: as `bezant doctor` tells it, for operators.

Looking may take seconds, so nobody waits for it: what was found last is answered at once, and who
asks after a while lets it be looked at again.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from time import monotonic
from typing import Final

from pydantic import BaseModel

from bezant.clock import Clock
from bezant.http.routes import Routes

READ: Final = "metrics.read"
FRESH_SECONDS: Final = 60.0


class Health(StrEnum):
    """How a thing is."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


class FindingAnswer(BaseModel):
    """One thing looked at: how it is, what was found, and what to do when it is wrong."""

    area: str
    check: str
    health: Health
    found: str
    remedy: str


class FindingsAnswer(BaseModel):
    """What was found last; nothing yet while the first look lasts."""

    object: str = "findings"
    looked_at: datetime | None
    looking: bool
    findings: list[FindingAnswer]


Examine = Callable[[], Sequence[FindingAnswer]]
"""Looks at everything; takes its time, and blocks."""


def unexamined() -> Sequence[FindingAnswer]:
    """Tell that nobody looks from inside this process."""
    found = "Nobody looks from inside this process"
    return [
        FindingAnswer(
            area="machine", check="doctor", health=Health.NOTE, found=found,
            remedy="Run bezant doctor on the machine.",
        )
    ]  # fmt: skip


class Doctor:
    """One look at a time, in a thread; whoever comes meanwhile is told what was found before."""

    def __init__(
        self, examine: Examine, clock: Clock, fresh_seconds: float = FRESH_SECONDS
    ) -> None:
        self._examine = examine
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None
        self._found: Sequence[FindingAnswer] = ()
        self._looked_at: datetime | None = None
        self._fresh_until_seconds = 0.0

    def answer(self) -> FindingsAnswer:
        """Tell what was found last, and look again if that was long ago."""
        if self._looking is None and monotonic() >= self._fresh_until_seconds:
            self._looking = asyncio.create_task(self._look(), name="doctor")
        return FindingsAnswer(
            looked_at=self._looked_at,
            looking=self._looking is not None,
            findings=list(self._found),
        )

    async def _look(self) -> None:
        try:
            self._found = await asyncio.to_thread(self._examine)
            self._looked_at = self._clock.now()
        finally:
            self._fresh_until_seconds = monotonic() + self._fresh_seconds
            self._looking = None


def add(made: Routes, doctor: Doctor) -> None:
    """Add the route of the doctor's findings."""

    @made.get("/v1/system/findings", permission=READ, summary="Show what the doctor finds")
    async def findings() -> FindingsAnswer:
        return doctor.answer()

    del findings
