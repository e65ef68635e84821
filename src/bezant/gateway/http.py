"""The system for operators: modules, queues, recurring jobs, workers, feeds and who follows them.

Only members of the platform look at it. Looking is dear, so one look serves a few seconds. What
time it is here everybody is told who signed in: in a demo somebody may have moved it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic
from typing import Final

from pydantic import BaseModel

from bezant.gateway import findings
from bezant.gateway.findings import Doctor
from bezant.http.routes import Routes

READ: Final = "metrics.read"
FRESH_SECONDS: Final = 3.0


class ModuleAnswer(BaseModel):
    """A module and where it runs."""

    name: str
    address: str
    """Empty in this process."""


class QueueAnswer(BaseModel):
    """One module's queue of jobs."""

    queue: str
    waiting: int
    running: int
    failed: int
    oldest_seconds: float


class TickAnswer(BaseModel):
    """Something that is done now and then."""

    name: str
    every_seconds: float
    ended_at: datetime | None
    trouble: str
    failures: int
    late: bool


class WorkerAnswer(BaseModel):
    """A process that does jobs."""

    worker: int
    heartbeat_at: datetime
    silent_seconds: float
    running: int


class FeedStateAnswer(BaseModel):
    """How far the events of a module have their places."""

    module: str
    head: int
    waiting: int


class FollowerAnswer(BaseModel):
    """How far a follower of events is behind."""

    module: str
    follower: str
    feed: str
    behind: int | None


class SystemAnswer(BaseModel):
    """The system as it stands."""

    object: str = "system"
    version: str
    profile: str
    live: bool
    looked_at: datetime
    modules: list[ModuleAnswer]
    queues: list[QueueAnswer]
    ticks: list[TickAnswer]
    workers: list[WorkerAnswer]
    feeds: list[FeedStateAnswer]
    followers: list[FollowerAnswer]


class TimeAnswer(BaseModel):
    """What time it is here."""

    object: str = "time"
    business_at: datetime
    """When payments and orders happen; a demo may have moved it ahead."""
    machine_at: datetime
    """When sessions, keys and jobs happen."""
    moves: bool
    """Somebody may move business time: this is a demo."""


Look = Callable[[], Awaitable[SystemAnswer]]
Tell = Callable[[], TimeAnswer]


def routes(look: Look, tell: Tell, doctor: Doctor) -> Routes:
    """Return the routes of the system, of its time, and of what is wrong with it."""
    made = Routes("system")
    seen = _Seen(look)
    findings.add(made, doctor)

    @made.get("/v1/time", permission="session.read", summary="Tell what time it is here")
    async def time() -> TimeAnswer:
        return tell()

    @made.get("/v1/system", permission=READ, summary="Show modules, queues, jobs and feeds")
    async def system() -> SystemAnswer:
        return await seen.answer()

    del system, time
    return made


class _Seen:
    """One look at a time; whoever comes meanwhile takes its answer."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._looking = asyncio.Lock()
        self._seen: SystemAnswer | None = None
        self._fresh_until_seconds = 0.0

    async def answer(self) -> SystemAnswer:
        async with self._looking:
            if self._seen is None or monotonic() >= self._fresh_until_seconds:
                self._seen = await self._look()
                self._fresh_until_seconds = monotonic() + FRESH_SECONDS
            return self._seen
