"""Read a whole log, entry by entry, and compare it with checkpoints that somebody else kept.

A root says *that* something was changed and not where. The first wrong index is found with hashes
that lead to a root that was kept: the log's own tiles, if whoever changed the entries left them, or
those of a copy. The copy need not be trusted, since only hashes that lead to the root are used.
Without them it is known between which two checkpoints it lies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from bezant_verify import entry, tiles
from bezant_verify.checkpoint import Believed, Checkpoint, Trust, believed
from bezant_verify.merkle import HASH_BYTES, Range, full_root, root_of, top
from bezant_verify.note import BadNote
from bezant_verify.tiles import CHECKPOINT, LEVEL_BITS, WIDTH, Source


class LogTampered(Exception):
    """The log is not what it was: the first index that is wrong, and how."""

    def __init__(self, index: int, why: str, last: int | None = None) -> None:
        self.index = index
        """The first that is wrong, or the first that can be."""
        self.last = index if last is None else last
        """The last that can be the first wrong one; the same where it is known exactly."""
        self.why = why
        super().__init__(why)


@dataclass(slots=True)
class Walk:
    """How far a log was read."""

    tree: Range = field(default_factory=Range)
    leaves: bytearray = field(default_factory=bytearray)
    """The hashes of the entries as they are now."""
    tiles: bytearray = field(default_factory=bytearray)
    """What the log's own tiles say they are."""
    feeds: dict[bytes, int] = field(default_factory=dict[bytes, int])
    """The last position of each feed, by the bytes its entries begin with."""
    roots: dict[int, bytes] = field(default_factory=dict[int, bytes])
    suspect: LogTampered | None = None
    """The first thing that is wrong in the log itself."""

    def suspects(self, index: int, why: str) -> None:
        """Remember the first thing that is wrong."""
        if self.suspect is None or index < self.suspect.index:
            self.suspect = LogTampered(index, why)


@dataclass(frozen=True, slots=True)
class Verified:
    """A log in which nothing was found."""

    head: Believed
    since: tuple[Believed, ...]
    feeds: dict[str, int]


def verify(
    source: Source,
    trust: Trust,
    since: Sequence[Believed] = (),
    copy: Source | None = None,
    *,
    classical: bool = False,
) -> Verified:
    """Read every entry, or raise `LogTampered` with the first that is wrong."""
    kept = tuple(sorted(since, key=lambda one: one.checkpoint.size))
    head, forged = _head(source, trust, classical=classical)
    newest = kept[-1].checkpoint.size if kept else 0
    end = head.checkpoint.size if head else newest
    marks = {one.checkpoint.size for one in kept} | {end}
    walk = Walk()
    for number, width in tiles.widths(end):
        if not _tile(source, walk, number, width, marks):
            break
    _compare(walk, source, copy, [one.checkpoint for one in kept])
    if walk.suspect is not None:
        raise walk.suspect
    if head is None:
        raise LogTampered(newest, f"from here on nothing vouches for the log: {forged}")
    if end < newest:
        raise LogTampered(end, f"missing: a checkpoint of {newest} entries was kept")
    if walk.roots.get(end, b"") != head.checkpoint.root and end:
        raise LogTampered(newest, "the entries do not give the log's own checkpoint", end - 1)
    return Verified(head, kept, {feed[2:].decode(): at for feed, at in walk.feeds.items()})


def _head(source: Source, trust: Trust, *, classical: bool) -> tuple[Believed | None, str]:
    note = source.read(CHECKPOINT)
    if note is None:
        return None, "its checkpoint is missing"
    try:
        return believed(note.decode(), trust, classical=classical), ""
    except (BadNote, UnicodeDecodeError) as error:
        return None, str(error)


def _tile(source: Source, walk: Walk, number: int, width: int, marks: set[int]) -> bool:
    """Read the entries of one tile; False if the log ends in it, too early."""
    first = number * WIDTH
    entries = tiles.bundle_of(source, number, width) or []
    hashes = [sha256(b"\x00" + one).digest() for one in entries]
    found = b"".join(hashes)
    walk.leaves += found
    tile = tiles.hashes_of(source, 0, number, width) or b""
    walk.tiles += tile
    if tile != found:
        index = first + _difference(tile, found)
        walk.suspects(index, "the entry is not the one its tile was made of")
    _positions(walk, entries, first)
    for mark in marks:
        if first < mark <= first + len(entries):
            part = walk.tree.copy()
            part.extend(found[: (mark - first) * HASH_BYTES])
            walk.roots[mark] = part.root()
    if len(entries) < width:
        walk.suspects(first + len(entries), "missing")
        return False
    if width == WIDTH:
        walk.tree.add(top(hashes), LEVEL_BITS)
    else:
        walk.tree.extend(found)
    return True


