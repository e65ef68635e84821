"""Connections to a provider: how answers are framed, what may not be mixed up, who waits."""

import asyncio

import pytest
from tests.harness.waiting import until
from tests.psp.peer import YES, Heard, opened, peer, request, saying

from bezant.exchange import Sending
from bezant.psp import connection
from bezant.psp import transport as room

CHUNKED = (
    b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{"ok":\r\n5\r\ntrue}\r\n0\r\n\r\n'
)


@pytest.mark.parametrize(
    "raw",
    [
        CHUNKED,
        b"HTTP/1.1 100 Continue\r\n\r\n" + YES,
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + YES,
    ],
    ids=["in chunks", "after a word to go on", "after hints"],
)
async def test_an_answer_is_read_however_it_is_framed(raw: bytes):
    async with peer(saying(raw)) as here, opened(here.url) as transport:
        for _ in range(3):
            answer = await transport.send(request())
            assert (answer.sending, answer.status) == (Sending.ANSWERED, 200)
            assert answer.body == b'{"ok":true}'
        assert here.connections == 1


async def test_an_answer_that_comes_in_bits_is_read_whole():
    async def slowly(_: Heard, writer: asyncio.StreamWriter) -> None:
        for at in range(len(CHUNKED)):
            writer.write(CHUNKED[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async with peer(slowly) as here, opened(here.url) as transport:
        assert (await transport.send(request())).body == b'{"ok":true}'


async def test_an_answer_of_no_stated_length_ends_with_its_connection():
    async def until_the_end(_: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"ok":true}')
        await writer.drain()
        writer.close()

    async with peer(until_the_end) as here, opened(here.url) as transport:
        answer = await transport.send(request())
        assert (answer.sending, answer.body) == (Sending.ANSWERED, b'{"ok":true}')


async def test_a_connection_that_is_not_to_be_kept_is_not_used_again():
    last = YES.replace(b"content-type", b"connection: close\r\ncontent-type")
    async with peer(saying(last)) as here, opened(here.url) as transport:
        for _ in range(3):
            assert (await transport.send(request())).sending is Sending.ANSWERED
        assert here.connections == 3


NO = b'HTTP/1.1 402 Payment Required\r\ncontent-length: 11\r\n\r\n{"ok":false'


@pytest.mark.parametrize("more", [NO, NO[:20], b"garbage"], ids=["whole", "begun", "garbage"])
async def test_what_comes_after_an_answer_is_nobody_elses(more: bytes):
    async with peer(saying(YES + more)) as here, opened(here.url) as transport:
        for _ in range(3):
            answer = await transport.send(request())
            assert answer.sending is Sending.SILENT or answer.body == b'{"ok":true}'
            assert answer.status in (0, 200), "the second answer was to no question of ours"
        assert len(here.heard) == 3


async def test_what_nobody_asked_for_is_nobodys_answer():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        assert (await transport.send(request())).status == 200
        for writer in here.writers:
            writer.write(NO)
            await writer.drain()
        answer = await transport.send(request())
        assert answer.status in (0, 200)
        assert answer.sending in (Sending.SILENT, Sending.ANSWERED)


async def test_a_head_without_an_end_is_silence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "HEAD_BYTES_MAX", 10_000)
    monkeypatch.setattr(room, "ANSWER_BYTES_MAX", 10_000)

    async def endless(_: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"x-more: " + b"y" * 1_000 + b"\r\n")
            await writer.drain()

    async with peer(endless) as here, opened(here.url) as transport:
        answer = await transport.send(request(deadline_seconds=60))
        assert (answer.sending, answer.status) == (Sending.SILENT, 0)


async def test_a_request_whose_head_could_hold_another_one_is_not_sent():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        for odd in (
            request(path="/v1/a HTTP/1.1\r\nx: y"),
            request(headers=(("Idempotency-Key", "a\r\nx: y"),)),
        ):
            with pytest.raises(ValueError, match="line breaks"):
                await transport.send(odd)
        assert here.heard == []


async def test_calls_beyond_the_most_connections_wait_their_turn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 2)
    gate = asyncio.Event()

    async def gated(_: Heard, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.write(YES)

    async with peer(gated) as here, opened(here.url) as transport:
        calls = [asyncio.create_task(transport.send(request())) for _ in range(6)]
        await until(lambda: len(here.heard) == 2, "two are under way")
        calls[0].cancel()
        calls[5].cancel()
        gate.set()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        answered = [end for end in ends if not isinstance(end, BaseException)]
        assert [one.status for one in answered] == [200] * 4
        assert (await transport.send(request())).status == 200, "no turn was lost"


async def mute(_: Heard, writer: asyncio.StreamWriter) -> None:
    del writer


async def test_who_gets_no_turn_in_time_sent_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 1)
    async with peer(mute) as here, opened(here.url) as transport:
        first = asyncio.create_task(transport.send(request(deadline_seconds=30)))
        await until(lambda: len(here.heard) == 1, "one is under way")
        assert (await transport.send(request(deadline_seconds=0.2))).sending is Sending.NOT_SENT
        assert len(here.heard) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_connections_that_idle_are_closed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.1)
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        assert (await transport.send(request())).status == 200
        await until(lambda: not here.writers, "the connection is closed")
        assert (await transport.send(request())).status == 200
        assert here.connections == 2
