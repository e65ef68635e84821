"""SQL about the payer's page: whose it is, and in whose frames it may be shown."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx


@dataclass(frozen=True, slots=True)
class WhoseRow:
    """Whose a session or a link is."""

    tenant: str
    mode: Mode
    over: bool
    """Nothing more is paid there."""


@dataclass(frozen=True, slots=True)
class OriginsRow:
    """Whose pages may show a merchant's checkout in a frame."""

    origins: list[str]


async def session(tx: Tx, session_id: UUID, now: datetime) -> WhoseRow | None:
    """Return whose a session is."""
    return await tx.fetch_one(
        WhoseRow,
        """
        SELECT s.tenant, s.mode,
            s.ended_at IS NOT NULL OR s.expires_at <= %s
            OR coalesce(f.held > 0 OR f.paid > 0, false) AS over
        FROM checkout_session AS s
        LEFT JOIN order_payment AS f ON f.payment = s.payment
        WHERE s.id = %s
        """,
        (now, session_id),
    )


async def link(tx: Tx, link_id: UUID, now: datetime) -> WhoseRow | None:
    """Return whose a link is."""
    return await tx.fetch_one(
        WhoseRow,
        """
        SELECT tenant, mode, closed_at IS NOT NULL OR coalesce(expires_at <= %s, false) AS over
        FROM payment_link
        WHERE id = %s
        """,
        (now, link_id),
    )


async def origins(tx: Tx, tenant: str, mode: Mode) -> tuple[str, ...]:
    """Return whose pages may show a merchant's checkout in a frame."""
    row = await tx.fetch_one(
        OriginsRow,
        "SELECT origins FROM checkout_setting WHERE tenant = %s AND mode = %s",
        (tenant, mode.value),
    )
    return () if row is None else tuple(row.origins)


async def set_origins(tx: Tx, tenant: str, mode: Mode, told: tuple[str, ...]) -> None:
    """Note whose pages may show a merchant's checkout in a frame."""
    await tx.execute(
        """
        INSERT INTO checkout_setting (tenant, mode, origins)
        VALUES (%s, %s, %s)
        ON CONFLICT (tenant, mode) DO UPDATE SET origins = excluded.origins
        """,
        (tenant, mode.value, list(told)),
    )
