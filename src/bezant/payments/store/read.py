"""Payments as they stand, one or many, and what was asked of providers for them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString, cast
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Database, Tx
from bezant.db.page import Cut
from bezant.money import ASSETS, Asset, Money
from bezant.payments.codes import ENDED_NUMBERS, STATES, Ended
from bezant.payments.payment import PaymentState
from bezant.payments.told import Action, Facts, Standing, microseconds

_COLUMNS: Final[LiteralString] = """
    p.id, p.tenant, p.customer, p.created_at, p.updated_at, p.expires_at, p.state, p.attempts,
    p.charge, p.busy, p.method, p.exponent, p.live, p.captures, p.asset, p.amount, p.authorized,
    p.captured, p.refunded,
    CASE WHEN p.refunded > 0 THEN payments.awaiting(p.id) ELSE 0 END AS awaiting,
    p.disputed, p.fee, p.cost, p.provider, p.card, p.order_id,
    coalesce(p.limited, false) AS limited,
    p.details::text AS details, p.metadata::text AS metadata, p.changed::text AS changed,
    coalesce(o.reference, w.reference) AS reference, o.part, o.payer::text AS payer, o.result,
    o.decline, o.soft, o.raw,
    CASE WHEN p.state IN (5, 6) THEN (
        SELECT u.raw FROM payments.outcome AS u
        INNER JOIN payments.attempt AS a ON a.id = u.attempt AND a.operation IN (2, 3)
        WHERE u.attempt = payments.attempt_of(p.id, p.attempts) AND u.result IN (5, 6)
    ) END AS undone,
    w.action::text AS action,
    NOT EXISTS (
        SELECT 1 FROM payments.pending AS b
        WHERE b.attempt >= p.id AND b.attempt <= payments.attempt_of(p.id, 255) AND b.state = 4
    ) AS booked
"""
_FROM: Final[LiteralString] = """
    FROM payments.payment AS p
    LEFT JOIN payments.outcome AS o
        ON p.charge > 0 AND o.attempt = payments.attempt_of(p.id, p.charge)
    LEFT JOIN payments.pending AS w
        ON p.charge > 0 AND w.attempt = payments.attempt_of(p.id, p.charge)
"""
BY_REFERENCE: Final[LiteralString] = """
    p.id IN (
        SELECT payments.attempt_of(x.attempt, 0) FROM payments.outcome AS x
        WHERE hashtextextended(x.reference, 0) = hashtextextended(%(reference)s, 0)
            AND x.reference = %(reference)s
    )
"""
SOMEWHERE: Final[LiteralString] = """
    (p.order_id ILIKE %(text)s OR p.details ->> 'descriptor' ILIKE %(text)s
    OR coalesce(p.changed ->> 'description', p.details ->> 'description') ILIKE %(text)s
    OR 'pay_' || replace(p.id::text, '-', '') = %(named)s
    OR p.id IN (
        SELECT payments.attempt_of(x.attempt, 0) FROM payments.outcome AS x
        WHERE hashtextextended(x.reference, 0) = hashtextextended(%(named)s, 0)
            AND x.reference = %(named)s
    )
    OR p.customer IN (
        SELECT c.id FROM payments.customer AS c
        WHERE c.email ILIKE %(text)s OR c.name ILIKE %(text)s
    ))
