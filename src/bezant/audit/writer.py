"""The one writer of the log: gives entries their places, many of them in one commit.

The edge of the tree is kept in memory between two batches. It is only believed while the table has
as many entries as the tree: after a restart, or when another process wrote, it is read again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from bezant.audit.port import LogBroken
from bezant.audit.published import ChainHead
from bezant.audit.store import checkpoints
from bezant.audit.store import entries as store
from bezant.audit.store.entries import NewEntry, Reads, TileRow
from bezant.audit.tree import Tree
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.events import Event, FedEvent
from bezant_verify.encoding import microseconds
from bezant_verify.entry import SALT_BYTES, Entry, commitment
from bezant_verify.merkle import leaf_hash
from bezant_verify.tiles import LEVEL_BITS, WIDTH

CHAINED: Final = "transfers.recorded"
"""Events of this type bring the newest head of a book's own chain."""
_encode: Final = msgspec.json.Encoder().encode


class Overtaken(Exception):
    """Another process followed this feed; nothing is to be done."""


class Writer:
    """Appends to the log."""

    def __init__(self, database: Database, clock: Clock, chance: Callable[[int], bytes]) -> None:
        self._database = database
        self._clock = clock
        self._chance = chance
        self._tree: Tree | None = None
        self._turn = asyncio.Lock()

    async def open(self, origin: str) -> str:
        """Give the log its name, if it has none, and return the one it has."""
        async with self._database.transaction() as tx:
            await store.open_log(tx, origin, self._clock.now())
            found = await store.origin(tx)
        assert found is not None, "the log was just opened"
        return found

    async def head(self) -> tuple[int, bytes]:
        """Return size and root as they are now, after looking whether others wrote."""
        async with self._turn:
            self._tree = await self._current(self._database)
            return self._tree.size, self._tree.root()

    async def follow(self, feed: str, events: Sequence[FedEvent]) -> None:
        """Append the next events of a feed, or raise `Overtaken`."""
        chance = self._chance(SALT_BYTES * len(events))
        salts = [chance[at : at + SALT_BYTES] for at in range(0, len(chance), SALT_BYTES)]
        new = [_entry(feed, fed, salt) for fed, salt in zip(events, salts, strict=True)]
        leaves = b"".join([one.hash for one in new])
        heads = {one.event.subject: one.event for one in events if one.event.type == CHAINED}
        before, after = events[0].position - 1, events[-1].position
        async with self._turn:
            async with self._database.transaction() as tx:
                await store.take_turn(tx)
                if not await checkpoints.follow(tx, feed, before, after):
                    raise Overtaken
                tree = (await self._current(tx)).copy()
                await store.add(tx, tree.size, new)
                full = tree.extend(leaves)
                rows = [TileRow(one.level, one.number, one.hashes, one.root) for one in full]
                await store.add_tiles(tx, rows)
                await checkpoints.note_heads(tx, [_head(event) for event in heads.values()])
            self._tree = tree

    async def _current(self, tx: Reads) -> Tree:
        size = await store.size(tx)
        if self._tree is not None and self._tree.size == size:
            return self._tree
        newest = await checkpoints.newest(tx)
        if newest is not None:
            if size < newest.size:
                raise LogBroken(f"{newest.size} entries were signed, and there are {size}")
            if (await edge(tx, newest.size)).root() != newest.root:
                raise LogBroken(f"the first {newest.size} entries are not those that were signed")
        return await edge(tx, size)


def _entry(feed: str, fed: FedEvent, salt: bytes) -> NewEntry:
    event = fed.event
    text = _encode(_public(event))
    entry = Entry(
        feed, fed.position, event.type, microseconds(event.occurred_at), commitment(salt, text)
    )
    written = entry.encoded()
    return NewEntry(
        written, leaf_hash(written), salt, feed, fed.position, event.type, event.mode.value,
        event.tenant, event.subject, event.occurred_at, text.decode(),
    )  # fmt: skip


async def edge(tx: Reads, size: int) -> Tree:
    """Read the edge of the tree as it was at a size."""
    edges: list[bytes] = []
    level = 0
    while level == 0 or size >> LEVEL_BITS * level:
        count = size >> LEVEL_BITS * level
        width = count % WIDTH
        edges.append(await edge_hashes(tx, level, count - width, width))
        level += 1
    return Tree(size, edges)


async def edge_hashes(
    tx: Reads, level: int, first: int, width: int, *, whole: bool = True
) -> bytes:
    """Read the hashes of a partial tile: of entries, or of the full tiles below.

    Where one is missing, the log is broken; unless `whole`, what stands before it is returned.
    """
    if width == 0:
        return b""
    if level == 0:
        rows = await store.entries(tx, first, width)
        found = [row.hash for row in rows]
        numbers = [row.leaf for row in rows]
        for row in rows if whole else ():
            if leaf_hash(row.entry) != row.hash:
                raise LogBroken(f"entry {row.leaf} is not the one that was recorded")
    else:
        below = await store.roots(tx, level - 1, first, width)
        found = [row.root for row in below]
        numbers = [row.number for row in below]
    there = sum(number == place for place, number in enumerate(numbers, first))
    if whole and there != width:
        raise LogBroken(f"level {level} has gaps behind {first}")
    return b"".join(found[:there])


def _public(event: Event) -> dict[str, object]:
    return {
        "id": event.id,
        "type": event.type,
        "version": event.version,
        "mode": event.mode.value,
        "tenant": event.tenant,
        "subject": event.subject,
        "occurred_at": event.occurred_at.isoformat(),
        "data": event.data,
    }


def _head(event: Event) -> ChainHead:
    batch = event.data["batch"]
    assert isinstance(batch, int), "a batch has a number"
    return ChainHead(event.subject, batch, str(event.data["hash"]), event.occurred_at)
