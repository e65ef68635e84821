"""What has to be in the book, as it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from bezant.db.database import Database


@dataclass(frozen=True, slots=True)
class _Payment:
    id: UUID


@dataclass(frozen=True, slots=True)
class MovementRow:
    """An attempt that moves money, or a dispute, and how it stands."""

    id: UUID
    operation: int
    """0: a dispute."""
    result: int | None
    """How the attempt ended, or the dispute's state."""
    booked: bool
    """False while it is somebody's work."""
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BesideRow:
    """Money that came to us beside a payment, or left us again under a name of the provider's."""

    attempt: UUID
    part: str | None
    amount: Decimal


async def recent(database: Database, most: int) -> list[UUID]:
    """Return the payments something happened to last."""
    rows = await database.fetch_all(
        _Payment,
        """
        SELECT DISTINCT s.payment AS id
        FROM (SELECT payment FROM payments.step ORDER BY ticket DESC LIMIT %s) AS s
        """,
        (most,),
    )
    return [row.id for row in rows]


async def movements(database: Database, payment: UUID) -> list[MovementRow]:
    """Return what moved, or may have moved, for a payment."""
    return await database.fetch_all(
        MovementRow,
        """
        SELECT a.id, a.operation, o.result, w.attempt IS NULL AS booked,
            coalesce(o.amount, a.amount) AS amount
        FROM payments.attempt AS a
        LEFT JOIN payments.outcome AS o ON o.attempt = a.id
        LEFT JOIN payments.pending AS w ON w.attempt = a.id
        WHERE a.id BETWEEN payments.attempt_of(%(payment)s, 1)
            AND payments.attempt_of(%(payment)s, 255)
        UNION ALL
        SELECT d.id, 0::smallint, d.state, d.booked, d.amount
        FROM payments.dispute AS d
        WHERE d.payment = %(payment)s
        """,
        {"payment": payment},
    )


async def beside(database: Database, attempts: Sequence[UUID]) -> list[BesideRow]:
    """Return what came beside a payment, and what left us of it."""
    return await database.fetch_all(
        BesideRow,
        """
        SELECT attempt, NULL::text AS part, amount FROM payments.beside
        WHERE attempt = ANY(%(attempts)s) AND amount > 0
        UNION ALL
        SELECT attempt, part, amount FROM payments.beside_back WHERE attempt = ANY(%(attempts)s)
        """,
        {"attempts": list(attempts)},
    )
