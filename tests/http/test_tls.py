"""Encryption for callers from outside: what is spoken, what is not, and how papers are changed."""

import asyncio
import errno
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from tests.cli.running import Nest
from tests.harness.ports import free_port
from tests.http.papers import Pair, new_pair
from tests.http.stand import DEADLINE_SECONDS, WRITER, Stand, note, standing, until

from bezant.http import handshake, protocol
from bezant.http.edge import Rules
from bezant.http.serve import Listening, Serving
from bezant.http.tls import Certificate, CertificateUnusable


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return new_pair(tmp_path)


@asynccontextmanager
async def encrypted(certificate: Certificate) -> AsyncIterator[tuple[Stand, int]]:
    """Serve the sample routes in the open and encrypted, as a house does."""
    async with (
        standing(Rules(https=443)) as stand,
        listening(certificate.context, stand) as (_, port),
    ):
        yield stand, port


@asynccontextmanager
async def listening(context: ssl.SSLContext, stand: Stand) -> AsyncIterator[tuple[Serving, int]]:
    serving = Serving([Listening("127.0.0.1", 0, stand.edge, context)])
    ((_, port),) = serving.bind()
    running = asyncio.create_task(serving.run())
    await until(lambda: serving.started)
    try:
        yield serving, port
    finally:
        serving.stop()
        await running


