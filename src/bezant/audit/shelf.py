"""The log as it is read: tiles, bundles, and proofs put together from tiles.

Full tiles never change, so those that were asked for lately are kept in memory; of a partial tile
the part that was read is.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from bezant.audit.port import UnknownTile
from bezant.audit.store import entries as store
from bezant.audit.writer import edge_hashes
from bezant.db.database import Database
from bezant_verify.merkle import HASH_BYTES, full_root, node_hash
from bezant_verify.tiles import LEVEL_BITS, LEVELS_MAX, WIDTH, bundled

TILES_KEPT: Final = 2_048  # Sixteen megabytes.

Subtree = tuple[int, int]
"""A full subtree: the logarithm of its size, and its number among those of its size."""


class Shelf:
    """Reads the log's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    async def tile(self, size: int, level: int, number: int, width: int) -> bytes:
        """Return the hashes of a tile of a tree that was signed, up to the first missing one."""
        _known(size, level, number, width)
        found = await self._tiles(size, [(level, number)], whole=False)
        return found[level, number][: width * HASH_BYTES]

    async def bundle(self, size: int, number: int, width: int) -> bytes:
        """Return the entries of a tile, up to the first that is missing."""
        _known(size, 0, number, width)
        first = number * WIDTH
        rows = await store.entries(self._database, first, width)
        there = [row.entry for place, row in enumerate(rows, first) if row.leaf == place]
        return bundled(there)

    async def inclusion(self, index: int, size: int) -> tuple[bytes, ...]:
        """Return the path from an entry to the root of a tree of this size."""
        return await self._hashes(size, _path(index, 0, size))

    async def consistency(self, old_size: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that one tree is the beginning of another."""
        steps = _steps(old_size, 0, size, whole=True) if 0 < old_size < size else []
        return await self._hashes(size, steps)

    async def _hashes(self, size: int, ranges: list[tuple[int, int]]) -> tuple[bytes, ...]:
        """Return the root of each range of leaves."""
        parts = [list(_subtrees(first, end)) for first, end in ranges]
        wanted = {_place(subtree) for subtrees in parts for subtree in subtrees}
        tiles = await self._tiles(size, sorted(wanted))
        found: list[bytes] = []
        for subtrees in parts:
            roots = [_root(tiles[_place(subtree)], subtree) for subtree in subtrees]
            root = roots[-1]
            for left in reversed(roots[:-1]):
                root = node_hash(left, root)
            found.append(root)
        return tuple(found)

    async def _tiles(
        self, size: int, wanted: Iterable[tuple[int, int]], *, whole: bool = True
    ) -> dict[tuple[int, int], bytes]:
        """Return tiles by level and number, each as wide as a tree of this size has it."""
        found: dict[tuple[int, int], bytes] = {}
        missing: list[tuple[int, int]] = []
        for place in wanted:
            kept = self._kept.get(place, b"")
            if len(kept) >= _width(size, *place) * HASH_BYTES:
                self._kept.move_to_end(place)
                found[place] = kept
            else:
                missing.append(place)
        full = [place for place in missing if _width(size, *place) == WIDTH]
        for row in await store.tiles(self._database, full) if full else ():
            found[row.level, row.number] = row.hashes
        for level, number in missing:
            if (level, number) not in found:
                width = _width(size, level, number)
                first = number * WIDTH
                found[level, number] = await edge_hashes(
                    self._database, level, first, width, whole=whole
                )
            self._kept[level, number] = found[level, number]
        while len(self._kept) > TILES_KEPT:
            self._kept.popitem(last=False)
        return found


def _width(size: int, level: int, number: int) -> int:
    """Return how many hashes a tile has in a tree of this size."""
    return max(0, min(WIDTH, (size >> LEVEL_BITS * level) - number * WIDTH))


def _known(size: int, level: int, number: int, width: int) -> None:
    if level >= LEVELS_MAX or not 0 < width <= _width(size, level, number):
        raise UnknownTile


def _path(index: int, first: int, end: int) -> list[tuple[int, int]]:
    """Return the ranges beside the way from an entry up (RFC 9162, 2.1.3.1), nearest first."""
    ranges: list[tuple[int, int]] = []
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((first, middle))
            first = middle
    return ranges[::-1]


def _steps(old: int, first: int, end: int, *, whole: bool) -> list[tuple[int, int]]:
    """Return the ranges of a proof between two sizes (RFC 9162, 2.1.4.1)."""
    if old == end - first:
        return [] if whole else [(first, end)]
    middle = _split(end - first)
    if old <= middle:
        return [
            *_steps(old, first, first + middle, whole=whole), (first + middle, end),
        ]  # fmt: skip
    return [
        *_steps(old - middle, first + middle, end, whole=False), (first, first + middle),
    ]  # fmt: skip


def _split(count: int) -> int:
    """Return the largest power of two below a count."""
    return 1 << (count - 1).bit_length() - 1


def _subtrees(first: int, end: int) -> Iterable[Subtree]:
    """Take a range apart into full subtrees, from left to right."""
    while first < end:
        height = (end - first).bit_length() - 1
        yield height, first >> height
        first += 1 << height


def _place(subtree: Subtree) -> tuple[int, int]:
    """Return level and number of the tile that a subtree's root is computed from."""
    height, number = subtree
    level = height // LEVEL_BITS
    return level, (number << height % LEVEL_BITS) // WIDTH


def _root(tile: bytes, subtree: Subtree) -> bytes:
    height, number = subtree
    count = 1 << height % LEVEL_BITS
    start = (number * count) % WIDTH
    return full_root(tile[start * HASH_BYTES : (start + count) * HASH_BYTES])
