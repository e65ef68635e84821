"""Writes `docs/reference/benchmarks.md` and its charts from kept results.

    bezant bench ledger --long --json > bench/results/ledger.json
    python -m bench.report

Only what a result file says is written, so the page can be written again and compared.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.chart import Row, draw
from bench.measure import Comparison, Fact
from bench.show import number

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"

INTRODUCTION = """\
# Benchmarks

This page is written from `bench/results/` by `python -m bench.report`;
[bench/README.md](../../bench/README.md) says how each number is measured. A shared machine drifts,
so every claim is a ratio of two things measured right after one another on the same server with the
same durable settings, several times in turn; what is shown is the median. Raw values and durations
are in the result files.
"""


class Kept(msgspec.Struct, frozen=True):
    """One measure of a kept result."""

    id: str
    value: float | None
    unit: str
    bar: float | None
    aim: float | None
    met: bool | None
    raw: dict[str, msgspec.Raw]

    def text(self, name: str) -> str | None:
        """Return a text among the raw facts."""
        found = self.raw.get(name)
        return None if found is None else str(msgspec.json.decode(found))

    @property
    def strength(self) -> float | None:
        """How far beyond its bar: 1 is just met."""
        if not self.value or not self.bar:
            return None
        at_most = self.text("comparison") == Comparison.AT_MOST
        return self.bar / self.value if at_most else self.value / self.bar


class KeptResult(msgspec.Struct, frozen=True):
    """A result file."""

    name: str
    valid: bool
    problems: list[str]
    machine: dict[str, str | int | float | bool | None]
    measures: list[Kept]


def write(results: Sequence[KeptResult], page: Path = PAGE) -> None:
    """Write the page and a chart beside it for every result."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(results))
    for result in results:
        page.with_name(_chart_name(result)).write_text(chart(result))


def render(results: Sequence[KeptResult]) -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *[_section(result) for result in results]])


def chart(result: KeptResult) -> str:
    """Return a result's chart."""
    rows = [
        Row(kept.id, kept.strength, kept.met is True, f"{number(kept.value)} {kept.unit}")
        for kept in result.measures
        if kept.strength is not None
    ]
    return draw(f"bezant bench {result.name}: beyond the bar", rows)


def read(folder: Path = RESULTS) -> list[KeptResult]:
    """Read the kept results. One of an invalid run is no result."""
    results = [
        msgspec.json.decode(file.read_bytes(), type=KeptResult)
        for file in sorted(folder.glob("*.json"))
    ]
    for result in results:
        if not result.valid:
            raise ValueError(f"the run of {result.name} is invalid: {result.problems}")
    return results


def _section(result: KeptResult) -> str:
    lines = [
        f"## bezant bench {result.name}",
        "",
        f"Machine: {machine_line(result.machine)}.",
        "",
        f"![How far beyond its bar each measure of {result.name} is]({_chart_name(result)})",
        "",
        "| measure | value | bar | aim | met | what |",
        "| --- | --- | --- | --- | --- | --- |",
        *[_row(kept) for kept in result.measures],
        "",
    ]
    return "\n".join(lines)


def _row(kept: Kept) -> str:
    sign = "≤" if kept.text("comparison") == Comparison.AT_MOST else "≥"
    value = f"**{number(kept.value)} {kept.unit}**" if kept.value is not None else "-"
    bar = f"{sign} {number(kept.bar)}" if kept.bar is not None else "-"
    met = {True: "yes", False: "**no**", None: "-"}[kept.met]
    what = kept.text("absent") or kept.text("what") or ""
    return f"| `{kept.id}` | {value} | {bar} | {number(kept.aim)} | {met} | {what} |"


def machine_line(machine: Mapping[str, Fact]) -> str:
    """Return what was measured on, in a line."""
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in machine.items())


def _chart_name(result: KeptResult) -> str:
    return f"benchmarks-{result.name}.svg"


if __name__ == "__main__":
    write(read())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} written\n")
