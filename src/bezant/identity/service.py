"""The service behind the door: its parts put together."""

from datetime import timedelta
from typing import Final

from bezant.identity import rules
from bezant.identity.identification import Identification
from bezant.identity.keyring import API_KEY_HASH, Keyring
from bezant.identity.members import Members
from bezant.identity.merchants import Merchants
from bezant.identity.store import session as session_store
from bezant.keys.port import DeclareKey, KeySpec, Purpose

SESSIONS_KEPT: Final = timedelta(days=90)  # Long enough to answer who was logged in that day.
TIDY_MAX: Final = 10_000


class IdentityService(Merchants, Members, Keyring, Identification):
    """Implements `Identity`."""

    async def start(self) -> None:
        """Make the key under which API keys are hashed, on first use."""
        await self._keys.declare(
            DeclareKey(API_KEY_HASH, Purpose.MAC, KeySpec.HMAC256, by="identity")
        )

    async def tidy(self) -> int:
        """Delete sessions and counted tries that are long over; return how many."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            return await session_store.tidy(
                tx, now - SESSIONS_KEPT, now - 2 * rules.LOCK_MAX, TIDY_MAX
            )
