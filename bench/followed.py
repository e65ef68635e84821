"""How far the followers are: a rate only counts if what follows from it is done soon after."""

import asyncio
import time
from typing import Final, LiteralString

from psycopg import AsyncConnection

FOLLOWED_SECONDS_MAX: Final = 60.0
"""Followers that are still behind then have stopped."""
LOOK_SECONDS: Final = 0.02
# Every step and batch has its place in a feed, and every follower has handled the last of them.
BEHIND: Final[LiteralString] = """
    WITH head (feed, last, waiting) AS (
        SELECT
            'payments',
            coalesce((
                SELECT r.position + r.last_ticket - r.first_ticket FROM payments.feed_run AS r
                ORDER BY r.position DESC LIMIT 1
            ), 0),
            (SELECT count(*) FROM payments.step AS s WHERE s.ticket > coalesce((
                SELECT max(r.last_ticket) FROM payments.feed_run AS r
            ), 0))
        UNION ALL SELECT
            'ledger',
            coalesce((
                SELECT r.position + r.last_ticket - r.first_ticket FROM ledger.feed_run AS r
                ORDER BY r.position DESC LIMIT 1
            ), 0),
            (SELECT count(*) FROM ledger.batch_event AS b WHERE b.ticket > coalesce((
                SELECT max(r.last_ticket) FROM ledger.feed_run AS r
            ), 0))
    ),
    follower (feed, position) AS (
        SELECT f.feed, f.position FROM orders.follower_position AS f
        UNION ALL SELECT f.feed, f.position FROM receipts.follower_position AS f
        UNION ALL SELECT f.feed, f.position FROM webhooks.follower_position AS f
        UNION ALL SELECT f.feed, f.position FROM audit.follower_position AS f
    )
    SELECT
        (SELECT sum(h.waiting) FROM head AS h)
        + (SELECT coalesce(sum(h.last - f.position), 0)
            FROM follower AS f JOIN head AS h ON h.feed = f.feed)
"""


async def followed_after(dsn: str) -> float:
    """Wait until every follower has handled everything; return how many seconds that took."""
    began = time.monotonic()
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        while await _behind(connection) and time.monotonic() - began < FOLLOWED_SECONDS_MAX:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
    return time.monotonic() - began


async def _behind(connection: AsyncConnection) -> int:
    cursor = await connection.execute(BEHIND)
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
