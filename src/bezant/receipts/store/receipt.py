"""SQL about receipts, what opens them, and what merchants chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from bezant.actor import Mode
from bezant.db.arrays import binaries, flags, instants, numbers, texts, uuids
from bezant.db.database import Database, Tx
from bezant.receipts.receipt import About, Form, Outcome

Reads = Tx | Database
"""What only reads needs no transaction: one round trip does."""

BETWEEN: Final = "~"
_COLUMNS: Final[LiteralString] = """
id, form, added, outcome_event, tenant, mode, about, outcome, payment, refund, asset, exponent,
amount, provider, reference, decided_at, issued_at, signed, digest
"""


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One form of a receipt, as stored."""

    id: UUID
    form: Form
    added: bool
    outcome_event: UUID
    tenant: str
    mode: Mode
    about: About
    outcome: Outcome
    payment: str
    refund: str
    asset: str
    exponent: int
    amount: Decimal
    provider: str
    reference: str
    decided_at: datetime
    issued_at: datetime
    signed: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class _Id:
    id: UUID


@dataclass(frozen=True, slots=True)
class _Disclosure:
    receipt: UUID
    fields: str


@dataclass(frozen=True, slots=True)
class _Preference:
    tenant: str
    mode: Mode
    form: Form


async def add(tx: Tx, rows: Sequence[ReceiptRow]) -> frozenset[UUID]:
    """Add receipts, and return which were not there already, nor another one of their outcome."""
    added = await tx.fetch_all(
        _Id,
        f"""
        INSERT INTO receipt ({_COLUMNS})
        SELECT {_COLUMNS}
        FROM unnest(
            %s::uuid[], %s::text[], %s::boolean[], %s::uuid[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::numeric[],
            %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::bytea[]
        ) AS given ({_COLUMNS})
        ON CONFLICT DO NOTHING
        RETURNING id
        """,
        (
            uuids([row.id for row in rows]),
            texts([row.form for row in rows]),
            flags([row.added for row in rows]),
            uuids([row.outcome_event for row in rows]),
            texts([row.tenant for row in rows]),
            texts([row.mode for row in rows]),
            texts([row.about for row in rows]),
            texts([row.outcome for row in rows]),
            texts([row.payment for row in rows]),
            texts([row.refund for row in rows]),
            texts([row.asset for row in rows]),
            numbers([row.exponent for row in rows]),
            numbers([int(row.amount) for row in rows]),
            texts([row.provider for row in rows]),
            texts([row.reference for row in rows]),
            instants([row.decided_at for row in rows]),
            instants([row.issued_at for row in rows]),
            texts([row.signed for row in rows]),
            binaries([row.digest for row in rows]),
        ),
    )
    return frozenset(row.id for row in added)


async def add_disclosures(tx: Tx, opened: Sequence[tuple[UUID, Sequence[str]]]) -> None:
    """Add what opens the fields of receipts; what opens those of forgotten payers is not kept."""
    await tx.execute(
        """
        INSERT INTO disclosure (receipt, fields)
        SELECT given.receipt, given.fields
        FROM unnest(%s::uuid[], %s::text[]) AS given (receipt, fields)
        WHERE NOT EXISTS (
            SELECT 1
            FROM receipt AS r
            INNER JOIN forgotten AS f ON f.tenant = r.tenant AND f.payment = r.payment
            WHERE r.id = given.receipt
        )
        """,
        (uuids([one for one, _ in opened]), texts([BETWEEN.join(each) for _, each in opened])),
    )


async def forms(tx: Reads, receipt: UUID) -> list[ReceiptRow]:
    """Return every form of a receipt, the first one first."""
    return await tx.fetch_all(
        ReceiptRow,
        f"SELECT {_COLUMNS} FROM receipt WHERE id = %s ORDER BY added",
        (receipt,),
    )


async def forms_of(tx: Reads, receipts: Sequence[UUID]) -> list[ReceiptRow]:
    """Return every form of these receipts."""
    return await tx.fetch_all(
        ReceiptRow,
        f"SELECT {_COLUMNS} FROM receipt WHERE id = ANY (%s) ORDER BY id DESC, added",
        (list(receipts),),
    )


