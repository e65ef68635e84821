"""What is due: attempts that have not ended, authorizations whose time is over."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bezant.db.database import Database, Tx


@dataclass(frozen=True, slots=True)
class DueRow:
    """An attempt somebody has to look after, with what is known of it."""

    attempt: UUID
    fence: int
    asked: int
    waiting: int
    known_reference: str | None
    known_part: str | None
    request: UUID | None
    refund: UUID | None
    sent_at: datetime
    operation: int
    method: int
    ends: bool
    amount: Decimal
    provider: str
    card: str | None
    why: str
    result: int | None
    moved: Decimal | None
    fee: Decimal | None
    live: bool
    sent: str | None


async def claim(tx: Tx, now: datetime, until: datetime, most: int) -> list[DueRow]:
    """Take over what is due until then; who had it before has lost it."""
    return await tx.fetch_all(
        DueRow,
        """
        WITH due AS (
            SELECT attempt FROM payments.pending
            WHERE due_at <= %s
            ORDER BY due_at LIMIT %s
            FOR UPDATE SKIP LOCKED
        ), mine AS (
            UPDATE payments.pending AS w
            SET due_at = %s, fence = w.fence + 1
            FROM due
            WHERE w.attempt = due.attempt
            RETURNING w.attempt, w.fence, w.asked, w.state, w.reference, w.part
        )
        SELECT m.attempt, m.fence, m.asked, m.state AS waiting, m.reference AS known_reference,
            m.part AS known_part, a.request, a.refund, a.sent_at, a.operation, a.method, a.ends,
            a.amount, a.provider, a.card, a.why, o.result, o.amount AS moved, o.fee,
            p.live, r.sent
        FROM mine AS m
        INNER JOIN payments.attempt AS a ON a.id = m.attempt
        INNER JOIN payments.payment AS p ON p.id = payments.attempt_of(a.id, 0)
        LEFT JOIN payments.outcome AS o ON o.attempt = m.attempt
        LEFT JOIN payments.refund AS r ON r.id = a.refund
        """,
        (now, most, until),
    )


async def one(database: Database, attempt: UUID) -> DueRow | None:
    """Return an attempt, whether it has ended or not, without taking it over."""
    return await database.fetch_one(
        DueRow,
        """
        SELECT a.id AS attempt, coalesce(w.fence, 0) AS fence, coalesce(w.asked, 0) AS asked,
            coalesce(w.state, 0::smallint) AS waiting,
            coalesce(w.reference, o.reference) AS known_reference,
            coalesce(w.part, o.part) AS known_part, a.request, a.refund, a.sent_at, a.operation,
            a.method, a.ends, a.amount, a.provider, a.card, a.why, o.result, o.amount AS moved,
            o.fee, p.live, r.sent
        FROM payments.attempt AS a
        INNER JOIN payments.payment AS p ON p.id = payments.attempt_of(a.id, 0)
        LEFT JOIN payments.pending AS w ON w.attempt = a.id
        LEFT JOIN payments.outcome AS o ON o.attempt = a.id
        LEFT JOIN payments.refund AS r ON r.id = a.refund
        WHERE a.id = %s
        """,
        (attempt,),
    )


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


async def expired(database: Database, now: datetime, most: int) -> list[UUID]:
    """Return payments whose authorization is over and that nobody works on."""
    rows = await database.fetch_all(
        _Id,
        """
        SELECT id FROM payments.payment
        WHERE expires_at <= %s AND busy = 0
        ORDER BY expires_at LIMIT %s
        """,
        (now, most),
    )
    return [row.id for row in rows]


async def postpone_expiry(tx: Tx, payment: UUID, now: datetime, until: datetime) -> bool:
    """Look at an authorization again later; false if somebody else looks at it now."""
    return bool(
        await tx.execute(
            "UPDATE payments.payment SET expires_at = %s WHERE id = %s AND expires_at <= %s",
            (until, payment, now),
        )
    )


async def booked(tx: Tx, attempt: UUID, fence: int, result: int | None) -> bool:
    """Note that what an attempt came to is in the book at last. Should it have come to something
    else meanwhile, that has still to be booked.
    """
    return bool(
        await tx.execute(
            """
            DELETE FROM payments.pending AS w
            USING payments.outcome AS o
            WHERE w.attempt = %s AND w.fence = %s AND w.state = 4
                AND o.attempt = w.attempt AND o.result = %s
            """,
            (attempt, fence, result),
        )
    )


async def not_booked(
    tx: Tx, attempt: UUID, fence: int, result: int | None, asked: int, due_at: datetime
) -> None:
    """Note that the book did not take what an attempt came to, and how often it has refused."""
    await tx.execute(
        """
        UPDATE payments.pending AS w SET due_at = %s, asked = %s
        FROM payments.outcome AS o
        WHERE w.attempt = %s AND w.fence = %s AND w.state = 4
            AND o.attempt = w.attempt AND o.result = %s
        """,
        (due_at, asked, attempt, fence, result),
    )


async def add_unbooked(tx: Tx, attempt: UUID, due_at: datetime, refused: int) -> None:
    """Note that an attempt's money is not in the book."""
    await tx.execute(
        """
        INSERT INTO payments.pending AS w (attempt, due_at, asked, state)
        VALUES (%s, %s, %s, 4)
        ON CONFLICT (attempt) DO UPDATE SET
            due_at = excluded.due_at, asked = excluded.asked, state = 4, fence = w.fence + 1
        """,
        (attempt, due_at, refused),
    )


async def open_of(database: Database, payment: UUID) -> list[UUID]:
    """Return the attempts of a payment that have not ended."""
    rows = await database.fetch_all(
        _Id,
        """
        SELECT attempt AS id FROM payments.pending
        WHERE attempt > %(id)s AND attempt <= payments.attempt_of(%(id)s, 255) AND state < 4
        """,
        {"id": payment},
    )
    return [row.id for row in rows]
