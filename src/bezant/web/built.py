"""What `make ui` built: which files each page loads, and how far a build has come.

The list is read again when it changes: a first start builds the pages behind the running platform.
"""

import fcntl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

FOLDER: Final = Path(__file__).parent / "static"
LIST: Final = "pages/pages.json"
PROGRESS: Final = "progress.json"
LOCK: Final = "lock"
"""Whoever builds holds this file."""


class File(msgspec.Struct, frozen=True):
    """One built file."""

    integrity: str
    """What a browser compares it with before it runs it (subresource integrity)."""
    bytes: int
    bytes_gzipped: int


class Page(msgspec.Struct, frozen=True):
    """What one page loads."""

    script: str
    first: str = ""
    """What runs as soon as it is there, before the rest has come."""
    styles: tuple[str, ...] = ()
    preloads: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    """What it may load later, when somebody needs it."""
    fonts: tuple[str, ...] = ()
    """What its text is written with."""


class Listed(msgspec.Struct, frozen=True):
    """Everything that was built."""

    pages: Mapping[str, Page]
    files: Mapping[str, File]
    stamp: str = ""


class Progress(msgspec.Struct, frozen=True):
    """How far a build has come."""

    step: str
    number: int = 0
    of: int = 1
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    mark: tuple[int, int]
    listed: Listed


NOTHING: Final = Listed({}, {})


class Built:
    """The folder of built pages."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._read: _Read | None = None

    @property
    def listed(self) -> Listed:
        """Return what is built now; nothing while nothing is."""
        path = self._folder / LIST
        try:
            status = path.stat()
            mark = (status.st_mtime_ns, status.st_ino)
            if self._read is None or self._read.mark != mark:
                content = msgspec.json.decode(path.read_bytes(), type=Listed)
                self._read = _Read(mark, content)
        except (OSError, msgspec.DecodeError):
            return NOTHING  # A new list is just taking the old one's place, or there is none.
        return self._read.listed

    def page(self, name: str) -> Page | None:
        """Return what a page loads, if it is built."""
        return self.listed.pages.get(name)

    def content(self, name: str) -> bytes | None:
        """Return a file by its name, if it is one of those that were built."""
        if name not in self.listed.files:
            return None
        try:
            return (self._folder / "pages" / name).read_bytes()
        except OSError:
            return None

    def progress(self) -> Progress | None:
        """Return how far a build has come, if one runs or failed."""
        try:
            told = msgspec.json.decode((self._folder / PROGRESS).read_bytes(), type=Progress)
        except (OSError, msgspec.DecodeError):
            return None
        return told if told.failed or self._is_being_built() else None

    def _is_being_built(self) -> bool:
        """Tell whether a build lives: one that was killed tells of a step for ever."""
        try:
            with (self._folder / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False