async def shown(port: int, context: ssl.SSLContext) -> tuple[str, bytes]:
    """Return the version that is spoken, and the fingerprint of what the other side shows."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="pay.example"
    )
    spoken: ssl.SSLObject = writer.get_extra_info("ssl_object")
    papers = spoken.getpeercert(binary_form=True)
    assert papers is not None
    writer.close()
    return spoken.version() or "", hashlib.sha256(papers).digest()


def speaking(pair: Pair, highest: ssl.TLSVersion, lowest: ssl.TLSVersion) -> ssl.SSLContext:
    context = pair.trust()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = lowest, highest
    return context


@pytest.mark.requirement("S003-4", part="HSTS over TLS")
async def test_encrypted_requests_are_answered_and_told_to_stay_so(pair: Pair) -> None:
    async with encrypted(Certificate(pair.certificate, pair.key)) as (stand, port):
        async with httpx2.AsyncClient(verify=pair.trust()) as client:
            url = f"https://127.0.0.1:{port}"
            headers = {"x-api-key": WRITER, "host": "pay.example"}
            told = await client.post(f"{url}/v1/fast", json=note(), headers=headers)
            twice = await client.get(f"{url}/v1/notes", headers=headers)
        assert (told.status_code, twice.status_code) == (201, 200)
        assert told.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert told.headers["x-content-type-options"] == "nosniff"
        assert told.headers["x-frame-options"] == "SAMEORIGIN"
        assert stand.notebook.written == ["hello"]


@pytest.mark.requirement("S002-7", part="TLS 1.2 at least outside")
async def test_what_is_older_or_weaker_is_not_spoken(pair: Pair) -> None:
    async with encrypted(Certificate(pair.certificate, pair.key)) as (_, port):
        version = ssl.TLSVersion
        for highest, spoken in ((version.TLSv1_3, "TLSv1.3"), (version.TLSv1_2, "TLSv1.2")):
            context = speaking(pair, highest, version.TLSv1_2)
            assert (await shown(port, context))[0] == spoken
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            old = speaking(pair, version.TLSv1_1, version.TLSv1)
        with pytest.raises((ssl.SSLError, OSError)):
            await shown(port, old)
        for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA"):
            context = speaking(pair, version.TLSv1_2, version.TLSv1_2)
            context.set_ciphers(f"{weak}:@SECLEVEL=0")
            with pytest.raises((ssl.SSLError, OSError)):
                await shown(port, context)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" not in await reader.read()
        writer.close()


async def test_a_new_certificate_is_taken_up_while_old_connections_go_on(pair: Pair) -> None:
    certificate = Certificate(pair.certificate, pair.key)
    before = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())).digest()
    async with encrypted(certificate) as (_, port), httpx2.AsyncClient(verify=pair.trust()) as old:
        url = f"https://127.0.0.1:{port}/health"
        assert (await old.get(url)).status_code == 200
        assert not certificate.renew()
        after = pair.write()
        assert certificate.renew()
        assert (await shown(port, pair.trust()))[1] == after != before
        assert (await old.get(url)).status_code == 200


async def test_half_of_a_new_pair_changes_nothing(pair: Pair, tmp_path: Path) -> None:
    certificate = Certificate(pair.certificate, pair.key)
    trusted, good = pair.trust(), pair.key.read_bytes()
    async with encrypted(certificate) as (_, port):
        whole = (await shown(port, trusted))[1]
        (tmp_path / "other").mkdir()
        for wrong in (new_pair(tmp_path / "other").key.read_bytes(), b"no key", b""):
            pair.key.write_bytes(wrong)
            assert not certificate.renew()
            assert (await shown(port, trusted))[1] == whole
        pair.key.unlink()
        assert not certificate.renew()
        pair.key.write_bytes(good)
        assert certificate.renew()
        assert (await shown(port, trusted))[1] == whole


@pytest.mark.parametrize("broken", ["missing", "garbage", "another's key"])
def test_what_cannot_be_used_is_refused_at_the_start(
    pair: Pair, tmp_path: Path, broken: str
) -> None:
    match broken:
        case "missing":
            pair.key.unlink()
        case "garbage":
            pair.certificate.write_bytes(b"no certificate")
        case _:
            (tmp_path / "other").mkdir()
            pair.key.write_bytes(new_pair(tmp_path / "other").key.read_bytes())
    with pytest.raises(CertificateUnusable) as refused:
        Certificate(pair.certificate, pair.key)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.requirement("S003-4", part="TLS edge")
def test_a_house_with_a_certificate_answers_encrypted(tmp_path: Path, pair: Pair) -> None:
    nest = Nest(tmp_path)
    port = free_port()
    words = {"TLS_CERTIFICATE": str(pair.certificate), "TLS_KEY": str(pair.key)}
    try:
        half = nest.run("up", TLS_CERTIFICATE=str(pair.certificate))
        assert half.code != 0
        assert "TLS_KEY" in half.err + half.out
        url = nest.up(TLS_PORT=str(port), **words).url()
        with httpx2.Client(verify=pair.trust()) as client:
            assert client.get(f"https://127.0.0.1:{port}/ready").status_code == 200
            assert client.get(f"{url}/v1/session").status_code == 401, "this machine may stay"
            sent = client.get(f"{url}/v1/session?a=b", headers={"host": "pay.example"})
            assert sent.status_code == 301
            assert sent.headers["location"] == f"https://pay.example:{port}/v1/session?a=b"
    finally:
        nest.clear()


HALF = b"\x16\x03\x01\x02\x00\x01\x00\x01"
"""A handshake begins: 512 bytes are announced, and the rest of them never comes."""


@pytest.mark.catalogue("T31")
@pytest.mark.parametrize("said", [b"", HALF, b"GET / HTTP/1.1\r\n\r\n"])
async def test_a_handshake_that_stays_half_done_is_ended(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS_MAX", 0.5)
    certificate = Certificate(pair.certificate, pair.key)
    async with standing() as stand, listening(certificate.context, stand) as (serving, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        async with asyncio.timeout(DEADLINE_SECONDS):
            with suppress(ConnectionResetError):
                await reader.read()
        writer.close()
        await until(lambda: serving.connections == 0)
        monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS_MAX", 10.0)
        assert (await shown(port, pair.trust()))[0] == "TLSv1.3"


@pytest.mark.catalogue("T31")
async def test_half_open_handshakes_hold_the_places_there_are_and_no_more(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol.BoundedProtocol, "places", 4)
    monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS_MAX", 3600.0)
    certificate = Certificate(pair.certificate, pair.key)
    async with standing() as stand, listening(certificate.context, stand) as (serving, port):
        half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for _, writer in half:
            writer.write(HALF)
        await until(lambda: serving.connections == 4)
        with pytest.raises(OSError):
            await shown(port, pair.trust())
        assert serving.connections == 4

        half[0][1].close()
        await until(lambda: serving.connections == 3)
        assert (await shown(port, pair.trust()))[0] == "TLSv1.3"
        await until(lambda: serving.connections == 3)

        serving.stop()
        async with asyncio.timeout(DEADLINE_SECONDS):
            for reader, writer in half[1:]:
                with suppress(ConnectionResetError):
                    assert await reader.read() == b"", "ended with the listener"
                writer.close()


@pytest.mark.catalogue("T31")
async def test_whoever_holds_the_last_place_keeps_it_when_the_handshake_is_done(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a crowd that only begins handshakes keeps out those who finish theirs."""
    monkeypatch.setattr(protocol.BoundedProtocol, "places", 3)
    monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS_MAX", 3600.0)
    certificate = Certificate(pair.certificate, pair.key)
    async with standing() as stand, listening(certificate.context, stand) as (serving, port):
        half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        await until(lambda: serving.connections == 2)
        for _ in range(3):
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=pair.trust(), server_hostname="pay.example"
            )
            await until(lambda: serving.connections == 3)
            writer.write(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
            writer.close()
            await until(lambda: serving.connections == 2)
        for _, writer in half:
            writer.close()
        await until(lambda: serving.connections == 0)


async def test_a_connection_that_cannot_be_taken_along_is_ended(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the system has no descriptor left: nobody waits for what will never be read."""
    certificate = Certificate(pair.certificate, pair.key)
    async with standing() as stand, listening(certificate.context, stand) as (serving, port):
        with monkeypatch.context() as short:
            short.setattr(handshake.os, "dup", _no_more)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(DEADLINE_SECONDS):
                with suppress(ConnectionResetError):
                    assert await reader.read() == b""
            writer.close()
            assert serving.connections == 0
        assert (await shown(port, pair.trust()))[0] == "TLSv1.3"


def _no_more(_: int) -> int:
    raise OSError(errno.EMFILE, "too many open files")


async def test_a_request_in_one_piece_with_the_end_of_its_handshake_is_read(pair: Pair) -> None:
    """It arrives before anybody has been told that the handshake is done."""
    async with encrypted(Certificate(pair.certificate, pair.key)) as (_, port):
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        spoken = pair.trust().wrap_bio(heard, said, server_hostname="pay.example")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                try:
                    spoken.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    writer.write(said.read())
                    heard.write(await reader.read(65_536))
            spoken.write(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            writer.write(said.read())
            answer = b""
            while not answer:
                heard.write(await reader.read(65_536))
                with suppress(ssl.SSLWantReadError):
                    answer = spoken.read()
        assert answer.startswith(b"HTTP/1.1 200")
        writer.close()
