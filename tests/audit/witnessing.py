"""A witness that really listens, and a folder in which it remembers."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bezant.audit.witness.asking import Witness
from bezant.audit.witness.memory import Memory
from bezant.audit.witness.serving import Desk, serving
from bezant.clock import Clock
from bezant_verify.checkpoint import Trust

NAME = "witness.example/w1"


@dataclass
class Listening:
    """A witness and where it listens."""

    desk: Desk
    witness: Witness
    logs: dict[str, Trust]


def desk_of(folder: Path, clock: Clock, logs: Mapping[str, Trust], name: str = NAME) -> Desk:
    memory = Memory(folder)
    return Desk(name, memory.key(b"w" * 32), memory, logs, clock)


@asynccontextmanager
async def listening(folder: Path, clock: Clock, trusts: Trust) -> AsyncGenerator[Listening]:
    logs = {trusts.origin: trusts}
    desk = desk_of(folder, clock, logs)
    async with serving(desk, "127.0.0.1", 0) as port:
        yield Listening(desk, Witness(f"http://127.0.0.1:{port}", desk.key), logs)
