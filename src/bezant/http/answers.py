"""Writing answers: their headers, problems, and the line in the access log.

The headers that every answer has are joined once, when this file is loaded. Under our own server
an answer leaves as one piece (`write_whole`); under any other it goes through ASGI's `send`.
"""

from collections.abc import Iterable
from math import ceil
from typing import Final, cast

import msgspec
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bezant.errors import BezantError
from bezant.http.caller import CredentialUnproved
from bezant.http.fast import FastAnswer
from bezant.http.headers import API_POLICY, HSTS, MANNERS, NO_STORE, Pair
from bezant.http.problems import MEDIA_TYPE, Dialect, encode, problem_of
from bezant.http.protocol import CYCLE, write_whole
from bezant.http.visit import Visit
from bezant.telemetry import Level, enabled, put_line, timestamp

READY: Final = "/ready"  # Asked twice a second by whoever hands out traffic.
CALLER_LEFT = 499  # As nginx has it: nobody was there to read an answer.
WHOLE_BYTES_MAX = 262_144  # An answer of the ordinary lane up to this size leaves as one piece.


def _joined(headers: Iterable[Pair]) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)


_API: Final = (*MANNERS, NO_STORE, (b"content-security-policy", API_POLICY.encode()))
_JSON_HEAD: Final = _joined(((b"content-type", b"application/json"), *_API))
_PROBLEM_HEAD: Final = _joined(((b"content-type", MEDIA_TYPE), *_API))
_EMPTY_HEAD: Final = _joined(MANNERS)
_MANNERS_HEAD: Final = _joined(MANNERS)
_NO_STORE_HEAD: Final = _joined((NO_STORE,))
_HSTS_HEAD: Final = _joined((HSTS,))
_REPLAYED_HEAD: Final = b"idempotent-replayed: true\r\n"
_encode: Final = msgspec.json.Encoder().encode


async def send_fast(
    scope: Scope, send: Send, visit: Visit, answer: FastAnswer, extra: tuple[Pair, ...]
) -> None:
    """Send what a fast handler answered."""
    body = answer.body if isinstance(answer.body, bytes) else _encode(answer.body)
    head = _JSON_HEAD + _state(visit, extra)
    if answer.replayed:
        head += _REPLAYED_HEAD
    if answer.location is not None:
        assert answer.location.isprintable(), "a location has no line breaks"
        head += b"location: %s\r\n" % answer.location.encode("ascii")
    await _send(scope, send, visit, answer.status, head, body)


async def send_problem(
    scope: Scope,
    send: Send,
    visit: Visit,
    error: BezantError,
    dialect: Dialect,
    extra: tuple[Pair, ...],
) -> None:
    """Send an error."""
    problem = problem_of(error, visit.request_id, visit.trace_id or None, dialect)
    head = _PROBLEM_HEAD + _state(visit, extra)
    if isinstance(error, CredentialUnproved):
        head += error.challenge
    elif problem.status == 401:
        head += b"www-authenticate: %s\r\n" % dialect.challenge
    retry_after = error.retry_after_seconds
    if retry_after is None and problem.status == 503:
        retry_after = 1
    if retry_after is not None:
        head += b"retry-after: %d\r\n" % max(1, ceil(retry_after))
    await _send(scope, send, visit, problem.status, head, encode(problem, dialect))


async def send_empty(
    scope: Scope, send: Send, visit: Visit, status: int, extra: tuple[Pair, ...]
) -> None:
    """Send an answer without a body."""
    await _send(scope, send, visit, status, _EMPTY_HEAD + _state(visit, extra), b"")


def allow_of(methods: Iterable[str]) -> Pair:
    """Return the header that names what an address answers."""
    known = {*methods, "OPTIONS", *(("HEAD",) if "GET" in methods else ())}
    return (b"allow", ", ".join(sorted(known)).encode())


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives a body that was read already, then what really comes next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return waiting.pop() if waiting else await receive()

    return receive_again


def dressed(scope: Scope, send: Send, visit: Visit, policy: bytes, extra: tuple[Pair, ...]) -> Send:
    """Return a `send` that adds the headers every answer has, unless a handler set its own."""
    started: list[Message] = []

    async def send_dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
            return
        if started:
            start = started.pop()
            own = cast("list[Pair]", start["headers"])
            names = {name for name, _ in own}
            head = _MANNERS_HEAD + _state(visit, extra)
            if b"content-security-policy" not in names:
                head += b"content-security-policy: %s\r\n" % policy
            if b"cache-control" not in names:
                head += _NO_STORE_HEAD
            body = cast("bytes", message.get("body", b""))
            if not message.get("more_body", False) and len(body) <= WHOLE_BYTES_MAX:
                _refuse_line_breaks(own)
                if b"content-length" not in names and start["status"] not in (204, 304):
                    head += b"content-length: %d\r\n" % len(body)
                visit.status = start["status"]
                await _put(scope, send, visit.status, _joined(own) + head, body)
                return
            start["headers"] = [*own, *_split(head)]
            visit.status = start["status"]
            await send(start)
        await send(message)

    return send_dressed


def _refuse_line_breaks(headers: Iterable[Pair]) -> None:
    for name, value in headers:
        if b"\n" in value or b"\r" in value or b"\n" in name or b"\r" in name:
            raise ValueError("a header has no line breaks")


def _state(visit: Visit, extra: tuple[Pair, ...]) -> bytes:
    """Return the headers that tell of this one request."""
    head = b"request-id: %s\r\n" % visit.request_id.encode()
    spent = visit.spent
    if spent is not None:
        head += b"ratelimit-limit: %d\r\nratelimit-remaining: %d\r\nratelimit-reset: %d\r\n" % (
            spent.limit,
            spent.remaining,
            spent.reset_seconds,
        )
    if visit.secure:
        head += _HSTS_HEAD
    if extra:
        head += _joined(extra)
    return head


async def _send(
    scope: Scope, send: Send, visit: Visit, status: int, head: bytes, body: bytes
) -> None:
    visit.status = status
    if status != 204:
        head += b"content-length: %d\r\n" % len(body)
    await _put(scope, send, status, head, body)


async def _put(scope: Scope, send: Send, status: int, head: bytes, body: bytes) -> None:
    cycle = cast("RequestResponseCycle | None", scope.get(CYCLE))
    if cycle is not None:
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        write_whole(cycle, status, head, body)
        return
    await send({"type": "http.response.start", "status": status, "headers": _split(head)})
    await send({"type": "http.response.body", "body": body})


def _split(head: bytes) -> list[Pair]:
    lines = head.split(b"\r\n")[:-1]
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


class _AccessLine(msgspec.Struct, omit_defaults=True):
    ts: str
    level: str
    log: str
    event: str
    request_id: str
    method: str
    route: str
    status: int
    milliseconds: float
    address: str
    subject: str = ""
    tenant: str = ""
    trace_id: str = ""


def write_access_line(visit: Visit, method: str, route: str, seconds: float) -> None:
    """Log one answer: by its route's name, never by the address a caller wrote."""
    level = Level.DEBUG if route == READY else Level.INFO
    level = Level.WARN if visit.status >= 500 else level
    if not enabled(level):
        return
    actor = visit.actor
    line = _AccessLine(
        timestamp(),
        level.name,
        "http",
        "http.answered",
        visit.request_id,
        method,
        route,
        visit.status,
        round(seconds * 1000, 3),
        visit.address,
        actor.subject if actor is not None else "",
        actor.tenant if actor is not None else "",
        visit.trace_id,
    )
    put_line(level, _encode(line) + b"\n")
