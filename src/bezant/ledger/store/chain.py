"""The book as its chain has it: batches in order with every row that entered their hashes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from bezant.db.database import Tx
from bezant.ledger.store.write import numbers

BATCHES_AT_ONCE: Final = 200
TRANSFERS_AT_ONCE: Final = 20_000


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A link of the chain."""

    book: int
    id: int
    first: int
    last: int
    recorded_at: datetime
    hash: bytes


@dataclass(frozen=True, slots=True)
class ChainTransferRow:
    """A transfer, every column."""

    id: int
    idem: UUID
    request: int
    kind: int
    one: int
    two: int | None
    more: tuple[int, ...] | None
    subject: int | None
    occurred_at: datetime | None
    link: UUID | None
    reference: str | None
    reason: str | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class ChainEntryRow:
    """An entry, every column."""

    account: int
    transfer: int
    amount: Decimal
    balance: Decimal
    held: Decimal
    floor: Decimal | None
    state: int


@dataclass(frozen=True, slots=True)
class ChainAccountRow:
    """An account, every column."""

    id: int
    tenant: UUID
    type: int
    owner: str
    chart: str | None
    metadata: str | None


@dataclass(frozen=True, slots=True)
class ChainHoldRow:
    """A hold, every column."""

    id: int
    account: int
    payee: int
    amount: Decimal
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChainStepRow:
    """A step of a hold, every column."""

    hold: int
    transfer: int
    remaining: Decimal


@dataclass(frozen=True, slots=True)
class TitleRow:
    """A book, every column."""

    id: int
    asset: str
    exponent: int
    mode: str
    merchant_group: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class LooseRow:
    """A row of no book, or numbered beyond its book's newest batch."""

    book: int
    what: str
    number: int


@dataclass(frozen=True, slots=True)
class CountsRow:
    """How many rows there are in all, whether a batch knows them or not."""

    transfers: int
    entries: int
    accounts: int
    holds: int
    steps: int


async def titles(tx: Tx) -> list[TitleRow]:
    """Return every book, in order."""
    return await tx.fetch_all(
        TitleRow,
        """
        SELECT id, asset, exponent, mode, merchant_group, opened_at
        FROM ledger.book
        ORDER BY id
        """,
    )


async def batches(tx: Tx, book: int, after: int, limit: int) -> list[BatchRow]:
    """Return the batches of a book whose first transfer comes after this one, in order."""
    return await tx.fetch_all(
        BatchRow,
        """
        SELECT book, id, first, last, recorded_at, hash
        FROM ledger.batch
        WHERE book = %s AND first > %s
        ORDER BY first
        LIMIT %s
        """,
        (book, after, limit),
    )


async def batch(tx: Tx, book: int, number: int) -> BatchRow | None:
    """Return one batch of a book."""
    return await tx.fetch_one(
        BatchRow,
        """
        SELECT book, id, first, last, recorded_at, hash
        FROM ledger.batch
        WHERE book = %s AND id = %s
        """,
        (book, number),
    )


async def transfers(tx: Tx, first: int, last: int) -> list[ChainTransferRow]:
    """Return the transfers of a range, in order."""
    return await tx.fetch_all(
        ChainTransferRow,
        """
        SELECT
            id, idem, request, kind, one, two, more, subject, occurred_at, link, reference, reason,
            metadata::text AS metadata
        FROM ledger.transfer
        WHERE id BETWEEN %s AND %s
        ORDER BY id
        """,
        (first, last),
    )


async def entries(tx: Tx, first: int, last: int) -> list[ChainEntryRow]:
    """Return the entries of a range of transfers, in the order of the chain."""
    return await tx.fetch_all(
        ChainEntryRow,
        """
        SELECT account, transfer, amount, balance, held, floor, state
        FROM ledger.entry
        WHERE transfer BETWEEN %s AND %s
        ORDER BY transfer, account
        """,
        (first, last),
    )


async def accounts(tx: Tx, wanted: Sequence[int]) -> list[ChainAccountRow]:
    """Return accounts by number, in order."""
    return await tx.fetch_all(
        ChainAccountRow,
        """
        SELECT id, tenant, type, owner, chart, metadata::text AS metadata
        FROM ledger.account
        WHERE id = ANY(%s::bigint[])
        ORDER BY id
        """,
        [numbers(wanted)],
    )


