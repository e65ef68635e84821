"""A card acquirer that answers at once and keeps its book in memory, in a process of its own.

It speaks the wire format of the built-in card sandbox as far as a payment needs it, and costs as
little as an HTTP answer can: what is measured is what stands in front of it. Started as
`python -m bench.acquirer PORT`; `GET /book` tells what it did.
"""

import asyncio
import sys
from typing import Final, cast

import msgspec
import uvloop

from bench.process import HOST

HEAD_END: Final = b"\r\n\r\n"
BACKLOG: Final = 2_048


class Asked(msgspec.Struct):
    """An authorisation somebody asks for; what else is in it is not looked at."""

    key: str
    amount: str
    asset: str
    capture: bool = True


class Authorisation(msgspec.Struct):
    """An authorisation as it is answered."""

    id: str
    key: str
    status: str
    amount: str
    asset: str
    captured: str
    refunded: str = "0"


class Wanted(msgspec.Struct):
    """A capture somebody asks for."""

    key: str
    amount: str


class Capture(msgspec.Struct):
    """A capture as it is answered."""

    id: str
    key: str
    authorisation: str
    amount: str
    asset: str
    status: str = "captured"


class Told(msgspec.Struct):
    """What the book came to."""

    charges: int
    repeats: int
    captured: int


class Book:
    """Every authorisation by its key: the second request under one is the first again."""

    def __init__(self) -> None:
        self._by_key: dict[str, bytes] = {}
        self._charges = 0
        self._captured = 0
        self._repeats = 0
        self._assets: dict[str, str] = {}
        """Of what was set aside and is not captured yet, by the authorisation's id."""
        self._decode = msgspec.json.Decoder(Asked).decode
        self._decode_capture = msgspec.json.Decoder(Wanted).decode
        self._encode = msgspec.json.Encoder().encode

    def authorise(self, body: bytes) -> bytes:
        """Say yes, once for each key."""
        asked = self._decode(body)
        known = self._by_key.get(asked.key)
        if known is not None:
            self._repeats += 1
            return known
        captured = asked.amount if asked.capture else "0"
        status = "captured" if asked.capture else "authorised"
        self._charges += 1
        number = f"auth_{self._charges}"
        made = Authorisation(number, asked.key, status, asked.amount, asked.asset, captured)
        self._captured += int(captured)
        if not asked.capture:
            self._assets[number] = asked.asset
        self._by_key[asked.key] = answer = self._encode(made)
        return answer

    def capture(self, authorisation: str, body: bytes) -> bytes:
        """Take what was set aside, as the first order of a new installation does."""
        asked = self._decode_capture(body)
        known = self._by_key.get(asked.key)
        if known is not None:
            self._repeats += 1
            return known
        asset = self._assets.pop(authorisation)
        made = Capture(f"{authorisation}_1", asked.key, authorisation, asked.amount, asset)
        self._captured += int(asked.amount)
        self._by_key[asked.key] = answer = self._encode(made)
        return answer

    def told(self) -> bytes:
        """Tell what happened so far."""
        return self._encode(Told(self._charges, self._repeats, self._captured))


class Line(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._heard = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._heard += data
        while (end := self._heard.find(HEAD_END)) >= 0:
            head = bytes(self._heard[:end]).lower()
            marked = head.find(b"content-length:")
            length = 0 if marked < 0 else int(head[marked + 15 :].partition(b"\r\n")[0])
            whole = end + len(HEAD_END) + length
            if len(self._heard) < whole:
                return
            body = bytes(self._heard[end + len(HEAD_END) : whole])
            del self._heard[:whole]
            self._transport.write(self._answer(head, body))

    def _answer(self, head: bytes, body: bytes) -> bytes:
        line = head.partition(b"\r\n")[0]
        if line.startswith(b"post /authorisations "):
            status, said = b"201 Created", self._book.authorise(body)
        elif line.startswith(b"post /authorisations/"):
            authorisation = line[len(b"post /authorisations/") :].partition(b"/")[0].decode()
            status, said = b"201 Created", self._book.capture(authorisation, body)
        elif line.startswith(b"get /book "):
            status, said = b"200 OK", self._book.told()
        else:
            status, said = b"404 Not Found", b"{}"
        return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
            status,
            len(said),
            said,
        )


async def serve(port: int) -> None:
    """Answer until the process ends."""
    book = Book()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(book), HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
