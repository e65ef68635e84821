"""Customers and their saved ways to pay."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, cast
from uuid import UUID

from bezant.db.database import Database, Tx
from bezant.db.page import Cut
from bezant.exchange import MethodKind
from bezant.payments.codes import METHOD_NUMBERS, METHODS, Kind
from bezant.telemetry import TRACE_ID

_CUSTOMER: Final[LiteralString] = """
SELECT id, created_at, live, forgotten, name, email, metadata::text AS metadata
FROM payments.customer
"""
_METHOD: Final[LiteralString] = """
SELECT id, customer, created_at, live, kind AS number, card, label, facts::text AS facts,
    sealed
FROM payments.method
"""


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer as stored."""

    id: UUID
    created_at: datetime
    live: bool
    forgotten: bool
    name: str | None
    email: str | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class MethodRow:
    """A saved way to pay as stored."""

    id: UUID
    customer: UUID
    created_at: datetime
    live: bool
    number: int
    card: str | None
    label: str | None
    facts: str | None
    """As it was kept before it was sealed."""
    sealed: bytes | None

    @property
    def kind(self) -> MethodKind:
        """Return its kind."""
        return METHODS[self.number]

    @property
    def unsealed_facts(self) -> Mapping[str, str]:
        """Return what the provider needs to know of it, as long as that is not sealed."""
        return cast("dict[str, str]", json.loads(self.facts)) if self.facts else {}


async def customer(
    source: Database | Tx, tenant: UUID | None, live: bool, customer: UUID
) -> CustomerRow | None:
    """Return a customer of this tenant, or of any, and of this mode."""
    return await source.fetch_one(
        CustomerRow,
        _CUSTOMER
        + """
        WHERE id = %(customer)s AND live = %(live)s
            AND (%(tenant)s::uuid IS NULL OR tenant = %(tenant)s)
        """,
        {"customer": customer, "live": live, "tenant": tenant},
    )


async def locked(tx: Tx, customer: UUID) -> CustomerRow:
    """Return a customer once nobody begins anything for them any more, and let nobody begin it."""
    return await _one(tx, _CUSTOMER + "WHERE id = %s FOR UPDATE", customer)


async def shared(tx: Tx, customer: UUID) -> CustomerRow:
    """Return a customer who stays as they are until something was begun for them."""
    return await _one(tx, _CUSTOMER + "WHERE id = %s FOR KEY SHARE", customer)


async def _one(tx: Tx, statement: LiteralString, customer: UUID) -> CustomerRow:
    row = await tx.fetch_one(CustomerRow, statement, (customer,))
    assert row is not None, "customers are not deleted"
    return row


async def is_forgotten(database: Database, customer: UUID) -> bool:
    """Tell whether a customer was forgotten."""
    return bool(
        await database.fetch_value(
            "SELECT forgotten FROM payments.customer WHERE id = %s", (customer,)
        )
    )


@dataclass(frozen=True, slots=True)
class WhoseRow:
    """A customer, and whose."""

    id: UUID
    tenant: UUID
    live: bool


async def forgotten_with_methods(database: Database, limit: int) -> list[WhoseRow]:
    """Return customers who are forgotten and whose saved ways to pay are still there."""
    return await database.fetch_all(
        WhoseRow,
        """
        SELECT c.id, c.tenant, c.live
        FROM payments.customer AS c
        WHERE c.forgotten AND EXISTS (
            SELECT 1 FROM payments.method AS m WHERE m.customer = c.id AND m.dropped_at IS NULL
        )
        LIMIT %s
        """,
        (limit,),
    )


async def customers(
    database: Database,
    conditions: Sequence[LiteralString],
    values: Mapping[str, object],
    cut: Cut,
) -> list[CustomerRow]:
    """Return the customers of a page, by conditions, and one more if there is one."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        CustomerRow, f"{_CUSTOMER} WHERE {where} {cut.end('id')}", {**values, **cut.values}
    )


async def named(
    database: Database,
    conditions: Sequence[LiteralString],
    values: Mapping[str, object],
    customers: Sequence[UUID],
) -> list[CustomerRow]:
    """Return those of these customers that fit the conditions."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        CustomerRow,
        f"{_CUSTOMER} AS x WHERE x.id = ANY(%(customers)s) AND {where}",
        {**values, "customers": list(customers)},
    )


