"""The book: everything the emulators remember, in one SQLite file, written by one thread.

    answer = await book.write(lambda page: handler(call, page))

What a function does with its page is one transaction: all of it is on disk before the answer
leaves, or none of it happened. One thread writes, so nothing here can race: two captures come one
after the other, and the second sees what the first took.

Objects are frozen dataclasses with an `id`, kept under the name of their class:

    page.put(intent, name=customer)
    page.get(PaymentIntent, "pi_1")
    page.find(Refund, parent=charge.id)
"""

import asyncio
import hashlib
import hmac
import sqlite3
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from bezant.clock import Clock
from bezant.sandbox.movement import ASIDE, Moved, Movement
from bezant.sandbox.schedule import Delivery, Due, Endpoint, State
from bezant.sandbox.scripts import Effect
from bezant.sandbox.store import exchange, ground, schedule, things

LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FINGERPRINTS: Final = "fingerprint secret"
Chance = Callable[[int], bytes]


class Thing(Protocol):
    """Anything that can be kept: a frozen dataclass that knows its id."""

    @property
    def id(self) -> str: ...


Kept = TypeVar("Kept", bound=Thing)
Result = TypeVar("Result")


class Page:
    """One transaction in the book, in the name of one provider. Lives on the book's thread."""

    def __init__(
        self, book: sqlite3.Connection, provider: str, now: datetime, chance: Chance
    ) -> None:
        self.book = book
        self.provider = provider
        self.now = now
        """The business time of this moment; for planned work, the time it was planned for."""
        self.chance = chance
        self.planned = False
        """Whether something was planned that may be due at once."""

    def new_id(self, prefix: str, length: int = 24, letters: str = LETTERS) -> str:
        """Return a new id such as `pi_3Nx…`: the prefix and so many letters."""
        # Bytes that would favour the first letters are drawn again.
        fair = 256 - 256 % len(letters)
        found = ""
        while len(found) < length:
            drawn = [byte for byte in self.chance(length) if byte < fair]
            found += "".join(letters[byte % len(letters)] for byte in drawn)
        return prefix + found[:length]

    def put(self, thing: Thing, *, parent: str = "", name: str = "") -> None:
        """Keep an object or its new state. `parent` and `name` are ways to find it; say them
        every time.
        """
        body = msgspec.json.encode(thing)
        key = (thing.id, parent, name)
        things.put(self.book, self.provider, type(thing).__name__, key, body)

    def get(self, kind: type[Kept], id_: str) -> Kept | None:
        """Return one object."""
        body = things.get(self.book, self.provider, kind.__name__, id_)
        return None if body is None else msgspec.json.decode(body, type=kind)

    def find(
        self,
        kind: type[Kept],
        *,
        parent: str | None = None,
        name: str | None = None,
        older_than: str | None = None,
        newer_than: str | None = None,
        limit: int = -1,
    ) -> list[Kept]:
        """Return objects, the newest first. The two cursors are ids of objects of this kind."""
        shelf = things.Shelf(
            self.provider, kind.__name__, parent, name, older_than, newer_than, limit
        )
        found = things.find(self.book, shelf)
        return [msgspec.json.decode(body, type=kind) for body in found]

    def note(self, name: str) -> str | None:
        """Return a text kept under a name."""
        return things.read_note(self.book, self.provider, name)

    def write_note(self, name: str, text: str) -> None:
        """Keep one text under a name."""
        things.write_note(self.book, self.provider, name, text)

    def print_of(self, text: bytes) -> str:
        """Return a fingerprint by which this book knows the text again, and nobody else can."""
        secret = things.read_note(self.book, "", FINGERPRINTS)
        if secret is None:
            secret = self.chance(32).hex()
            things.write_note(self.book, "", FINGERPRINTS, secret)
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()

    def move(
        self,
        kind: Moved,
        id_: str,
        payment: str,
        asset: str,
        amount: int,
        *,
        fee: int = 0,
        key: str = "",
    ) -> None:
        """Write down that money moved; by this the platform is judged."""
        movement = Movement(self.provider, kind, id_, payment, key, asset, amount, fee, self.now)
        things.move(self.book, movement)
        self.mark(payment, key)

    def mark(self, payment: str, *values: str) -> None:
        """Remember names under which the client knows a payment: its keys, its metadata."""
        things.mark(self.book, self.provider, payment, [payment, *values])

    def movements(self, payment: str) -> list[Movement]:
        """Return what money did for one payment."""
        return things.movements_of(self.book, self.provider, payment)

    def movements_between(self, begin: datetime, end: datetime) -> list[Movement]:
        """Return what money did from `begin`, before `end`."""
        times = ground.stored(begin), ground.stored(end)
        return things.movements_between(self.book, self.provider, *times)

    def unpaid(self, asset: str, end: datetime) -> list[Movement]:
        """Return every movement of the balance before `end` that no payout took yet."""
        found = things.movements_unpaid(self.book, self.provider, asset, ground.stored(end))
        return [one for one in found if one.kind not in ASIDE and one.kind is not Moved.PAYOUT]

    def pay_out(self, payout: str, movements: Sequence[Movement]) -> None:
        """Let a payout take these movements to the bank."""
        things.pay_out(self.book, self.provider, payout, movements)

    def later(self, work: str, subject: str, after: timedelta) -> None:
        """Plan work for `Emulator.when_due`; the same work and subject again is planned anew."""
        schedule.set_due(self.book, Due(self.provider, work, subject, self.now + after))
        self.planned = True

    def not_later(self, work: str, subject: str) -> None:
        """Give up planned work."""
        schedule.drop_due(self.book, self.provider, work, subject)

    def endpoints(self) -> list[Endpoint]:
        """Return where this provider's webhooks go."""
        return schedule.endpoints(self.book, self.provider)

    def set_endpoint(self, id_: str, url: str, secret: str, *events: str) -> None:
        """Send webhooks there, from now on."""
        wanted = frozenset(events or ("*",))
        schedule.set_endpoint(self.book, Endpoint(self.provider, id_, url, secret, wanted))

    def drop_endpoint(self, id_: str) -> None:
        """Send no webhooks there any more."""
        schedule.drop_endpoint(self.book, self.provider, id_)

    def emit(self, event: str, kind: str, body: bytes) -> None:
        """Send an event to every endpoint that wants it, as a waiting script has it."""
        wanting = [one for one in self.endpoints() if one.wants(kind)]
        if not wanting:
            return
        self.planned = True
        script = exchange.take_webhook_script(self.book, self.provider, kind)
        state, due_at, forged = State.DUE, self.now, [False]
        match script.effect if script else None:
            case Effect.WEBHOOK_DUPLICATE:
                forged = [False, False]
            case Effect.WEBHOOK_FORGE:
                forged = [True, False]
            case Effect.WEBHOOK_LATE:
                due_at += timedelta(seconds=script.seconds if script else 0)
            case Effect.WEBHOOK_REORDER:
                state = State.HELD
            case Effect.WEBHOOK_WITHHOLD:
                state = State.WITHHELD
            case _:
                pass
        for endpoint in wanting:
            for false in forged:
                planned = Delivery(
                    0, self.provider, event, kind, endpoint, body, state, false, 0, "", due_at
                )
                schedule.add_delivery(self.book, planned)
        if state is State.DUE:
            schedule.release_held(self.book, self.provider, due_at)

    @contextmanager
    def undone_if_refused(self) -> Generator[None]:
        """Take back what is done in this block if it ends with an exception."""
        self.book.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException:
            self.book.execute("ROLLBACK TO attempt")
            raise
        finally:
            self.book.execute("RELEASE attempt")


