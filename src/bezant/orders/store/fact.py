"""SQL about what the payments' feed told of each payment that names an order."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx

_COLUMNS: Final[LiteralString] = """
payment, tenant, mode, said, order_id, asset, held, paid, refunded, disputed, updated_at, due_at,
giving_back, evidence, tries, refund, begun_at, stuck
"""


@dataclass(frozen=True, slots=True)
class FactRow:
    """What is known of one payment."""

    payment: str
    tenant: str
    mode: Mode
    said: str
    order_id: UUID | None
    asset: str
    held: Decimal
    paid: Decimal
    refunded: Decimal
    disputed: Decimal
    updated_at: datetime
    due_at: datetime | None
    giving_back: bool
    evidence: str
    tries: int = 0
    """How often giving it back has come to nothing, or to no end."""
    refund: str = ""
    """The refund that was asked for last."""
    begun_at: datetime | None = None
    stuck: bool = False
    """Somebody was told to look."""


async def lock(tx: Tx, payment: str) -> FactRow | None:
    """Return what is known of a payment, locked."""
    return await tx.fetch_one(
        FactRow, f"SELECT {_COLUMNS} FROM order_payment WHERE payment = %s FOR UPDATE", (payment,)
    )


async def put(tx: Tx, row: FactRow) -> None:
    """Write what is known of a payment now."""
    await tx.execute(
        """
        INSERT INTO order_payment (
            payment, tenant, mode, said, order_id, asset, held, paid, refunded, disputed,
            updated_at, due_at, giving_back, evidence, tries, refund, begun_at, stuck
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (payment) DO UPDATE
        SET
            order_id = excluded.order_id, held = excluded.held, paid = excluded.paid,
            refunded = excluded.refunded, disputed = excluded.disputed,
            updated_at = excluded.updated_at, due_at = excluded.due_at,
            giving_back = excluded.giving_back, evidence = excluded.evidence,
            tries = excluded.tries, refund = excluded.refund, begun_at = excluded.begun_at,
            stuck = excluded.stuck
        """,
        (
            row.payment,
            row.tenant,
            row.mode.value,
            row.said,
            row.order_id,
            row.asset,
            row.held,
            row.paid,
            row.refunded,
            row.disputed,
            row.updated_at,
            row.due_at,
            row.giving_back,
            row.evidence,
            row.tries,
            row.refund,
            row.begun_at,
            row.stuck,
        ),
    )


async def waiting_for(
    tx: Tx, tenant: str, mode: Mode, asset: str, names: tuple[str, ...]
) -> list[FactRow]:
    """Return payments that came before the order they name, locked in order."""
    return await tx.fetch_all(
        FactRow,
        f"""
        SELECT {_COLUMNS}
        FROM order_payment
        WHERE
            tenant = %s AND mode = %s AND asset = %s AND said = ANY (%s)
            AND order_id IS NULL AND NOT giving_back
        ORDER BY payment
        FOR UPDATE
        """,
        (tenant, mode.value, asset, list(names)),
    )


async def due(tx: Tx, now: datetime, limit: int) -> list[str]:
    """Return the payments whose time without an order is over."""
    rows = await tx.fetch_all(
        FactRow,
        f"SELECT {_COLUMNS} FROM order_payment WHERE due_at <= %s ORDER BY due_at LIMIT %s",
        (now, limit),
    )
    return [row.payment for row in rows]
