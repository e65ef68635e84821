"""Where a house is built."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bezant.secret import Secret


@dataclass(frozen=True, slots=True)
class Site:
    """Where a house is built: its folder, its key, and the address of each module's database."""

    folder: Path
    installation: str
    live: bool
    key: Secret[bytes]
    databases: Mapping[str, Secret[str]]
