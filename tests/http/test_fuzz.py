"""Requests that nobody would write by hand: whatever comes, nobody sees a failure of ours."""

import asyncio
import json
import random

import pytest
from tests.http.stand import DEADLINE_SECONDS, WRITER, Stand, note

ROUNDS = 40
IN_A_ROUND = 25
PATHS = [
    "/v1/fast",
    "/v1/ordinary",
    "/v1/keyed",
    "/v1/strict",
    "/v1/notes",
    "/v1/notes/1",
    "/health",
]
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE"]
HEADERS = [
    "x-api-key",
    "authorization",
    "content-type",
    "cookie",
    "idempotency-key",
    "traceparent",
    "origin",
    "x-forwarded-for",
    "expect",
    "accept",
    "host",
    "content-encoding",
]
VALUES = [
    "",
    WRITER,
    f"Bearer {WRITER}",
    "application/json",
    "application/json; charset=utf-16",
    "multipart/form-data",
    "__Host-bezant=a; ;=;;",
    "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    "\xff\xfe",
    "a" * 3_000,
    "100-continue",
    "%00",
    "gzip",
]


def _mutated(chance: random.Random) -> bytes:
    """Return a valid body with a few of its bytes changed, doubled or taken away."""
    body = bytearray(json.dumps(note(tags={"a": "b"})).encode())
    for _ in range(chance.choice([0, 0, 1, 2, 3])):
        place = chance.randrange(len(body))
        match chance.randrange(3):
            case 0:
                body[place] = chance.randrange(256)
            case 1:
                body[place:place] = body[place : place + chance.randrange(40)]
            case _:
                del body[place : place + chance.randrange(9)]
        if not body:
            break
    return bytes(body)


def _request(chance: random.Random) -> bytes:
    path = chance.choice(PATHS)
    if chance.random() < 0.3:
        path += chance.choice(
            ["/", "?", "?a=%", "/%ff", "/%00", "//", "?limit=-1", "/..;/", "?" + "a" * 5_000]
        )
    lines = [f"{chance.choice(METHODS)} {path} HTTP/1.1", "host: a", "connection: close"]
    if chance.random() < 0.8:
        lines += [f"x-api-key: {WRITER}", "content-type: application/json"]
    for _ in range(chance.randrange(4)):
        lines.append(f"{chance.choice(HEADERS)}: {chance.choice(VALUES)}")
    body = _mutated(chance)
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


@pytest.mark.catalogue("T60")
@pytest.mark.parametrize("seed", range(4))
async def test_no_request_makes_us_fail(stand: Stand, seed: int) -> None:
    chance = random.Random(seed)
    statuses: dict[int, int] = {}
    for _ in range(ROUNDS):
        requests = [_request(chance) for _ in range(IN_A_ROUND)]
        async with asyncio.timeout(DEADLINE_SECONDS):
            answers = await asyncio.gather(*(stand.raw(request) for request in requests))
        for request, answer in zip(requests, answers, strict=True):
            final = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            status = int(final.split(b" ", 2)[1])
            statuses[status] = statuses.get(status, 0) + 1
            assert status < 500, (request, answer)
            if status >= 400 and not request.startswith(b"HEAD"):
                assert b"application/problem+json" in final, (request, answer)
    assert [line for line in stand.logged() if line["level"] == "ERROR"] == []
    # The control: the mixture is one in which requests also succeed, and fail in many ways.
    assert statuses[201] > 0
    assert len(statuses) >= 8
