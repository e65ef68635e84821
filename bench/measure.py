"""The arithmetic of measuring: taking turns, paired ratios, medians, and what counts as met.

A shared machine drifts by a factor of three within minutes, so an absolute number says little.
Every claim is a ratio of two things measured right after one another, several times (A B A B), and
the median of those.
"""

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

Fact = float | int | str | bool | None | Sequence["Fact"] | Mapping[str, "Fact"]
"""What JSON can hold; raw values are handed on as they were found."""

QUIET_PGBENCH_LATENCY_MS = 2.0
"""tpcb-like with 16 clients on the quiet reference machine: 16 / 8,000 a second."""


class Comparison(StrEnum):
    """Whether a bar is a floor or a ceiling."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True)
class Options:
    """How much of a benchmark to run: `quick` ends in two minutes, `long` adds the grown sizes."""

    quick: bool = False
    long: bool = False
    only: str | None = None
    tell: Callable[[str], None] = lambda _line: None
    """Where progress goes; nothing of it is a result."""

    def wants(self, measure: str) -> bool:
        """Tell whether a measure belongs to this run."""
        return self.only is None or self.only == measure


@dataclass(frozen=True, slots=True)
class Target:
    """What a measure should reach, agreed before it was measured."""

    id: str
    what: str
    unit: str
    comparison: Comparison
    bar: float | None
    aim: float | None = None
    per_pgbench_latency: float | None = None
    """k: a bar in milliseconds is met at max(bar, k x the same run's pgbench latency)."""
    long: bool = False
    """Only measured with `--long`."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed stretch: a value, how long it was watched, and what else was seen."""

    value: float
    seconds: float
    facts: Mapping[str, Fact] = field(default_factory=dict[str, Fact])

    def told(self) -> dict[str, Fact]:
        """Return the sample as JSON."""
        return {"value": self.value, "seconds": round(self.seconds, 3), **self.facts}


@dataclass(frozen=True, slots=True)
class Measure:
    """A result beside its bar. Without a `value` it could not be measured; `raw` says why."""

    id: str
    what: str
    value: float | None
    unit: str
    comparison: Comparison
    bar: float | None
    aim: float | None
    met: bool | None
    raw: Mapping[str, Fact]

    @property
    def strength(self) -> float | None:
        """How far beyond its bar a measure is: 1 is just met, whichever way the bar points."""
        if not self.value or not self.bar:
            return None
        if self.comparison is Comparison.AT_LEAST:
            return self.value / self.bar
        return self.bar / self.value

    def told(self) -> dict[str, Fact]:
        """Return the measure as JSON."""
        return {
            "id": self.id,
            "value": self.value,
            "unit": self.unit,
            "bar": self.bar,
            "aim": self.aim,
            "met": self.met,
            "raw": {"what": self.what, "comparison": self.comparison, **self.raw},
        }


@dataclass(frozen=True, slots=True)
class Result:
    """Everything one run found. A run with problems is invalid, whatever its numbers say."""

    name: str
    machine: Mapping[str, Fact]
    measures: tuple[Measure, ...]
    problems: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        return not self.problems

    @property
    def met(self) -> bool:
        """Tell whether the run is valid and no bar was missed."""
        return self.valid and all(measure.met is not False for measure in self.measures)

    def told(self) -> dict[str, Fact]:
        """Return the result as JSON."""
        return {
            "name": self.name,
            "valid": self.valid,
            "problems": list(self.problems),
            "machine": self.machine,
            "measures": [measure.told() for measure in self.measures],
        }


Subject = Callable[[], Awaitable[Sample]]
"""Something that can be measured once more."""


async def take_turns(
    subjects: Mapping[str, Subject],
    rounds_max: int,
    until: float,
    tell: Callable[[str], None] = lambda _line: None,
) -> dict[str, list[Sample]]:
    """Measure every subject once a round, in order, A B A B.

     Whole rounds only, so samples pair up; at least one round, and none is begun that would, at
    the pace so far, end after `until` (on the monotonic clock).
    """
    samples: dict[str, list[Sample]] = {name: [] for name in subjects}
    began = time.monotonic()
    for number in range(1, rounds_max + 1):
        for name, subject in subjects.items():
            sample = await subject()
            samples[name].append(sample)
            tell(f"round {number}: {name} {sample.value:,.1f}")
        pace = (time.monotonic() - began) / number
        if time.monotonic() + pace > until:
            break
    return samples


def median(samples: Iterable[Sample]) -> float:
    """Return the median of the samples' values."""
    return statistics.median(sample.value for sample in samples)


def ratio(above: Sequence[Sample], below: Sequence[Sample]) -> float:
    """Return the median of the ratios of samples taken in the same round."""
    return statistics.median(a.value / b.value for a, b in zip(above, below, strict=True))


def told(samples: Iterable[Sample]) -> list[Fact]:
    """Return samples as JSON."""
    return [sample.told() for sample in samples]


def judge(
    target: Target,
    value: float,
    raw: Mapping[str, Fact],
    pgbench_latency_ms: float | None = None,
) -> Measure:
    """Set a value beside its bar."""
    bar, facts = target.bar, dict(raw)
    if target.per_pgbench_latency is not None and pgbench_latency_ms is not None:
        assert bar is not None, target.id
        bar = max(bar, target.per_pgbench_latency * pgbench_latency_ms)
        facts["bar_rule"] = (
            f"max({target.bar} ms, {target.per_pgbench_latency} x pgbench latency"
            f" {pgbench_latency_ms:.3f} ms) = {bar:.3f} ms"
        )
    match target.comparison:
        case Comparison.AT_LEAST:
            met = None if bar is None else value >= bar
        case Comparison.AT_MOST:
            met = None if bar is None else value <= bar
    return _measure(target, value, met, facts)


def absent(target: Target, reason: str) -> Measure:
    """Return a measure that could not be taken here, with the reason in place of a number."""
    return _measure(target, None, None, {"absent": reason})


def _measure(
    target: Target, value: float | None, met: bool | None, raw: Mapping[str, Fact]
) -> Measure:
    return Measure(
        target.id,
        target.what,
        value,
        target.unit,
        target.comparison,
        target.bar,
        target.aim,
        met,
        raw,
    )


def milliseconds(bar: float) -> float:
    """Return the k of a bar in milliseconds: the bar, told in latencies of the quiet machine."""
    return bar / QUIET_PGBENCH_LATENCY_MS


def machine() -> dict[str, Fact]:
    """Describe what the numbers were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(_memory_bytes() / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
