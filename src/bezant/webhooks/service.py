"""The service behind the door: its parts put together."""

from bezant.keys.port import DeclareKey, KeySpec, Purpose
from bezant.webhooks.deliveries import Deliveries
from bezant.webhooks.desk import SEALING_KEY
from bezant.webhooks.endpoints import Endpoints
from bezant.webhooks.listing import Listing


class WebhooksService(Endpoints, Deliveries, Listing):
    """Implements `Webhooks`."""

    async def start(self) -> None:
        """Make the key under which secrets are sealed, on first use."""
        await self._keys.declare(
            DeclareKey(SEALING_KEY, Purpose.SEAL, KeySpec.AES256, by="webhooks", wrapped=True)
        )
