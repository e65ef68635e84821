"""Messages nobody should send: random, cut, flipped, grown, deep, with fields nobody knows.

    pending = messages(contract(Ledger), method, count=2_000, seed=1)
    statuses = await shower(channel, contract(Ledger), method, islice(pending, 200))
    statuses += await poured(handle, auth, pending)

For the tests of any module: `method` is one of `contract(Port).methods`. What gRPC adds on the way
is the same for every message, so most of them go straight to the handler that it would call.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NoReturn

import grpc
import grpc.aio

from bezant.rpc.shapes import TIMESTAMP
from bezant.rpc.tls import Auth
from bezant.rpc.wire import MESSAGE_BYTES_MAX, Contract, Field, Message, Method

TEXTS = ("", "a", "EUR", "test", "19.99", "-1", "9" * 40, "é" * 50, "\x00", "ref' OR 1=1 --")
NUMBERS = (0, 1, -1, 50, 2**31, 2**63 - 1, -(2**63))
SENSIBLE = {
    "a whole number": "1234",
    "an asset's code": "EUR",
    "a day": "2026-02-28",
    "a decimal number": "1.0825",
    "JSON": '{"a":1}',
}
IN_FLIGHT = 32
SPECIAL = 3
DEPTH_MAX = 3
Handle = Callable[[bytes, Any], Awaitable[bytes]]


def messages(agreed: Contract, method: Method, count: int, seed: int) -> Iterator[bytes]:
    """Make bytes for one method: some sensible, some wild in content, most broken in form."""
    chance = Chance(seed)
    former = Former(agreed, chance)
    breaks = (intact, intact, cut, flipped, grown, unknown, noise)
    for _ in range(count):
        written = former.formed(method.request, careful=chance.random() < 0.5)
        yield chance.choice(breaks)(chance, written)


def intact(_: random.Random, written: bytes) -> bytes:
    return written


def cut(chance: random.Random, written: bytes) -> bytes:
    return written[: chance.randrange(len(written) + 1)]


def flipped(chance: random.Random, written: bytes) -> bytes:
    changed = bytearray(written or b"\x00")
    for _ in range(chance.randrange(1, 4)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def grown(chance: random.Random, written: bytes) -> bytes:
    return written * chance.randrange(2, 5)


def unknown(chance: random.Random, written: bytes) -> bytes:
    number = chance.randrange(500, 2_000)
    key = number << 3 | 2
    return written + bytes([key & 0x7F | 0x80, key >> 7]) + b"\x04abcd"


def noise(chance: random.Random, _: bytes) -> bytes:
    return chance.randbytes(chance.randrange(200))


class Chance(random.Random):
    """Draws like its parent, a few times as fast; a place in a message need not be exactly fair."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        assert step == 1
        low, high = (0, start) if stop is None else (start, stop)
        return low + int(self.random() * (high - low))

    def choice(self, seq: Sequence[Any]) -> Any:
        return seq[int(self.random() * len(seq))]


class Former:
    """Fills the messages of one contract: wildly, or carefully so that a service is reached."""

    def __init__(self, agreed: Contract, chance: random.Random) -> None:
        self._messages = {message.full_name: message for message in agreed.messages}
        self._chance = chance

    def formed(self, message: Message, *, careful: bool) -> bytes:
        made = message.protobuf()
        self._fill(made, message, careful, 0)
        return made.SerializeToString()

    def _fill(self, made: Any, message: Message, careful: bool, depth: int) -> None:
        for field in message.fields:
            left_out = 0.3 if field.tells_presence or not careful else 0.0
            if depth > DEPTH_MAX or self._chance.random() < left_out * (field.default is not None):
                continue
            if not careful and self._chance.random() < left_out:
                continue
            self._set(made, field, careful, depth)

    def _set(self, made: Any, field: Field, careful: bool, depth: int) -> None:
        target = getattr(made, field.name)
        many = self._chance.randrange(4)
        if field.shape.map:
            target.update({self._chance.choice(TEXTS): "x" for _ in range(many)})
        elif field.shape.message:
            for _ in range(many if field.shape.repeated else 1):
                inner = target.add() if field.shape.repeated else target
                inner.SetInParent()
                self._fill_inner(inner, field.shape.type, careful, depth)
        elif field.shape.repeated:
            target.extend(self._scalar(field, careful) for _ in range(many))
        else:
            setattr(made, field.name, self._scalar(field, careful))

    def _fill_inner(self, inner: Any, name: str, careful: bool, depth: int) -> None:
        if name != TIMESTAMP:
            self._fill(inner, self._messages[name], careful, depth + 1)
            return
        inner.seconds = 1_700_000_000 if careful else self._chance.choice(NUMBERS)
        inner.nanos = 1_000 if careful else self._chance.choice((0, 1, -1, 2**31 - 1))

    def _scalar(self, field: Field, careful: bool) -> object:
        kind, note = field.shape.type, field.shape.note
        if kind == "bool":
            return self._chance.random() < 0.5
        if kind == "bytes":
            return self._chance.randbytes(self._chance.randrange(20))
        if kind == "int64":
            return self._chance.choice(NUMBERS)
        if careful and note:
            known = next((text for begin, text in SENSIBLE.items() if note.startswith(begin)), "")
            return known or self._chance.choice(note.split(" | "))
        return self._chance.choice(TEXTS)


def nested(levels: int) -> bytes:
    """Make field 1 inside field 1 inside field 1, as deep as asked."""
    written = b""
    for _ in range(levels):
        size, length = len(written), b""
        while size > 0x7F:
            length += bytes([size & 0x7F | 0x80])
            size >>= 7
        written = b"\x0a" + length + bytes([size]) + written
    return written


async def shower(
    channel: grpc.aio.Channel, agreed: Contract, method: Method, pending: Iterable[bytes]
) -> Counter[str]:
    """Send these and three special messages over gRPC, and count the statuses of the answers."""
    invoke = channel.unary_unary(f"/{agreed.service}/{method.wire_name}")
    statuses: Counter[str] = Counter()
    special = (nested(50), nested(5_000), bytes(MESSAGE_BYTES_MAX + 1))
    assert len(special) == SPECIAL
    left = chain(special, pending)

    async def send() -> None:
        for each in left:
            try:
                await invoke(each, timeout=60)
                statuses["OK"] += 1
            except grpc.aio.AioRpcError as error:
                statuses[error.code().name] += 1

    await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))
    return statuses


class Aborted(Exception):
    """A handler ended its call so."""


class Call:
    """What a handler is told of a call, and how it ends one, as gRPC has it."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    def auth_context(self) -> Auth:
        return self._auth

    def time_remaining(self) -> float:
        return 60.0

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    async def abort(self, code: grpc.StatusCode, *_: object) -> NoReturn:
        raise Aborted(code.name)


async def poured(handle: Handle, auth: Auth, pending: Iterable[bytes]) -> Counter[str]:
    """Hand messages to a method's handler, and count how it ends their calls."""
    statuses: Counter[str] = Counter()
    for each in pending:
        try:
            answer = await handle(each, Call(auth))
            statuses["OK" if isinstance(answer, bytes) else type(answer).__name__] += 1
        except Aborted as ended:
            statuses[str(ended)] += 1
        except Exception as error:  # noqa: BLE001 - gRPC would only call it UNKNOWN
            statuses[type(error).__name__] += 1
    return statuses
