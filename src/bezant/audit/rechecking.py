"""Recomputes the log from its rows: entries, tiles, and every checkpoint that was kept.

A command reads everything at once. A running platform walks along a little at a time, goes on with
what is added, and begins anew after a day, because rows that were read can be changed later.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bezant.audit.published import Verification
from bezant.audit.store import checkpoints, entries
from bezant.audit.store.entries import TileRow
from bezant.audit.tree import FullTile, Tree
from bezant.clock import Clock
from bezant.db.database import Database
from bezant_verify.merkle import leaf_hash
from bezant_verify.tiles import WIDTH

LOG: Final = "log"
LEAVES_AT_ONCE: Final = 1_024  # Milliseconds of hashing between two looks at anything else.
STEP_SECONDS: Final = 2.0
"""Of each minute: three hundredths of a core, and some hundred thousand entries."""
ANEW_AFTER: Final = timedelta(days=1)
TOLD_AGAIN_AFTER: Final = timedelta(hours=1)


class _Fault(Exception):
    """The first thing that is wrong."""


async def recheck(database: Database, clock: Clock) -> Verification:
    """Return how far the log is what was signed, and the first fault."""
    tree = Tree()
    fault = ""
    try:
        await _go_on(database, tree, None)
    except _Fault as found:
        fault = str(found)
    return Verification(LOG, tree.size, fault, clock.now())


class Rechecking:
    """A walk along the log that goes on where it stopped."""

    def __init__(
        self, database: Database, clock: Clock, *, step_seconds: float = STEP_SECONDS
    ) -> None:
        self._database = database
        self._clock = clock
        self._step_seconds = step_seconds
        self._tree = Tree()
        self._began_at: datetime | None = None
        self._is_whole = False
        self._told: Verification | None = None

    async def step(self) -> Verification | None:
        """Go on for a while; return what was found, if there is anything to tell."""
        now = self._clock.now()
        is_old = self._began_at is None or now - self._began_at > ANEW_AFTER
        if self._began_at is None or (self._is_whole and is_old):
            self._tree, self._began_at, self._is_whole = Tree(), now, False
        until = asyncio.get_running_loop().time() + self._step_seconds
        try:
            if not await _go_on(self._database, self._tree, until):
                return None
            found = Verification(LOG, self._tree.size, "", now)
            self._is_whole = True
        except _Fault as fault:
            found = Verification(LOG, self._tree.size, str(fault), now)
            self._began_at = None  # It is told again and again until it is looked into.
        return self._told_once(found)

    def _told_once(self, found: Verification) -> Verification | None:
        """Return what is new, and now and then that nothing is."""
        told = self._told
        same = told is not None and (told.reached, told.fault) == (found.reached, found.fault)
        if told is not None and same and found.verified_at - told.verified_at < TOLD_AGAIN_AFTER:
            return None
        self._told = found
        return found


async def _go_on(database: Database, tree: Tree, until_seconds: float | None) -> bool:
    """Read on, until a time on the loop's clock; tell whether it came to the newest checkpoint."""
    kept = {row.size: row.root for row in await checkpoints.kept(database, tree.size)}
    if tree.size and not kept:
        raise _Fault(f"{tree.size} entries were signed, and no checkpoint says so any more")
    marks = range(tree.size - tree.size % LEAVES_AT_ONCE, max(kept, default=0), LEAVES_AT_ONCE)
    for mark in sorted({*kept, *marks}):
        moves_on = mark > tree.size
        if moves_on:
            await _upto(database, tree, mark)
        if mark in kept and tree.root() != kept[mark]:
            raise _Fault(f"the entries do not give the root of {mark} that was signed")
        now_seconds = asyncio.get_running_loop().time()
        if moves_on and until_seconds is not None and now_seconds > until_seconds:
            return mark == max(kept)
    return True


async def _upto(database: Database, tree: Tree, end: int) -> None:
    """Read entries up to a size, and the tiles that became full."""
    first = tree.size
    rows = await entries.entries(database, first, end - first)
    leaves = [leaf_hash(row.entry) for place, row in enumerate(rows, first) if row.leaf == place]
    full = tree.extend(b"".join(leaves))
    if len(leaves) != end - first:
        raise _Fault(f"entry {tree.size} is missing")
    stored = await entries.tiles(database, [(one.level, one.number) for one in full])
    _compare(full, {(row.level, row.number): row for row in stored})


def _compare(full: list[FullTile], stored: Mapping[tuple[int, int], TileRow]) -> None:
    for one in full:
        row = stored.get((one.level, one.number))
        if row is None or (row.hashes, row.root) != (one.hashes, one.root):
            first = one.number * WIDTH
            raise _Fault(f"tile {one.number} of level {one.level} is not that of {first} on")
