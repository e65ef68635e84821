"""Looks at the book again, a little at a time, for as long as it is open.

Each book is walked from its first batch to its newest, then on with what is added; after a day the
walk begins anew, because rows that were looked at can be changed later. Nothing of a walk is kept
between two starts: what would be believed then is what somebody could have changed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from bezant.clock import Clock
from bezant.ledger.proof import Proof, read_heads
from bezant.ledger.store.chain import BatchRow, CountsRow
from bezant_verify import rows
from bezant_verify.encoding import EPOCH
from bezant_verify.ledger import Check, Tampered

STEP_SECONDS: Final = 2.0
"""Of each minute: three hundredths of a core, and some fifty thousand transfers."""
TRANSFERS_AT_ONCE: Final = 500  # Read in a few milliseconds, in which nothing else is answered.
ANEW_AFTER: Final = timedelta(days=1)
TOLD_AGAIN_AFTER: Final = timedelta(hours=1)
NOTHING: Final = CountsRow(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Rechecked:
    """How far a book was recomputed, and the first row that is wrong."""

    book: int
    batch: int
    fault: str
    at: datetime


@dataclass(slots=True)
class _Walk:
    """How far the walk along one book is."""

    began_at: datetime
    after: BatchRow | None = None
    rows: CountsRow = NOTHING
    is_whole: bool = False
    """Whether it once came to the end."""


class Rechecking:
    """Recomputes every book, in turns, and tells how far it is."""

    def __init__(
        self,
        proof: Proof,
        heads: Path,
        clock: Clock,
        tell: Callable[[Rechecked], Awaitable[None]],
        *,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        self._proof = proof
        self._heads = heads
        self._clock = clock
        self._tell = tell
        self._step_seconds = step_seconds
        self._walks: dict[int, _Walk] = {}
        self._told: dict[int, Rechecked] = {}

    async def step(self) -> None:
        """Go on for a while, in every book for as long."""
        titles = await self._proof.titles()
        heads = await asyncio.to_thread(read_heads, self._heads)
        seconds = self._step_seconds / max(1, len(titles))
        for title in titles:
            walk = self._walks.get(title.id)
            now = self._clock.now()
            if walk is None or (walk.is_whole and now - walk.began_at > ANEW_AFTER):
                walk = self._walks[title.id] = _Walk(now)
            own = [head for head in heads if head.book == title.id]
            try:
                was_whole = walk.is_whole
                at_end = await self._go_on(title, walk, Check(own), seconds)
                if title is titles[-1] and walk.is_whole and not was_whole:
                    await self._proof.nothing_loose()
            except Tampered as found:
                del self._walks[title.id]  # It is told again and again until it is looked into.
                await self._note(Rechecked(found.book, max(0, found.batch - 1), str(found), now))
                continue
            if at_end and walk.after is not None:
                await self._note(Rechecked(title.id, walk.after.id, "", now))

    async def _go_on(self, title: rows.Title, walk: _Walk, check: Check, seconds: float) -> bool:
        """Walk on; tell whether it came to the newest batch."""
        until = asyncio.get_running_loop().time() + seconds
        if walk.after is not None:
            if not await self._proof.has(walk.after):
                here = f"batch {walk.after.id}"
                raise Tampered(title.id, walk.after.id, here, "it is gone, or another one")
            check.begin(title.id, walk.after.id, walk.after.last, walk.after.hash)
        batches = self._proof.batches(title, walk.after, TRANSFERS_AT_ONCE)
        at_end, before = True, walk.rows
        async with aclosing(batches):
            async for batch in batches:
                check.take(batch)
                book = check.books[title.id]
                walk.after = _link(batch)
                walk.rows = CountsRow(
                    before.transfers + book.transfers,
                    before.entries + book.entries,
                    before.accounts + check.accounts,
                    before.holds + check.holds,
                    before.steps + check.steps,
                )
                if asyncio.get_running_loop().time() > until:
                    at_end = False
                    break
                await asyncio.sleep(0)
        if at_end:
            check.finish()
            if not walk.is_whole and walk.after is not None:
                link = walk.after
                await self._proof.nothing_beside(title.id, link.id, link.last, walk.rows)
            walk.is_whole = True
        return at_end

    async def _note(self, found: Rechecked) -> None:
        """Tell what is new, and now and then that nothing is."""
        told = self._told.get(found.book)
        same = told is not None and (told.batch, told.fault) == (found.batch, found.fault)
        if told is None or not same or found.at - told.at >= TOLD_AGAIN_AFTER:
            await self._tell(found)
            self._told[found.book] = found


def _link(batch: rows.Batch) -> BatchRow:
    at = EPOCH + timedelta(microseconds=batch.recorded_at)
    return BatchRow(batch.book, batch.id, batch.first, batch.last, at, batch.hash)
