"""The lean way: one hand-written SQL function call a request, a psycopg pool, and bare ASGI.

The function (call.sql) locks both accounts in order, checks key, floor and currency, and writes
transfer and entries; each call is its own commit. It checks no API key, counts nothing and logs
nothing.
"""

import hashlib
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
import uvicorn
from psycopg import AsyncConnection, errors, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

POOL_SIZE = int(os.environ.get("BENCH_POOL", "16"))
BODY_BYTES_MAX = 16_384

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

POST = sql.SQL(
    "SELECT status, id, created_at"
    " FROM post_transfer(%b::text, %b, %b::bigint, %b::bigint, %b::numeric, %b::text, %b::text)"
)


class TransferIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request."""

    debit_account: int
    credit_account: int
    amount: str
    currency: str
    reference: str = ""


class TransferOut(msgspec.Struct, frozen=True):
    """The answer."""

    id: int
    debit_account_id: int
    credit_account_id: int
    amount: str
    currency: str
    reference: str
    created_at: datetime


class Book:
    """The ASGI application."""

    def __init__(self, dsn: str) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[TupleRow]] = AsyncConnectionPool(
            dsn,
            min_size=POOL_SIZE,
            max_size=POOL_SIZE,
            timeout=60,
            open=False,
            configure=_prepare_at_once,
            kwargs={"autocommit": True},
        )
        self._decode = msgspec.json.Decoder(TransferIn).decode
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if scope["method"] != "POST" or scope["path"] != "/v1/transfers":
            await _answer(send, 404, b'{"error":"no such page"}')
            return
        key = _header(scope, b"idempotency-key")
        body = await _body(receive)
        if key is None or body is None:
            await _answer(send, 400, b'{"error":"a key and a short body, please"}')
            return
        try:
            wanted = self._decode(body)
        except msgspec.MsgspecError:
            await _answer(send, 400, b'{"error":"malformed"}')
            return
        await _answer(send, *await self._post(key, body, wanted))

    async def _post(self, key: str, body: bytes, wanted: TransferIn) -> tuple[int, bytes]:
        values = (key, hashlib.sha256(body).digest(), wanted.debit_account, wanted.credit_account)
        values += (wanted.amount, wanted.currency, wanted.reference)
        try:
            found = await self._call(values)
        except errors.UniqueViolation:
            found = await self._call(values)  # The key is there now: this answers its record.
        except errors.DataError:
            return 400, b'{"error":"malformed"}'
        assert found is not None
        status, number, created_at = found
        if status >= 400:
            return status, b'{"error":"refused"}'
        answer = TransferOut(
            number,
            wanted.debit_account,
            wanted.credit_account,
            wanted.amount,
            wanted.currency,
            wanted.reference,
            created_at,
        )
        return status, self._encode(answer)

    async def _call(self, values: Sequence[object]) -> TupleRow | None:
        async with self._pool.connection() as connection:
            return await (await connection.execute(POST, values, binary=True)).fetchone()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._pool.open(wait=True)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _prepare_at_once(connection: AsyncConnection[TupleRow]) -> None:
    connection.prepare_threshold = 0


def _header(scope: Message, wanted: bytes) -> str | None:
    headers = scope["headers"]
    assert isinstance(headers, list)
    for name, value in headers:  # pyright: ignore[reportUnknownVariableType]
        if name == wanted:
            return bytes(value).decode("latin-1")  # pyright: ignore[reportUnknownArgumentType]
    return None


async def _body(receive: Receive) -> bytes | None:
    body = b""
    while len(body) <= BODY_BYTES_MAX:
        message = await receive()
        part = message.get("body", b"")
        assert isinstance(part, bytes)
        body += part
        if not message.get("more_body"):
            return body
    return None


async def _answer(send: Send, status: int, body: bytes) -> None:
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(arguments: Sequence[str]) -> None:
    """Serve on a loopback port. The schema is call.sql's and must be there."""
    (port,) = arguments
    uvicorn.run(
        Book(os.environ["BENCH_DSN"]),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


SCHEMA = Path(__file__).with_name("call.sql")

if __name__ == "__main__":
    main(sys.argv[1:])
