"""The floor under any HTTP answer here: uvicorn, bare ASGI and msgspec, answering what it was sent.

It checks no key, counts nothing, limits nothing and logs nothing. Started as `python -m
bench.baselines.echo PORT`.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping

import msgspec
import uvicorn

Message = MutableMapping[str, object]


class Amount(msgspec.Struct):
    """An amount as text."""

    amount: str
    asset: str


class Echo(msgspec.Struct):
    """The request and the answer."""

    debit: str
    credit: str
    amount: Amount
    reference: str = ""


_decode = msgspec.json.Decoder(Echo).decode
_encode = msgspec.json.Encoder().encode


async def echo(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer what was sent."""
    assert scope["type"] == "http", scope["type"]
    message = await receive()
    body = message["body"]
    assert isinstance(body, bytes)
    answer = _encode(_decode(body))
    length = b"%d" % len(answer)
    headers = [(b"content-type", b"application/json"), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def serve(application: object, port: int) -> None:
    """Serve as the platform does: one process, uvloop, httptools, no access log."""
    uvicorn.run(
        application,  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="error",
        backlog=2_048,
    )


if __name__ == "__main__":
    serve(echo, int(sys.argv[1]))
