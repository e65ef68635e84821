"""Refunds as they are stored."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString, cast
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Database, Tx
from bezant.db.faults import ConstraintViolated
from bezant.db.page import Cut
from bezant.money import ASSETS, Asset, Money
from bezant.payments.codes import REFUND_STATE_NUMBERS, REFUND_STATES, Kind
from bezant.payments.refund import Refund, RefundState
from bezant.payments.store import write

_SELECT: Final[LiteralString] = """
SELECT r.id, r.payment, r.tenant, r.created_at, r.updated_at, r.state AS number, r.attempt, r.live,
    r.amount, r.requested_by, r.approval, r.reason, r.failure, r.metadata::text AS metadata,
    r.sent, r.provider, r.movement, p.asset, p.exponent,
    coalesce(o.part, w.part, o.reference) AS reference
FROM payments.refund AS r
INNER JOIN payments.payment AS p ON p.id = r.payment
LEFT JOIN payments.outcome AS o
    ON r.attempt > 0 AND o.attempt = payments.attempt_of(r.payment, r.attempt)
LEFT JOIN payments.pending AS w
    ON r.attempt > 0 AND w.attempt = payments.attempt_of(r.payment, r.attempt)
"""


@dataclass(frozen=True, slots=True)
class RefundRow:
    """A refund with its asset and the provider's name of it."""

    id: UUID
    payment: UUID
    tenant: UUID
    created_at: datetime
    updated_at: datetime
    number: int
    attempt: int
    live: bool
    amount: Decimal
    requested_by: str
    approval: str | None
    reason: str | None
    failure: str | None
    metadata: str | None
    sent: str | None
    provider: str | None
    movement: str | None
    """By what name the provider knows the movement of money, once that was told."""
    asset: str
    exponent: int
    reference: str | None

    @property
    def state(self) -> RefundState:
        """Return its state."""
        return REFUND_STATES[self.number]

    @property
    def money(self) -> Money:
        """Return its amount."""
        asset = ASSETS.get(self.asset) or Asset(self.asset, self.exponent, self.asset)
        return Money(int(self.amount), asset)

    def spelled(
        self,
        *,
        state: RefundState | None = None,
        updated_at: datetime | None = None,
        reference: str | None = None,
        failure: str | None = None,
        replayed: bool = False,
    ) -> Refund:
        """Return it as the port tells it: as it stands, or as it stood."""
        return Refund(
            id=f"re_{self.id.hex}",
            mode=Mode.LIVE if self.live else Mode.TEST,
            payment=f"pay_{self.payment.hex}",
            state=state or self.state,
            amount=self.money,
            reason=self.reason or "",
            metadata=(cast("dict[str, str]", json.loads(self.metadata)) if self.metadata else {}),
            requested_by=self.requested_by,
            approval=self.approval or "",
            reference=(self.reference or "") if reference is None else reference,
            failure=(self.failure or "") if failure is None else failure,
            created_at=self.created_at,
            updated_at=updated_at or self.updated_at,
            replayed=replayed,
        )


async def refund(source: Database | Tx, refund: UUID) -> RefundRow | None:
    """Return a refund."""
    return await source.fetch_one(RefundRow, _SELECT + "WHERE r.id = %s", (refund,))


