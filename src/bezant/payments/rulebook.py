"""The rules of routing, fees and limits, kept in memory and read again now and then."""

import asyncio
from typing import Final

from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.payments.rule import Terms
from bezant.payments.store import rules as stored

FRESH_SECONDS: Final = 5.0  # A rule that was changed holds everywhere after so long.


class Rulebook:
    """The rules as they were a few seconds ago at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules = Terms()
        self._read_at_seconds: float | None = None
        self._reading = asyncio.Lock()
        self._changes = 0

    async def rules(self) -> Terms:
        """Return the rules; read again when they may have changed."""
        now = asyncio.get_running_loop().time()
        if self._read_at_seconds is None or now - self._read_at_seconds > FRESH_SECONDS:
            await self._read(now)
        return self._rules

    def forget(self) -> None:
        """Read again next time: a rule was changed here."""
        self._changes += 1
        self._read_at_seconds = None

    async def _read(self, now_seconds: float) -> None:
        async with self._reading:
            if self._read_at_seconds is not None and self._read_at_seconds >= now_seconds:
                return
            changes = self._changes
            try:
                self._rules = await stored.terms(self._database)
            except BezantError:
                if self._read_at_seconds is None:
                    raise
                # Rules of a moment ago are better than no payments.
            if changes == self._changes:  # Else they may be those of before the change.
                self._read_at_seconds = now_seconds
