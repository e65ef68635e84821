"""One run of a benchmark: how large it is, what it found, and what was wrong with it."""

import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.measure import (
    Fact,
    Measure,
    Options,
    Result,
    Sample,
    Subject,
    Target,
    absent,
    judge,
    machine,
    take_turns,
    told,
)
from bench.pgbench import CLIENTS, SCALE, SCALE_QUICK, THREADS, Pgbench, latency_ms
from bench.server import Server, durable_server
from bench.targets import BY_ID


@dataclass(frozen=True, slots=True)
class Size:
    """How long and how large a run is.

     `near_seconds` and `far_seconds` bound the rounds of the two halves; no round begins that
    would end later than `rounds_end_seconds` after the start, however slow the machine.
    """

    scale: int
    accounts: int
    stretch_seconds: float
    rounds_max: int
    near_seconds: float
    far_seconds: float
    rounds_end_seconds: float
    snapshot_seconds: float
    reads_seconds: float
    bytes_after: int
    """So many transfers are enough to tell what one takes on disk."""


QUICK: Final = Size(
    scale=SCALE_QUICK,
    accounts=500,
    stretch_seconds=2.0,
    rounds_max=3,
    near_seconds=35.0,
    far_seconds=45.0,
    rounds_end_seconds=105.0,
    snapshot_seconds=10.0,
    reads_seconds=2.0,
    bytes_after=50_000,
)
ORDINARY: Final = Size(
    scale=SCALE,
    accounts=1_000,
    stretch_seconds=8.0,
    rounds_max=5,
    near_seconds=240.0,
    far_seconds=480.0,
    rounds_end_seconds=7_200.0,
    snapshot_seconds=60.0,
    reads_seconds=10.0,
    bytes_after=500_000,
)
GROWN_SMALL, GROWN_LARGE = 500_000, 5_000_000
"""Transfers; each has two entries."""
GROW_SECONDS_MAX = 1_800.0


class UnknownMeasure(ValueError):
    """There is no measure of this name."""


@dataclass(slots=True)
class Run:
    """What the parts of a run share."""

    options: Options
    size: Size
    folder: Path
    server: Server
    yard: Pgbench
    began: float
    latencies: list[float] = field(default_factory=list[float])
    problems: list[str] = field(default_factory=list[str])
    found: dict[str, tuple[float, Mapping[str, Fact]]] = field(
        default_factory=dict[str, tuple[float, Mapping[str, Fact]]]
    )
    missing: dict[str, str] = field(default_factory=dict[str, str])
    """Measures that could not be taken here, and why."""
    targets: Mapping[str, Target] = field(default_factory=lambda: BY_ID)

    def wants(self, *measures: str) -> bool:
        """Tell whether any of these measures belongs to this run."""
        return any(
            self.options.wants(measure) and (self.options.long or not self.targets[measure].long)
            for measure in measures
        )

    async def tpcb(self) -> Sample:
        """Run the yardstick once."""
        sample = await self.yard.run(self.size.stretch_seconds)
        self.latencies.append(latency_ms(sample))
        return sample

    async def turns(
        self, subjects: Mapping[str, Subject], seconds: float
    ) -> dict[str, list[Sample]]:
        """Let subjects take turns within so many seconds."""
        until = min(time.monotonic() + seconds, self.began + self.size.rounds_end_seconds)
        return await take_turns(subjects, self.size.rounds_max, until, self.options.tell)

    def keep(self, measure: str, value: float, **samples: Sequence[Sample]) -> None:
        """Keep what a measure came to, with the samples behind it, if this run was asked for it."""
        raw: dict[str, Fact] = {name: told(taken) for name, taken in samples.items()}
        self.keep_with(measure, value, raw)

    def keep_with(self, measure: str, value: float, raw: Mapping[str, Fact]) -> None:
        """Keep what a measure came to, with facts of any kind."""
        if self.wants(measure):
            self.found[measure] = (value, raw)
            self.options.tell(f"{measure} = {value:,.3f} {self.targets[measure].unit}")

    def measures(self) -> tuple[Measure, ...]:
        """Set everything found beside its bar."""
        latency = statistics.median(self.latencies)
        measures: list[Measure] = []
        for target in self.targets.values():
            if target.id in self.found:
                value, raw = self.found[target.id]
                measures.append(judge(target, value, raw, latency))
            elif target.id in self.missing and self.wants(target.id):
                measures.append(absent(target, self.missing[target.id]))
        return tuple(measures)


Part = Callable[[Run], Awaitable[None]]


def refuse_unknown(options: Options, targets: Mapping[str, Target]) -> None:
    """Refuse to measure what is no measure."""
    if options.only is not None and options.only not in targets:
        raise UnknownMeasure(f"{options.only} is not one of: {', '.join(targets)}")


async def measured(
    name: str,
    options: Options,
    size: Size,
    targets: Mapping[str, Target],
    parts: Sequence[Part],
    facts: Mapping[str, Fact],
) -> Result:
    """Run the parts of a benchmark at a size, on one durable server beside pgbench. Everything made
    on the way is gone afterwards.
    """
    described, began = machine(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix=f"bezant-bench-{os.getpid()}-") as scratch:
        folder = Path(scratch)
        async with durable_server(folder / "server") as server:
            yard = Pgbench(await server.create("yard"), size.scale)
            options.tell(f"filling pgbench's tables, scale {size.scale}")
            await yard.fill()
            run = Run(options, size, folder, server, yard, began, targets=targets)
            first = await run.tpcb()  # It warms the server as well.
            described |= {
                **await server.settings(),
                "pgbench": f"tpcb-like, scale {size.scale}, {CLIENTS} clients, {THREADS} threads,"
                " prepared",
                "pgbench_first_tps": round(first.value),
                "stretch_seconds": size.stretch_seconds,
                **facts,
            }
            for part in parts:
                await part(run)
            return Result(name, described, run.measures(), tuple(run.problems))
