"""What somebody has to look at: nothing here can be decided by a program."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bezant.db.database import Database


@dataclass(frozen=True, slots=True)
class BesideRow:
    """A charge beside its payment, of which money is still with us."""

    attempt: UUID
    noted_at: datetime
    provider: str
    live: bool
    asset: str
    exponent: int
    rest: Decimal
    reference: str | None


@dataclass(frozen=True, slots=True)
class ClashRow:
    """A refund that its provider knows by the name of another one."""

    refund: UUID
    updated_at: datetime
    provider: str
    live: bool
    movement: str
    other: UUID


async def beside(database: Database, most: int) -> list[BesideRow]:
    """Return charges beside payments that are not wholly given back, oldest first."""
    return await database.fetch_all(
        BesideRow,
        """
        SELECT b.attempt, b.noted_at, a.provider, p.live, p.asset, p.exponent,
            b.amount - coalesce(g.amount, 0) AS rest, b.reference
        FROM payments.beside AS b
        INNER JOIN payments.attempt AS a ON a.id = b.attempt
        INNER JOIN payments.payment AS p ON p.id = payments.attempt_of(b.attempt, 0)
        LEFT JOIN LATERAL (
            SELECT sum(x.amount) AS amount FROM payments.beside_back AS x
            WHERE x.attempt = b.attempt
        ) AS g ON true
        WHERE b.amount > coalesce(g.amount, 0)
        ORDER BY b.noted_at, b.attempt LIMIT %s
        """,
        (most,),
    )


async def clashes(database: Database, most: int) -> list[ClashRow]:
    """Return refunds nobody can tell the end of, because their name is taken, oldest first."""
    return await database.fetch_all(
        ClashRow,
        """
        SELECT r.id AS refund, r.updated_at, a.provider, p.live, w.part AS movement, o.id AS other
        FROM payments.pending AS w
        INNER JOIN payments.attempt AS a ON a.id = w.attempt AND a.operation = 4
        INNER JOIN payments.refund AS r ON r.id = a.refund
        INNER JOIN payments.payment AS p ON p.id = r.payment
        INNER JOIN payments.refund AS o
            ON o.provider = a.provider AND o.movement = w.part AND o.live = r.live AND o.id <> r.id
        WHERE w.state = 3
        ORDER BY r.updated_at, r.id LIMIT %s
        """,
        (most,),
    )
