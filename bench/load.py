"""The load generator: keep-alive connections, one request under way each, every one with a new key.

Debian's `wrk` is used where it is installed, else the generator at the end of this file, in a
process of its own. One run uses one of them for all systems, and says which.
"""

import asyncio
import json
import random
import shutil
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.measure import Fact, Sample
from bench.process import HOST, ChildFailed, finish

GRACE_SECONDS = 30.0
PATIENCE_TIMES, PATIENCE_FACTOR = 4, 3
PACE_SECONDS = 0.005
OPENED_AT_ONCE = 64
ACCEPTED_SECONDS = 2.0
"""Until whoever is asked has taken all connections, too."""
BROKEN_MAX = 1_000
"""A generator that lost this many connections gives up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is sent. An item's `{{debit}}`, `{{credit}}` and `{{id}}` are filled in each time.

    A header's `{{debit}}` is as well, with one account of its own: so many callers have a key each.
    """

    path: str
    headers: Mapping[str, str]
    before: str
    item: str
    after: str
    items: int
    accounts: Sequence[str]
    media_type: str = "application/json"

    def write(self, file: Path, seed: str) -> None:
        """Write the plan for a generator: lines, so that Lua needs no parser."""
        head = [f"POST {self.path} HTTP/1.1", f"Host: {HOST}"]
        head.append(f"Content-Type: {self.media_type}")
        head += [f"{name}: {value}" for name, value in self.headers.items()]
        lines = ["\t".join(head), self.before, self.item, self.after, str(self.items), seed]
        assert not any("\n" in line for line in lines), "a plan has no line breaks"
        file.write_text("\n".join([*lines, *self.accounts]) + "\n")


class Heard(msgspec.Struct, frozen=True):
    """What a generator tells when it is done."""

    completed: int
    microseconds: int
    refused: int
    broken: int
    p50_us: int
    p99_us: int
    max_us: int
    refused_p99_us: int = 0
    """Of the refused answers; only the generator in this file tells them apart."""


def generator() -> str:
    """Return the name of the generator this machine has."""
    return "wrk" if shutil.which("wrk") else "bench.load"


async def press(
    plan: Plan,
    port: int,
    connections: int,
    seconds: float,
    seed: str,
    folder: Path,
    by: str | None = None,
    pace: float = 0.0,
) -> Sample:
    """Send as much as so many callers can; the value is items a second answered with 2xx.

    On a machine so busy that not one answer came in time, the same is watched for longer, four
    times at most.
    """
    name = by or generator()
    for attempt in range(PATIENCE_TIMES):
        file = folder / f"plan-{seed}{attempt:x}.txt"
        plan.write(file, f"{seed}{attempt:x}")
        watched = seconds * PATIENCE_FACTOR**attempt
        command = [*_command(name, file, port, connections, watched), *([str(pace)] * bool(pace))]
        environment = {"PYTHONPATH": str(Path(__file__).parent.parent)}
        done = await finish(command, environment, watched + GRACE_SECONDS)
        file.unlink()
        heard = _heard(done.output, name)
        if heard.completed:
            return _sample(heard, plan.items, connections, name, done.cpu_seconds)
    raise ChildFailed(f"{name} got no answer")


async def crowd(
    plan: Plan,
    port: int,
    connections: int,
    seconds: float,
    seed: str,
    folder: Path,
    pace: float = 0,
) -> Sample:
    """Send from far more callers than are wanted: so many requests a second, answered or not.

    Without a pace, refused ones come again at once.
    """
    return await press(plan, port, connections, seconds, seed, folder, by="bench.load", pace=pace)


def _command(name: str, file: Path, port: int, connections: int, seconds: float) -> list[str]:
    if name == "wrk":
        script = Path(__file__).with_name("load.lua")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        return [*command, "--timeout", "20s", "-s", str(script), f"http://{HOST}:{port}", str(file)]
    command = [sys.executable, "-m", "bench.load", str(file), str(port)]
    return [*command, str(connections), str(seconds)]


def _heard(output: str, name: str) -> Heard:
    try:
        return msgspec.json.decode(output.strip().rpartition("\n")[2], type=Heard)
    except msgspec.MsgspecError as strange:
        raise ChildFailed(f"{name} said: {output}") from strange


def _sample(heard: Heard, items: int, connections: int, name: str, cpu_seconds: float) -> Sample:
    seconds = heard.microseconds / 1e6
    facts: dict[str, Fact] = {
        "connections": connections,
        "accepted_items": (heard.completed - heard.refused) * items,
        "refused_requests": heard.refused,
        "broken_requests": heard.broken,
        "p50_ms": heard.p50_us / 1e3,
        "p99_ms": heard.p99_us / 1e3,
        "max_ms": heard.max_us / 1e3,
        "refused_p99_ms": heard.refused_p99_us / 1e3,
        "generator": name,
        "generator_cpu_share": round(cpu_seconds / seconds, 3),
    }
    return Sample((heard.completed - heard.refused) * items / seconds, seconds, facts)


