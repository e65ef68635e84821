"""SQL about the list of events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from bezant.actor import Mode
from bezant.db.arrays import instants, numbers, texts
from bezant.db.database import Tx
from bezant.events import Event
from bezant.ids import spell

PREFIX: Final = "evt"


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event at its place in the list."""

    number: int
    id: UUID
    type: str
    version: int
    mode: Mode
    tenant: str
    subject: str
    occurred_at: datetime
    data: Mapping[str, object]

    def told(self) -> Event:
        """Return the event as it is told."""
        return Event(
            spell(PREFIX, self.id),
            self.type,
            self.version,
            self.mode,
            self.tenant,
            self.subject,
            self.occurred_at,
            self.data,
        )


_EVENT: Final[LiteralString] = """
    SELECT number, id, type, version, mode, tenant, subject, occurred_at, data
    FROM webhooks.public_event
"""
_FITS: Final[LiteralString] = """
    WHERE
        tenant = %(tenant)s
        AND mode = %(mode)s
        AND (%(filters)s::text[] IS NULL OR webhooks.filters_of(type) && %(filters)s)
"""


async def take(tx: Tx, events: Sequence[Event], at: datetime, alone: UUID | None = None) -> int:
    """Store events once each and make their deliveries; return how many deliveries were made."""
    made = await tx.fetch_value(
        """
        SELECT webhooks.take_events(
            %s::uuid[], %s::text[], %s::integer[], %s::text[], %s::text[], %s::text[],
            %s::timestamptz[], %s::text[], %s, %s
        )
        """,
        (
            numbers([event.id.removeprefix(f"{PREFIX}_") for event in events]),
            texts([event.type for event in events]),
            numbers([event.version for event in events]),
            texts([event.mode.value for event in events]),
            texts([event.tenant for event in events]),
            texts([event.subject for event in events]),
            instants([event.occurred_at for event in events]),
            texts([msgspec.json.encode(event.data).decode() for event in events]),
            at,
            alone,
        ),
    )
    assert isinstance(made, int)
    return made


async def find(tx: Tx, tenant: str, mode: Mode, event: UUID) -> EventRow | None:
    """Return an event of a tenant and mode."""
    return await tx.fetch_one(
        EventRow,
        _EVENT + " WHERE id = %s AND tenant = %s AND mode = %s",
        (event, tenant, mode.value),
    )


async def head(tx: Tx, tenant: str, mode: Mode) -> int:
    """Return the place of the newest event, 0 if there is none."""
    return await tx.fetch_value(
        """
        SELECT coalesce(max(number), 0)
        FROM webhooks.public_event
        WHERE tenant = %s AND mode = %s
        """,
        (tenant, mode.value),
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a list; None fits all."""

    tenant: str
    mode: Mode
    filters: tuple[str, ...] = ()
    subject: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    above: int | None = None
    below: int | None = None

    def parameters(self, limit: int) -> Mapping[str, object]:
        """Return what the statements below are filled with."""
        return {
            "tenant": self.tenant,
            "mode": self.mode.value,
            "filters": list(self.filters) or None,
            "subject": self.subject,
            "from": self.created_from,
            "before": self.created_before,
            "above": self.above,
            "below": self.below,
            "limit": limit,
        }


_LISTED: Final[LiteralString] = """
    AND (%(subject)s::text IS NULL OR subject = %(subject)s)
    AND (%(from)s::timestamptz IS NULL OR occurred_at >= %(from)s)
    AND (%(before)s::timestamptz IS NULL OR occurred_at < %(before)s)
    AND (%(above)s::bigint IS NULL OR number > %(above)s)
    AND (%(below)s::bigint IS NULL OR number < %(below)s)
"""


async def newest(tx: Tx, wanted: Wanted, limit: int) -> list[EventRow]:
    """Return what fits, newest first."""
    return await tx.fetch_all(
        EventRow,
        _EVENT + _FITS + _LISTED + " ORDER BY number DESC LIMIT %(limit)s",
        wanted.parameters(limit),
    )


async def oldest(tx: Tx, wanted: Wanted, limit: int) -> list[EventRow]:
    """Return what fits, oldest first."""
    return await tx.fetch_all(
        EventRow,
        _EVENT + _FITS + _LISTED + " ORDER BY number LIMIT %(limit)s",
        wanted.parameters(limit),
    )


async def forget(tx: Tx, before: datetime, limit: int) -> int:
    """Delete events taken before an instant with their deliveries, unless one still waits."""
    return await tx.fetch_value(
        """
        WITH old AS (
            SELECT e.number
            FROM webhooks.public_event AS e
            WHERE
                e.taken_at < %(before)s
                AND NOT EXISTS (
                    SELECT FROM webhooks.delivery AS d
                    JOIN webhooks.endpoint AS p ON p.id = d.endpoint_id
                    WHERE
                        d.event_number = e.number
                        AND d.state = 'pending'
                        AND p.state <> 'deleted'
                )
            ORDER BY e.number
            LIMIT %(limit)s
        ),
        told AS (
            DELETE FROM webhooks.delivery AS d
            USING old
            WHERE d.event_number = old.number
        ),
        gone AS (
            DELETE FROM webhooks.public_event AS e
            USING old
            WHERE e.number = old.number
            RETURNING e.number
        )
        SELECT count(*) FROM gone
        """,
        {"before": before, "limit": limit},
    )
