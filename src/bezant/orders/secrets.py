"""Client secrets: what makes a payer's browser the payer of one checkout session.

A secret is the session's id and a keyed hash of it under a key of the key room. So nothing of it is
stored: whoever reads the database learns no secret, and asking again under the same idempotency key
is told the same one.
"""

import base64
from typing import Final

from bezant.keys.port import DeclareKey, Keys, KeySpec, Mac, Purpose
from bezant.orders.port import ClientSecretInvalid
from bezant.secret import Secret

CLIENT_SECRET: Final = "checkout-client-secret"  # noqa: S105 - the name of a key
BETWEEN: Final = "_secret_"
SECRET_CHARACTERS_MAX: Final = 200


class ClientSecrets:
    """Makes and checks client secrets."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def start(self) -> None:
        """Make the key on first use."""
        await self._keys.declare(
            DeclareKey(CLIENT_SECRET, Purpose.MAC, KeySpec.HMAC256, by="orders")
        )

    async def of(self, session: str) -> Secret[str]:
        """Return the secret of a session."""
        return _spelled(session, (await self._keys.macs(CLIENT_SECRET, session.encode()))[0])

    async def check(self, session: str, shown: Secret[str]) -> None:
        """Return if this is the session's secret, under whichever version of the key."""
        text = shown.reveal()
        if len(text) <= SECRET_CHARACTERS_MAX:
            for mac in await self._keys.macs(CLIENT_SECRET, session.encode()):
                if _spelled(session, mac).equals(text):
                    return
        raise ClientSecretInvalid


def _spelled(session: str, mac: Mac) -> Secret[str]:
    digest = base64.urlsafe_b64encode(mac.value).rstrip(b"=").decode()
    return Secret(f"{session}{BETWEEN}{digest}")
