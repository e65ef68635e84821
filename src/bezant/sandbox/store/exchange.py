"""Calls: what was said, what was answered under a key, and the scripts that wait for one."""

import sqlite3
from typing import Final

import msgspec

from bezant.sandbox.exchange import Answer, Ending, Exchange, Headers, Kept
from bezant.sandbox.scripts import OF_CALLS, OF_HANDLERS, OF_WEBHOOKS, Effect, Script
from bezant.sandbox.store.ground import read, stored

CALLS_KEPT_MAX: Final = 20_000
TRIM_EVERY: Final = 500
_EXCHANGE: Final = (
    "number, provider, operation, method, path, key, sent, status, answered, ending, script,"
    " called_at"
)
_SCRIPT: Final = "number, effect, provider, operation, amount, key, code, seconds, times_left"


def keep(book: sqlite3.Connection, provider: str, key: str, kept: Kept) -> None:
    """Keep an answer under a key, for one that is remembered no longer."""
    book.execute(
        """
        INSERT OR REPLACE INTO answered
            (provider, key, fingerprint, request, status, headers, body, answered_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            provider,
            key,
            kept.fingerprint,
            kept.request,
            kept.answer.status,
            msgspec.json.encode(kept.answer.headers).decode(),
            kept.answer.body,
            stored(kept.answered_at),
        ),
    )


def kept(book: sqlite3.Connection, provider: str, key: str) -> Kept | None:
    """Return the answer kept under a key."""
    row = book.execute(
        """
        SELECT fingerprint, request, status, headers, body, answered_at FROM answered
        WHERE provider = ? AND key = ?
        """,
        (provider, key),
    ).fetchone()
    if row is None:
        return None
    headers = msgspec.json.decode(row["headers"], type=Headers)
    answer = Answer(row["status"], row["body"], headers)
    return Kept(row["fingerprint"], row["request"], answer, read(row["answered_at"]))


def log_call(book: sqlite3.Connection, exchange: Exchange) -> None:
    """Write a call down, and drop the oldest from time to time."""
    written = book.execute(
        """
        INSERT INTO call
            (provider, operation, method, path, key, sent, status, answered, ending, script,
            called_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            exchange.provider,
            exchange.operation,
            exchange.method,
            exchange.path,
            exchange.key,
            exchange.sent,
            exchange.status,
            exchange.answered,
            exchange.ending,
            exchange.script,
            stored(exchange.called_at),
        ),
    )
    number = written.lastrowid or 0
    if number % TRIM_EVERY == 0:
        book.execute("DELETE FROM call WHERE number <= ?", (number - CALLS_KEPT_MAX,))


def calls(
    book: sqlite3.Connection, provider: str | None, key: str | None, limit: int
) -> list[Exchange]:
    """Return the last calls, the newest first."""
    rows = book.execute(
        f"""
        SELECT {_EXCHANGE} FROM call
        WHERE (:provider IS NULL OR provider = :provider) AND (:key IS NULL OR key = :key)
        ORDER BY number DESC LIMIT :limit
        """,
        {"provider": provider, "key": key, "limit": limit},
    ).fetchall()
    return [_exchange(row) for row in rows]


def add_script(book: sqlite3.Connection, script: Script) -> int:
    """Let a script wait for its calls; return its number."""
    written = book.execute(
        """
        INSERT INTO script (effect, provider, operation, amount, key, code, seconds, times_left)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            script.effect,
            script.provider,
            script.operation,
            script.amount,
            script.key,
            script.code,
            script.seconds,
            script.times_left,
        ),
    )
    return written.lastrowid or 0


def take_call_script(
    book: sqlite3.Connection, heeded: frozenset[Effect], call: tuple[str, str, str, str]
) -> Script | None:
    """Return the oldest script that means this call (provider, operation, amount, key), one time
    fewer; one that its handler could not follow waits on.
    """
    return _take(book, OF_CALLS - OF_HANDLERS | heeded, call)


def take_webhook_script(book: sqlite3.Connection, provider: str, kind: str) -> Script | None:
    """Return the oldest script that means this webhook, one time fewer."""
    return _take(book, OF_WEBHOOKS, (provider, kind, "", ""))


def _take(
    book: sqlite3.Connection, effects: frozenset[Effect], call: tuple[str, str, str, str]
) -> Script | None:
    row = book.execute(
        f"""
        SELECT {_SCRIPT} FROM script
        WHERE times_left > 0
            AND effect IN ({", ".join("?" * len(effects))})
            AND provider IN ('', ?) AND operation IN ('', ?) AND amount IN ('', ?)
            AND key IN ('', ?)
        ORDER BY number LIMIT 1
        """,
        (*sorted(effects), *call),
    ).fetchone()
    if row is None:
        return None
    book.execute("UPDATE script SET times_left = times_left - 1 WHERE number = ?", (row["number"],))
    return _script(row)


def waiting_scripts(book: sqlite3.Connection) -> list[Script]:
    """Return the scripts that still wait for calls, the oldest first."""
    rows = book.execute(
        f"SELECT {_SCRIPT} FROM script WHERE times_left > 0 ORDER BY number"
    ).fetchall()
    return [_script(row) for row in rows]


def end_scripts(book: sqlite3.Connection, number: int | None) -> int:
    """Let a script, or every script, wait no longer; return how many that were."""
    return book.execute(
        """
        UPDATE script SET times_left = 0
        WHERE times_left > 0 AND (:number IS NULL OR number = :number)
        """,
        {"number": number},
    ).rowcount


def _exchange(row: sqlite3.Row) -> Exchange:
    return Exchange(
        row["number"],
        row["provider"],
        row["operation"],
        row["method"],
        row["path"],
        row["key"],
        row["sent"],
        row["status"],
        row["answered"],
        Ending(row["ending"]),
        row["script"],
        read(row["called_at"]),
    )


def _script(row: sqlite3.Row) -> Script:
    return Script(
        Effect(row["effect"]),
        row["provider"],
        row["operation"],
        row["amount"],
        row["key"],
        row["code"],
        row["seconds"],
        row["times_left"],
        row["number"],
    )
