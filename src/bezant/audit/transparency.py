"""The transparency log at work: what is signed is shown, and nothing else."""

import asyncio
from pathlib import Path

from bezant.audit.exporting import export
from bezant.audit.following import Following
from bezant.audit.port import NothingSigned, UnknownEntry
from bezant.audit.published import (
    Consistency,
    Integrity,
    PublishedKeys,
    Verification,
    WitnessWord,
)
from bezant.audit.publishing import Publisher
from bezant.audit.rechecking import Rechecking, recheck
from bezant.audit.shelf import Shelf
from bezant.audit.signing import LogKeys
from bezant.audit.spelling import spelled
from bezant.audit.store import checkpoints as store
from bezant.audit.store import entries
from bezant.audit.store.checkpoints import CheckpointRow
from bezant.audit.witness.rounds import Rounds
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.errors import Invalid
from bezant_verify.proof import LogProof

NOTE_AGE_SECONDS = 0.5
"""So long a checkpoint is shown without asking the tables again; many ask for it at once."""


class TransparencyService:
    """Implements `TransparencyLog`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        origin: str,
        shelf: Shelf,
        keys: LogKeys,
        publisher: Publisher,
        following: Following,
        rounds: Rounds,
        quorum: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._origin = origin
        self._shelf = shelf
        self._keys = keys
        self._publisher = publisher
        self._following = following
        self._rounds = rounds
        self._quorum = quorum
        self._rechecking = Rechecking(database, clock)
        self._signed: tuple[CheckpointRow, str] | None = None
        self._witnessed: tuple[CheckpointRow, str] | None = None
        """The newest that enough witnesses signed."""
        self._read_at_seconds = 0.0
        self._reading = asyncio.Lock()

    async def checkpoint(self) -> str:
        """Return the newest signed checkpoint with what witnesses added."""
        return (await self._newest())[1]

    async def tile(self, level: int, number: int, width: int) -> bytes:
        """Return the hashes of a tile."""
        row, _ = await self._newest()
        return await self._shelf.tile(row.size, level, number, width)

    async def bundle(self, number: int, width: int) -> bytes:
        """Return the entries of a tile of level 0."""
        row, _ = await self._newest()
        return await self._shelf.bundle(row.size, number, width)

    async def inclusion(self, index: int) -> str:
        """Return the proof that an entry is in the log, witnessed if it can be."""
        row, note = await self._newest()
        if not 0 <= index < row.size:
            raise UnknownEntry
        if self._witnessed is not None and index < self._witnessed[0].size:
            row, note = self._witnessed
        entry, path = await self._shelf.inclusion(index, row.size)
        if entry is None:
            raise UnknownEntry
        return str(LogProof(index, entry, path, note))

    async def consistency(self, old_size: int, size: int) -> Consistency:
        """Return the proof that what was signed at one size is the beginning of another."""
        row, _ = await self._newest()
        if not 0 <= old_size <= size <= row.size:
            raise Invalid(f"sizes go from 0 to {row.size}, the old one first", field="size")
        return Consistency(old_size, size, await self._shelf.consistency(old_size, size))

    async def keys(self) -> PublishedKeys:
        """Return whom to believe about this log."""
        return PublishedKeys(
            self._origin,
            tuple(str(key) for key in await self._keys.verifier_keys()),
            tuple(str(one.witness.key) for one in self._rounds.asked),
            self._quorum,
            await self._keys.receipt_keys(),
        )

    async def keys_file(self) -> str:
        """Return the file of keys that verifiers and witnesses need."""
        return spelled(await self.keys())

    async def integrity(self) -> Integrity:
        """Return the state of everything that can be checked."""
        newest = await store.newest(self._database)
        self._read_at_seconds = 0.0  # What is told here is served from now on.
        size = await entries.size(self._database)
        words = await store.last_cosignatures(self._database)
        heads = await store.heads(self._database)
        verified = await store.verifications(self._database)
        troubles = {one.witness.key.name: one.trouble for one in self._rounds.asked}
        return Integrity(
            self._origin,
            size,
            newest.size if newest else 0,
            newest.root.hex() if newest else "",
            newest.signed_at if newest else None,
            tuple(
                WitnessWord(w.witness, w.size, w.witnessed_at, troubles.get(w.witness, ""))
                for w in words
            ),
            tuple(heads),
            tuple(verified),
            tuple(self._following.states),
            self._publisher.trouble,
        )

    async def recheck(self) -> Verification:
        """Recompute the whole log from its rows, and keep what was found."""
        done = await recheck(self._database, self._clock)
        async with self._database.transaction() as tx:
            await store.note_verification(tx, done)
        return done

    async def recheck_on(self) -> None:
        """Recompute a little more of the log, and keep what was found."""
        done = await self._rechecking.step()
        if done is not None:
            async with self._database.transaction() as tx:
                await store.note_verification(tx, done)

    async def export(self, folder: Path) -> int:
        """Write what is signed as files, for `bezant-verify log`, and return how many entries."""
        return await export(folder, self._shelf, *await self._newest(), await self.keys())

    async def _newest(self) -> tuple[CheckpointRow, str]:
        async with self._reading:  # Many may ask in the moment in which it is read again.
            now = asyncio.get_running_loop().time()
            if self._signed is not None and now - self._read_at_seconds < NOTE_AGE_SECONDS:
                return self._signed
            row = await store.newest(self._database)
            if row is None:
                raise NothingSigned
            witnessed = None
            if self._quorum:
                witnessed = await store.newest_witnessed(self._database, self._quorum)
            self._witnessed = None if witnessed is None else await self._shown(witnessed)
            self._read_at_seconds, self._signed = now, await self._shown(row)
            return self._signed

    async def _shown(self, row: CheckpointRow) -> tuple[CheckpointRow, str]:
        words = await store.cosignatures(self._database, row.size)
        return row, row.note + "".join(word.line for word in words)
