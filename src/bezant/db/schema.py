"""What a module's schema is made of: pieces of this room, then its own numbered SQL.

A file is `NNNN_name.sql` and is forward only; `NNNN_name.toml` names one that an installed package
ships. Pieces of this room (`outbox`, `feed`, `follower`) are the same for every module; in them
`{schema}`, `{owner}` and `{role}` stand for the module's names.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from bezant.db.package_file import PackageFile

ROOM: Final = Path(__file__).parent / "migrations"
PACKAGE: Final = Path(__file__).parent.parent
_FILE: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.(sql|toml)\Z")
_MODULE: Final = re.compile(r"[a-z][a-z0-9_]{1,40}\Z")
OWN: Final = "own"


class Piece(StrEnum):
    """What this room brings into a module's schema."""

    OUTBOX = "outbox"
    """The table of events the module appends to."""
    FEED = "feed"
    """The positions a sequencer gives to the rows of the module's event source."""
    FOLLOWER = "follower"
    """How far the module has followed other feeds."""


class MalformedMigrations(Exception):
    """The migration files themselves are not in order."""


@dataclass(frozen=True, slots=True)
class File:
    """One migration file."""

    module: str
    part: str
    """`own`, or the piece of this room it belongs to."""
    number: int
    name: str
    text: str
    sha256: str

    def __str__(self) -> str:
        part = "" if self.part == OWN else f"{self.part}/"
        return f"{self.module} {part}{self.number:04}_{self.name}"


@dataclass(frozen=True, slots=True)
class ModuleSchema:
    """One module's schema: which pieces it takes and where its own files are."""

    module: str
    pieces: tuple[Piece, ...] = ()
    folder: Path | None = None
    """Default: `migrations` in the module's folder."""

    def __post_init__(self) -> None:
        assert _MODULE.match(self.module), self.module

    @property
    def owner(self) -> str:
        """The role that owns the schema and cannot log in."""
        return f"bezant_{self.module}_owner"

    @property
    def role(self) -> str:
        """The role the module logs in as."""
        return f"bezant_{self.module}"

    def files(self) -> tuple[File, ...]:
        """Return every file in the order in which it is applied."""
        found = [
            file
            for piece in sorted(set(self.pieces), key=list(Piece).index)
            for file in self._read(ROOM / piece.value, piece.value)
        ]
        own = self.folder or PACKAGE / self.module / "migrations"
        return (*found, *self._read(own, OWN))

    def _read(self, folder: Path, part: str) -> list[File]:
        if not folder.is_dir():
            return []
        files: list[File] = []
        for path in sorted((*folder.glob("*.sql"), *folder.glob("*.toml"))):
            match = _FILE.match(path.name)
            if match is None or int(match[1]) != len(files) + 1:
                raise MalformedMigrations(
                    f"{self.module}: {path.name} should be {len(files) + 1:04}_name.sql"
                )
            shipped = match[3] == "toml"
            text = PackageFile.named_in(path).read() if shipped else path.read_text("utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if part != OWN:
                for word in ("schema", "owner", "role"):
                    name = self.module if word == "schema" else str(getattr(self, word))
                    text = text.replace(f"{{{word}}}", name)
            files.append(File(self.module, part, len(files) + 1, match[2], text, digest))
        return files
