"""A tiny run of everything: its shape, its checks, what it leaves behind. No speed is judged."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import uvloop
from bench.far import unfair
from bench.measure import Options, Result
from bench.pgbench import SCALE_QUICK
from bench.report import KeptResult, render
from bench.run import QUICK, UnknownMeasure
from bench.server import IN_MEMORY, NotDurable, durable_server, file_system
from bench.targets import TARGETS

from bench import ledger

TINY = replace(
    QUICK,
    scale=1,
    accounts=20,
    stretch_seconds=0.4,
    rounds_max=1,
    snapshot_seconds=0.4,
    reads_seconds=0.2,
    bytes_after=2_000,
)
PEERS = {"post_256_vs_pgledger", "hot_vs_pgledger", "singles_256_vs_tigerbeetle"}
LONG = {"grown_10m_vs_1m"}


@pytest.fixture(scope="module")
def tiny() -> Iterator[Result]:
    with pytest.MonkeyPatch.context() as without:
        without.delenv("BENCH_PGLEDGER", raising=False)
        without.delenv("BENCH_TIGERBEETLE", raising=False)
        yield uvloop.run(ledger.measure(Options(quick=True), TINY))


def test_every_measure_is_there_in_the_agreed_shape(tiny: Result) -> None:
    told = msgspec.json.decode(msgspec.json.encode(tiny.told()))
    assert [measure["id"] for measure in told["measures"]] == [
        target.id for target in TARGETS if target.id not in LONG
    ]
    for measure in told["measures"]:
        assert list(measure) == ["id", "value", "unit", "bar", "aim", "met", "raw"]
        if measure["id"] in PEERS:
            assert measure["value"] is None
            assert measure["raw"]["absent"].startswith("not present")
        else:
            assert measure["value"] > 0
            assert measure["met"] in (True, False)
    assert told["machine"]["fsync"] == told["machine"]["synchronous_commit"] == "on"
    assert "scale 1" in told["machine"]["pgbench"]


def test_raw_values_and_durations_are_kept(tiny: Result) -> None:
    measures = {measure.id: measure.told()["raw"] for measure in tiny.measures}
    for sample in (
        *measures["http_256_vs_orm"]["http_256"],
        *measures["http_256_vs_orm"]["orm_256"],
    ):
        assert sample["value"] > 0
        assert sample["seconds"] > 0
        assert sample["refused_requests"] == sample["broken_requests"] == 0
        assert sample["generator_cpu_share"] > 0
    assert "x pgbench latency" in measures["http_1_p50_ms"]["bar_rule"]


def test_the_books_were_right_and_only_the_opponent_may_have_been_unfair(tiny: Result) -> None:
    # With one branch as a yardstick and neighbours on the machine, the ORM's share says nothing.
    assert [problem for problem in tiny.problems if "ORM baseline" not in problem] == []


def test_a_page_can_be_written_of_it(tiny: Result) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(tiny.told()), type=KeptResult)
    assert "`post_256_vs_tpcb`" in render([kept])


def test_nothing_keeps_running_or_lying_about(tiny: Result) -> None:
    assert tiny.measures
    commands = [words(file) for file in Path("/proc").glob("[0-9]*/cmdline")]
    mine = f"bezant-bench-{os.getpid()}-"
    assert any(commands)
    assert [command for command in commands if mine in command] == []
    assert list(Path(tempfile.gettempdir()).glob(f"{mine}*")) == []


def words(file: Path) -> str:
    try:
        return file.read_text().replace("\0", " ")
    except OSError:
        return ""  # It ended while we looked.


@pytest.mark.parametrize(("share", "problems"), [(0.0699, 1), (0.07, 0), (0.2, 0)])
def test_an_orm_baseline_that_is_a_straw_man_makes_a_run_invalid(
    share: float, problems: int
) -> None:
    assert len(unfair(share)) == problems


def test_one_measure_can_be_asked_for_and_no_other_is_answered() -> None:
    heard: list[str] = []
    only = Options(quick=True, only="bytes_per_transfer", tell=heard.append)
    result = uvloop.run(ledger.measure(only, TINY))
    assert [measure.id for measure in result.measures] == ["bytes_per_transfer"]
    assert result.valid
    assert any("bytes_per_transfer" in line for line in heard)


def test_an_unknown_measure_is_refused_before_anything_starts() -> None:
    with pytest.raises(UnknownMeasure, match="post_256_vs_tpcb"):
        ledger.run(Options(only="faster_than_light"))


def test_the_grown_sizes_are_left_to_long_runs() -> None:
    assert {target.id for target in TARGETS if target.long} == LONG
    assert SCALE_QUICK < 50


def test_a_bar_in_milliseconds_says_how_it_follows_the_machine() -> None:
    for target in TARGETS:
        assert (target.per_pgbench_latency is not None) is (target.unit == "ms"), target.id


async def test_memory_is_no_disk() -> None:
    assert file_system(Path(__file__)) not in IN_MEMORY
    shared = Path("/dev/shm")
    assert file_system(shared) in IN_MEMORY
    with pytest.raises(NotDurable, match="memory"):
        async with durable_server(shared / "bezant-bench-test"):
            pytest.fail("it started in memory")
    assert not (shared / "bezant-bench-test").exists()
