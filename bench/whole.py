"""What a card payment leaves on disk with all that follows from it, wherever it is kept.

Payments are taken, and the acquirer's event about each arrives, signed, and is acted on. Then every
table and index of the installation is weighed: the payments', the book's, the orders', and what the
log, the webhooks, the request log and the queue of jobs keep besides. Room that is left behind by
changed rows counts, though later payments use it again.
"""

import asyncio
import hashlib
import hmac
import time
from http.client import HTTPConnection
from typing import Final, LiteralString

import msgspec
from psycopg import AsyncConnection

from bench import paying
from bench.far import WARM_CONNECTIONS, Pressed
from bench.followed import followed_after
from bench.measure import Fact
from bench.process import HOST, ChildFailed
from bench.run import Run
from bezant.sandbox.card import EVERYBODY

MEASURE: Final = "bytes_with_all_that_follows"
SECONDS: Final = 2.0
ACTED_SECONDS_MAX: Final = 120.0
PATH: Final = "/v1/webhooks/card"
BY_SCHEMA: Final[LiteralString] = """
    SELECT n.nspname, sum(pg_total_relation_size(c.oid))::bigint
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    GROUP BY n.nspname
"""
NEWEST: Final[LiteralString] = """
    SELECT o.reference, 'att_' || replace(o.attempt::text, '-', '')
    FROM payments.outcome AS o
    WHERE o.reference IS NOT NULL
    ORDER BY o.settled_at DESC
    LIMIT %s
"""
WAITING: Final[LiteralString] = (
    "SELECT count(*) FROM payments.arrival AS a WHERE a.due_at IS NOT NULL"
)


async def weigh(run: Run, house: paying.Shop, bezant: Pressed) -> None:
    """Take payments, let everything follow, and keep what one of them weighs."""
    before, counted = await _by_schema(house.dsn), bezant.accepted
    await bezant.press(house.plan, WARM_CONNECTIONS, SECONDS)
    made = bezant.accepted - counted
    async with await AsyncConnection.connect(house.dsn, autocommit=True) as connection:
        newest = await (await connection.execute(NEWEST, (made,))).fetchall()
        await asyncio.to_thread(_tell, house.service.port, [(str(a), str(b)) for a, b in newest])
        until = time.monotonic() + ACTED_SECONDS_MAX
        while await _one(connection, WAITING) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        left = await _one(connection, WAITING)
    if left:
        run.problems.append(f"{house.service.name}: {left} events were not acted on")
    await followed_after(house.dsn)
    after = await _by_schema(house.dsn)
    each = {name: after[name] - before.get(name, 0) for name in sorted(after)}
    grown = sum(each.values())
    facts: dict[str, Fact] = {"payments": made, "events": len(newest), "bytes": grown}
    facts["bytes_by_schema"] = {name: size for name, size in each.items() if size}
    run.keep_with(MEASURE, grown / max(made, 1), facts)


def _tell(port: int, newest: list[tuple[str, str]]) -> None:
    """Bring the acquirer's event about each of these charges, as the acquirer would."""
    connection = HTTPConnection(HOST, port, timeout=30)
    for reference, key in newest:
        thing = {
            "id": reference, "key": key, "status": "captured", "amount": "1999", "asset": "EUR",
            "captured": "1999", "refunded": "0",
        }  # fmt: skip
        event = {
            "id": f"evt_{reference}", "type": "authorisation.captured",
            "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "data": thing,
        }  # fmt: skip
        body = msgspec.json.encode(event)
        seconds = str(int(time.time()))
        secret = EVERYBODY.webhook_secret.reveal().encode()
        signature = hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "Card-Signature": f"t={seconds},v1={signature}",
        }
        connection.request("POST", PATH, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise ChildFailed(f"an event was answered {answer.status}: {said.decode()}")
    connection.close()


async def _by_schema(dsn: str) -> dict[str, int]:
    async with await AsyncConnection.connect(dsn, autocommit=True) as connection:
        rows = await (await connection.execute(BY_SCHEMA)).fetchall()
    return {str(name): int(size) for name, size in rows}


async def _one(connection: AsyncConnection, question: LiteralString) -> int:
    row = await (await connection.execute(question)).fetchone()
    assert row is not None
    return int(row[0])
