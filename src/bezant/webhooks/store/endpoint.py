"""SQL about endpoints and their secrets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.webhooks.endpoint import DisabledBecause, EndpointState, PayloadKind, Scheme


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint."""

    id: UUID
    tenant: str
    mode: Mode
    url: str
    description: str
    events: tuple[str, ...]
    payload: PayloadKind
    state: EndpointState
    disabled_because: DisabledBecause | None
    disabled_at: datetime | None
    version: int
    failing_since: datetime | None
    paused_until: datetime
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A secret of an endpoint, sealed."""

    id: UUID
    endpoint_id: UUID
    scheme: Scheme
    sealed: bytes
    public_key: str | None
    created_at: datetime
    expires_at: datetime | None


_ENDPOINT: Final[LiteralString] = """
    SELECT
        id, tenant, mode, url, description, events, payload, state, disabled_because, disabled_at,
        version, failing_since, paused_until, created_at, created_by
    FROM webhooks.endpoint
"""
_SEALED: Final[LiteralString] = """
    SELECT id, endpoint_id, scheme, sealed, public_key, created_at, expires_at
    FROM webhooks.secret
"""


async def lock_tenant(tx: Tx, tenant: str, mode: Mode) -> None:
    """Let one endpoint at a time be added to a tenant, so that the limit holds."""
    await tx.execute(
        "SELECT pg_advisory_xact_lock(7005, hashtext(%s))", (f"{tenant} {mode.value}",)
    )


async def count(tx: Tx, tenant: str, mode: Mode) -> int:
    """Count the endpoints of a tenant and mode."""
    return await tx.fetch_value(
        """
        SELECT count(*)
        FROM webhooks.endpoint
        WHERE tenant = %s AND mode = %s AND state <> 'deleted'
        """,
        (tenant, mode.value),
    )


async def add(tx: Tx, row: EndpointRow) -> bool:
    """Add an endpoint; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO webhooks.endpoint (
            id, tenant, mode, url, description, events, payload, created_at, created_by
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (
            row.id,
            row.tenant,
            row.mode.value,
            row.url,
            row.description,
            list(row.events),
            row.payload.value,
            row.created_at,
            row.created_by,
        ),
    )
    return touched == 1


async def find(tx: Tx, tenant: str, mode: Mode, endpoint: UUID) -> EndpointRow | None:
    """Return an endpoint of a tenant and mode that was not deleted."""
    return await tx.fetch_one(
        EndpointRow,
        _ENDPOINT + " WHERE id = %s AND tenant = %s AND mode = %s AND state <> 'deleted'",
        (endpoint, tenant, mode.value),
    )


async def lock(tx: Tx, tenant: str, mode: Mode, endpoint: UUID) -> EndpointRow | None:
    """Return an endpoint, deleted or not, and hold on to it until the transaction ends."""
    return await tx.fetch_one(
        EndpointRow,
        _ENDPOINT + " WHERE id = %s AND tenant = %s AND mode = %s FOR NO KEY UPDATE",
        (endpoint, tenant, mode.value),
    )


async def page(
    tx: Tx, tenant: str, mode: Mode, after: UUID | None, limit: int
) -> list[EndpointRow]:
    """Return the endpoints of a tenant and mode, newest first."""
    return await tx.fetch_all(
        EndpointRow,
        _ENDPOINT
        + """
        WHERE
            tenant = %(tenant)s
            AND mode = %(mode)s
            AND state <> 'deleted'
            AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {"tenant": tenant, "mode": mode.value, "after": after, "limit": limit},
    )


async def change(tx: Tx, row: EndpointRow) -> None:
    """Store an endpoint that is held, as it now is; whoever remembers it asks again."""
    await tx.execute(
        """
        UPDATE webhooks.endpoint
        SET
            url = %s, description = %s, events = %s, payload = %s, state = %s,
            disabled_because = %s, disabled_at = %s, failing_since = %s, paused_until = %s,
            version = version + 1
        WHERE id = %s
        """,
        (
            row.url,
            row.description,
            list(row.events),
            row.payload.value,
            row.state.value,
            row.disabled_because.value if row.disabled_because else None,
            row.disabled_at,
            row.failing_since,
            row.paused_until,
            row.id,
        ),
    )


async def by_ids(tx: Tx, endpoints: Sequence[UUID]) -> list[EndpointRow]:
    """Return endpoints of whatever tenant, for who sends."""
    return await tx.fetch_all(EndpointRow, _ENDPOINT + " WHERE id = ANY(%s)", (list(endpoints),))


async def add_secret(tx: Tx, row: SecretRow) -> bool:
    """Add a secret; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO webhooks.secret (
            id, endpoint_id, scheme, sealed, public_key, created_at, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (
            row.id,
            row.endpoint_id,
            row.scheme.value,
            row.sealed,
            row.public_key,
            row.created_at,
            row.expires_at,
        ),
    )
    return touched == 1


async def expire_secrets(tx: Tx, endpoint: UUID, scheme: Scheme, at: datetime) -> None:
    """Let an endpoint's secrets of one scheme end, unless they end earlier anyway."""
    await tx.execute(
        """
        UPDATE webhooks.secret
        SET expires_at = %s
        WHERE endpoint_id = %s AND scheme = %s AND (expires_at IS NULL OR expires_at > %s)
        """,
        (at, endpoint, scheme.value, at),
    )


async def secrets(tx: Tx, endpoints: Sequence[UUID], now: datetime) -> list[SecretRow]:
    """Return the secrets of endpoints that still sign, those that end first before others."""
    return await tx.fetch_all(
        SecretRow,
        _SEALED
        + """
        WHERE endpoint_id = ANY(%s) AND (expires_at IS NULL OR expires_at > %s)
        ORDER BY expires_at NULLS LAST, created_at, id
        """,
        (list(endpoints), now),
    )
