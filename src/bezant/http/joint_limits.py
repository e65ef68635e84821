"""Buckets that several processes share: decided from memory, settled with the others behind it.

Each process keeps a copy and tells the others, through a store such as Redis, ten times a second
what was taken; it learns what is left altogether. So all processes together let through what the
rule allows, and what comes in between two tellings. No request waits for the store: while that is
away or slow each process goes on by its own copy, and says so (`alone`), so that the doors where
passwords are tried can ask for more than what is usual.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from bezant.errors import Unavailable
from bezant.http.limits import MemoryLimits, Rule, Spent
from bezant.telemetry import log

SETTLE_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 1.0  # A store that takes longer is as good as away.
QUIET_SECONDS: Final = 1.0  # How often it is asked when nothing was taken.
SETTLED_MAX: Final = 1_000  # Buckets at once.
WAITING_MAX: Final = 50_000  # Buckets that were not told yet; the oldest are forgotten first.
_log = log("http")


class Taken(msgspec.Struct):
    """What was taken from a bucket since it was settled last."""

    rule: Rule
    cost: float


class Store(Protocol):
    """Keeps what is left of buckets for several processes."""

    async def settle(self, taken: Mapping[str, Taken]) -> Mapping[str, float]:
        """Take from buckets and return what is left of each, or raise `Unavailable`."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


class JointLimits:
    """Implements `Limits` on a copy in memory and a store behind it."""

    def __init__(self, memory: MemoryLimits, store: Store) -> None:
        self._memory = memory
        self._store = store
        self._waiting: dict[str, Taken] = {}
        self._settling: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        self.alone = True

    def spend(self, bucket: str, rule: Rule, cost: float = 1.0) -> Spent:
        """Decide by what is known here, and remember to tell the others."""
        spent = self._memory.spend(bucket, rule, cost)
        if spent.allowed:
            waiting = self._waiting.get(bucket)
            if waiting is None:
                if len(self._waiting) >= WAITING_MAX:
                    del self._waiting[next(iter(self._waiting))]
                self._waiting[bucket] = Taken(rule, cost)
            else:
                waiting.cost += cost
        return spent

    async def start(self) -> None:
        """Begin to settle."""
        await self.settle()
        self._settling = asyncio.create_task(self._settle_for_ever(), name="shared limits")

    async def stop(self) -> None:
        """Tell what is left to tell, and end."""
        if self._settling is not None:
            self._settling.cancel()
            with suppress(asyncio.CancelledError):
                await self._settling
            self._settling = None
        await self.settle()
        await self._store.close()

    async def settle(self) -> None:
        """Tell what was taken here, and learn what others took."""
        told = {bucket: self._waiting[bucket] for bucket in list(self._waiting)[:SETTLED_MAX]}
        self._waiting = {
            bucket: taken for bucket, taken in self._waiting.items() if bucket not in told
        }
        self._asked_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                left = await self._store.settle(told)
        except (Unavailable, TimeoutError) as failure:
            # Perhaps it was counted and only the answer was lost; counting twice is the safe side.
            for bucket, taken in told.items():
                if bucket in self._waiting:
                    self._waiting[bucket].cost += taken.cost
                elif len(self._waiting) < WAITING_MAX:
                    self._waiting[bucket] = taken
            self._say(alone=True, why=type(failure).__name__)
            return
        for bucket, tokens in left.items():
            since = self._waiting.get(bucket)
            left_now = tokens - (since.cost if since else 0.0)
            self._memory.lower(bucket, told[bucket].rule, left_now)
        self._say(alone=False)

    async def _settle_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(QUIET_SECONDS if self.alone else SETTLE_SECONDS)
            if self._waiting or loop.time() - self._asked_at >= QUIET_SECONDS:
                await self.settle()

    def _say(self, *, alone: bool, why: str = "") -> None:
        if alone and not self.alone:
            _log.warn("limits.alone", why=why)
        elif self.alone and not alone:
            _log.info("limits.shared")
        self.alone = alone
