"""The connection itself: what is too large, too slow, half open or out of order."""

import asyncio
import json

import pytest
from tests.http.stand import DEADLINE_SECONDS, WRITER, Stand, note, until

from bezant.http import protocol
from bezant.http.headers import HEADER_BYTES_MAX, HEADERS_MAX

BODY = json.dumps(note()).encode()
HEAD = (
    f"POST /v1/fast HTTP/1.1\r\nhost: a\r\nx-api-key: {WRITER}\r\n"
    "content-type: application/json\r\n"
).encode()
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _problem(answer: bytes) -> dict[str, object]:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


async def _read_one(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.startswith(b"content-length")
        )
        return _status(head), await reader.readexactly(length)


@pytest.mark.parametrize(
    "headers",
    [
        b"a: " + b"b" * (HEADER_BYTES_MAX + 1) + b"\r\n",
        b"".join(b"a%d: b\r\n" % number for number in range(HEADERS_MAX + 1)),
        b"a" * (HEADER_BYTES_MAX + 1) + b": b\r\n",
    ],
    ids=["one long value", "many", "one long name"],
)
async def test_headers_too_large_are_refused(stand: Stand, headers: bytes) -> None:
    answer = await stand.raw(b"GET /health HTTP/1.1\r\nhost: a\r\n" + headers + b"\r\n")
    assert _status(answer) == 431
    assert _problem(answer)["code"] == "headers_too_large"
    fits = b"a: " + b"b" * (HEADER_BYTES_MAX - 500) + b"\r\nconnection: close\r\n\r\n"
    assert _status(await stand.raw(b"GET /health HTTP/1.1\r\nhost: a\r\n" + fits)) == 200


async def test_headers_that_never_end_are_refused_by_their_size(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    writer.write(b"GET /health HTTP/1.1\r\n")
    sent = 0
    answer = asyncio.create_task(reader.read())
    while not answer.done() and sent < 20 * HEADER_BYTES_MAX:
        writer.write(b"a: b\r\n" * 100)
        sent += 600
        await asyncio.sleep(0.001)
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert _status(await answer) == 431
    writer.close()


@pytest.mark.catalogue("T31")
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"GET /hea",
        b"GET /health HTTP/1.1\r\nhost",
        HEAD + b"content-length: 100\r\n\r\n{",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
        WHOLE + b"GET /hea",
    ],
    ids=["nothing", "a line break", "a line", "a header", "a body", "a chunk", "a second"],
)
async def test_a_request_that_stays_incomplete_is_ended(
    stand: Stand, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADERS_SECONDS_MAX", 0.5)
    monkeypatch.setattr(protocol, "BODY_SECONDS_MAX", 0.5)
    answer = await stand.raw(sent)
    assert b" 408 " in answer.rpartition(b"HTTP/1.1")[2] or answer.startswith(b"HTTP/1.1 408")
    assert (b" 201 " in answer) is sent.startswith(WHOLE)


async def test_bytes_that_begin_no_request_do_not_keep_a_connection(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADERS_SECONDS_MAX", 0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    writer.write(WHOLE)
    assert (await _read_one(reader))[0] == 201
    writer.write(b"\r\n")
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert _status(await reader.read()) == 408
    writer.close()


async def test_a_slow_request_that_ends_in_time_is_answered(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    for start in range(0, len(WHOLE), 40):
        writer.write(WHOLE[start : start + 40])
        await asyncio.sleep(0.01)
    assert (await _read_one(reader))[0] == 201
    writer.close()


async def test_a_handler_at_work_is_not_ended_by_that_clock(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADERS_SECONDS_MAX", 0.3)
    monkeypatch.setattr(protocol, "BODY_SECONDS_MAX", 0.3)
    waiting = asyncio.create_task(stand.post("/v1/fast", note("wait")))
    await asyncio.wait_for(stand.notebook.entered.wait(), DEADLINE_SECONDS)
    ended = await stand.raw(b"GET /hea")  # Another connection is ended meanwhile: the clock runs.
    assert _status(ended) == 408
    stand.notebook.may_go_on.set()
    assert (await waiting).status_code == 201


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NOT A REQUEST\r\n\r\n",
        b"GET /health HTTP/9.9\r\n\r\n",
        b"GET /health HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/fast HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nbad header\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_a_problem_too(stand: Stand, sent: bytes) -> None:
    answer = await stand.raw(sent)
    assert _status(answer) == 400, answer
    assert _problem(answer)["code"] == "malformed_request"
    assert stand.notebook.written == []


@pytest.mark.requirement("S003-1")
async def test_a_caller_that_goes_away_cancels_nothing(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    body = json.dumps(note("wait")).encode()
    writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
    await asyncio.wait_for(stand.notebook.entered.wait(), DEADLINE_SECONDS)
    writer.transport.abort()
    del reader
    await until(lambda: stand.serving.connections == 0)
    assert stand.notebook.written == []
    stand.notebook.may_go_on.set()
    await until(lambda: stand.notebook.written == ["wait"])
    await until(lambda: stand.meters.in_flight == 0)


async def test_a_caller_that_goes_away_within_its_body_writes_nothing(stand: Stand) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    writer.write(HEAD + b"content-length: 100\r\n\r\n{")
    await until(lambda: stand.meters.in_flight == 1)
    writer.transport.abort()
    await until(lambda: stand.meters.in_flight == 0)
    assert stand.notebook.written == []
    assert [line["status"] for line in stand.logged() if line["event"] == "http.answered"] == [499]


async def test_requests_in_a_row_are_answered_in_their_order(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    bodies = [json.dumps(note(f"n{number}")).encode() for number in range(20)]
    writer.write(b"".join(HEAD + b"content-length: %d\r\n\r\n" % len(b) + b for b in bodies))
    answers = [await _read_one(reader) for _ in bodies]
    assert [status for status, _ in answers] == [201] * 20
    assert [json.loads(body)["text"] for _, body in answers] == [f"n{n}" for n in range(20)]
    assert stand.notebook.written == [f"n{n}" for n in range(20)]
    writer.close()


async def test_head_answers_as_get_does_without_a_body(stand: Stand) -> None:
    head = await stand.client.head("/health")
    got = await stand.client.get("/health")
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == str(len(got.content))


async def test_old_clients_and_closers_are_served(stand: Stand) -> None:
    old = await stand.raw(b"GET /health HTTP/1.0\r\n\r\n")
    closing = await stand.raw(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    assert (_status(old), _status(closing)) == (200, 200)
    assert b"connection: close" in closing


async def test_a_client_may_ask_before_it_sends_its_body(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    writer.write(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(BODY)
    assert (await _read_one(reader))[0] == 201
    writer.close()


async def test_more_connections_than_places_are_closed(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol.BoundedProtocol, "places", 2)
    kept = [await asyncio.open_connection("127.0.0.1", stand.port) for _ in range(2)]
    await until(lambda: stand.serving.connections == 2)
    assert await stand.raw(b"") == b""
    for _, writer in kept:
        writer.close()
    await until(lambda: stand.serving.connections == 0)
    assert (await stand.client.get("/health")).status_code == 200


async def test_an_upgrade_is_not_taken(stand: Stand) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    writer.write(
        b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-key: a\r\nsec-websocket-version: 13\r\n\r\n"
    )
    assert (await _read_one(reader))[0] == 200
    assert [line["event"] for line in stand.logged()] == ["http.answered"]
    writer.close()
