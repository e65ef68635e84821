"""What is due: work the emulators set themselves, and webhooks."""

import sqlite3
from datetime import datetime
from typing import Final

from bezant.sandbox.schedule import Delivery, Due, Endpoint, State
from bezant.sandbox.store.ground import read, stored

_DELIVERY: Final = (
    "d.number, d.provider, d.event, d.kind, d.body, d.state, d.forged, d.tries, d.last, d.due_at,"
    " e.id, e.url, e.secret, e.events"
)
_JOINED: Final = "delivery d JOIN endpoint e ON e.provider = d.provider AND e.id = d.endpoint"


def set_due(book: sqlite3.Connection, due: Due) -> None:
    """Plan work, or plan it anew for another time."""
    book.execute(
        """
        INSERT INTO due (provider, work, subject, due_at) VALUES (?, ?, ?, ?)
        ON CONFLICT (provider, work, subject) DO UPDATE SET due_at = excluded.due_at
        """,
        (due.provider, due.work, due.subject, stored(due.due_at)),
    )


def drop_due(book: sqlite3.Connection, provider: str, work: str, subject: str) -> None:
    """Give up planned work."""
    book.execute(
        "DELETE FROM due WHERE provider = ? AND work = ? AND subject = ?",
        (provider, work, subject),
    )


def take_due(book: sqlite3.Connection, now: datetime) -> Due | None:
    """Return the first work whose time has come; it is no longer planned."""
    row = book.execute(
        """
        SELECT number, provider, work, subject, due_at FROM due
        WHERE due_at <= ? ORDER BY due_at, number LIMIT 1
        """,
        (stored(now),),
    ).fetchone()
    if row is None:
        return None
    book.execute("DELETE FROM due WHERE number = ?", (row["number"],))
    return Due(row["provider"], row["work"], row["subject"], read(row["due_at"]))


def anything_due(book: sqlite3.Connection, now: datetime) -> bool:
    """Tell whether there is work or a webhook whose time has come."""
    row = book.execute(
        """
        SELECT EXISTS (SELECT 1 FROM due WHERE due_at <= :now)
            OR EXISTS (SELECT 1 FROM delivery WHERE state = 'due' AND due_at <= :now)
        """,
        {"now": stored(now)},
    ).fetchone()
    return bool(row[0])


def set_endpoint(book: sqlite3.Connection, endpoint: Endpoint) -> None:
    """Keep where webhooks go."""
    book.execute(
        """
        INSERT INTO endpoint (provider, id, url, secret, events) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (provider, id) DO UPDATE
        SET url = excluded.url, secret = excluded.secret, events = excluded.events
        """,
        (
            endpoint.provider,
            endpoint.id,
            endpoint.url,
            endpoint.secret,
            " ".join(sorted(endpoint.events)),
        ),
    )


def drop_endpoint(book: sqlite3.Connection, provider: str, id_: str) -> None:
    """Send no webhooks there any more."""
    book.execute("DELETE FROM endpoint WHERE provider = ? AND id = ?", (provider, id_))


def endpoints(book: sqlite3.Connection, provider: str) -> list[Endpoint]:
    """Return where a provider's webhooks go."""
    rows = book.execute(
        "SELECT provider, id, url, secret, events FROM endpoint WHERE provider = ? ORDER BY id",
        (provider,),
    ).fetchall()
    return [_endpoint(row) for row in rows]


def add_delivery(book: sqlite3.Connection, delivery: Delivery) -> None:
    """Plan a webhook; its number is given here."""
    book.execute(
        """
        INSERT INTO delivery
            (provider, event, kind, endpoint, body, state, forged, tries, last, due_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            delivery.provider,
            delivery.event,
            delivery.kind,
            delivery.endpoint.id,
            delivery.body,
            delivery.state,
            int(delivery.forged),
            delivery.tries,
            delivery.last,
            stored(delivery.due_at),
        ),
    )


def release_held(book: sqlite3.Connection, provider: str, due_at: datetime) -> None:
    """Let webhooks go that waited for another one to go first: right behind it."""
    rows = book.execute(
        "SELECT number FROM delivery WHERE provider = ? AND state = 'held' ORDER BY number",
        (provider,),
    ).fetchall()
    for row in rows:
        # Numbered anew, so that among equals it comes behind those that were planned since.
        book.execute(
            """
            UPDATE delivery SET state = 'due', due_at = ?,
                number = (SELECT max(number) + 1 FROM delivery)
            WHERE number = ?
            """,
            (stored(due_at), row["number"]),
        )


def due_deliveries(
    book: sqlite3.Connection, provider: str, now: datetime, limit: int
) -> list[Delivery]:
    """Return the webhooks whose time has come, in their order."""
    rows = book.execute(
        f"""
        SELECT {_DELIVERY} FROM {_JOINED}
        WHERE d.provider = ? AND d.state = 'due' AND d.due_at <= ?
        ORDER BY d.due_at, d.number LIMIT ?
        """,
        (provider, stored(now), limit),
    ).fetchall()
    return [_delivery(row) for row in rows]


def set_delivery(
    book: sqlite3.Connection, number: int, state: State, last: str, due_at: datetime
) -> None:
    """Write down how a try ended, and when the next one is due."""
    book.execute(
        """
        UPDATE delivery SET state = ?, last = ?, due_at = ?, tries = tries + 1 WHERE number = ?
        """,
        (state, last, stored(due_at), number),
    )


def send_again(book: sqlite3.Connection, number: int, now: datetime) -> int:
    """Plan a webhook once more for now; return whether there was such a one."""
    return book.execute(
        "UPDATE delivery SET state = 'due', due_at = ? WHERE number = ?", (stored(now), number)
    ).rowcount


def deliveries(book: sqlite3.Connection, provider: str | None, limit: int) -> list[Delivery]:
    """Return the last webhooks, the newest first."""
    rows = book.execute(
        f"""
        SELECT {_DELIVERY} FROM {_JOINED}
        WHERE :provider IS NULL OR d.provider = :provider ORDER BY d.number DESC LIMIT :limit
        """,
        {"provider": provider, "limit": limit},
    ).fetchall()
    return [_delivery(row) for row in rows]


def _endpoint(row: sqlite3.Row) -> Endpoint:
    events = frozenset(str(row["events"]).split())
    return Endpoint(row["provider"], row["id"], row["url"], row["secret"], events)


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        row["number"],
        row["provider"],
        row["event"],
        row["kind"],
        _endpoint(row),
        row["body"],
        State(row["state"]),
        bool(row["forged"]),
        row["tries"],
        row["last"],
        read(row["due_at"]),
    )
