"""Keys that are replaced by themselves: what is due by the machine's time is done, once.

Several processes may look at the same moment; the registry lets one of them win. Nothing here knows
when it was called last: a tick that was missed is made up for by the next one.
"""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.errors import BezantError
from bezant.keys.owners import OwnersKeys
from bezant.keys.port import AlreadyRotated, DestroyKey, RotateKey
from bezant.keys.rotation import Rotation
from bezant.keys.store import access as access_store
from bezant.keys.store import version as store

BY: Final = "schedule"
PLANNED: Final = "as planned"
ACCESS_KEPT: Final = timedelta(days=400)
"""PCI DSS 10.5.1 asks for twelve months."""
FORGOTTEN_AT_ONCE: Final = 5_000
_log = telemetry.log("keys")


class Schedule:
    """Does what is due."""

    def __init__(
        self, database: Database, clock: Clock, rotation: Rotation, owners: OwnersKeys
    ) -> None:
        self._database = database
        self._clock = clock
        self._rotation = rotation
        self._owners = owners

    async def run_due(self) -> int:
        """Let new versions begin, make successors, destroy what is kept no longer; how many."""
        done = 0
        now = self._clock.now()
        async with self._database.transaction() as tx:
            beginning = await store.due_to_begin(tx, now)
        for due in beginning:
            begun = self._rotation.begin(due.name, due.kid, BY, PLANNED)
            done += await self._tried(begun, due.kid)
        async with self._database.transaction() as tx:
            ending = await store.due_to_end(tx, now)
        for due in ending:
            command = RotateKey(due.name, BY, PLANNED, due.kid, due.publish_seconds)
            done += await self._tried(self._rotation.rotate(command), due.kid)
        async with self._database.transaction() as tx:
            over = await store.due_to_be_destroyed(tx, now)
        for due in over:
            command = DestroyKey(due.kid, BY, PLANNED)
            done += await self._tried(self._rotation.destroy(command), due.kid)
        # What a rotation elsewhere left halfway.
        return done + await self._rotation.rewrap() + await self._owners.rewrap()

    async def forget_accesses(self) -> int:
        """Delete lines of the access log that nobody has to keep any longer."""
        async with self._database.transaction() as tx:
            older_than = self._clock.now() - ACCESS_KEPT
            return await access_store.forget(tx, older_than, FORGOTTEN_AT_ONCE)

    async def _tried(self, step: Awaitable[object], kid: str) -> bool:
        """Do one step; that it fails keeps no other from being done."""
        try:
            await step
        except AlreadyRotated:
            return False
        except BezantError as error:
            _log.warn("schedule.waits", kid=kid, code=error.code)
            return False
        return True
