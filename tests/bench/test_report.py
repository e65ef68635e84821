"""What is shown and written of a result; an invalid run is never written."""

import io
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from bench.measure import Comparison, Measure, Result, Target, absent, judge
from bench.report import chart, read, render, write
from bench.show import number, show
from rich.console import Console

MET = judge(Target("quick_enough", "how quick", "ms", Comparison.AT_MOST, 2.0, 1.0), 0.5, {"n": 3})
MISSED = judge(Target("as_fast_as", "how fast", "x", Comparison.AT_LEAST, 3.5, 5.0), 1.75, {})
MISSING = absent(Target("against_it", "it", "x", Comparison.AT_LEAST, 1.0), "not present")
MEASURES = (MET, MISSED, MISSING)


def result(measures: Sequence[Measure] = MEASURES, problems: tuple[str, ...] = ()) -> Result:
    return Result("ledger", {"processor": "slow <one>", "cores": 2}, tuple(measures), problems)


def kept(folder: Path, one: Result) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{one.name}.json").write_bytes(msgspec.json.encode(one.told()))
    return folder


def shown(one: Result) -> str:
    screen = io.StringIO()
    show(one, Console(file=screen, width=120, color_system=None))
    return screen.getvalue()


def test_a_person_sees_values_beside_their_bars() -> None:
    text = shown(result())
    assert "quick_enough" in text
    assert "3.5" in text
    assert "1.75" in text
    assert "bars missed: as_fast_as" in text
    assert "met." in shown(result([MET]))


def test_a_person_sees_why_a_run_is_invalid() -> None:
    text = shown(result([MET], ("the ORM baseline is 0.010 x tpcb-like",)))
    assert "This run is invalid" in text
    assert "0.010" in text


def test_the_page_has_every_measure_the_machine_and_the_chart(tmp_path: Path) -> None:
    results = read(kept(tmp_path / "results", result()))
    page = tmp_path / "docs" / "benchmarks.md"
    write(results, page)
    text = page.read_text()
    assert text == render(results)
    assert "processor slow <one>, cores 2" in text
    assert "| `quick_enough` | **0.5 ms** | ≤ 2 | 1 | yes | how quick |" in text
    assert "| `as_fast_as` | **1.75 x** | ≥ 3.5 | 5 | **no** | how fast |" in text
    assert "| `against_it` | - | ≥ 1 | - | - | not present |" in text
    assert (page.parent / "benchmarks-ledger.svg").read_text() == chart(results[0])
    assert "](benchmarks-ledger.svg)" in text


def test_the_chart_is_well_formed_and_draws_what_was_measured(tmp_path: Path) -> None:
    (one,) = read(kept(tmp_path, result()))
    picture = ElementTree.fromstring(chart(one))
    space = {"s": "http://www.w3.org/2000/svg"}
    bars = picture.findall("s:rect", space)[1:]
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert len(bars) == 2  # what is missing is not drawn
    assert widths[0] > widths[1] > 0
    assert bars[0].attrib["fill"] != bars[1].attrib["fill"]
    words = [text.text for text in picture.findall("s:text", space)]
    assert "quick_enough" in words
    assert "0.5 ms ▸" in words  # four times its bar is more than the picture holds


def test_an_invalid_run_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="invalid"):
        read(kept(tmp_path, result([MET], ("a floor is broken",))))


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (12345.6, "12,346"), (100.0, "100"), (4.0741, "4.07"), (0.0123, "0.0123")],
)
def test_numbers_have_as_many_digits_as_they_deserve(value: float | None, text: str) -> None:
    assert number(value) == text
