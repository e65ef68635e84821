"""Whether a server keeps what it acknowledged: its settings beside those a payment needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bezant.db.database import Database

VERSION_MIN, VERSION_MAX = 150_000, 189_999  # PostgreSQL 15 to 18, as server_version_num.
NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "data_checksums": ("on",),
    "ignore_checksum_failure": ("off",),
    "zero_damaged_pages": ("off",),
}
"""The values under which an acknowledged commit survives a crash and damage is noticed."""

_SETTINGS: Final = """
SELECT name, setting
FROM pg_settings
WHERE name = ANY(%s)
ORDER BY name
"""
_ABOUT: Final = """
SELECT current_setting('server_version_num')::int AS version_number,
  current_setting('server_version') AS version,
  clock_timestamp() AS now
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """One of the server's settings."""

    name: str
    setting: str

    @property
    def good(self) -> bool:
        """Tell whether it is as needed."""
        return self.setting in NEEDED[self.name]

    @property
    def wanted(self) -> str:
        """Return what it should be."""
        return NEEDED[self.name][0]


@dataclass(frozen=True, slots=True)
class About:
    """Which server answers, and what its clock says."""

    version_number: int
    version: str
    now: datetime

    @property
    def supported(self) -> bool:
        """Tell whether this version is one we are tested on."""
        return VERSION_MIN <= self.version_number <= VERSION_MAX


async def settings_of(database: Database) -> list[Setting]:
    """Return the settings that matter, each with what it is."""
    return await database.fetch_all(Setting, _SETTINGS, (list(NEEDED),))


async def about(database: Database) -> About:
    """Return which server this is."""
    found = await database.fetch_one(About, _ABOUT)
    assert found is not None
    return found
