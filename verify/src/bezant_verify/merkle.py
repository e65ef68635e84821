"""The tree of a transparency log: RFC 6962 (and 9162) hashes, proofs, and roots of growing trees.

A leaf is hashed behind a zero byte and a node behind a one, so neither can be taken for the other.
"""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
PATH_MAX = 63  # Of a tree with 2^63 leaves.


class BadProof(Exception):
    """A proof does not lead where it should."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def full_root(hashes: bytes) -> bytes:
    """Return the root of a full subtree: of 2^n hashes, one after the other."""
    return top([hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)])


def top(hashes: Sequence[bytes]) -> bytes:
    """Return the root of a full subtree from 2^n hashes. Strangers spend half their time here."""
    while len(hashes) > 1:
        pairs = iter(hashes)
        hashes = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(pairs, pairs, strict=True)
        ]
    return hashes[0]


class Range:
    """The left edge of a tree that only grows: a hash for each one bit of its size."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        assert len(peaks) == size.bit_count(), "a peak for each bit of the size"
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash."""
        self.add(leaf, 0)

    def add(self, root: bytes, level: int) -> None:
        """Add a full subtree of 2^level leaves; the tree must end on such a boundary."""
        size = self.size >> level
        assert size << level == self.size, "a subtree begins on its own boundary"
        while size & 1:
            root = node_hash(self.peaks.pop(), root)
            size >>= 1
        self.peaks.append(root)
        self.size += 1 << level

    def extend(self, hashes: bytes) -> None:
        """Add leaves' hashes, as many at once as make a full subtree."""
        at, end = 0, len(hashes) // HASH_BYTES
        while at < end:
            left = end - at
            level = left.bit_length() - 1
            if self.size:
                level = min(level, (self.size & -self.size).bit_length() - 1)
            upto = at + (1 << level)
            self.add(full_root(hashes[at * HASH_BYTES : upto * HASH_BYTES]), level)
            at = upto

    def root(self) -> bytes:
        """Return the root of the tree as it is now."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> "Range":
        """Return a range that grows on its own."""
        return Range(self.size, self.peaks)


def root_of(hashes: bytes) -> bytes:
    """Return the root of a tree with these leaves' hashes."""
    tree = Range()
    tree.extend(hashes)
    return tree.root()


def inclusion_root(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes:
    """Return the root that a path leads to (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise BadProof(f"there is no index {index} in a tree of {size}")
    node, last, root = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise BadProof("the path is too long")
        if node & 1 or node == last:
            root = node_hash(step, root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = node_hash(root, step)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the path is too short")
    return root


def verify_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Raise unless the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old_size <= size:
        raise BadProof(f"a tree of {old_size} is no beginning of one of {size}")
    if old_size in (0, size):
        known = EMPTY_ROOT if old_size == 0 else root
        if path or old_root != known:
            raise BadProof("two trees of one size have one root, and an empty tree the empty one")
        return
    steps = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    if not steps:
        raise BadProof("the proof is empty")
    if _both_roots(old_size, size, steps) != (old_root, root):
        raise BadProof("the old tree is not the beginning of the new one")


def _both_roots(old_size: int, size: int, steps: Sequence[bytes]) -> tuple[bytes, bytes]:
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise BadProof("the proof is too long")
        if node & 1 or node == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, step)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the proof is too short")
    return first, second