async def add_customer(tx: Tx, row: CustomerRow, tenant: UUID) -> bool:
    """Store a customer; false if the same one is stored already."""
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.customer (id, tenant, created_at, live, name, email, metadata)
            VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb)
            ON CONFLICT (id) DO NOTHING
            """,
            (row.id, tenant, row.created_at, row.live, row.name, row.email, row.metadata),
        )
    )


async def change_customer(tx: Tx, row: CustomerRow) -> None:
    """Store what is known of a customer now."""
    await tx.execute(
        """
        UPDATE payments.customer
        SET name = %s, email = %s, metadata = %s::jsonb, forgotten = %s
        WHERE id = %s
        """,
        (row.name, row.email, row.metadata, row.forgotten, row.id),
    )


async def method(source: Database | Tx, tenant: UUID, live: bool, method: UUID) -> MethodRow | None:
    """Return a saved way to pay that was not dropped."""
    return await source.fetch_one(
        MethodRow,
        _METHOD + "WHERE id = %s AND tenant = %s AND live = %s AND dropped_at IS NULL",
        (method, tenant, live),
    )


async def kept(database: Database, method: UUID) -> MethodRow | None:
    """Return a saved way to pay, whosever it is and even if it was dropped."""
    return await database.fetch_one(MethodRow, _METHOD + "WHERE id = %s", (method,))


async def unsealed(database: Database, most: int) -> list[MethodRow]:
    """Return ways to pay whose facts lie open."""
    return await database.fetch_all(
        MethodRow, _METHOD + "WHERE facts IS NOT NULL ORDER BY id LIMIT %s", (most,)
    )


async def seal(tx: Tx, method: UUID, sealed: bytes) -> None:
    """Keep a way to pay's facts sealed, unless somebody dropped or sealed it meanwhile."""
    await tx.execute(
        "UPDATE payments.method SET sealed = %s, facts = NULL WHERE id = %s AND facts IS NOT NULL",
        (sealed, method),
    )


async def methods(database: Database, customer: UUID, limit: int) -> list[MethodRow]:
    """Return a customer's saved ways to pay, newest first."""
    return await database.fetch_all(
        MethodRow,
        _METHOD + "WHERE customer = %s AND dropped_at IS NULL ORDER BY id DESC LIMIT %s",
        (customer, limit),
    )


async def add_method(tx: Tx, row: MethodRow, tenant: UUID) -> bool:
    """Store a way to pay; false if the same one is stored already."""
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.method (
                id, customer, tenant, created_at, kind, live, card, label, sealed
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (id) DO NOTHING
            """,
            (
                row.id, row.customer, tenant, row.created_at, METHOD_NUMBERS[row.kind], row.live,
                row.card, row.label, row.sealed,
            ),
        )
    )  # fmt: skip


async def drop_method(tx: Tx, method: UUID, at: datetime) -> None:
    """Keep a way to pay no longer; what it was stays only as far as the records need it."""
    await tx.execute(
        """
        UPDATE payments.method
        SET dropped_at = %s, facts = NULL, sealed = NULL, label = NULL
        WHERE id = %s
        """,
        (at, method),
    )


async def tell_forgotten(tx: Tx, customer: UUID, at: datetime) -> None:
    """Tell of each payment of a customer that its payer is forgotten."""
    await tx.execute(
        """
        INSERT INTO payments.step (
            payment, at, kind, state, attempt, authorized, captured, refunded, disputed, trace
        )
        SELECT p.id, %s, %s, p.state, 0, p.authorized, p.captured,
            CASE WHEN p.refunded > 0 THEN p.refunded - payments.awaiting_now(p.id) ELSE 0 END,
            p.disputed, %s::uuid
        FROM (
            -- Locked first: what is told of a payment later never tells of it as it was earlier.
            SELECT id, state, authorized, captured, refunded, disputed
            FROM payments.payment
            WHERE customer = %s
            ORDER BY id
            FOR UPDATE
        ) AS p
        """,
        (at, Kind.PAYER_FORGOTTEN.value, TRACE_ID.get() or None, customer),
    )
