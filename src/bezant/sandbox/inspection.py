"""Inspection: what the emulators' book says, and how their next answers are scripted.

This is the judge of the platform under test: what really happened at the provider, whatever the
platform believes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from bezant.errors import NotFound
from bezant.sandbox.book import Book, Page
from bezant.sandbox.emulator import Emulator, SettlementFile
from bezant.sandbox.exchange import Exchange
from bezant.sandbox.movement import ASIDE, Moved, Movement
from bezant.sandbox.schedule import Delivery
from bezant.sandbox.scripts import Script
from bezant.sandbox.store import exchange, schedule, things
from bezant.sandbox.webhooks import Postman


class UnknownEmulator(NotFound):
    """The sandbox has no emulator of this provider."""

    code = "unknown_emulator"


class UnknownWebhook(NotFound):
    """The sandbox never sent such a webhook."""

    code = "unknown_webhook"


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment as the provider knows it."""

    provider: str
    payment: str
    movements: Sequence[Movement]

    @property
    def charges(self) -> int:
        """Return how often the payer was charged: exactly once, if all is well."""
        return sum(one.kind is Moved.CHARGE for one in self.movements)


@dataclass(frozen=True, slots=True)
class Settlement:
    """One provider's report about a day, and what the book says it has to add up to."""

    provider: str
    file: SettlementFile
    movements: Sequence[Movement]


class Inspection:
    """Questions to the book, and scripts for it."""

    def __init__(self, book: Book, emulators: Sequence[Emulator], postman: Postman) -> None:
        self._book = book
        self._emulators = {one.provider: one for one in emulators}
        self._postman = postman

    @property
    def providers(self) -> tuple[str, ...]:
        """Return the names of the providers."""
        return tuple(self._emulators)

    def now(self) -> datetime:
        """Return the business time here."""
        return self._book.clock.now()

    async def calls(
        self, provider: str | None = None, key: str | None = None, limit: int = 100
    ) -> list[Exchange]:
        """Return the last calls, the newest first."""
        return await self._book.write(
            "", lambda page: exchange.calls(page.book, provider, key, limit)
        )

    async def payments(self, name: str, provider: str | None = None) -> list[Payment]:
        """Return the payments a client knows by this name: its key, its metadata, or their id."""

        def read(page: Page) -> list[Payment]:
            return [
                Payment(one, payment, things.movements_of(page.book, one, payment))
                for one in ([provider] if provider else self.providers)
                for payment in things.marked(page.book, one, name)
            ]

        return await self._book.write("", read)

    async def movements(self, provider: str | None = None, limit: int = 100) -> list[Movement]:
        """Return the last movements of money, the newest first."""
        return await self._book.write(
            "", lambda page: things.movements_after(page.book, provider, limit)
        )

    async def add(self, script: Script) -> int:
        """Let a script wait for its calls; return its number."""
        if script.provider:
            self._known(script.provider)
        return await self._book.write("", lambda page: exchange.add_script(page.book, script))

    async def scripts(self) -> list[Script]:
        """Return the scripts that still wait."""
        return await self._book.write("", lambda page: exchange.waiting_scripts(page.book))

    async def end_scripts(self, number: int | None = None) -> int:
        """Let one script, or all, wait no longer; return how many that were."""
        return await self._book.write("", lambda page: exchange.end_scripts(page.book, number))

    async def deliveries(self, provider: str | None = None, limit: int = 100) -> list[Delivery]:
        """Return the last webhooks, the newest first."""
        return await self._book.write(
            "", lambda page: schedule.deliveries(page.book, provider, limit)
        )

    async def send_again(self, number: int) -> None:
        """Send a webhook once more, whatever became of it."""

        def plan(page: Page) -> int:
            page.planned = True
            return schedule.send_again(page.book, number, page.now)

        if not await self._book.write("", plan):
            raise UnknownWebhook

    async def send_webhooks_to(self, provider: str, url: str, secret: str, id_: str) -> None:
        """Send a provider's webhooks there from now on."""
        self._known(provider)
        await self._book.write(provider, lambda page: page.set_endpoint(id_, url, secret))

    async def catch_up(self) -> None:
        """Do everything that is due by now before returning."""
        await self._postman.catch_up()

    async def settlement(self, provider: str, day: date) -> Settlement:
        """Return a provider's report about one day."""
        emulator = self._known(provider)
        begin = datetime(day.year, day.month, day.day, tzinfo=UTC)

        def read(page: Page) -> Settlement:
            moved = page.movements_between(begin, begin + timedelta(days=1))
            mine = [one for one in moved if one.kind not in ASIDE]
            return Settlement(provider, emulator.settlement(page, day), mine)

        return await self._book.write(provider, read)

    def _known(self, provider: str) -> Emulator:
        if provider not in self._emulators:
            raise UnknownEmulator(f"the sandbox has {', '.join(self._emulators)}")
        return self._emulators[provider]
