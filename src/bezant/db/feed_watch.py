"""What `doctor` asks about feeds, for every module of a database at once, as the administrator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from bezant.db.database import Database


@dataclass(frozen=True, slots=True)
class FeedState:
    """How far one module's events have their positions."""

    module: str
    head: int
    """The last position given."""
    waiting: int
    """Rows written above the last one that has a position: many of them mean no sequencer runs."""


@dataclass(frozen=True, slots=True)
class FollowerLag:
    """How far one follower is, as its own module's table says."""

    module: str
    follower: str
    feed: str
    position: int
    behind: int | None
    """Events it has still to handle; None if that feed is in another database."""


_FEED = """
SELECT {name} AS module,
  coalesce((
    SELECT position + last_ticket - first_ticket
    FROM {schema}.feed_run ORDER BY position DESC LIMIT 1
  ), 0) AS head,
  (
    SELECT count(*) FROM {schema}.{source}
    WHERE ticket > coalesce((SELECT max(last_ticket) FROM {schema}.feed_run), 0)
  ) AS waiting
"""

_FOLLOWERS = """
SELECT {name} AS module, follower, feed, position, NULL::bigint AS behind
FROM {schema}.follower_position ORDER BY follower, feed
"""


async def feed_states(database: Database, sources: Mapping[str, str]) -> list[FeedState]:
    """Return the state of each module's feed; `sources` names the relation of its events."""
    states: list[FeedState] = []
    for module, source in sources.items():
        names = {"schema": sql.Identifier(module), "source": sql.Identifier(source)}
        statement = sql.SQL(_FEED).format(name=sql.Literal(module), **names)
        states += await database.fetch_all(FeedState, statement)
    return states


async def follower_lags(
    database: Database, modules: Sequence[str], feeds: Sequence[FeedState]
) -> list[FollowerLag]:
    """Return every follower of these modules, and how far behind those feeds it is."""
    heads = {feed.module: feed.head for feed in feeds}
    lags: list[FollowerLag] = []
    for module in modules:
        statement = sql.SQL(_FOLLOWERS).format(
            name=sql.Literal(module), schema=sql.Identifier(module)
        )
        for lag in await database.fetch_all(FollowerLag, statement):
            head = heads.get(lag.feed)
            behind = None if head is None else head - lag.position
            lags.append(FollowerLag(lag.module, lag.follower, lag.feed, lag.position, behind))
    return lags
