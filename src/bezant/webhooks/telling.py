"""What the feed tells of endpoints: whoever may change one decides who hears of money.

An address may hold a secret in its path or query, so only its origin is told, and a digest of it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids, spell
from bezant.webhooks import rules
from bezant.webhooks.store.endpoint import EndpointRow
from bezant.webhooks.store.work import Disabled

MODULE: Final = "webhooks"
CREATED: Final = "webhook_endpoint.created"
CHANGED: Final = "webhook_endpoint.changed"
DELETED: Final = "webhook_endpoint.deleted"
SECRET_ROTATED: Final = "webhook_endpoint.secret_rotated"  # noqa: S105 - the type of an event
PREFIX: Final = "whe"
VERSION: Final = 1


class Telling:
    """Writes events in the transactions that made them. Without an outbox it writes none."""

    def __init__(self, outbox: Outbox | None, ids: Ids) -> None:
        self._outbox = outbox
        self._ids = ids

    async def created(self, tx: Tx, row: EndpointRow) -> None:
        """Somebody hears of events from now on."""
        await self._of(tx, CREATED, row, row.created_by, row.created_at, {})

    async def changed(
        self, tx: Tx, before: EndpointRow, after: EndpointRow, by: str, at: datetime
    ) -> None:
        """An endpoint is not what it was; that nothing was changed is not told."""
        names = [
            name
            for name in ("url", "description", "events", "payload", "state")
            if getattr(before, name) != getattr(after, name)
        ]
        if names:
            await self._of(tx, CHANGED, after, by, at, {"changed": names})

    async def deleted(self, tx: Tx, row: EndpointRow, by: str, at: datetime) -> None:
        """Nothing is sent there any more."""
        await self._of(tx, DELETED, row, by, at, {})

    async def rotated(
        self, tx: Tx, row: EndpointRow, by: str, at: datetime, overlap_seconds: int
    ) -> None:
        """A new secret signs, the one before it only for so long."""
        await self._of(tx, SECRET_ROTATED, row, by, at, {"overlap_seconds": overlap_seconds})

    async def disabled(self, tx: Tx, one: Disabled, at: datetime) -> None:
        """We send nothing there any more because of what was answered."""
        data = {"because": one.disabled_because, "by": MODULE, **_address(one.url)}
        await self._tell(tx, rules.DISABLED, one.mode, one.tenant, one.id, at, data)

    async def _of(
        self,
        tx: Tx,
        what: str,
        row: EndpointRow,
        by: str,
        at: datetime,
        more: Mapping[str, object],
    ) -> None:
        data: dict[str, object] = {
            "events": list(row.events),
            "payload": row.payload.value,
            "state": row.state.value,
            "by": by,
            **_address(row.url),
            **more,
        }
        await self._tell(tx, what, row.mode, row.tenant, row.id, at, data)

    async def _tell(
        self,
        tx: Tx,
        what: str,
        mode: Mode,
        tenant: str,
        endpoint: UUID,
        at: datetime,
        data: Mapping[str, object],
    ) -> None:
        if self._outbox is None:
            return
        subject = spell(PREFIX, endpoint)
        told = {"object": "webhook_endpoint", "id": subject, **data}
        event = Event(self._ids.new("evt"), what, VERSION, mode, tenant, subject, at, told)
        await self._outbox.append(tx, event)


def _address(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "origin": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        "url_digest": hashlib.sha256(url.encode()).hexdigest(),
    }
