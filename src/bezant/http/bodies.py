"""Reading a request's body: bounded in size, and JSON that means one thing only.

Parsers disagree about repeated keys, `NaN`, lone surrogates and NUL; a proxy in front of us may
see another amount than we do. So such a body is refused before anything reads it. How long a body
may take is held by `protocol.py`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import NoReturn, cast

from bezant.errors import Invalid
from bezant.http.problems import BodyTooLarge

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]

BODY_BYTES_MAX = 1_048_576  # A batch of 1,000 transfers is about 400 kB.
DEPTH_MAX = 32  # The deepest request of ours has six levels.


class MalformedJson(Invalid):
    """The body is not the JSON we accept."""

    code = "malformed_json"


class RepeatedKey(Invalid):
    """An object in the body has the same key twice."""

    code = "repeated_key"


class TooDeep(Invalid):
    """The body is nested deeper than any request of ours."""

    code = "too_deep"


class CallerLeft(Exception):
    """The caller went away before the whole request had arrived."""


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], bytes_max: int) -> bytes:
    """Return the whole body, unless it is too large or its sender goes away."""
    length = headers.get(b"content-length")
    if length is not None and length.isdigit() and int(length[:20]) > bytes_max:
        raise BodyTooLarge(f"a body here has at most {bytes_max} bytes")
    message = await receive()
    if message["type"] != "http.request":
        raise CallerLeft
    body = cast("bytes", message.get("body", b""))
    if message.get("more_body", False):
        body = await _read_rest(receive, body, bytes_max)
    if len(body) > bytes_max:
        raise BodyTooLarge(f"a body here has at most {bytes_max} bytes")
    return body


async def _read_rest(receive: Receive, first: bytes, bytes_max: int) -> bytes:
    parts = [first]
    size = len(first)
    more = True
    while more and size <= bytes_max:
        message = await receive()
        if message["type"] != "http.request":
            raise CallerLeft
        part = cast("bytes", message.get("body", b""))
        more = cast("bool", message.get("more_body", False))
        size += len(part)
        parts.append(part)
    return b"".join(parts)


class _Level(int):
    """How deep the object was that stood here; strings and numbers are never one of these."""


def check_json(body: bytes) -> None:
    """Refuse a body that another parser could read differently, or not at all."""
    brackets = body.count(b"{") + body.count(b"[")
    decoder = _FLAT if brackets <= DEPTH_MAX else _NESTED
    try:
        text = body.decode()
        parsed = decoder.decode(text)
        if brackets > DEPTH_MAX:
            _within_depth(parsed)
        if b"\\u" in body:
            _refuse_unstorable(text)
    except RecursionError as deep:
        raise TooDeep(f"a body has at most {DEPTH_MAX} levels") from deep
    except ValueError as malformed:
        raise MalformedJson from malformed


def _refuse_unstorable(text: str) -> None:
    # Half a surrogate pair is no character, and PostgreSQL stores no NUL.
    written = json.dumps(json.loads(text), ensure_ascii=False).encode()
    if b"\\u0000" in written.replace(b"\\\\", b""):
        raise MalformedJson("text cannot contain the NUL character")


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise RepeatedKey


def _unique_and_nested(pairs: list[tuple[str, object]]) -> _Level:
    if len(dict(pairs)) != len(pairs):
        raise RepeatedKey
    return _Level(1 + max((_within_depth(value) for _, value in pairs), default=0))


def _within_depth(value: object) -> int:
    if isinstance(value, _Level):
        depth = int(value)
    elif isinstance(value, list):
        items = cast("list[object]", value)
        depth = 1 + max((_within_depth(item) for item in items), default=0)
    else:
        depth = 0
    if depth > DEPTH_MAX:
        raise TooDeep(f"a body has at most {DEPTH_MAX} levels")
    return depth


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedJson("NaN and Infinity are not JSON")


_FLAT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)
_NESTED = json.JSONDecoder(object_pairs_hook=_unique_and_nested, parse_constant=_refuse_constant)
