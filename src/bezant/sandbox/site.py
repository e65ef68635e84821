"""The sandbox as a whole: its emulators on their ports, their book, and what is due.

    async with build_sandbox(SandboxPlan(folder, base_port=8090), clock, os.urandom) as sandbox:
        ... serve sandbox.listenings

Port by port: inspection +0, stripe +1, paypal +2, coinbase +3, bank +4, card +5, and Coinbase's
older APIs, payment links +6 and Commerce +7. Everything is bound to the loopback address: an
emulator accepts keys that everybody knows.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bezant.clock import Clock
from bezant.errors import Refused
from bezant.http.serve import Listening
from bezant.sandbox import coinbase
from bezant.sandbox.bank import Bank
from bezant.sandbox.book import Book, Chance
from bezant.sandbox.calls import Front
from bezant.sandbox.card import Card
from bezant.sandbox.coinbase import Coinbase
from bezant.sandbox.desk import desk
from bezant.sandbox.emulator import Access, Emulator
from bezant.sandbox.inspection import Inspection
from bezant.sandbox.paypal import PayPal
from bezant.sandbox.stripe import Stripe
from bezant.sandbox.webhooks import Postman

LOOPBACK: Final = "127.0.0.1"
INSPECTION: Final = "inspection"
OFFSETS: Final[Mapping[str, int]] = {
    INSPECTION: 0,
    "stripe": 1,
    "paypal": 2,
    "coinbase": 3,
    "bank": 4,
    "card": 5,
    coinbase.LINKS: 6,
    coinbase.COMMERCE: 7,
}
MAKERS: Final[Mapping[str, Callable[[Access | None], Emulator]]] = {
    "stripe": Stripe,
    "paypal": PayPal,
    "coinbase": Coinbase,
    "bank": Bank,
    "card": Card,
    coinbase.LINKS: partial(Coinbase, provider=coinbase.LINKS),
    coinbase.COMMERCE: partial(Coinbase, provider=coinbase.COMMERCE),
}
"""Each provider's emulator; without an access it takes the one it has for everybody."""


class NoSandboxInLive(Refused):
    """Emulators of providers never run beside real money."""

    code = "no_sandbox_in_live"


@dataclass(frozen=True, slots=True)
class SandboxPlan:
    """Where the sandbox lives, and what was agreed with whom."""

    folder: Path
    base_port: int
    """0 lets the system choose every port."""
    live: bool = False
    access: Mapping[str, Access] = field(default_factory=dict[str, Access])
    """By provider; who is not named takes what is known to everybody."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Everything that was built. The listenings have the order of `names`."""

    names: Sequence[str]
    listenings: Sequence[Listening]
    inspection: Inspection


@asynccontextmanager
async def build_sandbox(plan: SandboxPlan, clock: Clock, chance: Chance) -> AsyncGenerator[Sandbox]:
    """Build the sandbox and keep it working while the block lasts."""
    if plan.live:
        raise NoSandboxInLive
    emulators = [make(plan.access.get(name)) for name, make in MAKERS.items()]
    book = Book(plan.folder / "book.sqlite", clock, chance)
    await book.open()
    postman = Postman(book, emulators)
    try:
        for emulator in emulators:
            await book.write(emulator.provider, emulator.prepare)
        postman.start()
        inspection = Inspection(book, emulators, postman)
        names = (INSPECTION, *MAKERS)
        fronts = [desk(inspection), *(Front(one, book, chance) for one in emulators)]
        ports = [plan.base_port and plan.base_port + OFFSETS[name] for name in names]
        yield Sandbox(
            names,
            [Listening(LOOPBACK, port, app) for port, app in zip(ports, fronts, strict=True)],
            inspection,
        )
    finally:
        await postman.stop()
        await book.close()


def addresses(base_port: int) -> list[tuple[str, int]]:
    """Return every address the sandbox will answer on."""
    return [(LOOPBACK, base_port + OFFSETS[name]) for name in (INSPECTION, *MAKERS)]
