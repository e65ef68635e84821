"""A folder whose every byte is vouched for: one line a file, as `sha256sum` writes and checks it.

PostgreSQL's own manifest leaves out the write-ahead log and what we put beside the database; this
leaves out nothing.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bezant.db.data_folder import write_whole
from bezant.errors import Refused

SUMS: Final = "sha256sums.txt"
SUMS_SUM: Final = "sha256sums.txt.sha256"
READ_BYTES = 1 << 20


class BackupDamaged(Refused):
    """The backup is not what was written; it is not used."""

    code = "backup_damaged"


def write(folder: Path) -> None:
    """Vouch for every file that is in the folder now."""
    lines = [f"{_sum(path)}  {path.relative_to(folder)}\n" for path in _files(folder)]
    write_whole(folder / SUMS, "".join(lines))
    write_whole(folder / SUMS_SUM, f"{_sum(folder / SUMS)}  {SUMS}\n")


def check(folder: Path) -> None:
    """Raise unless the folder holds exactly what was vouched for."""
    listed = _listed(folder)
    there = {str(path.relative_to(folder)) for path in _files(folder)}
    if odd := sorted(there ^ listed.keys()):
        raise BackupDamaged(f"{len(odd)} files are missing or were added, the first is {odd[0]}")
    for name, wanted in listed.items():
        if _sum(folder / name) != wanted:
            raise BackupDamaged(f"{name} was changed")


def _listed(folder: Path) -> dict[str, str]:
    try:
        lines = (folder / SUMS).read_bytes()
        stamp = (folder / SUMS_SUM).read_bytes()
    except OSError as error:
        raise BackupDamaged(f"{folder} is not a backup: its sums are missing") from error
    if stamp != f"{hashlib.sha256(lines).hexdigest()}  {SUMS}\n".encode():
        raise BackupDamaged(f"{SUMS} was changed")
    pairs = (line.split("  ", 1) for line in lines.decode().splitlines())
    return {name: total for total, name in pairs}


def _files(folder: Path) -> Iterator[Path]:
    """Yield every file that the sums cover, in order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in {SUMS, SUMS_SUM}:
            yield path


def _sum(path: Path) -> str:
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            total.update(block)
    return total.hexdigest()
