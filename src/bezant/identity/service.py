"""The service behind the door: its parts put together."""

from bezant.identity.keyring import API_KEY_HASH, Keyring
from bezant.identity.members import Members
from bezant.identity.merchants import Merchants
from bezant.identity.provider.importing import Importing
from bezant.keys.port import DeclareKey, KeySpec, Purpose


class IdentityService(Merchants, Members, Keyring, Importing):
    """Implements `Identity` and `OpenIdProvider`."""

    async def start(self) -> None:
        """Make the key under which API keys are hashed, on first use."""
        await self._keys.declare(
            DeclareKey(API_KEY_HASH, Purpose.MAC, KeySpec.HMAC256, by="identity")
        )
