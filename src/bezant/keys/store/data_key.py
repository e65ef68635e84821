"""Every SQL statement about data keys: each seals what belongs to one owner in one month."""

from dataclasses import dataclass
from datetime import datetime

from bezant.db.database import Database, Tx


@dataclass(frozen=True, slots=True)
class DataKeyRow:
    """A data key under the key that wraps it; without its bytes, it was shredded."""

    kid: str
    name: str
    owner: str
    month: str
    wrapped_by: str
    wrapped_key: bytes | None


_SELECT = """
    SELECT d.kid, d.name, d.owner, d.month, d.wrapped_by, d.wrapped_key
    FROM keys.data_key AS d
"""


async def of_month(database: Database, name: str, owner: str, month: str) -> DataKeyRow | None:
    """Return the data key of an owner and month that is not shredded."""
    return await database.fetch_one(
        DataKeyRow,
        _SELECT
        + " WHERE d.name = %s AND d.owner = %s AND d.month = %s AND d.wrapped_key IS NOT NULL",
        (name, owner, month),
    )


async def find(database: Database, kid: str) -> DataKeyRow | None:
    """Return a data key."""
    return await database.fetch_one(DataKeyRow, _SELECT + " WHERE d.kid = %s", (kid,))


async def add(tx: Tx, row: DataKeyRow, at: datetime) -> None:
    """Add a data key, unless the owner has one for this month by now."""
    await tx.execute(
        """
        INSERT INTO keys.data_key (kid, name, owner, month, wrapped_by, wrapped_key, created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (name, owner, month) WHERE wrapped_key IS NOT NULL DO NOTHING
        """,
        (row.kid, row.name, row.owner, row.month, row.wrapped_by, row.wrapped_key, at),
    )


async def wrapped_by_older(tx: Tx, kid: str, limit: int) -> list[DataKeyRow]:
    """Return data keys that lie under another version than this one."""
    return await tx.fetch_all(
        DataKeyRow,
        _SELECT
        + """
        WHERE d.wrapped_key IS NOT NULL AND d.wrapped_by <> %s
        ORDER BY d.id
        LIMIT %s
        """,
        (kid, limit),
    )


async def rewrap(tx: Tx, row: DataKeyRow, kid: str, wrapped_key: bytes) -> None:
    """Put a data key under another key, unless somebody else did so meanwhile."""
    await tx.execute(
        "SELECT keys.rewrap_data_key(%s, %s, %s, %s)",
        (row.kid, row.wrapped_by, kid, wrapped_key),
    )


async def shred(tx: Tx, name: str, owner: str, at: datetime) -> int:
    """Erase the data keys of an owner and return how many there were."""
    return await tx.fetch_value(
        "SELECT count(*) FROM keys.shred_data_keys(%s, %s, %s)", (name, owner, at)
    )