def _positions(walk: Walk, entries: list[bytes], first: int) -> None:
    """Refuse a feed that leaves a position out or has one twice."""
    feeds = walk.feeds
    index, head, reached = first, b"", 0
    try:
        for index, one in enumerate(entries, first):
            end = 2 + one[1]
            if one[:end] != head:  # Mostly the feed of the entry before.
                feeds[head] = reached
                head = one[:end]
                reached = feeds.get(head, 0)
                entry.check_head(head)
            (position,) = entry.position(one, end)
            if position != reached + 1:
                name = head[2:].decode("ascii", "replace")
                walk.suspects(index, f"{name} goes on with {position} instead of {reached + 1}")
            reached = position
    except (entry.MalformedEntry, IndexError, entry.UNREADABLE):
        walk.suspects(index, "these bytes are no entry")
    feeds[head] = reached
    feeds.pop(b"", None)


def _compare(walk: Walk, source: Source, copy: Source | None, kept: list[Checkpoint]) -> None:
    """Demand the roots that were kept, and find where the first that differs began to."""
    agreed = 0
    for checkpoint in kept:
        size = checkpoint.size
        if walk.roots.get(size, b"") == checkpoint.root or size == 0:
            agreed = size
            continue
        read = len(walk.leaves) // HASH_BYTES
        for honest in _witnesses(walk, copy, checkpoint):
            index = _difference(honest, bytes(walk.leaves[: size * HASH_BYTES]))
            why = "missing" if index >= read else "the entry is not the one that was witnessed"
            raise LogTampered(index, why)
        first, last = _narrowed(walk, source, checkpoint, agreed)
        why = f"the entries do not give the root of {size} entries that was kept"
        if read < size:
            last = min(last, read)
        if walk.suspect is not None and first <= walk.suspect.index < last:
            last, why = walk.suspect.index, f"{why}; at {walk.suspect.index}: {walk.suspect.why}"
        raise LogTampered(first, why, last)


def _witnesses(walk: Walk, copy: Source | None, kept: Checkpoint) -> Iterator[bytes]:
    """Yield hashes of leaves that give the root that was kept."""
    if len(walk.tiles) >= kept.size * HASH_BYTES:
        own = bytes(walk.tiles[: kept.size * HASH_BYTES])
        if root_of(own) == kept.root:
            yield own
    if copy is not None:
        theirs = b"".join(
            tiles.hashes_of(copy, 0, number, width) or b""
            for number, width in tiles.widths(kept.size)
        )
        if len(theirs) == kept.size * HASH_BYTES and root_of(theirs) == kept.root:
            yield theirs


def _narrowed(walk: Walk, source: Source, kept: Checkpoint, agreed: int) -> tuple[int, int]:
    """Find the tile that was changed, if the tiles above it were left as they were."""
    full, rest = divmod(kept.size, WIDTH)
    above = b"".join(
        tiles.hashes_of(source, 1, number, width) or b"" for number, width in tiles.widths(full)
    )
    edge = bytes(walk.tiles[full * WIDTH * HASH_BYTES :][: rest * HASH_BYTES])
    if len(above) == full * HASH_BYTES and len(edge) == rest * HASH_BYTES:
        tree = Range()
        for at in range(full):
            tree.add(above[at * HASH_BYTES : (at + 1) * HASH_BYTES], LEVEL_BITS)
        tree.extend(edge)
        if tree.root() == kept.root:
            now = b"".join(
                full_root(bytes(walk.leaves[at : at + WIDTH * HASH_BYTES]))
                for at in range(0, full * WIDTH * HASH_BYTES, WIDTH * HASH_BYTES)
                if at + WIDTH * HASH_BYTES <= len(walk.leaves)
            )
            first = _difference(above, now) * WIDTH
            return first, min(first + WIDTH, kept.size) - 1
    return agreed, kept.size - 1


def _difference(one: bytes, other: bytes) -> int:
    """Return the number of the first hash that differs."""
    for at in range(0, max(len(one), len(other)), HASH_BYTES):
        if one[at : at + HASH_BYTES] != other[at : at + HASH_BYTES]:
            return at // HASH_BYTES
    return max(len(one), len(other)) // HASH_BYTES
