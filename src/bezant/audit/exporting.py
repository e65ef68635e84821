"""The log as files, laid out as it is served: for a mirror, for an archive, for `bezant-verify`."""

from collections.abc import Iterator
from pathlib import Path

from bezant.audit.published import PublishedKeys
from bezant.audit.shelf import Shelf
from bezant.audit.spelling import spelled
from bezant.audit.store.checkpoints import CheckpointRow
from bezant_verify.tiles import CHECKPOINT, ENTRIES, KEYS, LEVEL_BITS, tile_path, widths


async def export(
    folder: Path, shelf: Shelf, row: CheckpointRow, note: str, keys: PublishedKeys
) -> int:
    """Write every tile and bundle, then the checkpoint, and return how many entries it has."""
    for level, number, width in _tiles(row.size):
        tile = await shelf.tile(row.size, level, number, width)
        _put(folder / tile_path(level, number, width), tile)
    for number, width in widths(row.size):
        bundle = await shelf.bundle(row.size, number, width)
        _put(folder / tile_path(ENTRIES, number, width), bundle)
    _put(folder / KEYS, spelled(keys).encode())
    _put(folder / CHECKPOINT, note.encode())
    return row.size


def _tiles(size: int) -> Iterator[tuple[int, int, int]]:
    level = 0
    while size >> LEVEL_BITS * level:
        for number, width in widths(size >> LEVEL_BITS * level):
            yield level, number, width
        level += 1


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