async def later(tx: Reads, than: ReceiptRow, limit: int) -> list[ReceiptRow]:
    """Return what was decided afterwards of the same money: of a payment its refunds as well."""
    return await tx.fetch_all(
        ReceiptRow,
        f"""
        SELECT {_COLUMNS}
        FROM receipt
        WHERE
            payment = %(payment)s AND tenant = %(tenant)s AND mode = %(mode)s AND NOT added
            AND (
                (%(about)s = 'payment' AND about = 'refund')
                OR (
                    about = %(about)s AND refund = %(refund)s
                    AND (decided_at, issued_at) > (%(decided_at)s, %(issued_at)s)
                )
            )
        ORDER BY decided_at, issued_at
        LIMIT %(limit)s
        """,
        {
            "payment": than.payment,
            "tenant": than.tenant,
            "mode": than.mode.value,
            "about": than.about.value,
            "refund": than.refund,
            "decided_at": than.decided_at,
            "issued_at": than.issued_at,
            "limit": limit,
        },
    )


async def disclosures(tx: Reads, receipts: Sequence[UUID]) -> Mapping[UUID, tuple[str, ...]]:
    """Return what opens these receipts; one that was erased is not among them."""
    rows = await tx.fetch_all(
        _Disclosure,
        "SELECT receipt, fields FROM disclosure WHERE receipt = ANY (%s)",
        (list(receipts),),
    )
    return {row.receipt: tuple(row.fields.split(BETWEEN)) for row in rows}


async def page(
    tx: Reads,
    tenant: str,
    mode: Mode,
    payment: str | None,
    refund: str | None,
    outcome: Outcome | None,
    before: UUID | None,
    limit: int,
) -> list[UUID]:
    """Return receipts, newest first."""
    rows = await tx.fetch_all(
        _Id,
        """
        SELECT id
        FROM receipt
        WHERE
            (%(tenant)s = '' OR tenant = %(tenant)s) AND mode = %(mode)s AND NOT added
            AND (%(payment)s::text IS NULL OR payment = %(payment)s)
            AND (%(refund)s::text IS NULL OR refund = %(refund)s)
            AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
            AND (%(before)s::uuid IS NULL OR id < %(before)s)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {
            "tenant": tenant,
            "mode": mode.value,
            "payment": payment,
            "refund": refund,
            "outcome": None if outcome is None else outcome.value,
            "before": before,
            "limit": limit,
        },
    )
    return [row.id for row in rows]


async def erase(tx: Tx, tenant: str, payments: Sequence[str]) -> int:
    """Destroy what opens the receipts of these payments, and keep none of what is issued later."""
    # Whoever is about to add some is waited for, and whoever comes after sees it.
    await tx.execute("LOCK TABLE disclosure IN SHARE ROW EXCLUSIVE MODE")
    await tx.execute(
        """
        INSERT INTO forgotten (tenant, payment)
        SELECT %s, given.payment
        FROM unnest(%s::text[]) AS given (payment)
        ORDER BY given.payment
        ON CONFLICT (tenant, payment) DO NOTHING
        """,
        (tenant, sorted(set(payments))),
    )
    return await tx.execute(
        """
        DELETE FROM disclosure
        WHERE receipt IN (
            SELECT id
            FROM receipt
            WHERE payment = ANY (%s) AND tenant = %s
        )
        """,
        (list(payments), tenant),
    )


async def preferences(tx: Reads) -> Mapping[tuple[str, Mode], Form]:
    """Return what merchants chose; few choose anything."""
    rows = await tx.fetch_all(_Preference, "SELECT tenant, mode, form FROM preference")
    return {(row.tenant, row.mode): row.form for row in rows}


async def prefer(tx: Tx, tenant: str, mode: Mode, form: Form, at: datetime) -> None:
    """Keep what a merchant chose."""
    await tx.execute(
        """
        INSERT INTO preference (tenant, mode, form, changed_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (tenant, mode) DO UPDATE
        SET form = excluded.form, changed_at = excluded.changed_at
        """,
        (tenant, mode.value, form.value, at),
    )
