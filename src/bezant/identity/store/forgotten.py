"""SQL about letters to those who forgot their password."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx


@dataclass(frozen=True, slots=True)
class ForgottenRow:
    """Somebody who asked for a letter, without the code in it."""

    id: UUID
    member_id: UUID | None
    created_at: datetime
    expires_at: datetime


async def recent(tx: Tx, address_hash: bytes, since: datetime) -> int:
    """Count how often a letter to this address was asked for lately."""
    found = await tx.fetch_value(
        "SELECT count(*) FROM identity.forgotten WHERE address_hash = %s AND created_at > %s",
        (address_hash, since),
    )
    assert isinstance(found, int)
    return found


async def add(tx: Tx, row: ForgottenRow, address_hash: bytes, token_hash: bytes) -> None:
    """Add somebody who asked."""
    await tx.execute(
        """
        INSERT INTO identity.forgotten (
            id, member_id, address_hash, token_hash, created_at, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (row.id, row.member_id, address_hash, token_hash, row.created_at, row.expires_at),
    )


async def find(tx: Tx, token_hash: bytes, now: datetime) -> UUID | None:
    """Return whose code this is, while it counts: until it was used, or the password changed."""
    found: UUID | None = await tx.fetch_value(
        """
        SELECT f.member_id
        FROM identity.forgotten AS f
        WHERE
            f.token_hash = %s
            AND f.used_at IS NULL
            AND f.expires_at > %s
            AND NOT EXISTS (
                SELECT FROM identity.password AS p
                WHERE p.member_id = f.member_id AND p.set_at > f.created_at
            )
        """,
        (token_hash, now),
    )
    return found


async def take(tx: Tx, token_hash: bytes, now: datetime) -> UUID | None:
    """Use a code up, and every other of the same person; of many at once, one gets it."""
    found: UUID | None = await tx.fetch_value(
        """
        UPDATE identity.forgotten
        SET used_at = %s
        WHERE token_hash = %s AND used_at IS NULL AND expires_at > %s
        RETURNING member_id
        """,
        (now, token_hash, now),
    )
    return found


async def use_up(tx: Tx, member_id: UUID, now: datetime) -> None:
    """Let no other code of somebody count any more."""
    await tx.execute(
        "UPDATE identity.forgotten SET used_at = %s WHERE member_id = %s AND used_at IS NULL",
        (now, member_id),
    )