class Book:
    """The file, its thread and the business clock."""

    def __init__(self, path: Path, clock: Clock, chance: Chance) -> None:
        self.clock = clock
        self.changed = asyncio.Event()
        """Set when something was planned: it may be due."""
        self._path = path
        self._chance = chance
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-book")
        self._book: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._book = await loop.run_in_executor(self._thread, ground.opened, self._path)

    async def close(self) -> None:
        """Finish what is being written, and close the file."""
        if self._book is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._book.close)
            self._book = None
        self._thread.shutdown()

    async def write(
        self, provider: str, write: Callable[[Page], Result], at: datetime | None = None
    ) -> Result:
        """Do something in one transaction, and return once it is on disk."""
        loop = asyncio.get_running_loop()
        now = at or self.clock.now()
        # Shielded: who no longer waits for the answer does not undo what is being done.
        writing = loop.run_in_executor(self._thread, self._write, provider, write, now)
        result, planned = await asyncio.shield(writing)
        if planned:
            self.changed.set()
        return result

    def _write(
        self, provider: str, write: Callable[[Page], Result], now: datetime
    ) -> tuple[Result, bool]:
        assert self._book is not None, "the book is not open"
        page = Page(self._book, provider, now, self._chance)
        self._book.execute("BEGIN IMMEDIATE")
        try:
            result = write(page)
        except BaseException:
            self._book.execute("ROLLBACK")
            raise
        self._book.execute("COMMIT")
        return result, page.planned
