"""Every SQL statement of checkpoints, cosignatures, chain heads and verifications."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bezant.audit.published import ChainHead, Verification
from bezant.audit.store.entries import Reads
from bezant.db.database import Tx

_FOLLOWER: Final = "audit"


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """What was signed."""

    size: int
    root: bytes
    note: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class RootRow:
    """A root that was signed."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class CosignatureRow:
    """What a witness added."""

    size: int
    witness: str
    line: str
    witnessed_at: datetime


_SELECT: Final = "SELECT c.size, c.root, c.note, c.signed_at FROM audit.checkpoint AS c "


async def newest(tx: Reads) -> CheckpointRow | None:
    """Return the newest checkpoint."""
    return await tx.fetch_one(CheckpointRow, _SELECT + "ORDER BY c.size DESC LIMIT 1")


async def kept(tx: Reads, first: int) -> list[RootRow]:
    """Return the roots that were signed and kept, of this size and larger."""
    return await tx.fetch_all(
        RootRow,
        "SELECT c.size, c.root FROM audit.checkpoint AS c WHERE c.size >= %s ORDER BY c.size",
        (first,),
    )


async def newest_witnessed(tx: Reads, quorum: int) -> CheckpointRow | None:
    """Return the newest checkpoint that so many witnesses signed."""
    return await tx.fetch_one(
        CheckpointRow,
        _SELECT
        + """
        WHERE c.size = (
            SELECT s.size
            FROM audit.cosignature AS s
            GROUP BY s.size
            HAVING count(*) >= %s
            ORDER BY s.size DESC
            LIMIT 1
        )
        """,
        (quorum,),
    )


async def add(tx: Tx, row: CheckpointRow) -> None:
    """Keep a checkpoint; one of its size that is there already stays."""
    await tx.execute(
        """
        INSERT INTO audit.checkpoint (size, root, note, signed_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (row.size, row.root, row.note, row.signed_at),
    )


async def cosignatures(tx: Reads, size: int) -> list[CosignatureRow]:
    """Return what witnesses added to a checkpoint."""
    return await tx.fetch_all(
        CosignatureRow,
        """
        SELECT s.size, s.witness, s.line, s.witnessed_at
        FROM audit.cosignature AS s
        WHERE s.size = %s
        ORDER BY s.witness
        """,
        (size,),
    )


async def last_cosignatures(tx: Reads) -> list[CosignatureRow]:
    """Return the newest word of each witness."""
    return await tx.fetch_all(
        CosignatureRow,
        """
        SELECT DISTINCT ON (s.witness) s.size, s.witness, s.line, s.witnessed_at
        FROM audit.cosignature AS s
        ORDER BY s.witness, s.size DESC
        """,
    )


async def add_cosignature(tx: Tx, row: CosignatureRow) -> None:
    """Keep what a witness added."""
    await tx.execute(
        """
        INSERT INTO audit.cosignature (size, witness, line, witnessed_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (row.size, row.witness, row.line, row.witnessed_at),
    )


async def thin(tx: Tx, before: datetime) -> int:
    """Keep of what is older than this the last checkpoint of each hour."""
    return await tx.execute(
        """
        DELETE FROM audit.checkpoint AS c
        WHERE c.signed_at < %s AND c.size NOT IN (
            SELECT max(k.size)
            FROM audit.checkpoint AS k
            GROUP BY date_trunc('hour', k.signed_at, 'UTC')
        )
        """,
        (before,),
    )


async def note_heads(tx: Tx, heads: Sequence[ChainHead]) -> None:
    """Keep the newest head of each book."""
    for head in heads:
        await tx.execute(
            """
            INSERT INTO audit.chain_head (book, batch, hash, recorded_at)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT (book) DO UPDATE
            SET batch = excluded.batch, hash = excluded.hash, recorded_at = excluded.recorded_at
            """,
            (head.book, head.batch, head.hash, head.recorded_at),
        )


async def heads(tx: Reads) -> list[ChainHead]:
    """Return the newest head of each book."""
    return await tx.fetch_all(
        ChainHead,
        "SELECT h.book, h.batch, h.hash, h.recorded_at FROM audit.chain_head AS h ORDER BY h.book",
    )


async def note_verification(tx: Tx, found: Verification) -> None:
    """Keep how far something was verified."""
    await tx.execute(
        """
        INSERT INTO audit.verification (subject, reached, fault, verified_at)
        VALUES (%s, %s, %s, %s)
        """,
        (found.subject, found.reached, found.fault, found.verified_at),
    )


async def verifications(tx: Reads) -> list[Verification]:
    """Return the newest verification of each thing."""
    return await tx.fetch_all(
        Verification,
        """
        SELECT DISTINCT ON (v.subject) v.subject, v.reached, v.fault, v.verified_at
        FROM audit.verification AS v
        ORDER BY v.subject, v.number DESC
        """,
    )


async def followed(tx: Reads, feed: str) -> int:
    """Return how far a feed was followed."""
    found: int | None = await tx.fetch_value(
        "SELECT position FROM audit.follower_position WHERE follower = %s AND feed = %s",
        (_FOLLOWER, feed),
    )
    return found or 0


async def follow(tx: Tx, feed: str, before: int, after: int) -> bool:
    """Move on in a feed; False if somebody else did so meanwhile."""
    if before == 0:
        await tx.execute(
            """
            INSERT INTO audit.follower_position (follower, feed, position)
            VALUES (%s, %s, 0)
            ON CONFLICT (follower, feed) DO NOTHING
            """,
            (_FOLLOWER, feed),
        )
    moved = await tx.execute(
        """
        UPDATE audit.follower_position SET position = %s
        WHERE follower = %s AND feed = %s AND position = %s
        """,
        (after, _FOLLOWER, feed, before),
    )
    return moved == 1
