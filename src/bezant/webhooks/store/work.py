"""SQL of the worker: claims what is due, and writes down what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.webhooks.delivery import Outcome


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours until its lease ends, with the event it brings."""

    id: int
    fence: int
    retries: int
    endpoint_id: UUID
    endpoint_version: int
    event_id: UUID
    type: str
    version: int
    mode: Mode
    tenant: str
    subject: str
    occurred_at: datetime
    data: str


# Every endpoint that may be sent to gives up to its slots, so a long queue of one hides nobody
# else's. The walk begins behind the endpoint that was served last.
_CLAIM: Final[LiteralString] = """
    WITH wanted AS (
        SELECT e.id, e.version, coalesce(busy.slots, %(slots)s) AS slots
        FROM webhooks.endpoint AS e
        LEFT JOIN unnest(%(busy)s::uuid[], %(left)s::int[]) AS busy (id, slots) ON busy.id = e.id
        WHERE
            e.state = 'enabled'
            AND e.paused_until <= %(now)s
            AND coalesce(busy.slots, %(slots)s) > 0
        ORDER BY e.id <= %(behind)s, e.id
    ),
    picked AS (
        SELECT due.id, wanted.version
        FROM wanted
        CROSS JOIN LATERAL (
            SELECT d.id
            FROM webhooks.delivery AS d
            WHERE
                d.endpoint_id = wanted.id
                AND d.state = 'pending'
                AND d.due_at <= %(now)s
                AND d.leased_until <= %(now)s
            ORDER BY d.due_at, d.id
            LIMIT wanted.slots
            FOR NO KEY UPDATE SKIP LOCKED
        ) AS due
        LIMIT %(limit)s
    )
    UPDATE webhooks.delivery AS d
    SET leased_until = %(lease)s, fence = d.fence + 1
    FROM picked, webhooks.public_event AS e
    WHERE d.id = picked.id AND e.number = d.event_number
    RETURNING
        d.id, d.fence, d.retries, d.endpoint_id, picked.version AS endpoint_version,
        e.id AS event_id, e.type, e.version, e.mode, e.tenant, e.subject, e.occurred_at,
        e.data::text AS data
"""


