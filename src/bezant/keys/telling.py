"""What the key room tells the world: each step of a key, in the transaction that took it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from bezant.actor import PLATFORM, Mode
from bezant.db.database import Tx
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.ids import Ids
from bezant.keys.access import Access
from bezant.keys.port import KeyPlan, KeyTransition, ShredKeys

MODULE: Final = "keys"


class Telling:
    """Writes events. Without an outbox, where a key room stands alone, it writes none."""

    def __init__(self, outbox: Outbox | None, ids: Ids, mode: Mode) -> None:
        self._outbox = outbox
        self._ids = ids
        self._mode = mode

    async def step(self, tx: Tx, step: KeyTransition) -> None:
        """A version moved to another state."""
        data = {
            "kid": step.kid,
            "before": step.before.value if step.before else None,
            "after": step.after.value,
            "by": step.by,
            "reason": step.reason,
        }
        await self._tell(tx, "key.transition", step.kid, step.occurred_at, data)

    async def planned(self, tx: Tx, plan: KeyPlan, by: str, at: datetime) -> None:
        """Somebody said what happens to a key by itself."""
        data = {
            "name": plan.name,
            "rotate_days": plan.rotate_days,
            "publish_seconds": plan.publish_seconds,
            "destroy_days": plan.destroy_days,
            "by": by,
        }
        await self._tell(tx, "key.planned", plan.name, at, data)

    async def shredded(self, tx: Tx, command: ShredKeys, count: int, at: datetime) -> None:
        """The data keys of an owner are gone. Whose they were is not told: it outlives them."""
        data = {"name": command.name, "keys": count, "by": command.by, "reason": command.reason}
        await self._tell(tx, "key.shredded", command.name, at, data)

    async def pin_refused(self, tx: Tx, line: Access) -> None:
        """A token refused its PIN."""
        data = {"token": line.key, "process": line.process, "times": line.times}
        await self._tell(tx, "key.pin_refused", line.key, line.last_at, data)

    async def _tell(
        self, tx: Tx, what: str, subject: str, at: datetime, data: Mapping[str, object]
    ) -> None:
        if self._outbox is None:
            return
        event = Event(self._ids.new("evt"), what, 1, self._mode, PLATFORM, subject, at, data)
        await self._outbox.append(tx, event)
