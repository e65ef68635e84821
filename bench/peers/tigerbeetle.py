"""TigerBeetle, from a server program that `BENCH_TIGERBEETLE` names and its client from PyPI.

Single-transfer calls with 256 in flight, which is how a service uses it that answers one customer
at a time. Its own batches of 8,189 are another discipline, at which it is far ahead of ours.
"""

import asyncio
import importlib
import importlib.util
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Protocol, cast

from bench.measure import Sample
from bench.process import HOST, ChildFailed, finish, free_port, serving

VARIABLE = "BENCH_TIGERBEETLE"
ACCOUNTS = 1_000
CLUSTER = 0
LEDGER, CODE = 1, 1
FORMAT_SECONDS_MAX = 120.0


class Client(Protocol):
    """What is used of the client."""

    async def create_accounts(self, accounts: Sequence[object]) -> Sequence[object]:
        """Create accounts; what was refused is answered."""
        ...

    async def create_transfers(self, transfers: Sequence[object]) -> Sequence[object]:
        """Create transfers; what was refused is answered."""
        ...

    def close(self) -> Awaitable[None] | None:
        """End the client."""
        ...


class Library(Protocol):
    """What is used of the client's module."""

    ClientAsync: Callable[..., Client]
    Account: Callable[..., object]
    Transfer: Callable[..., object]


def program() -> Path | None:
    """Return the server program, if it and its client are here."""
    named = os.environ.get(VARIABLE)
    if not named or not Path(named).is_file() or importlib.util.find_spec("tigerbeetle") is None:
        return None
    return Path(named)


@dataclass(slots=True)
class Tigerbeetle:
    """A client of a running server."""

    client: Client
    library: Library
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    chance: Random = field(default_factory=lambda: Random(7))

    async def open_accounts(self) -> None:
        """Open accounts without limits."""
        wanted = [
            self.library.Account(id=number, ledger=LEDGER, code=CODE)
            for number in range(1, ACCOUNTS + 1)
        ]
        accepted(await self.client.create_accounts(wanted))

    async def singles(self, seconds: float, callers: int) -> Sample:
        """Post one transfer a call from so many callers at once."""
        began, posted = time.monotonic(), 0

        async def caller() -> None:
            nonlocal posted
            while time.monotonic() < began + seconds:
                debit, credit = self.chance.sample(range(1, ACCOUNTS + 1), 2)
                transfer = self.library.Transfer(
                    id=next(self.numbers),
                    debit_account_id=debit,
                    credit_account_id=credit,
                    amount=1,
                    ledger=LEDGER,
                    code=CODE,
                )
                accepted(await self.client.create_transfers([transfer]))
                posted += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(caller())
        lasted = time.monotonic() - began
        return Sample(posted / lasted, lasted, {"callers": callers})


@asynccontextmanager
async def running(server: Path, folder: Path) -> AsyncGenerator[Tigerbeetle]:
    """Run one replica on a new data file, with accounts, until the block ends."""
    data, port = folder / "tigerbeetle.data", free_port()
    layout = [f"--cluster={CLUSTER}", "--replica=0", "--replica-count=1", str(data)]
    await finish([str(server), "format", *layout], {}, FORMAT_SECONDS_MAX)
    command = [str(server), "start", f"--addresses={HOST}:{port}", str(data)]
    async with serving("tigerbeetle", command, {}, port, folder / "tigerbeetle.log"):
        library = cast("Library", importlib.import_module("tigerbeetle"))
        client = library.ClientAsync(cluster_id=CLUSTER, replica_addresses=f"{HOST}:{port}")
        try:
            peer = Tigerbeetle(client, library)
            await peer.open_accounts()
            yield peer
        finally:
            ended = client.close()
            if ended is not None:
                await ended


def accepted(answers: Sequence[object]) -> None:
    """Refuse refusals: older clients answer only those, newer ones every item with a status."""
    for answer in answers:
        status = getattr(answer, "status", None) or getattr(answer, "result", None)
        if getattr(status, "name", str(status)) not in ("CREATED", "OK"):
            raise ChildFailed(f"tigerbeetle refused: {answer}")
