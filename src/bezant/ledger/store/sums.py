"""Questions that add up: trial balances, reports, recomputed balances, and pages of transfers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from bezant.db.database import Tx

BOOK_END: Final = (1 << 40) - 1
_IN_BOOK: Final = """
a.id BETWEEN %(book)s::bigint << 40 AND (%(book)s::bigint + 1 << 40) - 1
AND (%(tenant)s::uuid IS NULL OR a.tenant = %(tenant)s::uuid)
"""


@dataclass(frozen=True, slots=True)
class TypeRow:
    """The accounts of one type, added up."""

    type: int
    debits: Decimal
    credits: Decimal
    accounts: int


@dataclass(frozen=True, slots=True)
class MovedRow:
    """What moved on one account."""

    account: int
    type: int
    owner: str
    opening: Decimal
    debits: Decimal
    credits: Decimal
    transfers: int


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A stored amount that does not follow from the rows it stands for."""

    account: int
    transfer: int
    stored: Decimal
    recomputed: Decimal


@dataclass(frozen=True, slots=True)
class CountRow:
    """How much was looked at."""

    accounts: int
    entries: int


@dataclass(frozen=True, slots=True)
class ClearingRow:
    """The balance of one of the platform's clearing accounts."""

    account: int
    chart: str
    owner: str
    type: int
    balance: Decimal


async def by_type(tx: Tx, book: int, tenant: str | None, position: int) -> list[TypeRow]:
    """Add up balances by type of account, as of a transfer."""
    return await tx.fetch_all(
        TypeRow,
        f"""
        SELECT
            a.type, sum(greatest(-e.balance, 0)) AS debits, sum(greatest(e.balance, 0)) AS credits,
            count(*) AS accounts
        FROM ledger.account AS a
        CROSS JOIN LATERAL (
            SELECT z.balance FROM ledger.entry AS z
            WHERE z.account = a.id AND z.transfer <= %(position)s
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS e
        WHERE {_IN_BOOK}
        GROUP BY a.type
        ORDER BY a.type
        """,
        {"book": book, "tenant": tenant, "position": position},
    )


async def moved(tx: Tx, tenant: str | None, after: int, until: int, limit: int) -> list[MovedRow]:
    """Add up what was recorded between two transfers, account by account."""
    return await tx.fetch_all(
        MovedRow,
        """
        WITH moved AS (
            SELECT
                e.account, coalesce(sum(-e.amount) FILTER (WHERE e.amount < 0), 0) AS debits,
                coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS credits,
                count(*) AS transfers
            FROM ledger.transfer AS t
            CROSS JOIN LATERAL unnest(ARRAY[t.one, t.two] || t.more) AS x (account)
            INNER JOIN ledger.entry AS e ON e.account = x.account AND e.transfer = t.id
            WHERE t.id > %(after)s AND t.id <= %(until)s AND e.amount <> 0
            GROUP BY e.account
        )
        SELECT
            a.id AS account, a.type, a.owner, coalesce(o.balance, 0) AS opening, m.debits,
            m.credits,
            m.transfers
        FROM moved AS m
        INNER JOIN ledger.account AS a ON a.id = m.account
        LEFT JOIN LATERAL (
            SELECT z.balance FROM ledger.entry AS z
            WHERE z.account = a.id AND z.transfer <= %(after)s
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS o ON true
        WHERE %(tenant)s::uuid IS NULL OR a.tenant = %(tenant)s::uuid
        ORDER BY a.id
        LIMIT %(limit)s
        """,
        {"tenant": tenant, "after": after, "until": until, "limit": limit},
    )


