"""The book's file: its tables, and how it is opened."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

VERSION: Final = 1
BUSY_SECONDS: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# AUTOINCREMENT: a number is never given twice, so the order of what happened is the order here.
_TABLES: Final = """
CREATE TABLE thing (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    parent TEXT NOT NULL,
    name TEXT NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (provider, kind, id)
);
CREATE INDEX thing_parent ON thing (provider, kind, parent, number);
CREATE INDEX thing_name ON thing (provider, kind, name, number);
CREATE TABLE movement (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    payment TEXT NOT NULL,
    key TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    fee TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    payout TEXT NOT NULL,
    UNIQUE (provider, kind, id)
);
CREATE INDEX movement_payment ON movement (provider, payment, number);
CREATE INDEX movement_day ON movement (provider, occurred_at);
CREATE INDEX movement_payout ON movement (provider, payout, asset, occurred_at);
CREATE TABLE mark (
    provider TEXT NOT NULL,
    value TEXT NOT NULL,
    payment TEXT NOT NULL,
    PRIMARY KEY (provider, value, payment)
) WITHOUT ROWID;
CREATE TABLE answered (
    provider TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    request TEXT NOT NULL,
    status INTEGER NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (provider, key)
) WITHOUT ROWID;
CREATE TABLE call (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    operation TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    sent TEXT NOT NULL,
    status INTEGER NOT NULL,
    answered TEXT NOT NULL,
    ending TEXT NOT NULL,
    script INTEGER NOT NULL,
    called_at INTEGER NOT NULL
);
CREATE INDEX call_key ON call (provider, key, number);
CREATE TABLE script (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    effect TEXT NOT NULL,
    provider TEXT NOT NULL,
    operation TEXT NOT NULL,
    amount TEXT NOT NULL,
    key TEXT NOT NULL,
    code TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    times_left INTEGER NOT NULL CHECK (times_left >= 0)
);
CREATE INDEX script_waiting ON script (number) WHERE times_left > 0;
CREATE TABLE endpoint (
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    events TEXT NOT NULL,
    PRIMARY KEY (provider, id)
) WITHOUT ROWID;
CREATE TABLE delivery (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    event TEXT NOT NULL,
    kind TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL,
    forged INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    last TEXT NOT NULL,
    due_at INTEGER NOT NULL
);
CREATE INDEX delivery_due ON delivery (due_at, number) WHERE state = 'due';
CREATE INDEX delivery_held ON delivery (provider, number) WHERE state = 'held';
CREATE TABLE due (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    work TEXT NOT NULL,
    subject TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    UNIQUE (provider, work, subject)
);
CREATE INDEX due_when ON due (due_at, number);
CREATE TABLE note (
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (provider, name)
) WITHOUT ROWID;
"""


class WrongBook(RuntimeError):
    """The file was written by another version; the sandbox never guesses what stands in it."""


def opened(path: Path) -> sqlite3.Connection:
    """Open the file, made if there is none. One thread uses the connection, whichever it is."""
    book = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    book.row_factory = sqlite3.Row
    (version,) = book.execute("PRAGMA user_version").fetchone()
    if version not in {0, VERSION}:
        book.close()
        raise WrongBook(f"{path} is a sandbox book of version {version}; remove it to start anew")
    # With a write-ahead log and NORMAL, what was committed outlives a killed process; only a
    # machine that loses power may forget the last moments, and a sandbox may.
    book.execute("PRAGMA journal_mode = WAL")
    book.execute("PRAGMA synchronous = NORMAL")
    if version == 0:
        book.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version = {VERSION};COMMIT;")
    return book


def stored(at: datetime) -> int:
    """Write an instant as microseconds, which sort as they are."""
    return (at - _EPOCH) // _MICROSECOND


def read(microseconds: int) -> datetime:
    """Read a stored instant."""
    return _EPOCH + microseconds * _MICROSECOND
