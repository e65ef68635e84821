"""Charges beside a payment, and what was given back of them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bezant.db.database import Database, Tx


@dataclass(frozen=True, slots=True)
class BesideRow:
    """A charge that has no place in its payment."""

    attempt: UUID
    amount: Decimal
    """What was captured; nothing if it is only set aside."""
    reference: str | None


async def one(database: Database, attempt: UUID) -> BesideRow | None:
    """Return a charge beside a payment; nothing if none is known."""
    return await database.fetch_one(
        BesideRow,
        "SELECT attempt, amount, reference FROM payments.beside WHERE attempt = %s",
        (attempt,),
    )


async def add(tx: Tx, attempt: UUID, at: datetime, amount: int, reference: str, part: str) -> bool:
    """Note a charge beside its payment, or that what was set aside was taken; false if that was
    noted before.
    """
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.beside AS b (attempt, noted_at, amount, reference, part)
            VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (attempt) DO UPDATE SET amount = excluded.amount
            WHERE b.amount = 0 AND excluded.amount > 0
            """,
            (attempt, at, amount, reference or None, part or None),
        )
    )


async def is_given(database: Database, attempt: UUID, part: str) -> bool:
    """Tell whether a movement is known to have given some of it back."""
    found: bool | None = await database.fetch_value(
        "SELECT true FROM payments.beside_back WHERE attempt = %s AND part = %s", (attempt, part)
    )
    return found is not None


async def add_back(tx: Tx, attempt: UUID, part: str, at: datetime, amount: int) -> bool:
    """Note what a movement gave back, or took again; false if it was noted before."""
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.beside_back (attempt, part, noted_at, amount)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT (attempt, part) DO NOTHING
            """,
            (attempt, part, at, amount),
        )
    )
