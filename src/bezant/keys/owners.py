"""Data keys of owners: a tenant, or a person, has one of each name and month.

What is sealed with them is gone for good once they are shredded, in every copy and backup: that is
how somebody is forgotten. They lie in the database under the key-encryption key.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.keys import rules
from bezant.keys.envelopes import UNWRAPPED_MAX, Envelopes
from bezant.keys.port import KEY_ENCRYPTION_KEY, CannotOpen, Sealed, ShredKeys
from bezant.keys.registry import REMEMBERED_SECONDS, Registry
from bezant.keys.store import data_key as store
from bezant.keys.store.data_key import DataKeyRow
from bezant.keys.telling import Telling
from bezant.secret import Secret

KEY_BYTES: Final = 32
SUFFIX_BYTES: Final = 8
REWRAP_PAGE: Final = 100
_REMEMBERED: Final = timedelta(seconds=REMEMBERED_SECONDS)
_KID: Final = re.compile(r"[a-z][a-z0-9-]{0,39}-m[0-9]{6}-[0-9a-f]{16}\Z")


@dataclass(frozen=True, slots=True)
class _Open:
    key: Secret[bytes]
    read_at: datetime


class OwnersKeys:
    """Seals and opens with the keys of owners, and shreds them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        registry: Registry,
        envelopes: Envelopes,
        telling: Telling,
        chance: Callable[[int], bytes],
    ) -> None:
        self._database = database
        self._clock = clock
        self._registry = registry
        self._envelopes = envelopes
        self._telling = telling
        self._chance = chance
        self._kids: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._shredded = 0

    def knows(self, kid: str) -> bool:
        """Tell whether a kid names a data key of an owner."""
        return _KID.match(kid) is not None

    async def seal(self, name: str, owner: str, plaintext: bytes, bound_to: bytes) -> Sealed:
        """Encrypt with the key of this owner and month, made on first use."""
        rules.owner(owner)
        kid, key = await self._current(name, owner, f"{self._clock.now():%Y-%m}")
        return self._envelopes.seal_under(kid, key, plaintext, bound_to)

    async def open(self, sealed: Sealed, bound_to: bytes) -> bytes:
        """Decrypt, unless the key was shredded."""
        key = self._remembered(sealed.kid)
        if key is None:
            row = await store.find(self._database, sealed.kid)
            if row is None:
                raise CannotOpen
            key = await self._unwrapped(row)
        return self._envelopes.open_under(key, sealed, bound_to)

    async def shred(self, command: ShredKeys) -> int:
        """Erase the keys of an owner; other processes honour that within seconds."""
        rules.owner(command.owner)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            count = await store.shred(tx, command.name, command.owner, now)
            if count:
                await self._telling.shredded(tx, command, count, now)
        self._shredded += 1
        self._kids.clear()
        self._open.clear()
        return count

    async def rewrap(self) -> int:
        """Put every data key under the active key-encryption key; stopped halfway, go on anew."""
        above = await self._registry.active(KEY_ENCRYPTION_KEY)
        done = 0
        while True:
            async with self._database.transaction() as tx:
                page = await store.wrapped_by_older(tx, above.kid, REWRAP_PAGE)
            if not page:
                return done
            for row in page:
                key = await self._envelopes.unwrap_as(_what(row), row.wrapped_by, row.wrapped_key)
                wrapped_key = await self._envelopes.wrap(above, _what(row), key)
                async with self._database.transaction() as tx:
                    await store.rewrap(tx, row, above.kid, wrapped_key)
                done += 1

    async def _current(self, name: str, owner: str, month: str) -> tuple[str, Secret[bytes]]:
        kid = self._kids.get((name, owner, month), "")
        key = self._remembered(kid)
        if key is not None:
            return kid, key
        row = await store.of_month(self._database, name, owner, month)
        if row is None:
            await self._make(name, owner, month)
            row = await store.of_month(self._database, name, owner, month)
        if row is None:  # Made, and shredded at once by somebody else.
            raise CannotOpen
        key = await self._unwrapped(row)
        self._kids[name, owner, month] = row.kid
        if len(self._kids) > UNWRAPPED_MAX:
            self._kids.popitem(last=False)
        return row.kid, key

    async def _make(self, name: str, owner: str, month: str) -> None:
        above = await self._registry.active(KEY_ENCRYPTION_KEY)
        kid = rules.data_kid(name, month, self._chance(SUFFIX_BYTES).hex())
        row = DataKeyRow(kid, name, owner, month, above.kid, None)
        key = Secret(self._chance(KEY_BYTES))
        wrapped_key = await self._envelopes.wrap(above, _what(row), key)
        row = DataKeyRow(kid, name, owner, month, above.kid, wrapped_key)
        async with self._database.transaction() as tx:
            # Whoever else makes one at the same moment: one of the two is kept, for both.
            await store.add(tx, row, self._clock.now())

    def _remembered(self, kid: str) -> Secret[bytes] | None:
        known = self._open.get(kid)
        now = self._clock.now()
        if known is None or not known.read_at <= now < known.read_at + _REMEMBERED:
            return None
        self._open.move_to_end(kid)
        return known.key

    async def _unwrapped(self, row: DataKeyRow) -> Secret[bytes]:
        """Return the key of a row that was just read; it is believed for some seconds."""
        shredded, now = self._shredded, self._clock.now()
        known = self._open.get(row.kid)
        if row.wrapped_key is None:
            self._open.pop(row.kid, None)
            raise CannotOpen
        key = (
            known.key
            if known is not None
            else await self._envelopes.unwrap_as(_what(row), row.wrapped_by, row.wrapped_key)
        )
        if shredded == self._shredded:  # Else it may be gone meanwhile.
            self._open[row.kid] = _Open(key, now)
            if len(self._open) > UNWRAPPED_MAX:
                self._open.popitem(last=False)
        return key


def _what(row: DataKeyRow) -> str:
    return f"{row.kid} of {row.owner}"
