"""Charges beside a payment, and what was given back of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from bezant.db.database import Database, Tx


@dataclass(frozen=True, slots=True)
class BesideRow:
    """A charge that has no place in its payment."""

    attempt: UUID
    captured: Decimal
    """As far as it is known; nothing if it is only set aside."""
    given: Decimal
    """What was given back of it; what a dispute took may go beyond what was captured."""
    reference: str | None


BEYOND: Final = "captured beyond "
"""Begins the names of what was captured beyond what was known."""
DISPUTED: Final = "dispute "
"""Begins the names of what disputes took."""


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


async def one(database: Database, attempt: UUID) -> BesideRow | None:
    """Return a charge beside a payment; nothing if none is known."""
    return await database.fetch_one(
        BesideRow,
        """
        SELECT b.attempt, b.reference,
            b.amount - coalesce(
                sum(x.amount) FILTER (WHERE starts_with(x.part, %(beyond)s)), 0
            ) AS captured,
            coalesce(sum(x.amount) FILTER (
                WHERE NOT starts_with(x.part, %(beyond)s) AND NOT starts_with(x.part, %(disputed)s)
            ), 0) AS given
        FROM payments.beside AS b
        LEFT JOIN payments.beside_back AS x ON x.attempt = b.attempt
        WHERE b.attempt = %(attempt)s
        GROUP BY b.attempt
        """,
        {"attempt": attempt, "beyond": BEYOND, "disputed": DISPUTED},
    )


async def noted(database: Database, attempts: Sequence[UUID]) -> frozenset[UUID]:
    """Return which of these attempts are known to be charges beside their payments."""
    rows = await database.fetch_all(
        _Id,
        "SELECT attempt AS id FROM payments.beside WHERE attempt = ANY(%s::uuid[])",
        (list(attempts),),
    )
    return frozenset(row.id for row in rows)


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


async def given(database: Database, attempt: UUID, part: str) -> int | None:
    """Return what a movement is known to have given back of it; nothing if it is not known."""
    found: Decimal | None = await database.fetch_value(
        "SELECT amount FROM payments.beside_back WHERE attempt = %s AND part = %s", (attempt, part)
    )
    return None if found is None else int(found)


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