"""
"""Where an office looks for a word: what it paid for, who paid, and what it is called."""
ONE: Final[LiteralString] = f"SELECT {_COLUMNS} {_FROM} WHERE p.id = %(id)s"
# Who has waited for the lock sees the payment as it stands by now, and so its refunds as well.
_NOW: Final[LiteralString] = ONE.replace("payments.awaiting(", "payments.awaiting_now(")
LOCKED: Final[LiteralString] = f"{_NOW} FOR NO KEY UPDATE OF p"


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment as it is stored, with the outcome of the charge that counts."""

    id: UUID
    tenant: UUID
    customer: UUID | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    state: int
    attempts: int
    charge: int
    busy: int
    method: int | None
    exponent: int
    live: bool
    captures: bool
    asset: str
    amount: Decimal
    authorized: Decimal
    captured: Decimal
    refunded: Decimal
    """All that is held back for refunds, so that nothing is given twice."""
    awaiting: Decimal
    """What of it waits for a second person."""
    disputed: Decimal
    fee: Decimal
    cost: Decimal | None
    provider: str | None
    card: str | None
    order_id: str | None
    details: str | None
    metadata: str | None
    changed: str | None
    reference: str | None
    part: str | None
    payer: str | None
    result: int | None
    decline: int | None
    soft: bool | None
    raw: str | None
    undone: str | None
    """Why the last capture or void came to nothing, while the money is still set aside."""
    action: str | None
    booked: bool
    limited: bool
    """Whether it took up room under limits, in some try."""

    @property
    def money(self) -> Asset:
        """Return the asset of all its amounts."""
        known = ASSETS.get(self.asset)
        return known or Asset(self.asset, self.exponent, self.asset)

    @property
    def state_named(self) -> PaymentState:
        """Return its state."""
        return STATES[self.state]

    @property
    def payers_side(self) -> dict[str, str]:
        """Return what a refund needs to know of the payer's side."""
        return _texts(self.payer)

    def facts(self) -> Facts:
        """Return what never changes about it."""
        return Facts(
            id=self.id,
            tenant="platform" if not self.tenant.int else f"mer_{self.tenant.hex}",
            mode=Mode.LIVE if self.live else Mode.TEST,
            amount=Money(int(self.amount), self.money),
            captures=self.captures,
            created_at=self.created_at,
            customer=self.customer,
            order=self.order_id or "",
            details=_texts(self.details),
            metadata=_texts(self.metadata),
        )

    def standing(self) -> Standing:
        """Return how it stands."""
        changed = _object(self.changed)
        description, metadata = changed.get("description"), changed.get("metadata")
        not_reached = self.result == ENDED_NUMBERS[Ended.NOT_REACHED]
        return Standing(
            state=self.state,
            authorized=str(int(self.authorized)),
            captured=str(int(self.captured)),
            refunded=str(int(self.refunded - self.awaiting)),
            disputed=str(int(self.disputed)),
            fee=str(int(self.fee)),
            updated_at=microseconds(self.updated_at),
            method=self.method or 0,
            card=self.card or "",
            provider=self.provider or "",
            reference=self.reference or "",
            action=_action(self.action),
            decline=self.decline or 0,
            soft=bool(self.soft),
            failure=self.undone or ((self.raw or "") if not_reached else ""),
            expires_at=microseconds(self.expires_at) if self.expires_at else 0,
            booked=self.booked,
            cost="" if self.cost is None else str(int(self.cost)),
            description=description if isinstance(description, str) else None,
            metadata=(
                _strings(cast("dict[str, object]", metadata))
                if isinstance(metadata, dict)
                else None
            ),
            busy=self.busy,
            charge=self.charge,
            attempts=self.attempts,
            awaiting=str(int(self.awaiting)),
        )


async def payment(database: Database, payment: UUID) -> PaymentRow | None:
    """Return a payment."""
    return await database.fetch_one(PaymentRow, ONE, {"id": payment})


async def named(
    database: Database,
    conditions: Sequence[LiteralString],
    values: Mapping[str, object],
    payments: Sequence[UUID],
) -> list[PaymentRow]:
    """Return those of these payments that fit the conditions."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        PaymentRow,
        f"""
        SELECT {_COLUMNS} {_FROM}
        WHERE p.id IN (
            SELECT x.id FROM payments.payment AS x WHERE x.id = ANY(%(payments)s) AND {where}
        )
        """,
        {**values, "payments": list(payments)},
    )


async def locked(tx: Tx, payment: UUID) -> PaymentRow | None:
    """Return a payment, and let nobody else change it until the transaction ends."""
    return await tx.fetch_one(PaymentRow, LOCKED, {"id": payment})


async def payments(
    database: Database,
    conditions: Sequence[LiteralString],
    values: Mapping[str, object],
    cut: Cut,
) -> list[PaymentRow]:
    """Return the payments of a page, by conditions, and one more if there is one."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        PaymentRow,
        f"SELECT {_COLUMNS} {_FROM} WHERE {where} {cut.end('p.id')}",
        {**values, **cut.values},
    )


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt, what it waits for, and how it ended."""

    id: UUID
    operation: int
    provider: str
    amount: Decimal
    why: str
    sent_at: datetime
    settled_at: datetime | None
    result: int | None
    decline: int | None
    soft: bool | None
    moved: Decimal | None
    cost: Decimal | None
    reference: str | None
    part: str | None
    digest: bytes | None
    raw: str | None
    waiting: int | None
    asked: int | None


async def attempts(database: Database, *payments: UUID) -> list[AttemptRow]:
    """Return everything that was asked of providers for these payments, oldest first for each."""
    return await database.fetch_all(
        AttemptRow,
        """
        SELECT a.id, a.operation, a.provider, a.amount, a.why, a.sent_at, o.settled_at, o.result,
            o.decline, o.soft, o.amount AS moved, o.cost,
            coalesce(o.reference, w.reference) AS reference, coalesce(o.part, w.part) AS part,
            o.digest, o.raw, w.state AS waiting, w.asked
        FROM unnest(%(payments)s::uuid[]) AS p (id)
        INNER JOIN payments.attempt AS a ON a.id > p.id AND a.id <= payments.attempt_of(p.id, 255)
        LEFT JOIN payments.outcome AS o ON o.attempt = a.id
        LEFT JOIN payments.pending AS w ON w.attempt = a.id
        ORDER BY a.id
        """,
        {"payments": list(payments)},
    )


def _object(text: str | None) -> dict[str, object]:
    return json.loads(text) if text else {}


def _texts(text: str | None) -> dict[str, str]:
    return _strings(_object(text))


def _strings(values: Mapping[str, object]) -> dict[str, str]:
    return {key: value for key, value in values.items() if isinstance(value, str)}


def _action(text: str | None) -> Action | None:
    if not text:
        return None
    kind, url, facts, expires_at = json.loads(text)
    return Action(kind, url, facts, expires_at)
