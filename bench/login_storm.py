"""Transfers while very many people log in at once: do those who pay notice?

The whole platform runs as its users run it. A fifth of what it can do is asked of it, whoever is
late (an open loop), alone and beside people who all log in again and again with the right password.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bench.load import Plan, crowd, press
from bench.measure import Fact, Sample, ratio, told
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


async def storm_ratio(
    server: Server, folder: Path, seconds: float, rounds: int, tell: Callable[[str], None]
) -> tuple[float, dict[str, Fact]]:
    """Return the 99th percentile during a storm against that of a quiet time, and raw values."""
    quiet: list[Sample] = []
    stormy: list[Sample] = []
    logins: list[Sample] = []
    async with running(server, folder, ACCOUNTS) as product:
        owner = msgspec.json.decode((folder / "bezant" / "sample.json").read_bytes(), type=Owner)
        port, plan = product.service.port, product.single
        await press(plan, port, CALLERS, PEAK_SECONDS, "a0a0a0a0", folder)  # Caches become warm.
        peak = await press(plan, port, CALLERS, PEAK_SECONDS, "b0b0b0b0", folder)
        pace = peak.value * SHARE_OF_PEAK
        for number in range(rounds):
            quiet.append(await _paid(product, folder, seconds, pace, f"c{number:x}c0c0c0"))
            tell(f"round {number + 1}: quiet {quiet[-1].value:.2f} ms")
            alone = _paid(product, folder, seconds, pace, f"d{number:x}d0d0d0")
            lasts = seconds + STORM_LASTS_LONGER
            storm = press(
                _logging_in(owner), port, PEOPLE, lasts, f"e{number:x}e0e0e0", folder,
                by="bench.load",
            )  # fmt: skip
            paid, came_in = await asyncio.gather(alone, storm)
            stormy.append(paid)
            logins.append(came_in)
            tell(f"round {number + 1}: {came_in.value:.1f} logins a second, {paid.value:.2f} ms")
    raw: dict[str, Fact] = {
        "peak": peak.told(),
        "quiet_p99_ms": told(quiet),
        "stormy_p99_ms": told(stormy),
        "logins": told(logins),
    }
    return ratio(stormy, quiet), raw


async def _paid(product: Product, folder: Path, seconds: float, pace: float, seed: str) -> Sample:
    """Post transfers at a pace; the value is the 99th percentile in milliseconds."""
    plan, port = product.single, product.service.port
    sample = await crowd(plan, port, CALLERS, seconds, seed, folder, pace=pace)
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
