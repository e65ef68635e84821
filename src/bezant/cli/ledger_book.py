"""The book of an installation as the commands of `bezant ledger` hold it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bezant.actor import Mode
from bezant.cli.beside import beside
from bezant.cli.exits import Exit, Stop
from bezant.clock import RealClock
from bezant.ids import Ids
from bezant.ledger.port import Ledger
from bezant.wiring.book import Proof, open_book
from bezant.wiring.workbench import Workbench

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Open:
    """An open book, and where its heads are kept."""

    ledger: Ledger
    proof: Proof
    heads: Path
    live: bool
    ids: Ids

    def mode(self, name: str | None) -> Mode:
        """Return the mode that was named, or the installation's own."""
        if name is None:
            return Mode.LIVE if self.live else Mode.TEST
        return Mode(name)


def with_book(data: Path | None, ask: Callable[[Open], Awaitable[Answer]]) -> Answer:
    """Open the book of an installation, ask it one thing, and close it again."""

    async def asked() -> Answer:
        here = beside(data)
        clock = RealClock()
        async with AsyncExitStack() as stack:
            bench = Workbench(stack, here.settings, here.site(), clock, Ids(clock), "operator")
            await bench.follow_business_time()
            ledger, proof = await open_book(bench)
            heads = here.place.folder / "heads"
            return await ask(Open(ledger, proof, heads, here.live, bench.ids))

    return asyncio.run(asked())


def instant(text: str | None) -> datetime | None:
    """Read an instant that says its offset from UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Stop(
            "That is not an instant.", "Write it like 2026-03-01T12:00:00Z.", Exit.USAGE
        ) from None
    return found
