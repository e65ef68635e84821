"""SQL about deliveries as their owners see them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.webhooks.delivery import Attempt, DeliveryState, QueueDepth

ATTEMPTS_SHOWN_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery with what its event and endpoint say of it."""

    id: int
    event_id: UUID
    type: str
    endpoint_id: UUID
    state: DeliveryState
    retries: int
    attempts: int
    due_at: datetime
    sends: bool
    """Whether its endpoint is enabled."""
    created_at: datetime
    settled_at: datetime | None


_DELIVERY: Final[LiteralString] = """
    SELECT
        d.id, e.id AS event_id, e.type, d.endpoint_id, d.state, d.retries, d.attempts,
        greatest(d.due_at, p.paused_until) AS due_at, p.state = 'enabled' AS sends, d.created_at,
        d.settled_at
    FROM webhooks.delivery AS d
    JOIN webhooks.endpoint AS p ON p.id = d.endpoint_id
    JOIN webhooks.public_event AS e ON e.number = d.event_number
    WHERE p.tenant = %(tenant)s AND p.mode = %(mode)s
"""


async def find(tx: Tx, tenant: str, mode: Mode, delivery: int) -> DeliveryRow | None:
    """Return a delivery of a tenant and mode."""
    return await tx.fetch_one(
        DeliveryRow,
        _DELIVERY + " AND d.id = %(id)s",
        {"tenant": tenant, "mode": mode.value, "id": delivery},
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries; None fits all."""

    tenant: str
    mode: Mode
    endpoint: UUID | None
    event: UUID | None
    state: DeliveryState | None
    filters: tuple[str, ...]
    created_from: datetime | None
    created_before: datetime | None
    after: int | None = None

    def parameters(self, limit: int) -> Mapping[str, object]:
        """Return what the statements below are filled with."""
        return {
            "tenant": self.tenant,
            "mode": self.mode.value,
            "endpoint": self.endpoint,
            "event": self.event,
            "state": self.state.value if self.state else None,
            "filters": list(self.filters) or None,
            "from": self.created_from,
            "before": self.created_before,
            "after": self.after,
            "limit": limit,
        }


async def page(tx: Tx, wanted: Wanted, limit: int) -> list[DeliveryRow]:
    """Return what fits, newest first."""
    return await tx.fetch_all(
        DeliveryRow,
        _DELIVERY
        + """
            AND (%(endpoint)s::uuid IS NULL OR d.endpoint_id = %(endpoint)s)
            AND (%(event)s::uuid IS NULL OR e.id = %(event)s)
            AND (%(state)s::text IS NULL OR d.state = %(state)s)
            AND (%(filters)s::text[] IS NULL OR webhooks.filters_of(e.type) && %(filters)s)
            AND (%(from)s::timestamptz IS NULL OR d.created_at >= %(from)s)
            AND (%(before)s::timestamptz IS NULL OR d.created_at < %(before)s)
            AND (%(after)s::bigint IS NULL OR d.id < %(after)s)
        ORDER BY d.id DESC
        LIMIT %(limit)s
        """,
        wanted.parameters(limit),
    )


async def attempts(tx: Tx, delivery: int) -> list[Attempt]:
    """Return the last attempts of a delivery, newest first."""
    return await tx.fetch_all(
        Attempt,
        """
        SELECT number, started_at, milliseconds, outcome, status, answer
        FROM webhooks.attempt
        WHERE delivery_id = %s
        ORDER BY number DESC
        LIMIT %s
        """,
        (delivery, ATTEMPTS_SHOWN_MAX),
    )


# A raised fence makes worthless what is under way: its answer is of the time before.
_AGAIN: Final[LiteralString] = """
    UPDATE webhooks.delivery AS d
    SET
        state = 'pending', retries = 0, due_at = %(now)s, leased_until = 'epoch',
        fence = d.fence + 1, settled_at = NULL
"""


async def again(tx: Tx, delivery: int, now: datetime) -> None:
    """Make a delivery due, with all its retries before it."""
    await tx.execute(_AGAIN + " WHERE d.id = %(id)s", {"id": delivery, "now": now})


@dataclass(frozen=True, slots=True)
class Again:
    """How many were made due, and the last of them."""

    count: int
    last: int | None


async def again_many(tx: Tx, wanted: Wanted, now: datetime, limit: int) -> Again:
    """Make due what fits, oldest first from after the one wanted."""
    found = await tx.fetch_one(
        Again,
        """
        WITH again AS (
            SELECT d.id
            FROM webhooks.delivery AS d
            JOIN webhooks.public_event AS e ON e.number = d.event_number
            WHERE
                d.endpoint_id = %(endpoint)s
                AND d.state = %(state)s
                AND (%(filters)s::text[] IS NULL OR webhooks.filters_of(e.type) && %(filters)s)
                AND (%(from)s::timestamptz IS NULL OR d.created_at >= %(from)s)
                AND (%(before)s::timestamptz IS NULL OR d.created_at < %(before)s)
                AND (%(after)s::bigint IS NULL OR d.id > %(after)s)
            ORDER BY d.id
            LIMIT %(limit)s
            FOR NO KEY UPDATE OF d
        ),
        made AS (
        """
        + _AGAIN
        + """
            FROM again
            WHERE d.id = again.id
            RETURNING d.id
        )
        SELECT count(*) AS count, max(id) AS last FROM made
        """,
        {**wanted.parameters(limit), "now": now},
    )
    assert found is not None
    return found


async def make_missed(tx: Tx, wanted: Wanted, now: datetime, limit: int) -> int:
    """Make deliveries of events that passed an endpoint by, oldest first."""
    return await tx.execute(
        """
        INSERT INTO webhooks.delivery (event_number, endpoint_id, due_at, created_at)
        SELECT e.number, p.id, %(now)s, %(now)s
        FROM webhooks.endpoint AS p
        JOIN webhooks.public_event AS e ON e.tenant = p.tenant AND e.mode = p.mode
        WHERE
            p.id = %(endpoint)s
            AND p.events && webhooks.filters_of(e.type)
            AND (%(filters)s::text[] IS NULL OR webhooks.filters_of(e.type) && %(filters)s)
            AND (%(from)s::timestamptz IS NULL OR e.taken_at >= %(from)s)
            AND (%(before)s::timestamptz IS NULL OR e.taken_at < %(before)s)
            AND NOT EXISTS (
                SELECT FROM webhooks.delivery AS d
                WHERE d.event_number = e.number AND d.endpoint_id = p.id
            )
        ORDER BY e.number
        LIMIT %(limit)s
        ON CONFLICT (event_number, endpoint_id) DO NOTHING
        """,
        {**wanted.parameters(limit), "now": now},
    )


async def give_up(tx: Tx, endpoint: UUID, now: datetime) -> int:
    """Give up what waits for an endpoint that is deleted."""
    return await tx.execute(
        """
        WITH waiting AS (
            SELECT id
            FROM webhooks.delivery
            WHERE endpoint_id = %(endpoint)s AND state = 'pending'
            ORDER BY id
            FOR NO KEY UPDATE
        )
        UPDATE webhooks.delivery AS d
        SET state = 'failed', fence = d.fence + 1, settled_at = %(now)s
        FROM waiting
        WHERE d.id = waiting.id
        """,
        {"endpoint": endpoint, "now": now},
    )


async def depth(tx: Tx, now: datetime) -> QueueDepth:
    """Count what waits and what was given up, over all tenants."""
    found = await tx.fetch_one(
        QueueDepth,
        """
        SELECT
            count(*) FILTER (WHERE d.state = 'pending') AS pending,
            count(*) FILTER (
                WHERE d.state = 'pending' AND d.due_at <= %(now)s AND e.state = 'enabled'
            ) AS due,
            count(*) FILTER (WHERE d.state = 'failed') AS failed,
            (
                SELECT count(*) FROM webhooks.endpoint WHERE state = 'disabled'
            ) AS disabled_endpoints,
            min(d.due_at) FILTER (
                WHERE d.state = 'pending' AND d.due_at <= %(now)s AND e.state = 'enabled'
            ) AS oldest_due_at
        FROM webhooks.delivery AS d
        JOIN webhooks.endpoint AS e ON e.id = d.endpoint_id AND e.state <> 'deleted'
        WHERE d.state <> 'delivered'
        """,
        {"now": now},
    )
    assert found is not None
    return found
