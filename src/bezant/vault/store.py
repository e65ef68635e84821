"""Every SQL statement of the vault."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Database, Tx

_SEALED: Final[LiteralString] = """
SELECT id, tenant, mode, exp_month, exp_year, key_id, sealed FROM card WHERE id = ANY (%s)
"""


@dataclass(frozen=True, slots=True)
class DataKeyRow:
    """A data key as stored: sealed by the key room."""

    id: int
    tenant: UUID
    mode: Mode
    month: str
    kid: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card as stored, but for its number."""

    id: UUID
    tenant: UUID
    mode: Mode
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    fingerprint: bytes
    checkout_session: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SealedRow:
    """What a sending needs to know of a card."""

    id: UUID
    tenant: UUID
    mode: Mode
    exp_month: int
    exp_year: int
    key_id: int
    sealed: bytes | None


async def add_card(tx: Tx, row: CardRow, key_id: int, sealed: bytes) -> None:
    """Add a card."""
    await tx.execute(
        """
        INSERT INTO card (
            id, tenant, mode, brand, last4, exp_month, exp_year, fingerprint, checkout_session,
            created_at, key_id, sealed
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            row.id,
            row.tenant,
            row.mode.value,
            row.brand,
            row.last4,
            row.exp_month,
            row.exp_year,
            row.fingerprint,
            row.checkout_session,
            row.created_at,
            key_id,
            sealed,
        ),
    )


async def card(database: Database, card_id: UUID, tenant: UUID, mode: Mode) -> CardRow | None:
    """Return a card of this tenant and mode."""
    return await database.fetch_one(
        CardRow,
        """
        SELECT
            id, tenant, mode, brand, last4, exp_month, exp_year, fingerprint, checkout_session,
            created_at
        FROM card
        WHERE id = %s AND tenant = %s AND mode = %s
        """,
        (card_id, tenant, mode.value),
    )


async def sealed_cards(database: Database, wanted: Sequence[UUID]) -> list[SealedRow]:
    """Return many cards in one question."""
    return await database.fetch_all(SealedRow, _SEALED, (list(wanted),))


async def forget(tx: Tx, card_id: UUID, tenant: UUID, mode: Mode, at: datetime) -> bool:
    """Destroy a number; False if there is no such card. Doing so again changes nothing."""
    touched = await tx.execute(
        """
        UPDATE card
        SET sealed = NULL, forgotten_at = coalesce(forgotten_at, %s)
        WHERE id = %s AND tenant = %s AND mode = %s
        """,
        (at, card_id, tenant, mode.value),
    )
    return touched == 1


async def data_key(tx: Tx, key_id: int) -> DataKeyRow | None:
    """Return a data key."""
    return await tx.fetch_one(
        DataKeyRow,
        "SELECT id, tenant, mode, month, kid, sealed FROM data_key WHERE id = %s",
        (key_id,),
    )


async def data_key_of(tx: Tx, tenant: UUID, mode: Mode, month: str) -> int | None:
    """Return the number of the key of a month, if it was made."""
    found: int | None = await tx.fetch_value(
        "SELECT id FROM data_key WHERE tenant = %s AND mode = %s AND month = %s",
        (tenant, mode.value, month),
    )
    return found


async def add_data_key(
    tx: Tx, tenant: UUID, mode: Mode, month: str, sealed: bytes, kid: str, at: datetime
) -> int:
    """Add the key of a month, unless there is one; return the number of the one there is."""
    await tx.execute(
        """
        INSERT INTO data_key (tenant, mode, month, sealed, kid, created_at)
        VALUES (%s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant, mode, month) DO NOTHING
        """,
        (tenant, mode.value, month, sealed, kid, at),
    )
    found = await data_key_of(tx, tenant, mode, month)
    assert found is not None
    return found


async def data_keys_not_under(tx: Tx, kid: str, limit: int = 1_000) -> list[DataKeyRow]:
    """Return data keys that another version sealed."""
    return await tx.fetch_all(
        DataKeyRow,
        """
        SELECT id, tenant, mode, month, kid, sealed
        FROM data_key
        WHERE kid <> %s
        ORDER BY id
        LIMIT %s
        """,
        (kid, limit),
    )


async def rewrap_data_key(tx: Tx, key_id: int, before: str, sealed: bytes, kid: str) -> None:
    """Replace a data key's envelope by another of the same key."""
    await tx.execute(
        "UPDATE data_key SET sealed = %s, kid = %s WHERE id = %s AND kid = %s",
        (sealed, kid, key_id, before),
    )
