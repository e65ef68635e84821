"""What must be true of our book after every run: one fault and the run is invalid."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import LiteralString

from psycopg import AsyncConnection
from psycopg.rows import class_row

FETCH_ROWS = 5_000
SORT_MEMORY = "256MB"

FAULTS: dict[str, LiteralString] = {
    "the entries of a book do not add up to zero": """
        SELECT EXISTS (
            SELECT FROM ledger.entry AS e GROUP BY e.account >> 40 HAVING sum(e.amount) <> 0
        )""",
    "a running balance is not the one before plus the entry": """
        SELECT EXISTS (
            SELECT FROM (
                SELECT e.balance, e.amount, lag(e.balance, 1, 0) OVER (
                    PARTITION BY e.account ORDER BY e.transfer
                ) AS before FROM ledger.entry AS e
            ) AS e WHERE e.balance <> e.before + e.amount
        )""",
    "the numbers of transfers have a gap": """
        SELECT EXISTS (
            SELECT FROM ledger.transfer AS t GROUP BY t.id >> 40
            HAVING count(*) <> max(t.id) - min(t.id) + 1 OR min(t.id) & 1099511627775 <> 1
        )""",
    "the batches do not follow one another": """
        SELECT EXISTS (
            SELECT FROM (
                SELECT b.first, b.id, lag(b.last) OVER w AS last, lag(b.id) OVER w AS before
                FROM ledger.batch AS b WINDOW w AS (PARTITION BY b.book ORDER BY b.first)
            ) AS b WHERE b.first <> b.last + 1 OR b.id <> b.before + 1
        )""",
    "a floor is broken": """
        SELECT EXISTS (
            SELECT FROM ledger.entry AS e
            WHERE CASE WHEN e.state >= 4 THEN -e.balance ELSE e.balance END - e.held < e.floor
        )""",
    "an entry has no transfer, or a transfer no entry": """
        SELECT EXISTS (
            SELECT FROM ledger.transfer AS t
            FULL JOIN (SELECT DISTINCT transfer FROM ledger.entry) AS e ON e.transfer = t.id
            WHERE t.id IS NULL OR e.transfer IS NULL
        )""",
}

BATCHES = """
    SELECT b.last, b.hash, b.book,
        int4send(b.book) || int8send(b.id) || int8send(b.first) || int8send(b.last)
            || timestamptz_send(b.recorded_at) AS head,
        ledger.genesis(
            k.id, k.asset, k.exponent, k.mode, k.merchant_group, k.opened_at
        ) AS genesis
    FROM ledger.batch AS b INNER JOIN ledger.book AS k ON k.id = b.book ORDER BY b.first
"""
ROWS = """
    SELECT t.id, e.bytes AS entries,
        CASE WHEN a.id IS NULL THEN ''::bytea
            ELSE ledger.account_bytes(a.id, a.tenant, a.type, a.owner, a.chart, a.metadata)
        END AS tail,
        ledger.transfer_bytes(
            t.id, t.idem, t.request, t.kind, t.one, t.two, t.more, t.subject, t.occurred_at, t.link,
            t.reference, t.reason, t.metadata
        ) AS transfer
    FROM ledger.transfer AS t
    JOIN (
        SELECT z.transfer, string_agg(ledger.entry_bytes(
            z.account, z.transfer, z.amount, z.balance, z.held, z.floor, z.state
        ), ''::bytea ORDER BY z.account) AS bytes
        FROM ledger.entry AS z GROUP BY z.transfer
    ) AS e ON e.transfer = t.id
    LEFT JOIN ledger.account AS a ON t.kind = 7 AND a.id = t.one
    ORDER BY t.id
"""


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A link of the chain and what it stands on."""

    last: int
    hash: bytes
    book: int
    head: bytes
    genesis: bytes


@dataclass(frozen=True, slots=True)
class ChainedRow:
    """What a transfer adds to the chain."""

    id: int
    entries: bytes
    tail: bytes
    transfer: bytes


async def faults(dsn: str, accepted: int) -> list[str]:
    """Return what is wrong with the book after so many transfers were acknowledged."""
    found: list[str] = []
    async with await AsyncConnection.connect(dsn) as connection:
        await connection.execute(f"SET work_mem = '{SORT_MEMORY}'")
        for fault, question in FAULTS.items():
            row = await (await connection.execute(question)).fetchone()
            if row is None or row[0]:
                found.append(f"bezant: {fault}")
        cursor = await connection.execute("SELECT count(*) FROM ledger.transfer WHERE kind = 1")
        row = await cursor.fetchone()
        written = int(row[0]) if row else 0
        if written < accepted:
            found.append(f"bezant: {accepted} acknowledged, {written} in the book")
        broken = await _broken_link(connection)
    return found if broken is None else [*found, f"bezant: the chain breaks at transfer {broken}"]


async def transfers(dsn: str) -> int:
    """Count the postings in the book."""
    async with await AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("SELECT count(*) FROM ledger.transfer WHERE kind = 1")
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


async def stored_bytes(dsn: str) -> int:
    """Return the size of everything the ledger keeps, indexes included."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        cursor = await connection.execute("""
            SELECT sum(pg_total_relation_size(c.oid))::bigint
            FROM pg_class AS c WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r'
        """)
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])


async def vacuum(dsn: str) -> None:
    """Do what autovacuum does in time: its free space and visibility maps belong to the size."""
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute("VACUUM ANALYZE")


async def _broken_link(connection: AsyncConnection) -> int | None:
    """Recompute every chain from its rows; return the last transfer of the first wrong batch."""
    rows = _chained(connection)
    before: dict[int, bytes] = {}
    async with connection.cursor("batches", row_factory=class_row(BatchRow)) as batches:
        batches.itersize = FETCH_ROWS
        await batches.execute(BATCHES)
        async for batch in batches:
            parts: list[ChainedRow] = []
            async for row in rows:
                parts.append(row)
                if row.id >= batch.last:
                    break
            link = hashlib.sha256(before.get(batch.book, batch.genesis) + batch.head)
            for part in parts:
                link.update(part.transfer)
            for part in parts:
                link.update(part.entries)
            for part in parts:
                link.update(part.tail)
            if link.digest() != batch.hash or not parts or parts[-1].id != batch.last:
                return batch.last
            before[batch.book] = batch.hash
    async for row in rows:
        return row.id  # A transfer that no batch vouches for.
    return None


async def _chained(connection: AsyncConnection) -> AsyncIterator[ChainedRow]:
    async with connection.cursor("rows", row_factory=class_row(ChainedRow)) as cursor:
        cursor.itersize = FETCH_ROWS
        await cursor.execute(ROWS)
        async for row in cursor:
            yield row
