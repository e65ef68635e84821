"""Every SQL statement with which auditors search what was recorded."""

from typing import LiteralString

from bezant.audit.recorded import EventsOf
from bezant.audit.store.entries import OPENINGS, OpeningRow
from bezant.db.database import Tx


async def events(tx: Tx, query: EventsOf, limit: int) -> list[OpeningRow]:
    """Return what was recorded, newest first."""
    where: list[LiteralString] = ["o.mode = %s"]
    values: list[object] = [query.mode.value]
    chosen: tuple[tuple[LiteralString, object], ...] = (
        ("o.tenant = %s", query.tenant),
        ("o.subject = %s", query.subject),
        ("o.feed = %s", query.feed),
        ("o.type = %s", query.type),
        ("o.occurred_at >= %s", query.since),
        ("o.occurred_at < %s", query.until),
        ("o.event LIKE %s", f"%{_literally(query.text)}%" if query.text else ""),
    )
    for condition, value in chosen:
        if value:
            where.append(condition)
            values.append(value)
    if query.before is not None:
        where.append("o.leaf < %s")
        values.append(query.before)
    return await tx.fetch_all(
        OpeningRow,
        OPENINGS + "WHERE " + " AND ".join(where) + " ORDER BY o.leaf DESC LIMIT %s",
        (*values, limit),
    )


def _literally(text: str) -> str:
    for character in ("\\", "%", "_"):
        text = text.replace(character, f"\\{character}")
    return text
