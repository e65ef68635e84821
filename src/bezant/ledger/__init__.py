"""The book: a double-entry ledger. This is its door; everything else in this folder is private."""

from bezant.ledger.port import *  # noqa: F403
