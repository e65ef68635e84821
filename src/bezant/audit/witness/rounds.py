"""Asks every configured witness to sign each new checkpoint, each at its own pace."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiohttp import ClientSession, DummyCookieJar

from bezant import telemetry
from bezant.audit.publishing import SIGNED
from bezant.audit.shelf import Shelf
from bezant.audit.store import checkpoints as store
from bezant.audit.store.checkpoints import CheckpointRow, CosignatureRow
from bezant.audit.witness.asking import Cosigned, Elsewhere, Witness, WitnessSilent, ask
from bezant.db.database import Database
from bezant.db.nudges import Nudges
from bezant.errors import BezantError
from bezant_verify.note import Note

PAUSE_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 60.0
AHEAD: Final = "witness_is_ahead"
"""The witness signed more entries than we have: ours were cut off."""

_log = telemetry.log("audit")


@dataclass(slots=True)
class Asked:
    """One witness, and how it is with it."""

    witness: Witness
    size: int = 0
    """What it signed last, as far as we know."""
    trouble: str = ""
    failures: int = 0


class Rounds:
    """One task for each witness: a slow one holds up nobody."""

    def __init__(
        self, database: Database, shelf: Shelf, nudges: Nudges, witnesses: Sequence[Witness]
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._nudges = nudges
        self.asked = tuple(Asked(one) for one in witnesses)
        self._tasks: list[asyncio.Task[None]] = []
        self._session: ClientSession | None = None

    def start(self) -> None:
        """Begin to ask."""
        if self.asked:
            self._session = ClientSession(cookie_jar=DummyCookieJar(), trust_env=False)
            self._tasks = [
                asyncio.create_task(self._run(one, self._session), name="audit witness")
                for one in self.asked
            ]

    async def stop(self) -> None:
        """End."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _run(self, one: Asked, session: ClientSession) -> None:
        while True:
            seen = self._nudges.count(SIGNED)
            try:
                await self._round(one, session)
                one.failures, one.trouble = 0, ""
                await self._nudges.wait(SIGNED, seen, PAUSE_SECONDS)
            except (WitnessSilent, BezantError) as error:
                self._tell(one, str(getattr(error, "code", error)))
            except Exception as error:  # noqa: BLE001 (it goes on when the cause is gone)
                _log.error("witness.failed", error, witness=one.witness.key.name)
                self._tell(one, type(error).__name__)
            if one.failures:
                pause = PAUSE_SECONDS * 2 ** min(one.failures, 10)
                await asyncio.sleep(min(pause, PAUSE_SECONDS_MAX))

    async def _round(self, one: Asked, session: ClientSession) -> None:
        """Have the newest checkpoint signed, unless this witness did so."""
        name = one.witness.key.name
        newest = await store.newest(self._database)
        known = await store.cosignatures(self._database, newest.size) if newest else []
        if newest is None or any(row.witness == name for row in known):
            return
        note = Note.parse(newest.note)
        for _ in range(2):  # The first answer may only tell what the witness knows.
            if one.size > newest.size:
                raise WitnessSilent(AHEAD)
            path = await self._shelf.consistency(one.size, newest.size)
            answer = await ask(session, one.witness, one.size, path, note)
            if isinstance(answer, Cosigned):
                await self._keep(newest, name, answer)
                one.size = newest.size
                return
            if answer == Elsewhere(one.size):
                break
            one.size = answer.size
        raise WitnessSilent("it knows this log otherwise")

    async def _keep(self, newest: CheckpointRow, name: str, word: Cosigned) -> None:
        at = datetime.fromtimestamp(word.at, UTC)
        async with self._database.transaction() as tx:
            await store.add_cosignature(tx, CosignatureRow(newest.size, name, word.line, at))

    def _tell(self, one: Asked, trouble: str) -> None:
        one.failures += 1
        if trouble != one.trouble:
            _log.warn("witness.trouble", witness=one.witness.key.name, trouble=trouble)
        one.trouble = trouble
