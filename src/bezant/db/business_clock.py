"""Business time that moves: one row, which every process of a demo follows.

Whoever moves it rings, and each process looks by itself now and then as well. In the name of its
session a process says how far ahead it is, so whoever moved time can see when all have followed.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import psycopg
from psycopg import sql

from bezant import telemetry
from bezant.clock import BusinessClock, Clock
from bezant.db.database import Database
from bezant.db.faults import ConstraintViolated
from bezant.db.session import APPLICATION_NAME, Connection
from bezant.errors import BezantError, Refused

CHANNEL: Final = "bezant_clock"
LOOK_SECONDS: Final = 2.0
RECONNECT_SECONDS: Final = 1.0
FOLLOW_SECONDS_MAX: Final = 10.0  # Every process looks several times within this.
ASK_SECONDS: Final = 0.05
_SECOND: Final = timedelta(seconds=1)
_AHEAD: Final = "SELECT ahead_seconds FROM jobs.business_clock"
_log = telemetry.log("clock")


class TooFarAhead(Refused):
    """Business time moves forward only, in whole seconds, and at most ten years in all."""

    code = "too_far_ahead"


class ClockFollower:
    """Keeps this process's business clock where the row is."""

    def __init__(self, database: Database, real: Clock) -> None:
        """Follow on a database handle of the role `bezant_jobs`."""
        self._database = database
        self._following: asyncio.Task[None] | None = None
        self._session: Connection | None = None
        self.clock: Final = BusinessClock(real)

    async def start(self) -> None:
        """Be where the row is, and begin to follow it: who moves it from now on sees us follow."""
        await self._listen()
        self._following = asyncio.create_task(self._follow_for_ever(), name="business clock")

    async def stop(self) -> None:
        """Stop following."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None
        await self._leave()

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                if self._session is None:
                    await self._listen()
                else:
                    async for _ in self._session.notifies(timeout=LOOK_SECONDS, stop_after=1):
                        pass
                    await self._look(self._session)
            except (BezantError, psycopg.Error) as error:
                _log.info("clock.unheard", error=type(error).__name__)
                await self._leave()  # The last time known goes on meanwhile.
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        self._session = await self._database.connect("clock")
        await self._session.set_autocommit(True)
        await self._session.execute(f"LISTEN {CHANNEL}".encode())
        await self._look(self._session)

    async def _leave(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _look(self, connection: Connection) -> None:
        row = await (await connection.execute(_AHEAD)).fetchone()
        assert row is not None, "the migrations made this row"
        self.clock.follow(row[0] * _SECOND)
        name = _session_name(self._database, self.clock.ahead)
        await connection.execute(
            sql.SQL("SET application_name = {}").format(sql.Literal(name)), prepare=False
        )


async def ahead(database: Database) -> timedelta:
    """Return how far business time is ahead."""
    seconds = await database.fetch_value(_AHEAD)
    return seconds * _SECOND


async def move(database: Database, by: timedelta) -> timedelta:
    """Move business time and return how far ahead it is now."""
    if by % _SECOND:
        raise TooFarAhead
    try:
        async with database.transaction() as tx:
            seconds = await tx.fetch_value("SELECT jobs.move_business_clock(%s)", (by // _SECOND,))
    except ConstraintViolated:
        raise TooFarAhead from None
    return seconds * _SECOND


async def all_follow(database: Database, to: timedelta) -> bool:
    """Wait until every process that follows is at least this far ahead; tell whether they are."""
    deadline = asyncio.get_running_loop().time() + FOLLOW_SECONDS_MAX
    while True:
        if all(told >= to for told in await _told(database)):
            return True
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(ASK_SECONDS)


async def _told(database: Database) -> Sequence[timedelta]:
    """Return how far ahead each process says it is; whoever has just come says nothing yet."""
    begin = _session_name(database)
    names: list[str] = await database.fetch_value(
        """
        SELECT coalesce(array_agg(application_name), '{}') FROM pg_stat_activity
        WHERE datname = current_database() AND starts_with(application_name, %s)
        """,
        (begin,),
    )
    return [int(name.removeprefix(begin) or "0") * _SECOND for name in names]


def _session_name(database: Database, ahead: timedelta | None = None) -> str:
    told = "" if ahead is None else f" {ahead // _SECOND}"
    return APPLICATION_NAME.format(f"{database.name} clock{told}")