async def claim(
    tx: Tx,
    now: datetime,
    lease: datetime,
    slots: int,
    left: Mapping[UUID, int],
    behind: UUID,
    limit: int,
) -> list[Claim]:
    """Take deliveries that are due: `slots` for each endpoint, or what is left of them."""
    return await tx.fetch_all(
        Claim,
        _CLAIM,
        {
            "now": now,
            "lease": lease,
            "slots": slots,
            "busy": list(left),
            "left": list(left.values()),
            "behind": behind,
            "limit": limit,
        },
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a claim."""

    claim: Claim
    state: str
    retries: int
    due_at: datetime
    settled_at: datetime | None
    started_at: datetime
    milliseconds: int
    outcome: Outcome
    status: int | None
    answer: str
    paused_until: datetime | None = None


_SETTLE: Final[LiteralString] = """
    WITH told AS (
        SELECT
            id, fence, state, retries, due_at, settled_at, started_at, milliseconds, outcome,
            status, answer
        FROM unnest(
            %s::bigint[], %s::int[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[],
            %s::timestamptz[], %s::int[], %s::text[], %s::smallint[], %s::text[]
        ) AS told (
            id, fence, state, retries, due_at, settled_at, started_at, milliseconds, outcome,
            status, answer
        )
    ),
    held AS (
        SELECT d.id
        FROM webhooks.delivery AS d
        JOIN told ON told.id = d.id AND told.fence = d.fence
        WHERE d.state = 'pending'
        ORDER BY d.id
        FOR NO KEY UPDATE OF d
    ),
    settled AS (
        UPDATE webhooks.delivery AS d
        SET
            state = told.state, retries = told.retries, attempts = d.attempts + 1,
            due_at = told.due_at, leased_until = 'epoch', fence = d.fence + 1,
            settled_at = told.settled_at
        FROM told, held
        WHERE told.id = held.id AND d.id = held.id AND told.fence = d.fence
        RETURNING d.id, d.attempts
    ),
    noted AS (
        INSERT INTO webhooks.attempt (
            delivery_id, number, started_at, milliseconds, outcome, status, answer
        )
        SELECT
            settled.id, settled.attempts, told.started_at, told.milliseconds, told.outcome,
            told.status, told.answer
        FROM settled
        JOIN told ON told.id = settled.id
    )
    SELECT coalesce(array_agg(id), '{}') FROM settled
"""


async def settle(tx: Tx, results: Sequence[Result]) -> frozenset[int]:
    """Write down what came of claims that are still ours, and return which those are."""
    found: list[int] = await tx.fetch_value(
        _SETTLE,
        (
            [one.claim.id for one in results],
            [one.claim.fence for one in results],
            [one.state for one in results],
            [one.retries for one in results],
            [one.due_at for one in results],
            [one.settled_at for one in results],
            [one.started_at for one in results],
            [one.milliseconds for one in results],
            [one.outcome.value for one in results],
            [one.status for one in results],
            [one.answer for one in results],
        ),
    )
    return frozenset(found)


async def release(tx: Tx, claims: Sequence[Claim], due_at: datetime) -> None:
    """Give claims back that nothing was sent for."""
    await tx.execute(
        """
        UPDATE webhooks.delivery AS d
        SET leased_until = 'epoch', due_at = %s, fence = d.fence + 1
        FROM unnest(%s::bigint[], %s::int[]) AS told (id, fence)
        WHERE d.id = told.id AND d.fence = told.fence AND d.state = 'pending'
        """,
        (due_at, [one.id for one in claims], [one.fence for one in claims]),
    )


@dataclass(frozen=True, slots=True)
class Disabled:
    """An endpoint that was just disabled, and for how long it failed."""

    id: UUID
    tenant: str
    mode: Mode
    url: str
    disabled_because: str
    failing_since: datetime | None


_HELD: Final[LiteralString] = """
    SELECT id FROM webhooks.endpoint WHERE id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE
"""


async def hold_endpoints(tx: Tx, endpoints: Sequence[UUID]) -> None:
    """Hold on to endpoints, in one order for everybody."""
    await tx.execute(_HELD, {"ids": list(endpoints)})


async def note_failing(tx: Tx, endpoints: Sequence[UUID], since: datetime) -> None:
    """Remember since when endpoints fail."""
    await tx.execute(
        """
        UPDATE webhooks.endpoint
        SET failing_since = %s
        WHERE id = ANY(%s) AND failing_since IS NULL
        """,
        (since, list(endpoints)),
    )


async def recovered(tx: Tx, endpoints: Sequence[UUID]) -> bool:
    """Tell whether any of these is remembered as failing."""
    return await tx.fetch_value(
        """
        SELECT EXISTS (
            SELECT FROM webhooks.endpoint WHERE id = ANY(%s) AND failing_since IS NOT NULL
        )
        """,
        (list(endpoints),),
    )


async def note_working(tx: Tx, endpoints: Sequence[UUID]) -> None:
    """Forget that endpoints failed."""
    await tx.execute(
        "UPDATE webhooks.endpoint SET failing_since = NULL "
        "WHERE id = ANY(%s) AND failing_since IS NOT NULL",
        (list(endpoints),),
    )


async def pause(tx: Tx, pauses: Mapping[UUID, datetime]) -> None:
    """Leave endpoints alone until they said."""
    await tx.execute(
        """
        UPDATE webhooks.endpoint AS e
        SET paused_until = greatest(e.paused_until, told.until)
        FROM unnest(%s::uuid[], %s::timestamptz[]) AS told (id, until)
        WHERE e.id = told.id
        """,
        (list(pauses), list(pauses.values())),
    )


async def disable(
    tx: Tx, gone: Sequence[UUID], failing: Sequence[UUID], since: datetime, now: datetime
) -> list[Disabled]:
    """Disable endpoints that are gone, and those of the failing ones that failed since then."""
    return await tx.fetch_all(
        Disabled,
        """
        UPDATE webhooks.endpoint
        SET
            state = 'disabled', disabled_at = %(now)s, version = version + 1,
            disabled_because = CASE WHEN id = ANY(%(gone)s) THEN 'gone' ELSE 'failing' END
        WHERE
            state = 'enabled'
            AND (
                id = ANY(%(gone)s)
                OR (id = ANY(%(failing)s) AND failing_since <= %(since)s)
            )
        RETURNING id, tenant, mode, url, disabled_because, failing_since
        """,
        {"now": now, "gone": list(gone), "failing": list(failing), "since": since},
    )
