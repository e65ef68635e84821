"""`/health` and `/ready`: one answer that holds every key the families of clients look for.

`/health` says how this process and what it leans on are doing; `/ready` whether it wants traffic.
Both are asked often and by anybody, so what they ask of others is asked at most once a second.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from time import monotonic

from pydantic import BaseModel

import bezant
from bezant.clock import Clock
from bezant.telemetry import log

CHECK_SECONDS_MAX = 2.0  # Less than the patience of the probes that ask.
FRESH_SECONDS = 1.0
_log = log("gateway")

Check = Callable[[], Awaitable[None]]
"""Returns when the other side answers, raises when it does not."""


class Connection(StrEnum):
    """How we stand with something outside this process, in the families' words."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NOT_CONFIGURED = "not configured"


class HealthAnswer(BaseModel):
    """How the service is doing."""

    status: str
    """`ok`, or `unavailable` with a 503 while something it needs is away."""
    service: str
    timestamp: str
    """UTC with a Z, ISO 8601."""
    database: Connection
    redis: Connection
    version: str


class Traffic:
    """Whether a process wants requests: from when its doors are open until it is asked to end."""

    def __init__(self) -> None:
        self.is_wanted = False

    def begin(self) -> None:
        """Say that everything is up."""
        self.is_wanted = True

    def end(self) -> None:
        """Say that it is going down; what is under way is answered still."""
        self.is_wanted = False


class Health:
    """What one process leans on."""

    def __init__(
        self,
        clock: Clock,
        *,
        database: Check | None = None,
        redis: Check | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock = clock
        self._ready = ready
        self._database = _Watched("database", database)
        self._redis = _Watched("redis", redis)

    async def look(self, service: str) -> HealthAnswer:
        """Return how a service is doing. Redis is a cache here: without it, it is still well."""
        database, redis = await asyncio.gather(self._database.look(), self._redis.look())
        return HealthAnswer(
            status="unavailable" if database is Connection.DISCONNECTED else "ok",
            service=service,
            timestamp=_utc(self._clock.now()),
            database=database,
            redis=redis,
            version=bezant.__version__,
        )

    def wants_traffic(self, seen: HealthAnswer) -> bool:
        """Tell whether requests should be sent here now."""
        return seen.status == "ok" and self._ready()


def _utc(now: datetime) -> str:
    return f"{now.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


class _Watched:
    """One thing outside, asked by one caller at a time; the others wait for that answer."""

    def __init__(self, name: str, check: Check | None) -> None:
        self._name = name
        self._check = check
        self._state = Connection.NOT_CONFIGURED
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    async def look(self) -> Connection:
        if self._check is None or monotonic() < self._fresh_until:
            return self._state
        async with self._asking:
            if monotonic() >= self._fresh_until:
                self._state = await self._ask(self._check)
                self._fresh_until = monotonic() + FRESH_SECONDS
        return self._state

    async def _ask(self, check: Check) -> Connection:
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                await check()
        except Exception as failure:  # noqa: BLE001 - whatever it is, the other side did not answer
            if self._state is not Connection.DISCONNECTED:
                _log.warn("health.disconnected", what=self._name, why=type(failure).__name__)
            return Connection.DISCONNECTED
        return Connection.CONNECTED
