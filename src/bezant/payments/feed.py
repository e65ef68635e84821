"""The payments' feed: their steps are its events."""

from typing import Final

from bezant.db.database import Database
from bezant.db.feed_keeper import FeedKeeper
from bezant.db.feeds import StoredFeed
from bezant.db.schema import ModuleSchema, Piece
from bezant.db.sequencer import POLL_SECONDS

SCHEMA: Final = ModuleSchema("payments", (Piece.FEED, Piece.FOLLOWER))
SOURCE: Final = "step_event"


def feed(database: Database) -> StoredFeed:
    """Return the feed of what happened to payments, refunds and disputes."""
    return StoredFeed(database, SCHEMA.module, source=SOURCE)


def keeper(database: Database, poll_seconds: float = POLL_SECONDS) -> FeedKeeper:
    """Return what gives them their places in it."""
    return FeedKeeper(database, SCHEMA.module, SOURCE, poll_seconds)