async def occurred(
    tx: Tx,
    book: int,
    tenant: str | None,
    span: tuple[datetime, datetime],
    positions: tuple[int, int],
    limit: int,
) -> list[MovedRow]:
    """Add up what occurred in a span of time, account by account, whenever it was recorded."""
    return await tx.fetch_all(
        MovedRow,
        """
        WITH moved AS (
            SELECT
                e.account, coalesce(sum(-e.amount) FILTER (WHERE e.amount < 0), 0) AS debits,
                coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS credits,
                count(*) AS transfers
            FROM (
                SELECT id, one, two, more FROM ledger.transfer
                WHERE id > %(after)s AND id <= %(until)s AND occurred_at IS NULL
                UNION ALL
                SELECT id, one, two, more FROM ledger.transfer
                WHERE occurred_at >= %(from)s AND occurred_at < %(to)s AND id >> 40 = %(book)s
            ) AS t
            CROSS JOIN LATERAL unnest(ARRAY[t.one, t.two] || t.more) AS x (account)
            INNER JOIN ledger.entry AS e ON e.account = x.account AND e.transfer = t.id
            WHERE e.amount <> 0
            GROUP BY e.account
        )
        SELECT
            a.id AS account, a.type, a.owner, coalesce(o.balance, 0) AS opening, m.debits,
            m.credits,
            m.transfers
        FROM moved AS m
        INNER JOIN ledger.account AS a ON a.id = m.account
        CROSS JOIN LATERAL (
            SELECT sum(z.amount) AS balance
            FROM ledger.entry AS z INNER JOIN ledger.transfer AS y ON y.id = z.transfer
            WHERE z.account = a.id
                AND CASE
                    WHEN y.occurred_at IS NULL THEN y.id <= %(after)s
                    ELSE y.occurred_at < %(from)s
                END
        ) AS o
        WHERE %(tenant)s::uuid IS NULL OR a.tenant = %(tenant)s::uuid
        ORDER BY a.id
        LIMIT %(limit)s
        """,
        {
            "book": book,
            "tenant": tenant,
            "from": span[0],
            "to": span[1],
            "after": positions[0],
            "until": positions[1],
            "limit": limit,
        },
    )


async def count(tx: Tx, book: int, tenant: str | None) -> CountRow:
    """Count accounts and entries."""
    row = await tx.fetch_one(
        CountRow,
        f"""
        SELECT count(DISTINCT a.id) AS accounts, count(*) AS entries
        FROM ledger.account AS a INNER JOIN ledger.entry AS e ON e.account = a.id
        WHERE {_IN_BOOK}
        """,
        {"book": book, "tenant": tenant},
    )
    assert row is not None
    return row


async def wrong_balances(tx: Tx, book: int, tenant: str | None, limit: int) -> list[DifferenceRow]:
    """Return entries whose balance is not the sum of the amounts up to them."""
    return await tx.fetch_all(
        DifferenceRow,
        f"""
        SELECT r.account, r.transfer, r.balance AS stored, r.recomputed
        FROM (
            SELECT
                e.account, e.transfer, e.balance,
                sum(e.amount) OVER (PARTITION BY e.account ORDER BY e.transfer) AS recomputed
            FROM ledger.account AS a INNER JOIN ledger.entry AS e ON e.account = a.id
            WHERE {_IN_BOOK}
        ) AS r
        WHERE r.balance <> r.recomputed
        ORDER BY r.transfer
        LIMIT %(limit)s
        """,
        {"book": book, "tenant": tenant, "limit": limit},
    )


async def wrong_holds(tx: Tx, book: int, tenant: str | None, limit: int) -> list[DifferenceRow]:
    """Return accounts that hold something other than what remains of their holds."""
    return await tx.fetch_all(
        DifferenceRow,
        f"""
        SELECT a.id AS account, e.transfer, e.held AS stored, coalesce(h.remaining, 0) AS recomputed
        FROM ledger.account AS a
        CROSS JOIN LATERAL (
            SELECT z.transfer, z.held FROM ledger.entry AS z
            WHERE z.account = a.id
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS e
        LEFT JOIN (
            SELECT k.account, sum(s.remaining) AS remaining
            FROM ledger.hold AS k
            CROSS JOIN LATERAL (
                SELECT y.remaining FROM ledger.hold_step AS y
                WHERE y.hold = k.id
                ORDER BY y.transfer DESC
                LIMIT 1
            ) AS s
            GROUP BY k.account
        ) AS h ON h.account = a.id
        WHERE {_IN_BOOK} AND e.held <> coalesce(h.remaining, 0)
        ORDER BY a.id
        LIMIT %(limit)s
        """,
        {"book": book, "tenant": tenant, "limit": limit},
    )


