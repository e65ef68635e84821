"""Reads what a running process has in its memory (Linux)."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CHUNK_BYTES = 16 << 20
OVERLAP_BYTES = 64  # Longer than anything that is looked for.


def descendants(pid: int) -> list[int]:
    """Return a process and everything it has started, as it is now."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                told = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(told[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def memory_of(pid: int, seen: set[str]) -> Iterator[bytes]:
    """Yield everything a process can write to, in overlapping pieces.

    What several processes share is read once: `seen` remembers it.
    """
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    handle = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        for line in lines:
            place, rights, offset, device, inode, *_ = line.split()
            shared = f"{device} {inode} {offset}"
            if not rights.startswith("rw") or (rights.endswith("s") and shared in seen):
                continue
            seen.add(shared)
            start, end = (int(edge, 16) for edge in place.split("-"))
            yield from _pieces(handle, start, end)
    finally:
        os.close(handle)


def _pieces(handle: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        size = min(CHUNK_BYTES + OVERLAP_BYTES, end - start)
        with suppress(OSError):  # Some mappings are not for reading, such as a device's.
            yield os.pread(handle, size, start)
        start += CHUNK_BYTES
