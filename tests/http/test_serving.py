"""Ports: opened before anything else, several in a process, closed without losing an answer."""

import asyncio
import gc
import socket
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.http.stand import Stand, note, standing, until
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from bezant.http import serve
from bezant.http.serve import CannotListen, Listening, Serving


def _says(text: str) -> ASGIApp:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        body = f"{text} {scope['scheme']}".encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


@asynccontextmanager
async def _running(serving: Serving) -> AsyncGenerator[tuple[tuple[str, int], ...]]:
    bound = serving.bind()
    running = asyncio.create_task(serving.run())
    await until(lambda: serving.started)
    try:
        yield bound
    finally:
        serving.stop()
        await running


@pytest.mark.requirement("S003-5")
def test_a_taken_port_is_named_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            free = probe.getsockname()[1]
        serving = Serving(
            [Listening("127.0.0.1", free, _says("a")), Listening("127.0.0.1", port, _says("b"))]
        )
        with pytest.raises(CannotListen, match=f"port {port} on 127.0.0.1 is taken"):
            serving.bind()
        socket.create_server(("127.0.0.1", free)).close()


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(CannotListen, match=r"no address 192\.0\.2\.1"):
        Serving([Listening("192.0.2.1", 0, _says("a"))]).bind()


@pytest.mark.requirement("S001-4", "S002-1")
async def test_several_ports_of_one_process_answer_for_themselves() -> None:
    names = ["gateway", "auth", "ledger"]
    serving = Serving([Listening("127.0.0.1", 0, _says(name)) for name in names])
    async with _running(serving) as bound, httpx2.AsyncClient() as client:
        answers = [(await client.get(f"http://127.0.0.1:{port}/")).text for _, port in bound]
    assert answers == [f"{name} http" for name in names]


async def test_ipv6_is_listened_to() -> None:
    serving = Serving([Listening("::1", 0, _says("six"))])
    async with _running(serving) as ((_, port),), httpx2.AsyncClient() as client:
        assert (await client.get(f"http://[::1]:{port}/")).text == "six http"


@pytest.mark.requirement("S002-7")
async def test_tls_is_served_beside_plain_text_and_not_below_1_2(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(_certificate(tmp_path))
    serving = Serving(
        [
            Listening("127.0.0.1", 0, _says("plain")),
            Listening("127.0.0.1", 0, _says("closed"), tls=context),
        ]
    )
    trusting = ssl.create_default_context(cafile=str(tmp_path / "pair.pem"))
    async with (
        _running(serving) as ((_, plain), (_, closed)),
        httpx2.AsyncClient(verify=trusting) as client,
    ):
        assert (await client.get(f"http://127.0.0.1:{plain}/")).text == "plain http"
        assert (await client.get(f"https://127.0.0.1:{closed}/")).text == "closed https"


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pair = folder / "pair.pem"
    pair.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return pair


async def test_stopping_waits_for_the_answers_under_way(stand: Stand) -> None:
    waiting = asyncio.create_task(stand.post("/v1/fast", note("wait")))
    await until(stand.notebook.entered.is_set)
    stand.serving.stop()
    await until(lambda: not stand.serving.accepting)
    with pytest.raises(httpx2.ConnectError):
        await httpx2.AsyncClient().get(f"http://127.0.0.1:{stand.port}/health")
    assert not stand.running.done()
    stand.notebook.may_go_on.set()
    assert (await waiting).status_code == 201
    await asyncio.wait_for(stand.running, 30)


async def test_a_handler_that_takes_too_long_is_left_alone_not_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serve, "GRACE_SECONDS", 0.2)
    async with standing() as stand:
        waiting = asyncio.create_task(stand.post("/v1/fast", note("wait")))
        await until(stand.notebook.entered.is_set)
        stand.serving.stop()
        await asyncio.wait_for(stand.running, 30)
        with pytest.raises(httpx2.RemoteProtocolError):
            await waiting
        assert stand.notebook.written == []
        stand.notebook.may_go_on.set()
        await until(lambda: stand.notebook.written == ["wait"])
        assert [
            line["requests"] for line in stand.logged() if line["event"] == "stop.unfinished"
        ] == [1]


async def test_idle_connections_do_not_delay_the_end(stand: Stand) -> None:
    kept = [await asyncio.open_connection("127.0.0.1", stand.port) for _ in range(20)]
    await until(lambda: stand.serving.connections == 20)
    started = time.monotonic()
    stand.serving.stop()
    await asyncio.wait_for(stand.running, 30)
    assert time.monotonic() - started < serve.GRACE_SECONDS
    for _, writer in kept:
        writer.close()


async def test_stop_before_run_ends_at_once() -> None:
    serving = Serving([Listening("127.0.0.1", 0, _says("a"))])
    serving.bind()
    serving.stop()
    await asyncio.wait_for(serving.run(), 30)


async def test_ports_that_were_never_served_are_given_back() -> None:
    serving = Serving([Listening("127.0.0.1", 0, _says("a"))])
    ((_, port),) = serving.bind()
    serving.close()
    socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("path", ["/v1/fast", "/v1/ordinary", "/v1/nowhere"])
async def test_a_request_that_was_answered_is_gone_without_the_garbage_collector(
    stand: Stand, path: str
) -> None:
    gc.collect()
    gc.disable()
    try:
        for number in range(40):
            await stand.post(path, note(f"note {number}"))
        left = [one for one in gc.get_objects() if isinstance(one, RequestResponseCycle)]
        assert len(left) <= 5, "what is left belongs to connections that are open"
    finally:
        gc.enable()
