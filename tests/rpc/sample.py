"""A port with every type that travels, and a service that can fail in every way there is."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bezant.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Refused,
    SeveralInvalid,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from bezant.money import Asset, Money
from bezant.rpc.manners import Manners
from bezant.secret import Secret


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Whole:
    text: str
    number: int
    flag: bool
    data: bytes
    colour: Colour
    money: Money
    asset: Asset
    at: datetime
    on: date
    rate: Decimal
    parts: tuple[Part, ...]
    days: tuple[date, ...]
    names: frozenset[str]
    labels: Mapping[str, str]
    facts: Mapping[str, object]
    secret: Secret[str]
    hidden: Secret[bytes]
    inner: "Whole | None" = None
    perhaps: str | None = None
    perhaps_number: int | None = None
    perhaps_money: Money | None = None
    perhaps_at: datetime | None = None
    perhaps_colour: Colour | None = None
    limit: int = 50
    on_by_default: bool = True
    liked: Colour = Colour.BLUE
    note: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Wish:
    id: str
    what: str = ""
    milliseconds: int = 0


class ShelfEmpty(Refused):
    """There is nothing left on the shelf."""

    code = "shelf_empty"

    def __init__(self, shelf: str, left: int) -> None:
        facts = {"shelf": shelf, "left": str(left)}
        super().__init__(f"shelf {shelf} has {left} left", facts=facts)


class Sample(Protocol):
    """A port for tests."""

    async def echo(self, whole: Whole) -> Whole:
        """Return it."""
        ...

    async def several(self, text: str, number: int, colour: Colour = Colour.RED) -> Part | None:
        """Take several plain parameters."""
        ...

    async def many(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Return them the other way round."""
        ...

    async def nothing(self) -> None:
        """Take and return nothing."""
        ...

    async def count(self) -> int:
        """Count calls of `wish`."""
        ...

    async def wish(self, command: Wish) -> str:
        """Do what is wished: answer, wait, or raise."""
        ...

    async def once(self, command: Wish) -> str:
        """Do it, but never twice."""
        ...


def errors() -> dict[str, Exception]:
    return {
        "invalid": Invalid("wrong", field="amount"),
        "several_invalid": SeveralInvalid([Invalid("one", field="a"), Invalid("two", field="b")]),
        "unauthenticated": Unauthenticated(),
        "forbidden": Forbidden("no"),
        "not_found": NotFound(facts={"what": "it"}),
        "conflict": Conflict("changed"),
        "refused": ShelfEmpty("left", 3),
        "unavailable": Unavailable(retry_after_seconds=1.5),
        "too_many": TooManyRequests(retry_after_seconds=60),
        "outcome_unknown": OutcomeUnknown(),
        "fault": ValueError("secret inside"),
        "assertion": AssertionError("the book is broken"),
    }


class SampleService:
    def __init__(self) -> None:
        self.calls = 0

    async def echo(self, whole: Whole) -> Whole:
        return whole

    async def several(self, text: str, number: int, colour: Colour = Colour.RED) -> Part | None:
        return Part(f"{text}{colour}", Money.of(f"{number}.00 EUR")) if number else None

    async def many(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(reversed(parts))

    async def nothing(self) -> None:
        return None

    async def count(self) -> int:
        return self.calls

    async def wish(self, command: Wish) -> str:
        self.calls += 1
        if command.what == "wait":
            await asyncio.sleep(command.milliseconds / 1000)
        elif command.what == "large":
            return "x" * (17 * 1024 * 1024)
        elif command.what:
            raise errors().get(command.what, Invalid("there is no such wish"))
        return command.id

    async def once(self, command: Wish) -> str:
        return await self.wish(command)


SAMPLE_MANNERS = Manners(
    repeatable=frozenset({"echo", "several", "many", "nothing", "count", "wish"}),
    once=frozenset({"once"}),
)


@asynccontextmanager
async def sample_service() -> AsyncIterator[SampleService]:
    yield SampleService()