async def wrong_transfers(tx: Tx, book: int, limit: int) -> list[DifferenceRow]:
    """Return transfers whose entries do not add up to zero."""
    return await tx.fetch_all(
        DifferenceRow,
        """
        SELECT min(e.account) AS account, e.transfer, sum(e.amount) AS stored,
        0::numeric AS recomputed
        FROM ledger.entry AS e
        WHERE e.transfer BETWEEN %(book)s::bigint << 40 AND (%(book)s::bigint + 1 << 40) - 1
        GROUP BY e.transfer
        HAVING sum(e.amount) <> 0
        ORDER BY e.transfer
        LIMIT %(limit)s
        """,
        {"book": book, "limit": limit},
    )


async def clearing(tx: Tx, book: int, names: list[str]) -> list[ClearingRow]:
    """Return the platform's accounts of these names with their balances."""
    return await tx.fetch_all(
        ClearingRow,
        """
        SELECT a.id AS account, a.chart, a.owner, a.type, e.balance
        FROM ledger.account AS a
        CROSS JOIN LATERAL (
            SELECT z.balance FROM ledger.entry AS z
            WHERE z.account = a.id
            ORDER BY z.transfer DESC
            LIMIT 1
        ) AS e
        WHERE a.id >> 40 = %s AND a.chart = ANY(%s)
        ORDER BY a.chart, a.owner
        """,
        (book, names),
    )


async def transfer_numbers(
    tx: Tx,
    *,
    book: int,
    tenant: str | None,
    account: int | None,
    owner: str | None,
    reference: str | None,
    after: int,
    before: int,
    limit: int,
) -> list[int]:
    """Return the numbers of a book's transfers between two, newest first, that match all that is
    given.
    """
    if account is not None or owner is not None or tenant is not None:
        # Through the accounts: each gives its newest entries, and the newest of those are kept.
        found = await tx.fetch_value(
            f"""
            SELECT array_agg(n.id ORDER BY n.id DESC) FROM (
                SELECT DISTINCT e.transfer AS id
                FROM ledger.account AS a
                CROSS JOIN LATERAL (
                    SELECT z.transfer
                    FROM ledger.entry AS z
                    WHERE z.account = a.id AND z.transfer > %(after)s AND z.transfer < %(before)s
                        AND (
                            %(reference)s::text IS NULL OR EXISTS (
                                SELECT FROM ledger.transfer AS t
                                WHERE t.id = z.transfer AND t.reference = %(reference)s::text
                            )
                        )
                    ORDER BY z.transfer DESC
                    LIMIT %(limit)s
                ) AS e
                WHERE {_IN_BOOK}
                    AND (%(account)s::bigint IS NULL OR a.id = %(account)s::bigint)
                    AND (%(owner)s::text IS NULL OR a.owner = %(owner)s::text)
                ORDER BY e.transfer DESC
                LIMIT %(limit)s
            ) AS n
            """,
            {
                "book": book, "tenant": tenant, "account": account, "owner": owner,
                "reference": reference, "after": after, "before": before, "limit": limit,
            },
        )  # fmt: skip
    else:
        found = await tx.fetch_value(
            """
            SELECT array_agg(n.id ORDER BY n.id DESC) FROM (
                SELECT t.id FROM ledger.transfer AS t
                WHERE t.id > %(after)s AND t.id < %(before)s
                    AND (
                        %(reference)s::text IS NULL OR (
                            hashtextextended(t.reference,
                            0) = hashtextextended(%(reference)s::text, 0)
                            AND t.reference = %(reference)s::text
                        )
                    )
                ORDER BY t.id DESC
                LIMIT %(limit)s
            ) AS n
            """,
            {"reference": reference, "after": after, "before": before, "limit": limit},
        )
    return found or []
