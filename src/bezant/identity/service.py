"""The service behind the door: its parts put together."""

from bezant.identity.clients.registering import Registering
from bezant.identity.desk import SEALING_KEY
from bezant.identity.keyring import API_KEY_HASH, Keyring
from bezant.identity.members import Members
from bezant.identity.merchants import Merchants
from bezant.identity.outside.logins import OutsideLogins
from bezant.identity.people.consenting import Consenting
from bezant.identity.people.delivering import Delivering
from bezant.identity.people.forgetting import Forgetting
from bezant.identity.people.handing import Handing
from bezant.identity.people.securing import Securing
from bezant.identity.provider.importing import Importing
from bezant.identity.provider.introspecting import Introspecting
from bezant.identity.roles import Roles
from bezant.identity.signed.requests import SignedRequests
from bezant.identity.tidying import Tidying
from bezant.keys.port import DeclareKey, KeySpec, Purpose


class IdentityService(
    OutsideLogins,
    Introspecting,
    SignedRequests,
    Registering,
    Merchants,
    Members,
    Roles,
    Keyring,
    Securing,
    Consenting,
    Forgetting,
    Delivering,
    Handing,
    Importing,
    Tidying,
):
    """Implements `Identity`, `OpenIdProvider` and `People`."""

    async def start(self) -> None:
        """Make the keys that hash API keys and seal people's secrets, on first use."""
        await self._keys.declare(
            DeclareKey(API_KEY_HASH, Purpose.MAC, KeySpec.HMAC256, by="identity")
        )
        await self._keys.declare(
            DeclareKey(SEALING_KEY, Purpose.SEAL, KeySpec.AES256, by="identity", wrapped=True)
        )
