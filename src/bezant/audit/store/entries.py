"""Every SQL statement of the log's entries, tiles and their openings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bezant.actor import Mode
from bezant.db.arrays import binaries, instants, numbers, texts
from bezant.db.database import Database, Tx

Reads = Tx | Database
"""What only reads needs no transaction: one round trip does."""

WRITER_LOCK: Final = 7_004
"""Whoever appends holds this until the end of the transaction: the log has one order."""
OPENINGS: Final[LiteralString] = """
    SELECT
        o.leaf, o.salt, o.feed, o.position, o.type, o.mode, o.tenant, o.subject, o.occurred_at,
        o.event
    FROM audit.opening AS o
"""


@dataclass(slots=True)
class NewEntry:
    """An entry with its opening, before it has its place. Not frozen: many are made at once."""

    entry: bytes
    hash: bytes
    salt: bytes
    feed: str
    position: int
    type: str
    mode: str
    tenant: str
    subject: str
    occurred_at: datetime
    event: str


@dataclass(frozen=True, slots=True)
class TileRow:
    """A full tile."""

    level: int
    number: int
    hashes: bytes
    root: bytes


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry at its place."""

    leaf: int
    entry: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """What an entry committed to."""

    leaf: int
    salt: bytes
    feed: str
    position: int
    type: str
    mode: Mode
    tenant: str
    subject: str
    occurred_at: datetime
    event: str


@dataclass(frozen=True, slots=True)
class ContentRow:
    """The hashes of a full tile; of level -1 an entry."""

    level: int
    number: int
    content: bytes


@dataclass(frozen=True, slots=True)
class RootRow:
    """The root of a full tile."""

    number: int
    root: bytes


async def take_turn(tx: Tx) -> None:
    """Let one transaction at a time append."""
    await tx.execute("SELECT pg_advisory_xact_lock(%s)", (WRITER_LOCK,))


async def size(tx: Reads) -> int:
    """Return how many entries there are."""
    return await tx.fetch_value("SELECT coalesce(max(leaf) + 1, 0) FROM audit.entry")


async def origin(tx: Reads) -> str | None:
    """Return the log's name."""
    return await tx.fetch_value("SELECT origin FROM audit.log")


async def open_log(tx: Tx, name: str, at: datetime) -> None:
    """Give the log its name, unless it has one."""
    await tx.execute(
        "INSERT INTO audit.log (origin, opened_at) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        (name, at),
    )


async def add(tx: Tx, first: int, new: Sequence[NewEntry]) -> None:
    """Add entries and their openings from a place on."""
    await tx.execute(
        """
        WITH new AS (
            SELECT
                %s::bigint + place - 1 AS leaf, entry, hash, salt, feed, position, type, mode,
                tenant, subject, occurred_at, event
            FROM unnest(
                %s::bytea[], %s::bytea[], %s::bytea[], %s::text[], %s::bigint[], %s::text[],
                %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::text[]
            ) WITH ORDINALITY AS given (
                entry, hash, salt, feed, position, type, mode, tenant, subject, occurred_at,
                event, place
            )
        ), entries AS (
            INSERT INTO audit.entry (leaf, entry, hash)
            SELECT n.leaf, n.entry, n.hash
            FROM new AS n
            ORDER BY n.leaf
        )
        INSERT INTO audit.opening (
            leaf, salt, feed, position, type, mode, tenant, subject, occurred_at, event
        )
        SELECT
            n.leaf, n.salt, n.feed, n.position, n.type, n.mode, n.tenant, n.subject, n.occurred_at,
            n.event
        FROM new AS n
        ORDER BY n.leaf
        """,
        (
            first,
            binaries([one.entry for one in new]),
            binaries([one.hash for one in new]),
            binaries([one.salt for one in new]),
            texts([one.feed for one in new]),
            numbers([one.position for one in new]),
            texts([one.type for one in new]),
            texts([one.mode for one in new]),
            texts([one.tenant for one in new]),
            texts([one.subject for one in new]),
            instants([one.occurred_at for one in new]),
            texts([one.event for one in new]),
        ),
    )


async def add_tiles(tx: Tx, tiles: Sequence[TileRow]) -> None:
    """Add full tiles."""
    if tiles:
        await tx.execute(
            """
            INSERT INTO audit.tile (level, number, nodes, root)
            SELECT level, number, nodes, root
            FROM unnest(%s::smallint[], %s::bigint[], %b::bytea[], %b::bytea[])
                AS given (level, number, nodes, root)
            """,
            (
                [one.level for one in tiles],
                [one.number for one in tiles],
                [one.hashes for one in tiles],
                [one.root for one in tiles],
            ),
        )


async def tiles(tx: Reads, wanted: Sequence[tuple[int, int]]) -> list[TileRow]:
    """Return full tiles by level and number."""
    return await tx.fetch_all(
        TileRow,
        """
        SELECT t.level, t.number, t.nodes AS hashes, t.root
        FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, number)
        JOIN audit.tile AS t ON t.level = wanted.level AND t.number = wanted.number
        """,
        ([level for level, _ in wanted], [number for _, number in wanted]),
    )


async def entry_and_tiles(
    tx: Reads, leaf: int, wanted: Sequence[tuple[int, int]]
) -> tuple[bytes | None, dict[tuple[int, int], bytes]]:
    """Return one entry, and full tiles by level and number: what a proof needs, asked at once."""
    rows = await tx.fetch_all(
        ContentRow,
        """
        SELECT -1 AS level, e.leaf AS number, e.entry AS content
        FROM audit.entry AS e
        WHERE e.leaf = %s
        UNION ALL
        SELECT t.level, t.number, t.nodes AS content
        FROM unnest(%s::smallint[], %s::bigint[]) AS wanted (level, number)
        JOIN audit.tile AS t ON t.level = wanted.level AND t.number = wanted.number
        """,
        (leaf, [level for level, _ in wanted], [number for _, number in wanted]),
    )
    found = {(row.level, row.number): row.content for row in rows}
    return found.pop((-1, leaf), None), found


async def roots(tx: Reads, level: int, first: int, count: int) -> list[RootRow]:
    """Return the roots of full tiles, in order."""
    return await tx.fetch_all(
        RootRow,
        """
        SELECT t.number, t.root
        FROM audit.tile AS t
        WHERE t.level = %s AND t.number >= %s AND t.number < %s
        ORDER BY t.number
        """,
        (level, first, first + count),
    )


async def entries(tx: Reads, first: int, count: int) -> list[EntryRow]:
    """Return entries, in order."""
    return await tx.fetch_all(
        EntryRow,
        """
        SELECT e.leaf, e.entry, e.hash
        FROM audit.entry AS e
        WHERE e.leaf >= %s AND e.leaf < %s
        ORDER BY e.leaf
        """,
        (first, first + count),
    )


async def opening(tx: Reads, leaf: int) -> OpeningRow | None:
    """Return what an entry committed to, unless it was erased."""
    return await tx.fetch_one(OpeningRow, OPENINGS + "WHERE o.leaf = %s", (leaf,))


async def forget(tx: Tx, tenant: str, subjects: Sequence[str]) -> int:
    """Erase the openings of these subjects."""
    return await tx.execute(
        "DELETE FROM audit.opening WHERE tenant = %s AND subject = ANY (%s)",
        (tenant, list(subjects)),
    )
