"""The access log as it is kept: uses are counted in memory and written about once a second.

Using a key is never slowed by this, and no use is left out: what cannot be written now stays
counted until it can. A login that was refused is also an event, and so stands in the transparency
log.
"""

import asyncio
import contextlib
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from bezant import telemetry
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.errors import BezantError, Forbidden, Refused
from bezant.keys.access import Access, Outcome, Use
from bezant.keys.store import access as store
from bezant.keys.telling import Telling
from bezant.rpc.carrier import CALLER

EVERY_SECONDS: Final = 1.0
NO_KID: Final = "no kid"
_KID: Final = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
_log = telemetry.log("keys")

About = tuple[str, Use, str, Outcome]


class Accesses:
    """The uses of one process that are not written yet. Any thread may count one."""

    def __init__(self, clock: Clock, process: str) -> None:
        self._clock = clock
        self._counted: dict[About, tuple[datetime, datetime, int]] = {}
        self._lock = threading.Lock()
        self.process: Final = process

    @property
    def caller(self) -> str:
        """Who calls just now: a module that named itself, or else this process."""
        return CALLER.get() or self.process

    @contextmanager
    def using(self, use: Use, key: str) -> Generator[None]:
        """Count a use by whoever calls just now, and how it ends."""
        outcome = Outcome.FAILED
        try:
            yield
            outcome = Outcome.DONE
        except (Refused, Forbidden):
            outcome = Outcome.REFUSED
            raise
        finally:
            # The kid of an envelope is the sender's word: what could not be one is not repeated.
            named = key if _KID.match(key) else NO_KID
            self._count((self.caller, use, named, outcome))

    def login(self, place: str, outcome: str) -> None:
        """Count a login of this process at a place where keys lie."""
        self._count((self.process, Use.LOGIN, place, Outcome(outcome)))

    def take(self) -> list[Access]:
        """Return what was counted, and begin anew."""
        with self._lock:
            counted, self._counted = self._counted, {}
        return [
            Access(0, first_at, last_at, self.process, caller, use, key, outcome, times)
            for (caller, use, key, outcome), (first_at, last_at, times) in counted.items()
        ]

    def put_back(self, line: Access) -> None:
        """Count what was taken and could not be written."""
        about = (line.caller, line.use, line.key, line.outcome)
        with self._lock:
            _, last_at, times = self._counted.get(about, (line.first_at, line.last_at, 0))
            self._counted[about] = (line.first_at, last_at, line.times + times)

    def _count(self, about: About) -> None:
        now = self._clock.now()
        with self._lock:
            first_at, _, times = self._counted.get(about, (now, now, 0))
            self._counted[about] = (first_at, now, times + 1)


class AccessLog:
    """Writes what is counted."""

    def __init__(self, database: Database, accesses: Accesses, telling: Telling) -> None:
        self._database = database
        self._accesses = accesses
        self._telling = telling
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="key access log")

    async def stop(self) -> None:
        """Write what is counted, and end."""
        self._ending.set()
        if self._task is not None:
            await self._task
        await self.write()

    async def write(self) -> None:
        """Write what is counted."""
        lines = self._accesses.take()
        if not lines:
            return
        try:
            async with self._database.transaction() as tx:
                await store.add(tx, lines)
                for line in lines:
                    if line.use is Use.LOGIN and line.outcome is Outcome.REFUSED:
                        await self._telling.pin_refused(tx, line)
        except BezantError as error:
            for line in lines:
                self._accesses.put_back(line)
            _log.warn("access.waits", lines=len(lines), code=error.code)

    async def _run(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), EVERY_SECONDS)
            await self.write()
