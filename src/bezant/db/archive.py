"""Keep a finished piece of the write-ahead log, or bring one back: PostgreSQL calls this by itself.

Runs as a script of its own, `python -I -S archive.py store|fetch FOLDER NAME PATH`, and imports
nothing of ours. Storing is safe to repeat: the same piece again is a success, another one under the
same name a failure.
"""

import gzip
import os
import shlex
import sys
from pathlib import Path

LEVEL = 1  # A piece is mostly zeros or mostly random; more effort finds little more.


def store(folder: Path, name: str, path: Path) -> int:
    """Copy a piece into the archive so that it is whole or not there."""
    kept = folder / f"{name}.gz"
    content = path.read_bytes()
    if kept.exists():
        return 0 if _read(kept) == content else 1
    beside = folder / f"{name}.gz.new"
    with beside.open("wb") as raw:
        with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=LEVEL, mtime=0) as packed:
            packed.write(content)
        raw.flush()
        os.fsync(raw.fileno())
    beside.rename(kept)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return 0


def fetch(folder: Path, name: str, path: Path) -> int:
    """Bring a piece back; that there is none is an ordinary answer."""
    kept = folder / f"{name}.gz"
    if not kept.exists():
        return 1
    path.write_bytes(_read(kept))
    return 0


def command(verb: str, folder: Path) -> str:
    """Return what PostgreSQL shall run, as `archive_command` or `restore_command`."""
    words = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), verb]
    words.append(str(folder.absolute()))
    return shlex.join(words).replace("%", "%%") + ' "%f" "%p"'


def _read(kept: Path) -> bytes:
    """Return a piece; a damaged one raises, for the archive's checksum does not fit."""
    with gzip.open(kept, "rb") as packed:
        return packed.read()


if __name__ == "__main__":
    VERBS = {"store": store, "fetch": fetch}
    sys.exit(VERBS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
