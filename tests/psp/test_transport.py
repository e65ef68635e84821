"""The room that talks to providers: what it says of a request that may or may not have arrived."""

import asyncio
import io
import json
import time

import pytest
from tests.harness.waiting import until
from tests.psp.peer import YES, Heard, Reply, opened, peer, request, saying

from bezant import telemetry
from bezant.actor import Mode
from bezant.db import guard
from bezant.exchange import LOCAL, Sending
from bezant.psp import transport as room
from bezant.psp.port import ProviderNotConfigured
from bezant.telemetry.metrics import Meters


async def test_a_request_arrives_once_as_it_was_written_with_the_accounts_credentials():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        answer = await transport.send(request())
        assert (answer.sending, answer.status, answer.body) == (
            Sending.ANSWERED,
            200,
            b'{"ok":true}',
        )
        assert len(answer.digest) == 64
        [heard] = here.heard
        assert heard.line == "POST /v1/payment_intents?a=b%20c HTTP/1.1"
        assert heard.headers["authorization"] == "Bearer sk_test_1"
        assert heard.headers["idempotency-key"] == "att_1"
        assert heard.headers["content-type"] == "application/x-www-form-urlencoded"
        assert heard.headers["accept-encoding"] == "identity"
        assert heard.body == b"amount=1999"


async def test_connections_are_kept_and_shared():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        for _ in range(20):
            await transport.send(request())
        assert here.connections == 1
        await asyncio.gather(*(transport.send(request()) for _ in range(40)))
        assert here.connections <= 41


async def test_where_nobody_listens_nothing_was_sent():
    async with peer(saying(YES)) as here:
        port = here.port
    async with opened(f"http://127.0.0.1:{port}") as transport:
        answer = await transport.send(request())
        assert (answer.sending, answer.status) == (Sending.NOT_SENT, 0)


async def test_a_name_that_means_nothing_is_not_sent():
    async with opened("https://provider.invalid") as transport:
        assert (await transport.send(request())).sending is Sending.NOT_SENT


async def test_a_host_without_tls_is_not_spoken_to():
    async with peer(saying(YES)) as here:
        async with opened(f"https://127.0.0.1:{here.port}") as transport:
            answer = await transport.send(request())
            assert answer.sending is Sending.NOT_SENT
        assert here.heard == []


async def dropped(_: Heard, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def mute(_: Heard, writer: asyncio.StreamWriter) -> None:
    del writer


CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"


async def truncated(_: Heard, writer: asyncio.StreamWriter) -> None:
    writer.write(CUT)
    await writer.drain()
    writer.transport.abort()


@pytest.mark.parametrize(
    "reply",
    [
        dropped,
        mute,
        truncated,
        saying(b"garbage\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        saying(CUT),
        saying(b"HTTP/1.1 2000 OK\r\n\r\n"),
    ],
    ids=["dropped", "mute", "truncated", "garbage", "bad chunk", "stuck", "bad status"],
)
async def test_whatever_happens_after_it_left_is_silence(reply: Reply):
    async with peer(reply) as here, opened(here.url) as transport:
        answer = await transport.send(request(deadline_seconds=0.5))
        assert (answer.sending, answer.status, answer.body) == (Sending.SILENT, 0, b"")
        assert len(here.heard) == 1, "nothing is sent twice from here"


async def test_a_kept_connection_that_breaks_is_no_reason_to_send_again():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        assert (await transport.send(request())).status == 200
        here.reply = dropped
        assert (await transport.send(request())).sending is Sending.SILENT
        assert len(here.heard) == 2


async def test_the_deadline_is_kept():
    async with peer(mute) as here, opened(here.url) as transport:
        began = time.monotonic()
        await transport.send(request(deadline_seconds=0.2))
        assert time.monotonic() - began < 5


async def test_a_redirect_is_an_answer_and_not_followed():
    async with peer(saying(YES)) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nlocation: {elsewhere.url}/\r\ncontent-length: 0\r\n\r\n"
        async with peer(saying(moved.encode())) as here, opened(here.url) as transport:
            answer = await transport.send(request())
            assert answer.status == 307
        assert elsewhere.heard == []


async def test_an_answer_that_is_too_long_reads_as_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room, "ANSWER_BYTES_MAX", 1_000)
    body = b"x" * 5_000
    long = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + body
    async with peer(saying(long)) as here, opened(here.url) as transport:
        answer = await transport.send(request())
        assert (answer.sending, answer.status, answer.body) == (Sending.ANSWERED, 200, b"")


async def test_cookies_of_a_provider_are_forgotten():
    cookie = YES.replace(b"content-type", b"set-cookie: a=b; path=/\r\ncontent-type")
    async with peer(saying(cookie)) as here, opened(here.url) as transport:
        await transport.send(request())
        await transport.send(request())
        assert "cookie" not in here.heard[1].headers


async def test_nothing_leaves_while_a_transaction_is_open():
    class Open:
        name = "payments"
        is_open = True

    async with peer(saying(YES)) as here, opened(here.url) as transport:
        mark = guard.current.set(Open())
        try:
            with pytest.raises(guard.TransactionOpen):
                await transport.send(request())
        finally:
            guard.current.reset(mark)
        assert here.heard == []


async def test_an_account_we_do_not_have_is_said_aloud():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        for other in (request(provider="paypal"), request(mode=Mode.LIVE)):
            with pytest.raises(ProviderNotConfigured):
                await transport.send(other)
        assert here.heard == []


async def test_a_request_to_nobody_is_answered_here():
    async with peer(saying(YES)) as here, opened(here.url) as transport:
        answer = await transport.send(request(method=LOCAL))
        assert (answer.sending, answer.status) == (Sending.ANSWERED, 204)
        assert here.heard == []


async def test_a_provider_that_does_not_answer_is_left_alone_for_a_while():
    async with peer(dropped) as here, opened(here.url) as transport:
        ends = [(await transport.send(request())).sending for _ in range(8)]
        assert ends[:4] == [Sending.SILENT] * 4
        assert ends[-1] is Sending.NOT_SENT, "the breaker is open: nothing was sent"
        before = len(here.heard)
        here.reply = saying(YES)

        async def answered() -> bool:
            return (await transport.send(request())).sending is Sending.ANSWERED

        deadline = time.monotonic() + 30
        while not await answered():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert len(here.heard) == before + 1


async def test_calls_are_counted_and_logged_without_what_was_said():
    stream = io.StringIO()
    writer = telemetry.configure(telemetry.Level.DEBUG, stream=stream)
    meters = Meters()
    try:
        async with peer(saying(YES)) as here, opened(here.url, meters=meters) as transport:
            secret = b"card%5Bnumber%5D=4242424242424242&cvc=123"
            await transport.send(request(body=secret))
        writer.flush()
    finally:
        telemetry.shut()
    told = stream.getvalue()
    line = json.loads(told.splitlines()[-1])
    assert (line["event"], line["key"], line["end"]) == ("provider.called", "att_1", "200")
    for hidden in ("4242424242424242", "cvc", "sk_test_1", '"ok"'):
        assert hidden not in told
    counted = meters.exposition().decode()
    labels = 'end="200",mode="test",operation="charge",provider="stripe"'
    assert f"bezant_provider_calls_total{{{labels}}} 1.0" in counted


async def test_a_caller_who_gives_up_leaves_nothing_behind():
    async with peer(mute) as here, opened(here.url) as transport:
        task = asyncio.create_task(transport.send(request()))
        await until(lambda: len(here.heard) == 1, "the request arrived")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        here.reply = saying(YES)
        assert (await transport.send(request())).status == 200