async def holds(tx: Tx, first: int, last: int) -> list[ChainHoldRow]:
    """Return the holds placed by a range of transfers, in order."""
    return await tx.fetch_all(
        ChainHoldRow,
        """
        SELECT id, account, payee, amount, expires_at
        FROM ledger.hold
        WHERE id BETWEEN %s AND %s
        ORDER BY id
        """,
        (first, last),
    )


async def steps(tx: Tx, of: Sequence[tuple[int, int]]) -> list[ChainStepRow]:
    """Return steps by their hold and transfer."""
    return await tx.fetch_all(
        ChainStepRow,
        """
        SELECT s.hold, s.transfer, s.remaining
        FROM unnest(%s::bigint[], %s::bigint[]) AS w (hold, transfer)
        INNER JOIN ledger.hold_step AS s ON s.hold = w.hold AND s.transfer = w.transfer
        ORDER BY s.hold, s.transfer
        """,
        (numbers(hold for hold, _ in of), numbers(transfer for _, transfer in of)),
    )


async def counts(tx: Tx, book: int, until: int) -> CountsRow:
    """Count every row of a book up to a transfer, whether a batch knows it or not."""
    row = await tx.fetch_one(
        CountsRow,
        """
        SELECT
            (
                SELECT count(*) FROM ledger.transfer
                WHERE id >= %(book)s::bigint << 40 AND id <= %(until)s
            ) AS transfers,
            (
                SELECT count(*) FROM ledger.entry
                WHERE account >> 40 = %(book)s AND transfer <= %(until)s
            ) AS entries,
            (
                SELECT count(*) FROM ledger.account AS a
                WHERE a.id >> 40 = %(book)s AND NOT EXISTS (
                    SELECT FROM ledger.entry AS e WHERE e.account = a.id AND e.transfer > %(until)s
                    AND NOT EXISTS (
                        SELECT FROM ledger.entry AS y
                        WHERE y.account = a.id AND y.transfer <= %(until)s
                    )
                )
            ) AS accounts,
            (
                SELECT count(*) FROM ledger.hold WHERE account >> 40 = %(book)s AND id <= %(until)s
            ) AS holds,
            (
                SELECT count(*) FROM ledger.hold_step
                WHERE hold >> 40 = %(book)s AND transfer <= %(until)s
            ) AS steps
        """,
        {"book": book, "until": until},
    )
    assert row is not None
    return row


async def stray(tx: Tx, book: int, until: int) -> int | None:
    """Return a transfer or entry number of a book that no batch covers."""
    return await tx.fetch_value(
        """
        SELECT min(n.id) FROM (
            SELECT id FROM ledger.transfer WHERE id >> 40 = %(book)s AND id <= %(until)s
            UNION
            SELECT transfer FROM ledger.entry WHERE account >> 40 = %(book)s
                AND transfer <= %(until)s
        ) AS n
        WHERE NOT EXISTS (
            SELECT FROM ledger.batch AS b
            WHERE b.book = %(book)s AND n.id BETWEEN b.first AND b.last
        )
        """,
        {"book": book, "until": until},
    )


async def loose(tx: Tx) -> LooseRow | None:
    """Return a row that no look at a book comes across; it may change an answer nonetheless."""
    return await tx.fetch_one(
        LooseRow,
        """
        WITH head AS (
            SELECT k.id AS book, coalesce(max(b.last), k.id::bigint << 40) AS last
            FROM ledger.book AS k LEFT JOIN ledger.batch AS b ON b.book = k.id
            GROUP BY k.id
        )
        SELECT n.book, n.what, n.number FROM (
            SELECT id >> 40 AS book, 'transfer' AS what, id AS number FROM ledger.transfer
            UNION ALL SELECT account >> 40, 'entry of transfer', transfer FROM ledger.entry
            UNION ALL SELECT id >> 40, 'hold', id FROM ledger.hold
            UNION ALL SELECT hold >> 40, 'step of transfer', transfer FROM ledger.hold_step
            UNION ALL SELECT id >> 40, 'account', id >> 40 << 40 FROM ledger.account
            UNION ALL SELECT book, 'batch to transfer', last FROM ledger.batch
        ) AS n
        LEFT JOIN head AS h ON h.book = n.book
        WHERE h.book IS NULL OR n.number > h.last
        ORDER BY n.book, n.number
        LIMIT 1
        """,
    )
