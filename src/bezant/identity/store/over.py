"""SQL that deletes what is over: a table, since when its rows are, and how long they are kept then.

Strangers write some of these rows, so each goes as soon as it counts for nothing: `CLOCKS_APART`
later, because the process that deletes a spent proof and the one that would have refused it again
need not agree on the second.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, LiteralString

from bezant.db.database import Tx
from bezant.identity import rules

CLOCKS_APART: Final = timedelta(minutes=1)
LATE_DEVICE: Final = timedelta(hours=1)
"""A device that asks late is told that it waited too long."""
SESSIONS_KEPT: Final = timedelta(days=90)  # Long enough to answer who was logged in that day.
MAILS_KEPT: Final = timedelta(days=7)
ASKED_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Over:
    """Which rows of a table are over."""

    table: LiteralString
    key: LiteralString
    ends: LiteralString
    """The column that says when."""
    kept: timedelta = timedelta(0)


OVER: Final = (
    Over("spent_proof", "hash", "spent_until", CLOCKS_APART),
    Over("interaction", "hash", "expires_at", CLOCKS_APART),
    Over("pushed_request", "hash", "expires_at", CLOCKS_APART),
    Over("device_request", "hash", "expires_at", LATE_DEVICE),
    Over("delegation", "id", "expires_at", CLOCKS_APART),
    Over("ceremony", "hash", "expires_at", CLOCKS_APART),
    Over("half_login", "hash", "expires_at", CLOCKS_APART),
    Over("login_try", "identifier", "tried_at", 2 * rules.LOCK_MAX),
    Over("login_address", "address", "spent_until"),
    Over("repeat", "mark", "spent_until", CLOCKS_APART),
    Over("sign_up", "id", "expires_at"),
    Over("forgotten", "id", "created_at", ASKED_KEPT),
    Over("mail", "id", "created_at", MAILS_KEPT),
    Over("session", "id", "expires_at", SESSIONS_KEPT),
)


async def delete(tx: Tx, over: Over, now: datetime, limit: int) -> int:
    """Delete some rows of a table that are over; return how many."""
    return await tx.execute(
        f"""
        DELETE FROM identity.{over.table}
        WHERE {over.key} IN (
            SELECT {over.key}
            FROM identity.{over.table}
            WHERE {over.ends} < %s
            ORDER BY {over.ends}
            LIMIT %s
            FOR UPDATE SKIP LOCKED
        )
        """,
        (now - over.kept, limit),
    )


async def delete_unused(tx: Tx, now: datetime, limit: int) -> int:
    """Delete what was delegated by a code that nobody came for; return how many."""
    return await tx.execute(
        """
        DELETE FROM identity.delegation
        WHERE id IN (
            SELECT delegation_id
            FROM identity.authorization_code
            WHERE used_at IS NULL AND expires_at < %s
            ORDER BY expires_at
            LIMIT %s
            FOR UPDATE SKIP LOCKED
        )
        """,
        (now - CLOCKS_APART, limit),
    )


async def delete_rechecks(tx: Tx, kept: int) -> None:
    """Delete all but the newest rechecks: everybody made the others, or asks about everything."""
    await tx.execute(
        """
        DELETE FROM identity.recheck
        WHERE number < (SELECT number FROM identity.recheck_number) - %s
        """,
        (kept,),
    )
