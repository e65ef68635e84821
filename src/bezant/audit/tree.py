"""The right edge of the log's tree: what is not yet part of a full tile, level by level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bezant_verify.merkle import HASH_BYTES, Range, full_root
from bezant_verify.tiles import LEVEL_BITS, LEVELS_MAX, WIDTH

TILE_BYTES: Final = WIDTH * HASH_BYTES


@dataclass(frozen=True, slots=True)
class FullTile:
    """A tile that is complete and will never change."""

    level: int
    number: int
    hashes: bytes
    root: bytes


class Tree:
    """A tree that grows. `edges` has the hashes of the partial tile of each level."""

    def __init__(self, size: int = 0, edges: Sequence[bytes] = ()) -> None:
        self.size = size
        self.edges = [bytearray(edge) for edge in edges] or [bytearray()]
        for level, edge in enumerate(self.edges):
            width = (size >> LEVEL_BITS * level) % WIDTH
            assert len(edge) == width * HASH_BYTES, f"{width} hashes at level {level}"

    def copy(self) -> "Tree":
        """Return a tree that grows on its own."""
        return Tree(self.size, [bytes(edge) for edge in self.edges])

    def extend(self, leaves: bytes) -> list[FullTile]:
        """Add the hashes of leaves and return the tiles that became full."""
        self.size += len(leaves) // HASH_BYTES
        full: list[FullTile] = []
        new, level = leaves, 0
        while new:
            if level == len(self.edges):
                self.edges.append(bytearray())
            edge = self.edges[level]
            edge += new
            done = len(edge) // TILE_BYTES
            end = self.size >> LEVEL_BITS * (level + 1)  # Full tiles there are at this level now.
            made = [bytes(edge[at * TILE_BYTES : (at + 1) * TILE_BYTES]) for at in range(done)]
            roots = [full_root(tile) for tile in made]
            full += [
                FullTile(level, number, tile, root)
                for number, (tile, root) in enumerate(zip(made, roots, strict=True), end - done)
            ]
            del edge[: done * TILE_BYTES]
            new, level = b"".join(roots), level + 1
            assert level <= LEVELS_MAX, "more leaves than there are numbers"
        return full

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        found = Range()
        for level in reversed(range(len(self.edges))):
            edge = self.edges[level]
            for at in range(0, len(edge), HASH_BYTES):
                found.add(bytes(edge[at : at + HASH_BYTES]), LEVEL_BITS * level)
        return found.root()
