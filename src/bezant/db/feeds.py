"""A module's feed, read from its own tables; to other processes it travels like any port."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg import sql

from bezant import ids
from bezant.actor import Mode
from bezant.db.database import Database
from bezant.db.outbox import EVENT_PREFIX
from bezant.errors import Invalid
from bezant.events import FEED_LIMIT_MAX, Event, FedEvent

# Positions are dense, so the next `limit` of them lie in runs that begin below after + limit.
_READ: Final = """
SELECT run.position + fed.ticket - run.first_ticket AS position, fed.id, fed.type, fed.version,
  fed.mode, fed.tenant, fed.subject, fed.occurred_at, fed.data
FROM (
  SELECT position, first_ticket, last_ticket FROM {schema}.feed_run
  WHERE position <= %(after)s::bigint + %(limit)s::bigint AND position >= coalesce((
    SELECT max(position) FROM {schema}.feed_run WHERE position <= %(after)s::bigint + 1
  ), 1)
  ORDER BY position
) AS run
CROSS JOIN LATERAL (
  SELECT ticket, id, type, version, mode, tenant, subject, occurred_at, data
  FROM {schema}.{source} AS event
  WHERE event.ticket >= run.first_ticket + greatest(0, %(after)s::bigint + 1 - run.position)
    AND event.ticket <= run.last_ticket
  ORDER BY event.ticket LIMIT %(limit)s::bigint
) AS fed
ORDER BY position LIMIT %(limit)s::bigint
"""

_HEAD: Final = """
SELECT coalesce((
  SELECT position + last_ticket - first_ticket
  FROM {schema}.feed_run ORDER BY position DESC LIMIT 1
), 0)
"""


@dataclass(slots=True)
class _FedRow:
    """As it is read. Not frozen: that would take a tenth of the time in which a feed is read."""

    position: int
    id: UUID
    type: str
    version: int
    mode: Mode
    tenant: str
    subject: str
    occurred_at: datetime
    data: Mapping[str, object]


class StoredFeed:
    """The feed of the module whose role this database is opened with."""

    def __init__(self, database: Database, module: str, *, source: str = "event") -> None:
        names = {"schema": sql.Identifier(module), "source": sql.Identifier(source)}
        self._database = database
        self._read = sql.SQL(_READ).format(**names)
        self._head = sql.SQL(_HEAD).format(**names)

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Return up to `limit` events after this position, oldest first."""
        if after < 0:
            raise Invalid("positions begin at 1; read after 0 to begin", field="after")
        if not 0 < limit <= FEED_LIMIT_MAX:
            raise Invalid(f"a page has 1 to {FEED_LIMIT_MAX} events", field="limit")
        # Planned anew each time: a plan from when the tables were small reads them whole, again and
        # again, and that is the hour in which they grow fastest.
        rows = await self._database.fetch_all(
            _FedRow, self._read, {"after": after, "limit": limit}, prepare=False
        )
        return tuple(_fed(row) for row in rows)

    async def head(self) -> int:
        """Return the last position given, 0 if there is none."""
        return await self._database.fetch_value(self._head)


def _fed(row: _FedRow) -> FedEvent:
    event = Event(
        id=ids.spell(EVENT_PREFIX, row.id),
        type=row.type,
        version=row.version,
        mode=row.mode,
        tenant=row.tenant,
        subject=row.subject,
        occurred_at=row.occurred_at,
        data=row.data,
    )
    return FedEvent(row.position, event)
