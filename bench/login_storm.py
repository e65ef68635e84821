"""Transfers while very many people log in at once: do those who pay notice?

The whole platform runs as its users run it. A fifth of what it can do is asked of it, whoever is
late (an open loop), alone and beside people who all log in again and again with the right password.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.load import Plan, crowd, press
from bench.measure import Fact, Sample, median, told
from bench.process import ChildFailed
from bench.product import Product, running
from bench.server import Server

ACCOUNTS: Final = 500
SHARE_OF_PEAK: Final = 0.2
CALLERS: Final = 64
PEOPLE: Final = 32
STORM_LASTS_LONGER: Final = 4.0
"""The crowd's generator connects before it counts."""
PEAK_SECONDS: Final = 3.0


class Owner(msgspec.Struct, frozen=True):
    """Who can log in to a demo installation."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """One of the short times in which transfers are watched."""

    product: Product
    folder: Path
    seconds: float
    pace: float
    number: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What was seen so far."""

    quiet: list[Sample]
    stormy: list[Sample]
    logins: list[Sample]

    def told(self) -> str:
        """Return the last round in a line."""
        quiet, stormy, logins = self.quiet[-1], self.stormy[-1], self.logins[-1]
        return f"{quiet.value:.2f} ms, {stormy.value:.2f} ms at {logins.value:.1f} logins a second"


async def storm_ratio(
    server: Server, folder: Path, seconds: float, rounds: int, tell: Callable[[str], None]
) -> tuple[float, dict[str, Fact]]:
    """Return the 99th percentile during a storm against that of a quiet time, and raw values.

    Quiet and stormy stretches are short and take turns, in either order: a disc that is slow for
    seconds then spoils a few of them, which the medians of all leave out.
    """
    taken = Taken([], [], [])
    async with running(server, folder, ACCOUNTS) as product:
        owner = msgspec.json.decode((folder / "bezant" / "sample.json").read_bytes(), type=Owner)
        port, plan = product.service.port, product.single
        await press(plan, port, CALLERS, PEAK_SECONDS, "a0a0a0a0", folder)  # Caches become warm.
        peak = await press(plan, port, CALLERS, PEAK_SECONDS, "b0b0b0b0", folder)
        pace = peak.value * SHARE_OF_PEAK
        for number in range(rounds):
            turns = (_quiet, _stormy) if number % 2 == 0 else (_stormy, _quiet)
            for turn in turns:
                await turn(Stretch(product, folder, seconds, pace, number), owner, taken)
            tell(f"round {number + 1}: {taken.told()}")
    raw: dict[str, Fact] = {
        "peak": peak.told(),
        "quiet_p99_ms": told(taken.quiet),
        "stormy_p99_ms": told(taken.stormy),
        "logins": told(taken.logins),
    }
    return median(taken.stormy) / median(taken.quiet), raw


async def _quiet(stretch: Stretch, _owner: Owner, taken: Taken) -> None:
    taken.quiet.append(await _paid(stretch, "c"))


async def _stormy(stretch: Stretch, owner: Owner, taken: Taken) -> None:
    storm = press(
        _logging_in(owner),
        stretch.product.service.port,
        PEOPLE,
        stretch.seconds + STORM_LASTS_LONGER,
        f"e{stretch.number:x}e0e0e0",
        stretch.folder,
        by="bench.load",
    )
    paid, came_in = await asyncio.gather(_paid(stretch, "d"), storm)
    taken.stormy.append(paid)
    taken.logins.append(came_in)


async def _paid(stretch: Stretch, letter: str) -> Sample:
    """Post transfers at a pace; the value is the 99th percentile in milliseconds."""
    sample = await crowd(
        stretch.product.single,
        stretch.product.service.port,
        CALLERS,
        stretch.seconds,
        f"{letter}{stretch.number:x}{letter}0{letter}0{letter}0",
        stretch.folder,
        pace=stretch.pace,
    )
    if sample.facts["refused_requests"] or sample.facts["broken_requests"]:
        raise ChildFailed("transfers were refused or broken")
    p99 = sample.facts["p99_ms"]
    assert isinstance(p99, int | float)
    return Sample(float(p99), sample.seconds, {**sample.facts, "transfers": sample.value})


def _logging_in(owner: Owner) -> Plan:
    body = msgspec.json.encode(
        {"email": owner.email, "password": owner.password, "deliver": "token"}
    )
    return Plan("/v1/session", {}, "", body.decode(), "", 1, ("nobody", "nobody else"))
