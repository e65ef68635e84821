"""The newest attempts of one mode, counted by provider. They are read from the end of one index."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from bezant.db.database import Database
from bezant.payments.codes import ENDED_NUMBERS, Ended

LOOKED_AT: Final = 2_000
FAILOVERS_MAX: Final = 50
_NEWEST: Final = """
WITH newest AS (
  SELECT a.id, payments.attempt_of(a.id, 0) AS payment, a.provider, a.why, a.sent_at, o.result
  FROM (
    SELECT id, provider, why, sent_at FROM payments.attempt ORDER BY id DESC LIMIT %(limit)s
  ) AS a
  JOIN payments.payment AS p ON p.id = payments.attempt_of(a.id, 0)
  LEFT JOIN payments.outcome AS o ON o.attempt = a.id
  WHERE p.live = %(live)s
)
"""


@dataclass(frozen=True, slots=True)
class FaringRow:
    """The newest attempts with one provider."""

    provider: str
    asked: int
    declined: int
    not_reached: int
    open: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class FailoverRow:
    """An attempt after another provider had failed."""

    id: UUID
    payment: UUID
    provider: str
    why: str
    sent_at: datetime
    result: int | None


async def faring(database: Database, *, live: bool) -> list[FaringRow]:
    """Return how each provider fared lately."""
    return await database.fetch_all(
        FaringRow,
        _NEWEST
        + """
        SELECT provider, count(*) AS asked,
          count(*) FILTER (WHERE result = %(declined)s) AS declined,
          count(*) FILTER (WHERE result = %(not_reached)s) AS not_reached,
          count(*) FILTER (WHERE result IS NULL) AS open, max(sent_at) AS last_at
        FROM newest GROUP BY provider
        """,
        {
            "limit": LOOKED_AT,
            "live": live,
            "declined": ENDED_NUMBERS[Ended.DECLINED],
            "not_reached": ENDED_NUMBERS[Ended.NOT_REACHED],
        },
    )


async def failovers(database: Database, *, live: bool) -> list[FailoverRow]:
    """Return the newest attempts that came after another provider had failed."""
    return await database.fetch_all(
        FailoverRow,
        _NEWEST
        + """
        SELECT id, payment, provider, why, sent_at, result FROM newest
        WHERE starts_with(why, 'after ') ORDER BY id DESC LIMIT %(most)s
        """,
        {"limit": LOOKED_AT, "live": live, "most": FAILOVERS_MAX},
    )
