"""Room under limits as it is stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.money import Money


@dataclass(frozen=True, slots=True)
class Wanted:
    """A period in which room is needed."""

    method: int
    """0: whatever it is paid with."""
    span: int
    begins_on: date
    most: int


@dataclass(frozen=True, slots=True)
class Full:
    """A period without enough room: its place among those that were named, counted from 1."""

    place: int
    used: Decimal


async def take_room(
    tx: Tx, payment: UUID, tenant: UUID, mode: Mode, amount: Money, wanted: Sequence[Wanted]
) -> Full | None:
    """Take room in all of these periods, or return the first that has too little."""
    return await tx.fetch_one(
        Full,
        """
        SELECT place, used
        FROM payments.take_room(
            %s, %s, %s, %s, %s, %s::smallint[], %s::smallint[], %s::date[], %s::numeric[]
        )
        """,
        (
            payment,
            tenant,
            mode is Mode.LIVE,
            amount.asset.code,
            amount.minor,
            [one.method for one in wanted],
            [one.span for one in wanted],
            [one.begins_on for one in wanted],
            [Decimal(one.most) for one in wanted],
        ),
    )


async def forget_taken(tx: Tx, before: date, most: int) -> int:
    """Drop what payments took in periods that began so long ago."""
    return await tx.execute(
        """
        DELETE FROM payments.limit_taken WHERE (payment, use) IN (
            SELECT t.payment, t.use FROM payments.limit_taken AS t
            INNER JOIN payments.limit_use AS u ON u.id = t.use
            WHERE u.begins_on < %s LIMIT %s
        )
        """,
        (before, most),
    )


async def forget_changes(tx: Tx, before: date, most: int) -> int:
    """Drop what became of them there."""
    return await tx.execute(
        """
        DELETE FROM payments.limit_change WHERE id IN (
            SELECT n.id FROM payments.limit_change AS n
            INNER JOIN payments.limit_use AS u ON u.id = n.use
            WHERE u.begins_on < %s LIMIT %s
        )
        """,
        (before, most),
    )


async def forget_uses(tx: Tx, before: date, most: int) -> int:
    """Drop such periods themselves, of which nothing is left."""
    return await tx.execute(
        """
        DELETE FROM payments.limit_use WHERE id IN (
            SELECT u.id FROM payments.limit_use AS u
            WHERE u.begins_on < %s
                AND NOT EXISTS (SELECT 1 FROM payments.limit_taken AS t WHERE t.use = u.id)
                AND NOT EXISTS (SELECT 1 FROM payments.limit_change AS n WHERE n.use = u.id)
            LIMIT %s
        )
        """,
        (before, most),
    )
