"""Settlement files: each is posted once, and each movement in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.db.database import Database, Tx


@dataclass(frozen=True, slots=True)
class _Line:
    line: str
    posted: bool


@dataclass(frozen=True, slots=True)
class _Known:
    reference: str
    attempt: UUID


async def result(source: Database | Tx, digest: bytes) -> str | None:
    """Return what a file came to, if it was posted before."""
    return await source.fetch_value(
        "SELECT result::text FROM payments.settlement WHERE digest = %s", (digest,)
    )


async def add(tx: Tx, digest: bytes, at: datetime, live: bool, provider: str, result: str) -> bool:
    """Note what a file came to; false if that is noted already."""
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.settlement (digest, settled_at, live, provider, result)
            VALUES (%s, %s, %s, %s, %s::jsonb)
            ON CONFLICT (digest) DO NOTHING
            """,
            (digest, at, live, provider, result),
        )
    )


async def lines_of_others(
    database: Database, provider: str, live: bool, lines: Sequence[str], digest: bytes
) -> dict[str, bool]:
    """Return which of these movements stand in another file, and whether that was posted."""
    rows = await database.fetch_all(
        _Line,
        """
        SELECT l.line, s.digest IS NOT NULL AS posted
        FROM payments.settled_line AS l
        LEFT JOIN payments.settlement AS s ON s.digest = l.digest
        WHERE l.provider = %s AND l.live = %s AND l.line = ANY(%s::text[]) AND l.digest <> %s
        """,
        (provider, live, list(lines), digest),
    )
    return {row.line: row.posted for row in rows}


async def add_lines(tx: Tx, provider: str, live: bool, lines: Sequence[str], digest: bytes) -> int:
    """Note which movements a file settles, before they are posted."""
    return await tx.execute(
        """
        INSERT INTO payments.settled_line (provider, live, line, digest)
        SELECT %s, %s, line, %s FROM unnest(%s::text[]) AS wanted (line)
        ON CONFLICT (provider, live, line) DO NOTHING
        """,
        (provider, live, digest, list(lines)),
    )


async def refusals(database: Database, digest: bytes, asset: str) -> int:
    """Return how often the book refused a file's money of this asset."""
    found: int | None = await database.fetch_value(
        "SELECT count(*) FROM payments.settlement_refusal WHERE digest = %s AND asset = %s",
        (digest, asset),
    )
    return found or 0


async def add_refusal(tx: Tx, digest: bytes, asset: str, at: datetime) -> None:
    """Note that the book refused a file's money once more."""
    await tx.execute(
        "INSERT INTO payments.settlement_refusal (digest, asset, refused_at) VALUES (%s, %s, %s)",
        (digest, asset, at),
    )


async def attempts(
    database: Database, provider: str, live: bool, references: Sequence[str]
) -> dict[str, UUID]:
    """Return the attempts by the provider's names of charges, captures and refunds."""
    rows = await database.fetch_all(
        _Known,
        """
        WITH wanted AS (SELECT reference FROM unnest(%s::text[]) AS w (reference)),
        known AS (
            SELECT wanted.reference, o.attempt
            FROM wanted
            INNER JOIN payments.outcome AS o
                ON (
                    hashtextextended(o.reference, 0) = hashtextextended(wanted.reference, 0)
                    AND o.reference = wanted.reference
                ) OR (
                    hashtextextended(o.part, 0) = hashtextextended(wanted.reference, 0)
                    AND o.part = wanted.reference
                )
            UNION ALL
            SELECT wanted.reference, b.attempt
            FROM wanted
            INNER JOIN payments.beside AS b
                ON hashtextextended(b.reference, 0) = hashtextextended(wanted.reference, 0)
                AND b.reference = wanted.reference
        )
        SELECT DISTINCT ON (o.reference) o.reference, o.attempt
        FROM known AS o
        INNER JOIN payments.attempt AS a ON a.id = o.attempt AND a.provider = %s
        INNER JOIN payments.payment AS p ON p.id = payments.attempt_of(a.id, 0) AND p.live = %s
        ORDER BY o.reference, o.attempt
        """,
        (list(references), provider, live),
    )
    return {row.reference: row.attempt for row in rows}


async def parts_known(
    database: Database, provider: str, live: bool, parts: Sequence[str]
) -> dict[str, UUID]:
    """Return the refunds by the provider's names of them, whatever became of them."""
    rows = await database.fetch_all(
        _Known,
        """
        SELECT wanted.part AS reference, o.attempt
        FROM unnest(%s::text[]) AS wanted (part)
        INNER JOIN payments.outcome AS o
            ON hashtextextended(o.part, 0) = hashtextextended(wanted.part, 0)
            AND o.part = wanted.part
        INNER JOIN payments.attempt AS a
            ON a.id = o.attempt AND a.provider = %s AND a.operation = 4
        INNER JOIN payments.payment AS p ON p.id = payments.attempt_of(a.id, 0) AND p.live = %s
        """,
        (list(parts), provider, live),
    )
    return {row.reference: row.attempt for row in rows}


async def known_keys(
    database: Database, provider: str, live: bool, keys: Sequence[UUID]
) -> frozenset[UUID]:
    """Return which of these attempts are this provider's in this mode."""
    rows = await database.fetch_all(
        _Key,
        """
        SELECT a.id
        FROM payments.attempt AS a
        INNER JOIN payments.payment AS p ON p.id = payments.attempt_of(a.id, 0) AND p.live = %s
        WHERE a.id = ANY(%s::uuid[]) AND a.provider = %s
        """,
        (live, list(keys), provider),
    )
    return frozenset(row.id for row in rows)


@dataclass(frozen=True, slots=True)
class _Key:
    id: UUID


async def add_costs(tx: Tx, costs: Sequence[tuple[UUID, int]]) -> None:
    """Add what a provider charged to the cost of payments."""
    await tx.execute(
        """
        UPDATE payments.payment AS p
        SET cost = coalesce(p.cost, 0) + c.cost
        FROM (
            SELECT payment, sum(cost) AS cost
            FROM unnest(%s::uuid[], %s::numeric[]) AS c (payment, cost)
            GROUP BY payment
        ) AS c
        WHERE p.id = c.payment
        """,
        ([payment for payment, _ in costs], [cost for _, cost in costs]),
    )
