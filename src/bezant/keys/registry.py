"""Which versions exist and which one works: the registry's rows, remembered for a few seconds."""

from datetime import datetime, timedelta
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.keys import rules
from bezant.keys.port import KeyState, KeyVersion, UnknownKey
from bezant.keys.store import version as store
from bezant.keys.store.version import VersionRow

REMEMBERED_SECONDS: Final = 5
"""A destruction in another process is honoured at the latest after this, and new work is done with
a new version. What a new version made is read at once.
"""
_REMEMBERED: Final = timedelta(seconds=REMEMBERED_SECONDS)


class Registry:
    """Answers who is active; reads the database at most once in `REMEMBERED_SECONDS` a key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: dict[str, tuple[datetime, tuple[VersionRow, ...]]] = {}
        self._forgotten = 0

    async def versions(self, name: str) -> tuple[VersionRow, ...]:
        """Return the versions of a key, newest first; of a key nobody declared, none."""
        now = self._clock.now()
        known = self._remembered.get(name)
        # Read later than now means that the clock was set back meanwhile.
        if known is not None and known[0] <= now < known[0] + _REMEMBERED:
            return known[1]
        forgotten = self._forgotten
        async with self._database.transaction() as tx:
            found = tuple(await store.versions(tx, name))
        # Names that do not exist are not remembered, or anyone could fill the memory; nor is what
        # may have been changed while it was read.
        if found and forgotten == self._forgotten:
            self._remembered[name] = (now, found)
        return found

    async def active(self, name: str) -> VersionRow:
        """Return the version that does new work."""
        for version in await self.versions(name):
            if version.state is KeyState.ACTIVE:
                return version
        raise UnknownKey

    async def find(self, kid: str) -> VersionRow | None:
        """Return a version by its kid."""
        name = rules.name_of(kid)
        if name is None:
            return None
        version = _of(kid, await self.versions(name))
        if version is None or version.state is KeyState.PENDING:
            # Another process may have made it a moment ago and sealed or signed with it since.
            self.forget(name)
            version = _of(kid, await self.versions(name))
        return version

    def forget(self, name: str) -> None:
        """Read this key anew next time: it was just changed."""
        self._forgotten += 1
        self._remembered.pop(name, None)


def _of(kid: str, versions: tuple[VersionRow, ...]) -> VersionRow | None:
    return next((version for version in versions if version.kid == kid), None)


def told(row: VersionRow) -> KeyVersion:
    """Return a version as the door tells it, without the place where its material lies."""
    return KeyVersion(
        kid=row.kid,
        name=row.name,
        version=row.version,
        purpose=row.purpose,
        spec=row.spec,
        state=row.state,
        provider=row.provider or row.wrapped_by or "",
        wrapped=row.wrapped_by is not None,
        created_at=row.created_at,
        changed_at=row.changed_at,
        not_before=row.not_before,
        not_after=row.not_after,
        made_here=row.made_here,
        extractable=row.extractable,
    )