class _Caller(asyncio.Protocol):
    """One connection: send, wait for the whole answer, note how long it took, send again."""

    def __init__(self, crowd: "_Crowd") -> None:
        self._crowd = crowd
        self._answer = bytearray()
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._crowd.free(self)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._answer[:end]).lower()
        marked = head.find(b"content-length:")
        length = 0 if marked < 0 else int(head[marked + 15 :].partition(b"\r\n")[0])
        if len(self._answer) < end + 4 + length:
            return
        self._answer.clear()
        self._crowd.answered(time.perf_counter() - self._sent_at, accepted=head[9:10] == b"2")
        self._crowd.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc  # A lost connection counts, whatever the reason.
        self._crowd.lost()

    def send(self) -> None:
        """Send the next request."""
        assert self._transport is not None
        if self._crowd.over or self._transport.is_closing():
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._crowd.request())


class _Crowd:
    """All callers of one plan, and what they saw."""

    def __init__(self, lines: Sequence[str]) -> None:
        head, self._before, self._item, self._after, items, self._seed = lines[:6]
        self._head = head.replace("\t", "\r\n")
        self._items = int(items)
        self._accounts = lines[6:]
        self._chance = random.Random(self._seed)
        self._sent = 0
        self._idle: deque[_Caller] = deque()
        self._waits = True
        self.over = False
        self.took: list[float] = []
        self.took_refused: list[float] = []
        self.refused = 0
        self.broken = 0

    def request(self) -> bytes:
        self._sent += 1
        key = f"{self._seed}-0-{self._sent}"
        body = self._before + ",".join(self._filled(key, n + 1) for n in range(self._items))
        body += self._after
        head = self._head.replace("{{debit}}", self._chance.choice(self._accounts))
        head += f"\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head + body).encode()

    def answered(self, seconds: float, *, accepted: bool) -> None:
        if not self.over:
            self.took.append(seconds)
            if not accepted:
                self.refused += 1
                self.took_refused.append(seconds)

    def free(self, caller: _Caller) -> None:
        """Let a caller send again, at once or when its turn comes."""
        if self._waits:
            self._idle.append(caller)
        else:
            caller.send()

    def lost(self) -> None:
        if not self.over:
            self.broken += 1

    async def press(self, port: int, connections: int, seconds: float, pace: float = 0.0) -> Heard:
        """Connect everybody, then send: as fast as answers come, or so many requests a second."""
        loop = asyncio.get_running_loop()
        for opened in range(0, connections, OPENED_AT_ONCE):
            more = min(OPENED_AT_ONCE, connections - opened)
            await asyncio.gather(
                *(loop.create_connection(lambda: _Caller(self), HOST, port) for _ in range(more))
            )
        if pace:
            await asyncio.sleep(ACCEPTED_SECONDS)
            return await self._paced(time.perf_counter(), seconds, pace)
        began = time.perf_counter()
        self._waits = False
        for caller in list(self._idle):
            caller.send()
        until, replaced = began + seconds, 0
        while time.perf_counter() < until and self.broken < BROKEN_MAX:
            while replaced < self.broken:
                replaced += 1
                await loop.create_connection(lambda: _Caller(self), HOST, port)
            await asyncio.sleep(min(0.05, max(0.0, until - time.perf_counter())))
        self.over = True
        return self._heard(time.perf_counter() - began)

    async def _paced(self, began: float, seconds: float, pace: float) -> Heard:
        """Send when a request is due, from whoever is not waiting for an answer."""
        due, until = 0.0, began
        while until - began < seconds and self.broken < BROKEN_MAX:
            await asyncio.sleep(PACE_SECONDS)
            last, until = until, time.perf_counter()
            # What nobody was free to send is not made up for: it would come as a heap.
            due = due % 1 + (until - last) * pace
            for _ in range(min(int(due), len(self._idle))):
                self._idle.popleft().send()
        self.over = True
        return self._heard(time.perf_counter() - began)

    def _heard(self, seconds: float) -> Heard:
        took = sorted(self.took) or [0.0]
        refused = sorted(self.took_refused) or [0.0]
        return Heard(
            completed=len(self.took),
            microseconds=round(seconds * 1e6),
            refused=self.refused,
            broken=self.broken,
            p50_us=round(took[len(took) // 2] * 1e6),
            p99_us=round(took[len(took) * 99 // 100] * 1e6),
            max_us=round(took[-1] * 1e6),
            refused_p99_us=round(refused[len(refused) * 99 // 100] * 1e6),
        )

    def _filled(self, key: str, number: int) -> str:
        debit, credit = self._chance.sample(self._accounts, 2)
        item = self._item.replace("{{debit}}", debit).replace("{{credit}}", credit)
        return item.replace("{{id}}", f"{key}-{number}")


def main(arguments: Sequence[str]) -> None:
    """Press a plan: file, port, connections, seconds, and requests a second if that is given."""
    file, port, connections, seconds, *pace = arguments
    crowd = _Crowd(Path(file).read_text().splitlines())
    paced = float(pace[0]) if pace else 0.0
    heard = uvloop.run(crowd.press(int(port), int(connections), float(seconds), paced))
    print(json.dumps(msgspec.to_builtins(heard)))


if __name__ == "__main__":
    main(sys.argv[1:])
