"""The log as it is read: tiles, bundles, and proofs put together from tiles.

Full tiles never change, so those that were asked for lately are kept in memory; of a partial tile
the part that was read is.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from bezant.audit.port import UnknownTile
from bezant.audit.store import entries as store
from bezant.audit.writer import edge_hashes
from bezant.db.database import Database
from bezant_verify.merkle import HASH_BYTES, full_root, node_hash
from bezant_verify.tiles import LEVEL_BITS, LEVELS_MAX, WIDTH, bundled

TILES_KEPT: Final = 2_048  # Sixteen megabytes.
NODES_KEPT: Final = 256  # Of tiles above the lowest: enough for sixteen million entries.

Place = tuple[int, int]
"""Level and number of a tile."""
Subtree = tuple[int, int]
"""A full subtree: the logarithm of its size, and its number among those of its size."""


class Shelf:
    """Reads the log's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[Place, bytes] = OrderedDict()
        self._nodes: dict[Place, tuple[int, list[list[bytes]]]] = {}

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

    async def inclusion(self, index: int, size: int) -> tuple[bytes | None, tuple[bytes, ...]]:
        """Return an entry, and the path from it to the root of a tree of this size."""
        parts = _parts(_path(index, 0, size))
        known, missing = self._remembered(size, _places(parts))
        full = [place for place in missing if _width(size, *place) == WIDTH]
        entry, read = await store.entry_and_tiles(self._database, index, full)
        self._keep(read)
        tiles = known | read
        tiles |= await self._tiles(size, [place for place in missing if place not in tiles])
        return entry, self._roots(parts, tiles)

    async def consistency(self, old_size: int, size: int) -> tuple[bytes, ...]:
        """Return the proof that one tree is the beginning of another."""
        steps = _steps(old_size, 0, size, whole=True) if 0 < old_size < size else []
        parts = _parts(steps)
        return self._roots(parts, await self._tiles(size, _places(parts)))

    def _roots(self, parts: list[list[Subtree]], tiles: Mapping[Place, bytes]) -> tuple[bytes, ...]:
        """Return the root of each range of leaves."""
        found: list[bytes] = []
        for subtrees in parts:
            roots = [self._root(tiles[_place(subtree)], subtree) for subtree in subtrees]
            root = roots[-1]
            for left in reversed(roots[:-1]):
                root = node_hash(left, root)
            found.append(root)
        return tuple(found)

    def _root(self, tile: bytes, subtree: Subtree) -> bytes:
        """Return the root of a full subtree within its tile."""
        height, number = subtree
        place = _place(subtree)
        step = height % LEVEL_BITS
        first = number % (WIDTH >> step)
        if place[0] == 0:  # Of those there are many, and each is asked for rarely.
            start, length = first * HASH_BYTES << step, HASH_BYTES << step
            return full_root(tile[start : start + length])
        known, nodes = self._nodes.get(place, (0, []))
        if known != len(tile):
            nodes = _all_nodes(tile)
            if len(self._nodes) >= NODES_KEPT:
                self._nodes.clear()
            self._nodes[place] = len(tile), nodes
        return nodes[step][first]

    async def _tiles(
        self, size: int, wanted: Sequence[Place], *, whole: bool = True
    ) -> dict[Place, bytes]:
        """Return tiles by level and number, each as wide as a tree of this size has it."""
        found, missing = self._remembered(size, wanted)
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
        self._keep({place: found[place] for place in missing})
        return found

    def _remembered(
        self, size: int, wanted: Sequence[Place]
    ) -> tuple[dict[Place, bytes], list[Place]]:
        """Return what is in memory, and what is not."""
        found: dict[Place, bytes] = {}
        missing: list[Place] = []
        for place in wanted:
            kept = self._kept.get(place, b"")
            if len(kept) >= _width(size, *place) * HASH_BYTES:
                self._kept.move_to_end(place)
                found[place] = kept
            else:
                missing.append(place)
        return found, missing

    def _keep(self, tiles: Mapping[Place, bytes]) -> None:
        self._kept.update(tiles)
        while len(self._kept) > TILES_KEPT:
            self._kept.popitem(last=False)


def _all_nodes(tile: bytes) -> list[list[bytes]]:
    """Return the roots of the full subtrees of a tile, by the logarithm of their size."""
    layer = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    layers = [layer]
    while len(layer) > 1:
        pairs = iter(layer)
        layer = [node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)]
        layers.append(layer)
    return layers


def _parts(ranges: Iterable[tuple[int, int]]) -> list[list[Subtree]]:
    return [list(_subtrees(first, end)) for first, end in ranges]


def _places(parts: Iterable[Iterable[Subtree]]) -> list[Place]:
    return sorted({_place(subtree) for subtrees in parts for subtree in subtrees})


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
