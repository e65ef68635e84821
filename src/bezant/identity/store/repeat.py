"""SQL about requests that came under a key, and what each of them made."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Tx


@dataclass(frozen=True, slots=True)
class RepeatRow:
    """What a request under a key asked for, in 32 bytes, and what it made."""

    asked: bytes
    made: UUID


async def find(tx: Tx, mark: bytes, now: datetime) -> RepeatRow | None:
    """Return what came under a key before."""
    return await tx.fetch_one(
        RepeatRow,
        "SELECT asked, made FROM identity.repeat WHERE mark = %s AND spent_until > %s",
        (mark, now),
    )


async def add(tx: Tx, mark: bytes, row: RepeatRow, spent_until: datetime) -> None:
    """Remember what came under a key; what came long before under the same is forgotten."""
    await tx.execute(
        """
        INSERT INTO identity.repeat (mark, asked, made, spent_until)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (mark) DO UPDATE SET
            asked = excluded.asked,
            made = excluded.made,
            spent_until = excluded.spent_until
        """,
        (mark, row.asked, row.made, spent_until),
    )
