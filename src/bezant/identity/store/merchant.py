"""SQL about merchants."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx
from bezant.identity.port import MerchantState
from bezant.identity.rules import PLATFORM_ID


@dataclass(frozen=True, slots=True)
class MerchantRow:
    """A merchant as stored."""

    id: UUID
    name: str
    state: MerchantState
    demo: bool
    created_at: datetime


async def add(tx: Tx, row: MerchantRow) -> bool:
    """Add a merchant; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO identity.merchant (id, name, demo, created_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (row.id, row.name, row.demo, row.created_at),
    )
    return touched == 1


async def find(tx: Tx, merchant_id: UUID) -> MerchantRow | None:
    """Return a merchant; the platform is none."""
    return await tx.fetch_one(
        MerchantRow,
        """
        SELECT id, name, state, demo, created_at
        FROM identity.merchant
        WHERE id = %s AND id <> %s
        """,
        (merchant_id, PLATFORM_ID),
    )


async def page(tx: Tx, after: UUID | None, limit: int) -> list[MerchantRow]:
    """Return merchants, newest first; ids are sorted by time."""
    return await tx.fetch_all(
        MerchantRow,
        """
        SELECT id, name, state, demo, created_at
        FROM identity.merchant
        WHERE id <> %(platform)s AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {"platform": PLATFORM_ID, "after": after, "limit": limit},
    )


async def set_state(tx: Tx, merchant_id: UUID, state: MerchantState) -> None:
    """Change a merchant's state."""
    await tx.execute(
        "UPDATE identity.merchant SET state = %s WHERE id = %s AND state <> %s",
        (state.value, merchant_id, state.value),
    )


async def lock(tx: Tx, merchant_id: UUID) -> bool:
    """Let one transaction at a time change who belongs to a tenant; False if there is none."""
    found = await tx.fetch_value(
        "SELECT id FROM identity.merchant WHERE id = %s FOR NO KEY UPDATE", (merchant_id,)
    )
    return found is not None


async def generation(tx: Tx) -> int:
    """Return how often rights were taken from keys."""
    number = await tx.fetch_value("SELECT number FROM identity.generation", ())
    assert isinstance(number, int)
    return number
