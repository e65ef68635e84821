"""Recomputes the log from its rows: entries, tiles, and every checkpoint that was kept."""

from collections.abc import Mapping
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
LEAVES_AT_ONCE: Final = 2_048  # Milliseconds of hashing between two looks at anything else.


class _Fault(Exception):
    """The first thing that is wrong."""


async def recheck(database: Database, clock: Clock) -> Verification:
    """Return how far the log is what was signed, and the first fault."""
    kept = {row.size: row.root for row in await checkpoints.kept(database)}
    tree = Tree()
    fault = ""
    try:
        for mark in sorted({*kept, *range(0, max(kept, default=0), LEAVES_AT_ONCE)}):
            await _upto(database, tree, mark)
            if tree.root() != kept.get(mark, tree.root()):
                raise _Fault(f"the entries do not give the root of {mark} that was signed")
    except _Fault as found:
        fault = str(found)
    return Verification(LOG, tree.size, fault, clock.now())


async def _upto(database: Database, tree: Tree, end: int) -> None:
    """Read entries up to a size, and the tiles that became full."""
    first = tree.size
    if first == end:
        return
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
