"""One connection must never be read in two ways, nor be held for ever by whoever reads slowly."""

import asyncio
import json
import re
import socket
from ipaddress import ip_network

import pytest
from tests.http.stand import DEADLINE_SECONDS, WRITER, Stand, note, standing, until

from bezant.http import protocol
from bezant.http.edge import Rules
from bezant.http.headers import HEADER_BYTES_MAX
from bezant.http.routes import PUBLIC, Routes

HEAD = f"POST /v1/fast HTTP/1.1\r\nhost: a\r\nx-api-key: {WRITER}\r\n".encode()
JSON_TYPE = b"content-type: application/json\r\n"
UPGRADES = {
    "h2c": b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n",
    "websocket": b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n",
    "nobody knows": b"upgrade: x\r\nconnection: keep-alive, upgrade\r\n",
}
LAST = b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
BODY = json.dumps(note("honest")).encode()


def sized(body: bytes) -> bytes:
    return b"content-length: %d\r\n\r\n" % len(body) + body


def in_chunks(body: bytes, trailers: bytes = b"") -> bytes:
    head = b"transfer-encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, trailers)


async def answers(stand: Stand, sent: bytes, then: bytes = LAST, cut: int = 0) -> list[int]:
    """Send something, in two packets if it is cut, and a last request; return every status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if cut:
        told = len(stand.logged())
        writer.write(sent[:cut])
        await until(lambda: stand.meters.in_flight > 0 or len(stand.logged()) > told)
    writer.write(sent[cut:] + then)
    async with asyncio.timeout(DEADLINE_SECONDS):
        answer = await reader.read()
    writer.close()
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3})", answer)]


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("framed", [sized, in_chunks])
@pytest.mark.parametrize("at_once", [True, False])
async def test_a_body_after_a_wish_for_another_protocol_is_a_body(
    stand: Stand, upgrade: bytes, framed: object, at_once: bool
) -> None:
    assert callable(framed)
    head = HEAD + JSON_TYPE + upgrade
    sent = head + framed(BODY)
    cut = 0 if at_once else sent.index(b"\r\n\r\n") + 4
    assert await answers(stand, sent, cut=cut) == [201, 200]
    assert stand.notebook.written == ["honest"]


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
async def test_a_request_hidden_in_such_a_body_is_never_answered(
    stand: Stand, upgrade: bytes
) -> None:
    hidden = HEAD + JSON_TYPE + sized(json.dumps(note("smuggled")).encode())
    sent = HEAD + JSON_TYPE + upgrade + sized(hidden)
    assert await answers(stand, sent, cut=len(sent) - len(hidden)) == [400, 200]
    assert await answers(stand, hidden) == [201, 200]  # Sent openly, it would have been.
    assert stand.notebook.written == ["smuggled"]


async def test_wishes_in_a_row_cost_no_more_than_requests_in_a_row(stand: Stand) -> None:
    one = b"GET /health HTTP/1.1\r\nhost: a\r\n" + UPGRADES["nobody knows"] + b"\r\n"
    assert await answers(stand, one * 300) == [200] * 301


@pytest.mark.parametrize(
    "trailer",
    [
        b"x-api-key: sk_test_writer\r\n",
        b"authorization: Bearer sk_test_writer\r\n",
        b"cookie: __Host-bezant=bzs_x\r\n",
    ],
)
async def test_a_field_after_the_body_is_no_credential(stand: Stand, trailer: bytes) -> None:
    bare = b"POST /v1/fast HTTP/1.1\r\nhost: a\r\n" + JSON_TYPE
    assert await answers(stand, bare + in_chunks(BODY, trailer)) == [401, 200]
    assert stand.notebook.written == []


async def test_a_field_after_the_body_changes_nothing_the_head_said(stand: Stand) -> None:
    trailers = b"host: b\r\nx-api-key: other\r\nidempotency-key: other\r\ncontent-type: text/x\r\n"
    assert await answers(stand, HEAD + JSON_TYPE + in_chunks(BODY, trailers)) == [201, 200]


async def test_an_address_cannot_be_forged_after_the_body() -> None:
    rules = Rules(trusted_proxies=(ip_network("127.0.0.0/8"),))
    sent = HEAD + JSON_TYPE + b"x-forwarded-for: 203.0.113.7\r\n"
    forged = b"x-forwarded-for: 198.51.100.1\r\n"
    async with standing(rules) as stand:
        assert await answers(stand, sent + in_chunks(BODY, forged)) == [201, 200]
        lines = [one for one in stand.logged() if one.get("route") == "/v1/fast"]
        assert [one["address"] for one in lines] == ["203.0.113.7"]


@pytest.mark.parametrize("piece", [b"x: y\r\n", b"y" * 60])
async def test_fields_that_never_end_after_a_body_are_refused_by_their_size(
    stand: Stand, piece: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stand.port)
    head = HEAD + JSON_TYPE + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nbegun: "
    writer.write(head + (b"\r\n" if piece.endswith(b"\n") else b""))
    sent = 0
    with pytest.raises(ConnectionError):
        while sent < 40 * HEADER_BYTES_MAX:
            writer.write(piece * 500)
            sent += len(piece) * 500
            await writer.drain()
            await asyncio.sleep(0)
    await until(lambda: stand.serving.connections == 0)
    writer.close()
    del reader


async def test_a_body_in_small_chunks_is_read(stand: Stand) -> None:
    body = json.dumps(note("x" * 15_000)).encode()
    places = range(0, len(body), 8)
    pieces = b"".join(b"8\r\n%s\r\n" % body[at : at + 8].ljust(8) for at in places)
    sent = HEAD + JSON_TYPE + b"transfer-encoding: chunked\r\n\r\n" + pieces + b"0\r\n\r\n"
    assert len(sent) - len(body) < HEADER_BYTES_MAX
    assert await answers(stand, sent) == [201, 200]


def large_pages() -> Routes:
    routes = Routes("pages")

    @routes.get("/v1/large", permission=PUBLIC)
    async def large() -> dict[str, str]:
        return {"text": "x" * 200_000}

    del large
    return routes


async def test_who_never_reads_does_not_keep_a_connection_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "UNTAKEN_SECONDS_MAX", 1.0)
    async with standing(more=[large_pages()]) as stand:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", stand.port))
        one = b"GET /v1/large HTTP/1.1\r\nhost: a\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(deaf, one * 40)
        await until(lambda: stand.serving.connections == 1)
        await until(lambda: stand.serving.connections == 0)
        await until(lambda: stand.meters.in_flight == 0)
        deaf.close()


async def test_who_reads_slowly_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNTAKEN_SECONDS_MAX", 3.0)
    async with standing(more=[large_pages()]) as stand:
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", stand.port))
        closing = b"GET /v1/large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        await loop.sock_sendall(slow, b"GET /v1/large HTTP/1.1\r\nhost: a\r\n\r\n" * 20 + closing)
        taken = 0
        begun = loop.time()
        async with asyncio.timeout(DEADLINE_SECONDS):
            while piece := await loop.sock_recv(slow, 65_536):
                taken += len(piece)
                if loop.time() - begun < 5.0:  # Longer than an answer may wait untouched.
                    await asyncio.sleep(0.1)
        slow.close()
        assert taken > 21 * 200_000
