"""What an emulator keeps: its own objects in its own shapes, notes, and what money did."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bezant.sandbox.movement import Moved, Movement
from bezant.sandbox.store.ground import read, stored

_MOVEMENT: Final = "provider, kind, id, payment, key, asset, amount, fee, occurred_at, payout"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Which objects are asked for, the newest first; what is None does not matter."""

    provider: str
    kind: str
    parent: str | None = None
    name: str | None = None
    older_than: str | None = None
    newer_than: str | None = None
    limit: int = -1


def put(
    book: sqlite3.Connection, provider: str, kind: str, key: tuple[str, str, str], body: bytes
) -> None:
    """Keep an object, or its new state."""
    book.execute(
        """
        INSERT INTO thing (provider, kind, id, parent, name, body) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (provider, kind, id)
        DO UPDATE SET parent = excluded.parent, name = excluded.name, body = excluded.body
        """,
        (provider, kind, *key, body),
    )


def get(book: sqlite3.Connection, provider: str, kind: str, id_: str) -> bytes | None:
    """Return one object."""
    row = book.execute(
        "SELECT body FROM thing WHERE provider = ? AND kind = ? AND id = ?", (provider, kind, id_)
    ).fetchone()
    return None if row is None else row["body"]


def find(book: sqlite3.Connection, shelf: Shelf) -> list[bytes]:
    """Return the objects of a shelf; with `newer_than`, those next to that one."""
    conditions = ["provider = :provider", "kind = :kind"]
    if shelf.parent is not None:
        conditions.append("parent = :parent")
    if shelf.name is not None:
        conditions.append("name = :name")
    this = "SELECT number FROM thing WHERE provider = :provider AND kind = :kind AND id"
    if shelf.older_than is not None:
        conditions.append(f"number < ({this} = :older)")
    if shelf.newer_than is not None:
        conditions.append(f"number > ({this} = :newer)")
    order = "DESC" if shelf.newer_than is None else "ASC"
    rows = book.execute(
        f"SELECT body FROM thing WHERE {' AND '.join(conditions)}"
        f" ORDER BY number {order} LIMIT :limit",
        {
            "provider": shelf.provider,
            "kind": shelf.kind,
            "parent": shelf.parent,
            "name": shelf.name,
            "older": shelf.older_than,
            "newer": shelf.newer_than,
            "limit": shelf.limit,
        },
    ).fetchall()
    found = [row["body"] for row in rows]
    return found if shelf.newer_than is None else found[::-1]


def write_note(book: sqlite3.Connection, provider: str, name: str, text: str) -> None:
    """Keep one text under a name."""
    book.execute(
        """
        INSERT INTO note (provider, name, text) VALUES (?, ?, ?)
        ON CONFLICT (provider, name) DO UPDATE SET text = excluded.text
        """,
        (provider, name, text),
    )


def read_note(book: sqlite3.Connection, provider: str, name: str) -> str | None:
    """Return the text kept under a name."""
    row = book.execute(
        "SELECT text FROM note WHERE provider = ? AND name = ?", (provider, name)
    ).fetchone()
    return None if row is None else row["text"]


def move(book: sqlite3.Connection, movement: Movement) -> None:
    """Write a movement; the same one twice is a mistake of the emulator, and raises."""
    book.execute(
        f"INSERT INTO movement ({_MOVEMENT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            movement.provider,
            movement.kind,
            movement.id,
            movement.payment,
            movement.key,
            movement.asset,
            str(movement.amount),  # As text: a token's smallest units need more than 64 bits.
            str(movement.fee),
            stored(movement.occurred_at),
            movement.payout,
        ),
    )


def mark(book: sqlite3.Connection, provider: str, payment: str, values: Sequence[str]) -> None:
    """Remember names under which the client knows a payment."""
    book.executemany(
        "INSERT OR IGNORE INTO mark (provider, value, payment) VALUES (?, ?, ?)",
        [(provider, value, payment) for value in values if value],
    )


def marked(book: sqlite3.Connection, provider: str, value: str) -> list[str]:
    """Return the payments the client knows by this name."""
    rows = book.execute(
        "SELECT payment FROM mark WHERE provider = ? AND value = ? ORDER BY payment",
        (provider, value),
    ).fetchall()
    return [row["payment"] for row in rows]


def movements_of(book: sqlite3.Connection, provider: str, payment: str) -> list[Movement]:
    """Return what money did for one payment."""
    rows = book.execute(
        f"SELECT {_MOVEMENT} FROM movement WHERE provider = ? AND payment = ? ORDER BY number",
        (provider, payment),
    ).fetchall()
    return [_movement(row) for row in rows]


def movements_between(
    book: sqlite3.Connection, provider: str, begin: int, end: int
) -> list[Movement]:
    """Return what money did in a time: from `begin`, before `end`."""
    rows = book.execute(
        f"""
        SELECT {_MOVEMENT} FROM movement
        WHERE provider = ? AND occurred_at >= ? AND occurred_at < ? ORDER BY occurred_at, number
        """,
        (provider, begin, end),
    ).fetchall()
    return [_movement(row) for row in rows]


def movements_unpaid(
    book: sqlite3.Connection, provider: str, asset: str, end: int
) -> list[Movement]:
    """Return what happened before `end` and no payout has brought to the bank."""
    rows = book.execute(
        f"""
        SELECT {_MOVEMENT} FROM movement
        WHERE provider = ? AND payout = '' AND asset = ? AND occurred_at < ? ORDER BY number
        """,
        (provider, asset, end),
    ).fetchall()
    return [_movement(row) for row in rows]


def pay_out(
    book: sqlite3.Connection, provider: str, payout: str, movements: Sequence[Movement]
) -> None:
    """Note which payout brought these movements to the bank."""
    book.executemany(
        "UPDATE movement SET payout = ? WHERE provider = ? AND kind = ? AND id = ?",
        [(payout, provider, one.kind, one.id) for one in movements],
    )


def movements_after(book: sqlite3.Connection, provider: str | None, limit: int) -> list[Movement]:
    """Return the last movements, the newest first."""
    rows = book.execute(
        f"""
        SELECT {_MOVEMENT} FROM movement
        WHERE :provider IS NULL OR provider = :provider ORDER BY number DESC LIMIT :limit
        """,
        {"provider": provider, "limit": limit},
    ).fetchall()
    return [_movement(row) for row in rows]


def _movement(row: sqlite3.Row) -> Movement:
    return Movement(
        row["provider"],
        Moved(row["kind"]),
        row["id"],
        row["payment"],
        row["key"],
        row["asset"],
        int(row["amount"]),
        int(row["fee"]),
        read(row["occurred_at"]),
        row["payout"],
    )
