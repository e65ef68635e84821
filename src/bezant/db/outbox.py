"""Events, appended in the transaction that made them happen.

`await outbox.append(tx, event)`: the event exists exactly if the transaction commits. Positions
come later, from the module's sequencer, which is woken once the transaction is committed.
"""

from typing import Final, LiteralString

import msgspec

from bezant import ids
from bezant.db.nudges import Nudges
from bezant.db.tx import Tx
from bezant.events import Event

EVENT_PREFIX: Final = "evt"

# Written in the order given: within a transaction too, a subject's events keep their order.
_APPEND: Final[LiteralString] = """
INSERT INTO event (id, type, version, mode, tenant, subject, occurred_at, data) SELECT id, type,
version, mode, tenant, subject, occurred_at, data::json FROM unnest( %s::uuid[], %s::text[],
%s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[] ) WITH ORDINALITY AS
appended (id, type, version, mode, tenant, subject, occurred_at, data, place) ORDER BY place
"""


def rows_of(module: str) -> str:
    """Return the topic poked when a module wrote rows that have no position yet."""
    return f"{module}.rows"


def positions_of(module: str) -> str:
    """Return the topic poked when a module's feed has grown."""
    return f"{module}.positions"


class Outbox:
    """Where one module's events go. Its role finds the table by its own search path."""

    def __init__(self, module: str, nudges: Nudges) -> None:
        self._topic = rows_of(module)
        self._nudges = nudges

    async def append(self, tx: Tx, *events: Event) -> None:
        """Append events in the caller's transaction, in this order."""
        if not events:
            return
        await tx.execute(
            _APPEND,
            (
                [ids.read(EVENT_PREFIX, event.id) for event in events],
                [event.type for event in events],
                [event.version for event in events],
                [event.mode.value for event in events],
                [event.tenant for event in events],
                [event.subject for event in events],
                [event.occurred_at for event in events],
                [snapshot(event) for event in events],
            ),
        )
        tx.after_commit(self.poke)

    def poke(self) -> None:
        """Wake the sequencer, after a write that put its rows in place by itself."""
        self._nudges.poke(self._topic)


def snapshot(event: Event) -> str:
    """Return the event's public JSON, as it will be read for ever."""
    return msgspec.json.encode(event.data).decode()
