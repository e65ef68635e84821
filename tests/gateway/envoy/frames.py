"""HTTP/2 written by hand: what no library would send. Enough of RFC 9113 and RFC 7541 for that."""

import asyncio
from collections.abc import Sequence

from tests.gateway.envoy.stand import HOST

Pairs = Sequence[tuple[str, str]]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4
SECONDS = 60


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    head = len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4)
    return head + content


def packed(pairs: Pairs) -> bytes:
    """Return headers as literals that nobody indexes."""
    return b"".join(b"\x00" + _text(name) + _text(value) for name, value in pairs)


def _text(text: str) -> bytes:
    content = text.encode("latin-1")
    if len(content) < 127:
        return bytes([len(content)]) + content
    rest, size = len(content) - 127, bytearray([127])
    while rest > 127:
        size.append(rest % 128 + 128)
        rest //= 128
    return bytes([*size, rest]) + content


async def ask(port: int, pairs: Pairs, body: bytes = b"") -> bool:
    """Send one request and wait until it was answered or refused; tell whether it was answered."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        ended = 0 if body else END_STREAM
        said = [PREFACE, frame(SETTINGS, 0, 0)]
        said.append(frame(HEADERS, END_HEADERS | ended, 1, packed(pairs)))
        if body:
            said.append(frame(DATA, END_STREAM, 1, body))
        writer.write(b"".join(said))
        async with asyncio.timeout(SECONDS):
            return await _answered(reader)
    except (ConnectionError, asyncio.IncompleteReadError):
        return False
    finally:
        writer.close()


async def _answered(reader: asyncio.StreamReader) -> bool:
    """Read until the request's fate is known."""
    headed = False
    while True:
        head = await reader.readexactly(9)
        kind, flags = head[3], head[4]
        await reader.readexactly(int.from_bytes(head[:3]))
        if kind in (GOAWAY, RESET):
            return headed
        if kind in (HEADERS, DATA):
            headed = True
            if flags & END_STREAM:
                return True
