"""Every SQL statement of the request log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString

from bezant.actor import Caller, Mode
from bezant.audit.port import RequestSeen, RequestsOf
from bezant.db.database import Tx

_SELECT: Final[LiteralString] = """
    SELECT
        r.id, r.at, r.tenant, r.mode, r.caller, r.subject, r.method, r.route, r.about, r.status,
        r.microseconds, r.address, r.agent, r.key, r.code, r.detail
    FROM audit.request AS r
"""


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A line of the request log."""

    id: str
    at: datetime
    tenant: str
    mode: Mode
    caller: Caller
    subject: str
    method: str
    route: str
    about: str
    status: int
    microseconds: int
    address: str
    agent: str
    key: str
    code: str
    detail: str

    def seen(self) -> RequestSeen:
        """Return the line as the port tells it."""
        return RequestSeen(
            self.id, self.at, self.tenant, self.mode, self.caller, self.subject, self.method,
            self.route, self.about, self.status, self.microseconds, self.address,
            self.agent, self.key, self.code, self.detail,
        )  # fmt: skip


async def add(tx: Tx, requests: Sequence[RequestSeen]) -> None:
    """Add lines; those that are there already stay."""
    await tx.execute(
        """
        INSERT INTO audit.request (
            id, at, tenant, mode, caller, subject, method, route, about, status, microseconds,
            address, agent, key, code, detail
        )
        SELECT
            r.id, r.at, r.tenant, r.mode, r.caller, r.subject, r.method, r.route, r.about,
            r.status, r.microseconds, r.address, r.agent, r.key, r.code, r.detail
        FROM unnest(
            %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::text[], %s::smallint[], %s::integer[], %s::text[],
            %s::text[], %s::text[], %s::text[], %s::text[]
        ) AS r (
            id, at, tenant, mode, caller, subject, method, route, about, status, microseconds,
            address, agent, key, code, detail
        )
        ON CONFLICT DO NOTHING
        """,
        (
            [one.id for one in requests],
            [one.at for one in requests],
            [one.tenant for one in requests],
            [one.mode.value for one in requests],
            [one.caller.value for one in requests],
            [one.subject for one in requests],
            [one.method for one in requests],
            [one.route for one in requests],
            [one.about for one in requests],
            [one.status for one in requests],
            [one.microseconds for one in requests],
            [one.address for one in requests],
            [one.agent for one in requests],
            [one.key for one in requests],
            [one.code for one in requests],
            [one.detail for one in requests],
        ),
    )


async def request(tx: Tx, tenant: str, mode: Mode, name: str) -> RequestRow | None:
    """Return one line."""
    return await tx.fetch_one(
        RequestRow,
        _SELECT + "WHERE r.id = %s AND r.tenant = %s AND r.mode = %s",
        (name, tenant, mode.value),
    )


async def requests(tx: Tx, query: RequestsOf, limit: int) -> list[RequestRow]:
    """Return lines, newest first."""
    where: list[LiteralString] = ["r.tenant = %s", "r.mode = %s"]
    values: list[object] = [query.tenant, query.mode.value]
    if query.failed is not None:
        where.append("r.status >= 400" if query.failed else "r.status < 400")
    chosen: tuple[tuple[LiteralString, object], ...] = (
        ("r.method = %s", query.method),
        ("r.route = %s", query.route),
        ("r.subject = %s", query.subject),
        ("r.about = %s", query.about),
        ("r.code = %s", query.code),
        ("r.at >= %s", query.since),
        ("r.at < %s", query.until),
        (
            """
            r.number < (
                SELECT b.number FROM audit.request AS b
                WHERE b.id = %s AND b.tenant = r.tenant AND b.mode = r.mode
            )
            """,
            query.before,
        ),
    )
    for condition, value in chosen:
        if value:
            where.append(condition)
            values.append(value)
    return await tx.fetch_all(
        RequestRow,
        _SELECT + "WHERE " + " AND ".join(where) + " ORDER BY r.number DESC LIMIT %s",
        (*values, limit),
    )


async def forget(tx: Tx, before: datetime) -> None:
    """Drop lines that are older than this."""
    await tx.execute("DELETE FROM audit.request WHERE at < %s", (before,))
