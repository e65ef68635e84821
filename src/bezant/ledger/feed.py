"""The ledger's feed: its batches are its events, so a transfer writes no event of its own."""

from typing import Final

from bezant.db.database import Database
from bezant.db.feed_keeper import FeedKeeper
from bezant.db.feeds import StoredFeed
from bezant.db.schema import ModuleSchema, Piece
from bezant.db.sequencer import POLL_SECONDS

SCHEMA: Final = ModuleSchema("ledger", (Piece.FEED,))
SOURCE: Final = "batch_event"


def feed(database: Database) -> StoredFeed:
    """Return the feed of recorded batches."""
    return StoredFeed(database, SCHEMA.module, source=SOURCE)


def keeper(database: Database, poll_seconds: float = POLL_SECONDS) -> FeedKeeper:
    """Return what gives them their places in it."""
    return FeedKeeper(database, SCHEMA.module, SOURCE, poll_seconds)
