"""Disputes as they are stored."""

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
from bezant.payments.codes import DISPUTE_STATE_NUMBERS, DISPUTE_STATES
from bezant.payments.dispute import Dispute, DisputeState

_SELECT: Final[LiteralString] = """
SELECT d.id, d.payment, d.tenant, d.opened_at, d.updated_at, d.evidence_due_at, d.state AS number,
    d.live, d.booked, d.refusals, d.amount, d.provider, d.reference, d.reason,
    d.evidence::text AS evidence, p.asset, p.exponent
FROM payments.dispute AS d
INNER JOIN payments.payment AS p ON p.id = d.payment
"""


@dataclass(frozen=True, slots=True)
class DisputeRow:
    """A dispute with its asset."""

    id: UUID
    payment: UUID
    tenant: UUID
    opened_at: datetime
    updated_at: datetime
    evidence_due_at: datetime | None
    number: int
    live: bool
    booked: bool
    refusals: int
    amount: Decimal
    provider: str
    reference: str
    reason: str | None
    evidence: str | None
    asset: str
    exponent: int

    @property
    def state(self) -> DisputeState:
        """Return its state."""
        return DISPUTE_STATES[self.number]

    @property
    def money(self) -> Money:
        """Return its amount."""
        asset = ASSETS.get(self.asset) or Asset(self.asset, self.exponent, self.asset)
        return Money(int(self.amount), asset)

    @property
    def told_evidence(self) -> dict[str, str]:
        """Return what was said against it."""
        return cast("dict[str, str]", json.loads(self.evidence)) if self.evidence else {}

    def spelled(self, *, replayed: bool = False) -> Dispute:
        """Return it as the port tells it."""
        return Dispute(
            id=f"dp_{self.id.hex}",
            mode=Mode.LIVE if self.live else Mode.TEST,
            payment=f"pay_{self.payment.hex}",
            state=self.state,
            amount=self.money,
            reason=self.reason or "",
            provider=self.provider,
            reference=self.reference,
            evidence_due_at=self.evidence_due_at,
            evidence=self.told_evidence,
            opened_at=self.opened_at,
            updated_at=self.updated_at,
            replayed=replayed,
        )


async def dispute(source: Database | Tx, dispute: UUID) -> DisputeRow | None:
    """Return a dispute."""
    return await source.fetch_one(DisputeRow, _SELECT + "WHERE d.id = %s", (dispute,))


async def known(
    source: Database | Tx, provider: str, live: bool, reference: str
) -> DisputeRow | None:
    """Return a dispute by the provider's name of it."""
    return await source.fetch_one(
        DisputeRow,
        _SELECT + "WHERE d.provider = %s AND d.live = %s AND d.reference = %s",
        (provider, live, reference),
    )


async def disputes(
    database: Database,
    conditions: Sequence[LiteralString],
    values: Mapping[str, object],
    cut: Cut,
) -> list[DisputeRow]:
    """Return the disputes of a page, by conditions, and one more if there is one."""
    where: LiteralString = " AND ".join(conditions)
    return await database.fetch_all(
        DisputeRow, f"{_SELECT} WHERE {where} {cut.end('d.id')}", {**values, **cut.values}
    )


async def unbooked(database: Database, most: int) -> list[DisputeRow]:
    """Return disputes whose money is not in the book."""
    return await database.fetch_all(
        DisputeRow, _SELECT + "WHERE NOT d.booked ORDER BY d.updated_at LIMIT %s", (most,)
    )


async def add(tx: Tx, row: DisputeRow) -> bool:
    """Store a dispute; false if it is stored already."""
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.dispute (
                id, payment, tenant, opened_at, updated_at, evidence_due_at, state, live, booked,
                amount, provider, reference, reason
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (provider, live, reference) DO NOTHING
            """,
            (
                row.id, row.payment, row.tenant, row.opened_at, row.updated_at,
                row.evidence_due_at, row.number, row.live, row.booked, row.amount, row.provider,
                row.reference, row.reason,
            ),
        )
    )  # fmt: skip


async def change(tx: Tx, dispute: UUID, state: DisputeState, at: datetime) -> None:
    """Store how a dispute stands now; its money is to be booked."""
    await tx.execute(
        "UPDATE payments.dispute SET state = %s, updated_at = %s, booked = false WHERE id = %s",
        (DISPUTE_STATE_NUMBERS[state], at, dispute),
    )


async def note_evidence(tx: Tx, dispute: UUID, evidence: Mapping[str, str], at: datetime) -> None:
    """Store what is said against a dispute."""
    await tx.execute(
        "UPDATE payments.dispute SET evidence = %s::jsonb, updated_at = %s WHERE id = %s",
        (json.dumps(dict(evidence)), at, dispute),
    )


async def booked(tx: Tx, dispute: UUID, state: DisputeState) -> None:
    """Note that a dispute's money is in the book, unless it went on meanwhile."""
    await tx.execute(
        "UPDATE payments.dispute SET booked = true WHERE id = %s AND state = %s",
        (dispute, DISPUTE_STATE_NUMBERS[state]),
    )


async def count(tx: Tx, payment: UUID, amount: int) -> None:
    """Add to, or take from, what is disputed of a payment."""
    await tx.execute(
        "UPDATE payments.payment SET disputed = disputed + %s WHERE id = %s", (amount, payment)
    )


async def refused(tx: Tx, dispute: UUID) -> None:
    """Note that the book refused a dispute's money once more."""
    await tx.execute(
        "UPDATE payments.dispute SET refusals = refusals + 1 WHERE id = %s", (dispute,)
    )
