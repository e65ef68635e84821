"""Providers' events as they were received."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString, cast
from uuid import UUID

from bezant.db.database import Tx

_COLUMNS: Final[LiteralString] = "id, live, provider, event, tries, headers::text AS headers, body"


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """An event to act on."""

    id: UUID
    live: bool
    provider: str
    event: str
    tries: int
    headers: str
    body: bytes

    @property
    def told_headers(self) -> Mapping[str, str]:
        """Return the headers it came with."""
        return cast("dict[str, str]", json.loads(self.headers))


async def add(tx: Tx, row: ArrivalRow, kind: str, stored_at: datetime, due_at: datetime) -> bool:
    """Store an event; false if it was stored before."""
    return bool(
        await tx.execute(
            """
            INSERT INTO payments.arrival (
                id, stored_at, due_at, live, provider, event, type, headers, body
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s)
            ON CONFLICT (provider, live, event) DO NOTHING
            """,
            (
                row.id, stored_at, due_at, row.live, row.provider, row.event, kind, row.headers,
                row.body,
            ),
        )
    )  # fmt: skip


async def claim(tx: Tx, now: datetime, until: datetime, most: int) -> list[ArrivalRow]:
    """Take events to act on, oldest first; nobody else takes them until then."""
    return await tx.fetch_all(
        ArrivalRow,
        f"""
        UPDATE payments.arrival AS a
        SET due_at = %s, tries = a.tries + 1
        FROM (
            SELECT id AS due FROM payments.arrival
            WHERE due_at <= %s ORDER BY due_at LIMIT %s
            FOR UPDATE SKIP LOCKED
        ) AS d
        WHERE a.id = d.due
        RETURNING {_COLUMNS}
        """,
        (until, now, most),
    )


async def done(tx: Tx, arrival: UUID, note: str) -> None:
    """Note what became of an event that was acted on. Of what it said only the digest is kept."""
    await tx.execute(
        """
        UPDATE payments.arrival
        SET due_at = NULL, note = %s, digest = sha256(body), body = '', headers = '{}'
        WHERE id = %s
        """,
        (note, arrival),
    )


async def given_up(tx: Tx, arrival: UUID, why: str) -> None:
    """Note that nobody could act on an event; what it said stays for whoever looks into it."""
    await tx.execute(
        """
        UPDATE payments.arrival
        SET due_at = NULL, note = %s, digest = sha256(body)
        WHERE id = %s
        """,
        (why, arrival),
    )


async def later(tx: Tx, arrival: UUID, due_at: datetime, note: str) -> None:
    """Act on an event again later."""
    await tx.execute(
        "UPDATE payments.arrival SET due_at = %s, note = %s WHERE id = %s", (due_at, note, arrival)
    )


async def forget(tx: Tx, before: datetime, most: int) -> int:
    """Drop events that were acted on long ago."""
    return await tx.execute(
        """
        DELETE FROM payments.arrival WHERE id IN (
            SELECT id FROM payments.arrival WHERE due_at IS NULL AND stored_at < %s LIMIT %s
        )
        """,
        (before, most),
    )
