"""SQL about orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.db.page import Cut
from bezant.orders.order import OrdersOf, OrderStatus

_COLUMNS: Final[LiteralString] = """
id, tenant, mode, status, asset, amount, reference, description, customer, metadata, created_at,
updated_at, request, held, paid, refunded, disputed,
(
    SELECT coalesce(array_agg(payment ORDER BY payment), '{}')
    FROM order_payment AS p
    WHERE
        p.tenant = customer_order.tenant AND p.mode = customer_order.mode
        AND p.order_id = customer_order.id
) AS payments
"""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order as stored."""

    id: UUID
    tenant: str
    mode: Mode
    status: OrderStatus
    asset: str
    amount: Decimal
    reference: str
    description: str
    customer: str
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
    request: bytes
    held: Decimal
    paid: Decimal
    refunded: Decimal
    disputed: Decimal
    payments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be stored."""

    id: UUID
    tenant: str
    mode: Mode
    asset: str
    amount: int
    reference: str
    description: str
    customer: str
    metadata: Mapping[str, str]
    created_at: datetime
    idem: bytes | None
    request: bytes


async def hold_names(tx: Tx, tenant: str, mode: Mode, names: Sequence[str]) -> None:
    """Let one transaction at a time join orders and payments of these names."""
    for name in sorted(set(names)):
        await tx.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", (f"{tenant} {mode} {name}",)
        )


async def add(tx: Tx, row: NewOrder) -> bool:
    """Add an order; False if its id, number or key is taken."""
    touched = await tx.execute(
        """
        INSERT INTO customer_order (
            id, tenant, mode, asset, amount, reference, description, customer, metadata,
            created_at, updated_at, idem, request
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (
            row.id,
            row.tenant,
            row.mode.value,
            row.asset,
            row.amount,
            row.reference,
            row.description,
            row.customer,
            msgspec.json.encode(row.metadata).decode(),
            row.created_at,
            row.created_at,
            row.idem,
            row.request,
        ),
    )
    return touched == 1


async def find(tx: Tx, order_id: UUID, tenant: str, mode: Mode) -> OrderRow | None:
    """Return an order of this tenant and mode."""
    return await tx.fetch_one(
        OrderRow,
        f"SELECT {_COLUMNS} FROM customer_order WHERE id = %s AND tenant = %s AND mode = %s",
        (order_id, tenant, mode.value),
    )


async def by_idem(tx: Tx, idem: bytes) -> OrderRow | None:
    """Return the order that was made under a key."""
    return await tx.fetch_one(
        OrderRow, f"SELECT {_COLUMNS} FROM customer_order WHERE idem = %s", (idem,)
    )


async def named(
    tx: Tx, tenant: str, mode: Mode, asset: str, order_id: UUID | None, reference: str
) -> OrderRow | None:
    """Return the order that a payment means, by its id or the merchant's number; locked."""
    return await tx.fetch_one(
        OrderRow,
        f"""
        SELECT {_COLUMNS}
        FROM customer_order
        WHERE
            tenant = %s AND mode = %s AND asset = %s
            AND (id = %s OR (reference <> '' AND reference = %s))
        ORDER BY id = %s DESC
        LIMIT 1
        FOR UPDATE
        """,
        (tenant, mode.value, asset, order_id, reference, order_id),
    )


async def touch(tx: Tx, tenant: str, mode: Mode, order_id: UUID, at: datetime) -> OrderRow:
    """Note that an order changed, and return it."""
    await tx.execute(
        "UPDATE customer_order SET updated_at = %s WHERE tenant = %s AND mode = %s AND id = %s",
        (at, tenant, mode.value, order_id),
    )
    row = await find(tx, order_id, tenant, mode)
    assert row is not None
    return row


async def page(tx: Tx, query: OrdersOf, cut: Cut) -> list[OrderRow]:
    """Return the orders of a page, and one more if there is one."""
    return await tx.fetch_all(
        OrderRow,
        f"""
        SELECT {_COLUMNS}
        FROM customer_order
        WHERE
            tenant = %(tenant)s AND mode = %(mode)s
            AND (%(status)s::text IS NULL OR status = %(status)s)
            AND (%(reference)s::text IS NULL OR reference = %(reference)s)
            AND (%(customer)s::text IS NULL OR customer = %(customer)s)
            AND (%(from)s::timestamptz IS NULL OR created_at >= %(from)s)
            AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
            AND metadata @> %(metadata)s::jsonb
            AND (
                %(text)s = '' OR strpos(lower(reference), lower(%(text)s)) > 0
                OR strpos(lower(description), lower(%(text)s)) > 0
            )
            {cut.end("id")}
        """,
        {
            "tenant": query.tenant,
            "mode": query.mode.value,
            "status": None if query.status is None else query.status.value,
            "reference": query.reference,
            "customer": query.customer,
            "from": query.created_from,
            "until": query.created_until,
            "metadata": msgspec.json.encode(query.metadata).decode(),
            "text": query.text,
            **cut.values,
        },
    )
