"""Tiles (c2sp.org/tlog-tiles): where a log's hashes and entries lie, and reading them from a
folder.
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from bezant_verify.merkle import HASH_BYTES

WIDTH = 256
LEVEL_BITS = 8
LEVELS_MAX = 8
ENTRIES = "entries"
CHECKPOINT = "checkpoint"
KEYS = "keys"
FILE_BYTES_MAX = WIDTH * (2 + 65_535)
NUMBER_MAX = 10**9
_length = struct.Struct(">H")


class Unreachable(Exception):
    """The log, or a part of it, cannot be read."""


class Source(Protocol):
    """Where a log lies."""

    def read(self, path: str) -> bytes | None:
        """Return a file of the log, None if there is none."""
        ...


class Folder:
    """A log in a folder, as `bezant audit export` writes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)

    def read(self, path: str) -> bytes | None:
        """Return a file of the log."""
        try:
            # There are thousands of small files; pathlib would take longer than reading them.
            with open(f"{self._folder}/{path}", "rb", buffering=0) as file:  # noqa: PTH123
                return file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreachable(f"{path}: {error.strerror}") from None


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return where a tile lies; `level` is a number or `entries`."""
    parts = [f"{number % 1000:03}"]
    while number >= 1000:
        number //= 1000
        parts.insert(0, f"x{number % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(parts)}{partial}"


def tile_at(parts: Sequence[str]) -> tuple[int, int] | None:
    """Return number and width of a tile from the path below its level, None if it is none."""
    width = WIDTH
    if len(parts) > 1 and parts[-2].endswith(".p"):
        if not _is_number(parts[-1], WIDTH - 1):
            return None
        width = int(parts[-1])
        parts = [*parts[:-2], parts[-2].removesuffix(".p")]
    number = 0
    for place, part in enumerate(parts, 1):
        digits = part if place == len(parts) else part.removeprefix("x")
        if len(digits) != 3 or not digits.isascii() or not digits.isdecimal():
            return None
        number = number * 1000 + int(digits)
    # Each tile has one path: no group of zeros before its number, an x before all but the last.
    return (number, width) if tile_path(0, number).split("/")[2:] == [*parts] else None


def widths(size: int) -> Iterator[tuple[int, int]]:
    """Return number and width of the tiles that hold the leaves of a tree."""
    for number in range(size // WIDTH):
        yield number, WIDTH
    if size % WIDTH:
        yield size // WIDTH, size % WIDTH


def bundled(entries: list[bytes]) -> bytes:
    """Return a bundle: each entry behind its length."""
    return b"".join([_length.pack(len(entry)) + entry for entry in entries])


def unbundled(bundle: bytes) -> list[bytes]:
    """Take a bundle apart; what cannot be read at its end is left out."""
    found: list[bytes] = []
    at, end = 0, len(bundle)
    while at + 2 <= end:
        start = at + 2
        at = start + (bundle[at] << 8 | bundle[at + 1])
        if at > end:
            break
        found.append(bundle[start:at])
    return found


def hashes_of(source: Source, level: int, number: int, width: int) -> bytes | None:
    """Return a tile's hashes; a full tile serves as a partial one."""
    tile = source.read(tile_path(level, number, width))
    if tile is None and width != WIDTH:
        tile = source.read(tile_path(level, number))
    return None if tile is None else tile[: width * HASH_BYTES]


def bundle_of(source: Source, number: int, width: int) -> list[bytes] | None:
    """Return the entries of a bundle; a full bundle serves as a partial one."""
    bundle = source.read(tile_path(ENTRIES, number, width))
    if bundle is None and width != WIDTH:
        bundle = source.read(tile_path(ENTRIES, number))
    return None if bundle is None else unbundled(bundle)[:width]


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdecimal() and text[0] != "0" and 0 < int(text) <= most