async def refunds(
    database: Database,
    conditions: Sequence[LiteralString],
    values: Mapping[str, object],
    cut: Cut,
) -> list[RefundRow]:
    """Return the refunds of a page, by conditions, and one more if there is one."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        RefundRow, f"{_SELECT} WHERE {where} {cut.end('r.id')}", {**values, **cut.values}
    )


async def newest_of(database: Database, payments: Sequence[UUID], each: int) -> list[RefundRow]:
    """Return the newest refunds of each of these payments, newest first."""
    return await database.fetch_all(
        RefundRow,
        f"""
        {_SELECT}
        WHERE r.id IN (
            SELECT n.id
            FROM unnest(%(payments)s::uuid[]) AS g (id)
            CROSS JOIN LATERAL (
                SELECT x.id
                FROM payments.refund AS x
                WHERE x.payment = g.id
                ORDER BY x.id DESC
                LIMIT %(each)s
            ) AS n
        )
        ORDER BY r.id DESC
        """,
        {"payments": list(payments), "each": each},
    )


async def waiting_for_approval(
    database: Database, most: int, behind: UUID | None
) -> list[RefundRow]:
    """Return refunds a second person has to agree to, in the order in which they were asked for."""
    return await database.fetch_all(
        RefundRow,
        _SELECT
        + """
        WHERE r.approval IS NOT NULL AND r.state = 1 AND r.id > %s
        ORDER BY r.id LIMIT %s
        """,
        (behind or UUID(int=0), most),
    )


async def add(tx: Tx, row: RefundRow) -> None:
    """Store a refund."""
    await tx.execute(
        """
        INSERT INTO payments.refund (
            id, payment, tenant, created_at, updated_at, state, attempt, live, amount,
            requested_by, approval, reason, metadata, sent, provider, movement
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s)
        """,
        (
            row.id, row.payment, row.tenant, row.created_at, row.updated_at, row.number,
            row.attempt, row.live, row.amount, row.requested_by, row.approval, row.reason,
            row.metadata, row.sent, row.provider, row.movement,
        ),
    )  # fmt: skip


async def name_movement(tx: Tx, refund: UUID, provider: str, movement: str) -> None:
    """Store by what name a provider knows a refund; no other refund has it, or this fails."""
    await tx.execute(
        "UPDATE payments.refund SET provider = %s, movement = %s WHERE id = %s",
        (provider, movement, refund),
    )


def is_counted_twice(error: ConstraintViolated) -> bool:
    """Tell whether something failed because a movement is another refund already."""
    return error.constraint == "refund_movement"


async def change(
    tx: Tx, refund: UUID, state: RefundState, at: datetime, *, attempt: int | None = None,
    failure: str = "",
) -> None:  # fmt: skip
    """Store how a refund stands now."""
    await tx.execute(
        """
        UPDATE payments.refund
        SET state = %s, updated_at = %s, attempt = coalesce(%s, attempt), failure = %s
        WHERE id = %s
        """,
        (REFUND_STATE_NUMBERS[state], at, attempt, failure or None, refund),
    )


async def set_aside(tx: Tx, payment: UUID, amount: int, attempts: int) -> bool:
    """Take an amount of what was captured for a refund; false if less than that is left."""
    return bool(
        await tx.execute(
            """
            UPDATE payments.payment
            SET refunded = refunded + %(amount)s, attempts = %(attempts)s
            WHERE id = %(payment)s AND refunded + disputed + %(amount)s <= captured
            """,
            {"payment": payment, "amount": amount, "attempts": attempts},
        )
    )


async def count_again(tx: Tx, payment: UUID) -> None:
    """Count what refunds hold of a payment after one has come to nothing.

    Where more was given back than was captured, the others may hold all of it even so.
    """
    await tx.execute(
        """
        UPDATE payments.payment AS p
        SET refunded = least(p.refunded, (
            SELECT coalesce(sum(r.amount), 0) FROM payments.refund AS r
            WHERE r.payment = p.id AND r.state BETWEEN 1 AND 4
        ))
        WHERE p.id = %s
        """,
        (payment,),
    )


async def take_what_is_left(tx: Tx, payment: UUID, amount: int, attempts: int) -> None:
    """Count money that was given back although less than that was left."""
    await tx.execute(
        """
        UPDATE payments.payment
        SET refunded = least(captured, refunded + %s), attempts = %s
        WHERE id = %s
        """,
        (amount, attempts, payment),
    )


async def open_of(tx: Tx, payment: UUID) -> list[RefundRow]:
    """Return the refunds of a payment that have not ended, newest first."""
    return await tx.fetch_all(
        RefundRow,
        _SELECT + "WHERE r.payment = %s AND r.state IN (1, 2, 3) ORDER BY r.id DESC",
        (payment,),
    )


async def is_known(
    source: Database | Tx, payment: UUID, part: str, *, but: UUID | None = None
) -> bool:
    """Tell whether a refund of this payment has this name at the provider; one may be left out."""
    return bool(
        await source.fetch_value(
            """
            SELECT EXISTS (
                SELECT 1
                FROM payments.attempt AS a
                LEFT JOIN payments.outcome AS o ON o.attempt = a.id
                LEFT JOIN payments.pending AS w ON w.attempt = a.id
                WHERE a.id > %(id)s AND a.id <= payments.attempt_of(%(id)s, 255)
                    AND a.operation = 4 AND coalesce(o.part, w.part) = %(part)s
                    AND a.id IS DISTINCT FROM %(but)s::uuid
            )
            """,
            {"id": payment, "part": part, "but": but},
        )
    )


async def is_counted(tx: Tx, payment: UUID, sent: str) -> bool:
    """Tell whether a movement is a refund of this payment already, or waits to become one."""
    waits = await tx.fetch_value(
        """
        SELECT EXISTS (
            SELECT 1 FROM payments.refund
            WHERE payment = %s AND sent = %s AND state BETWEEN 1 AND 4
        )
        """,
        (payment, sent),
    )
    return bool(waits) or await is_known(tx, payment, sent)


async def count_attempt(tx: Tx, payment: UUID, attempts: int) -> None:
    """Note that a payment has one attempt more."""
    await tx.execute("UPDATE payments.payment SET attempts = %s WHERE id = %s", (attempts, payment))


async def part_captured(database: Database, payment: UUID) -> str:
    """Return the provider's name of the largest capture: that is what is refunded."""
    found = await database.fetch_value(
        """
        SELECT o.part
        FROM payments.attempt AS a
        INNER JOIN payments.outcome AS o ON o.attempt = a.id
        WHERE a.id > %(id)s AND a.id <= payments.attempt_of(%(id)s, 255) AND o.result = 2
        ORDER BY coalesce(o.amount, a.amount) DESC, a.id
        LIMIT 1
        """,
        {"id": payment},
    )
    return found or ""


async def add_step(
    tx: Tx, row: RefundRow, kind: Kind, state: RefundState, at: datetime, attempt: int
) -> None:
    """Tell what happened to a refund."""
    await write.add_step(
        tx,
        row.payment,
        kind,
        at,
        attempt,
        subject=row.id,
        state=REFUND_STATE_NUMBERS[state],
        amount=int(row.amount),
    )
