"""Reads what a running process has in its memory (Linux)."""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
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
    table = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
    try:
        for line in lines:
            place, rights, offset, device, inode, *_ = line.split()
            shared = f"{device} {inode} {offset}"
            if not rights.startswith("rw") or (rights.endswith("s") and shared in seen):
                continue
            seen.add(shared)
            start, end = (int(edge, 16) for edge in place.split("-"))
            if rights.endswith("s"):  # Others may have written what is not in this one's table.
                yield from _pieces(handle, start, end)
            else:
                for first, last in _written(table, start, end):
                    yield from _pieces(handle, first, last)
    finally:
        os.close(handle)
        os.close(table)


def _written(table: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a private mapping that are anywhere: a page never used has no place.

    Bits 62 and 63 of an entry: swapped out, in memory (pagemap of the kernel's documentation).
    """
    told = os.pread(table, (end - start) // PAGE_BYTES * 8, start // PAGE_BYTES * 8)
    entries = struct.unpack(f"={len(told) // 8}Q", told)
    at = start
    for anywhere, pages in groupby(entries, lambda entry: entry >> 62 != 0):
        until = at + len(list(pages)) * PAGE_BYTES
        if anywhere:
            yield at, until
        at = until


def _pieces(handle: int, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        size = min(CHUNK_BYTES + OVERLAP_BYTES, end - start)
        with suppress(OSError):  # Some mappings are not for reading, such as a device's.
            yield os.pread(handle, size, start)
        start += CHUNK_BYTES
