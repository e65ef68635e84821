"""A listener for one program alone: whoever else has papers of this house is not heard at all."""

import asyncio
import json
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.http.papers import Pair, new_pair
from tests.http.stand import DEADLINE_SECONDS, WRITER, note, standing, until
from tests.http.test_tls import listening

from bezant.http.tls import OneOfOurs

BODY = json.dumps(note()).encode()
WHOLE = (
    f"POST /v1/fast HTTP/1.1\r\nhost: a\r\nx-api-key: {WRITER}\r\nconnection: close\r\n"
    f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
).encode() + BODY


def gate(pair: Pair, is_welcome: Callable[[bytes], bool]) -> OneOfOurs:
    """Return what listens for whom this house vouches, and of them for who is welcome."""
    context = OneOfOurs(ssl.PROTOCOL_TLS_SERVER)
    context.is_welcome = is_welcome
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(pair.certificate, pair.key)
    context.load_verify_locations(pair.certificate)
    return context


async def said_at_once(port: int, pair: Pair) -> bytes:
    """Send a request in one piece with the end of the handshake; return what is answered."""
    context = pair.trust()
    context.load_cert_chain(pair.certificate, pair.key)
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    spoken = context.wrap_bio(heard, said, server_hostname="pay.example")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            try:
                spoken.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(said.read())
                heard.write(await reader.read(65_536))
        spoken.write(WHOLE)
        writer.write(said.read())
        with suppress(ConnectionResetError, ssl.SSLError):
            while not answer and (piece := await reader.read(65_536)):
                heard.write(piece)
                with suppress(ssl.SSLWantReadError):
                    answer = spoken.read()
    writer.close()
    return answer


def welcome(_: bytes) -> bool:
    return True


def another(_: bytes) -> bool:
    return False


def unreadable(_: bytes) -> bool:
    raise ValueError("what was shown cannot be read")


@pytest.mark.parametrize(
    ("is_welcome", "written"),
    [(welcome, ["hello"]), (another, []), (unreadable, [])],
)
async def test_who_is_not_welcome_is_not_heard_however_fast_they_speak(
    tmp_path: Path, is_welcome: Callable[[bytes], bool], written: list[str]
) -> None:
    pair = new_pair(tmp_path)
    async with standing() as stand, listening(gate(pair, is_welcome), stand) as (serving, port):
        answer = await said_at_once(port, pair)
        await until(lambda: serving.connections == 0)
        assert stand.notebook.written == written
        assert answer.startswith(b"HTTP/1.1 201") is bool(written)
