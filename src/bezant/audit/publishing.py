"""Signs what the log has become, once a second.

Nothing is signed that does not continue what was signed last: whoever changes the log's rows stops
its signatures, and the change is seen here as well as elsewhere.
"""

import asyncio
from datetime import timedelta
from typing import Final

from bezant import telemetry
from bezant.audit.port import LogBroken
from bezant.audit.shelf import Shelf
from bezant.audit.signing import LogKeys
from bezant.audit.store import checkpoints as store
from bezant.audit.store.checkpoints import CheckpointRow
from bezant.audit.writer import Writer
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.errors import BezantError
from bezant_verify.checkpoint import Checkpoint
from bezant_verify.merkle import BadProof, verify_consistency

EVERY_SECONDS: Final = 1.0
THINNED_AFTER: Final = timedelta(days=1)
SIGNED: Final = "audit.signed"
"""The topic poked when there is a new checkpoint."""

_log = telemetry.log("audit")


class Publisher:
    """Signs the log while it grows."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        shelf: Shelf,
        keys: LogKeys,
        clock: Clock,
        nudges: Nudges,
        origin: str,
    ) -> None:
        self._database = database
        self._writer = writer
        self._shelf = shelf
        self._keys = keys
        self._clock = clock
        self._nudges = nudges
        self._origin = origin
        self._task: asyncio.Task[None] | None = None
        self.trouble = ""
        """The code of what keeps it from signing, empty when all is well."""

    def start(self) -> None:
        """Begin to sign."""
        self._task = asyncio.create_task(self._run(), name="audit publisher")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def step(self) -> bool:
        """Sign, if the log has grown; tell whether it had."""
        size, root = await self._writer.head()
        last = await store.newest(self._database)
        await self._continues(last, size, root)
        if size == (last.size if last else 0):
            return False
        note = await self._keys.sign(str(Checkpoint(self._origin, size, root)))
        async with self._database.transaction() as tx:
            await store.add(tx, CheckpointRow(size, root, str(note), self._clock.now()))
        self._nudges.poke(SIGNED)
        return True

    async def thin(self) -> int:
        """Drop most of the checkpoints that are older than a day."""
        async with self._database.transaction() as tx:
            return await store.thin(tx, self._clock.now() - THINNED_AFTER)

    async def _continues(self, last: CheckpointRow | None, size: int, root: bytes) -> None:
        """Refuse to go on from anything else than what was signed last."""
        if last is None or (last.size, last.root) == (size, root):
            return
        if size < last.size:
            raise LogBroken(f"{last.size} entries were signed, and there are {size}")
        path = await self._shelf.consistency(last.size, size)
        try:
            verify_consistency(last.size, last.root, size, root, path)
        except BadProof as error:
            raise LogBroken(str(error)) from None

    async def _run(self) -> None:
        while True:
            try:
                await self.step()
                self.trouble = ""
            except BezantError as error:
                if error.code != self.trouble:
                    _log.warn("log.unsigned", code=error.code)
                self.trouble = error.code
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                _log.error("log.signing_failed", error)
                self.trouble = type(error).__name__
            await asyncio.sleep(EVERY_SECONDS)
