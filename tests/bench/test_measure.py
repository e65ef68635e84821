"""The arithmetic of a benchmark: turns, ratios, bars, and what makes a run worthless."""

import time

import pytest
from bench.measure import (
    Comparison,
    Measure,
    Result,
    Sample,
    Subject,
    Target,
    absent,
    judge,
    machine,
    median,
    ratio,
    take_turns,
)

FASTER = Target("faster", "how much faster", "x", Comparison.AT_LEAST, 2.0, 3.0)
QUICK = Target("quick", "how quick", "ms", Comparison.AT_MOST, 2.0, 1.0, per_pgbench_latency=1.0)


def sampled(*values: float) -> list[Sample]:
    return [Sample(value, 1.0) for value in values]


def counting(order: list[str], name: str) -> Subject:
    async def subject() -> Sample:
        order.append(name)
        return Sample(float(len(order)), 0.1)

    return subject


async def test_subjects_take_turns_and_their_samples_pair_up() -> None:
    order: list[str] = []
    subjects = {"a": counting(order, "a"), "b": counting(order, "b")}
    samples = await take_turns(subjects, 3, time.monotonic() + 60)
    assert order == ["a", "b"] * 3
    assert [sample.value for sample in samples["a"]] == [1.0, 3.0, 5.0]
    assert [sample.value for sample in samples["b"]] == [2.0, 4.0, 6.0]


async def test_one_round_is_finished_and_none_begun_when_the_time_is_over() -> None:
    order: list[str] = []
    subjects = {"a": counting(order, "a"), "b": counting(order, "b")}
    await take_turns(subjects, 5, time.monotonic() - 1)
    assert order == ["a", "b"]


def test_a_ratio_pairs_samples_of_one_round_so_that_drift_cancels() -> None:
    yardstick = sampled(100, 200, 400)
    ours = sampled(300, 600, 1200)
    assert ratio(ours, yardstick) == 3.0
    assert ratio(sampled(300, 600, 1), yardstick) == 3.0  # one bad round does not decide
    assert median(sampled(5, 1, 9)) == 5
    with pytest.raises(ValueError, match="shorter"):
        ratio(sampled(1, 2), sampled(1))


@pytest.mark.parametrize(
    ("target", "value", "latency", "met"),
    [
        (FASTER, 2.0, None, True),
        (FASTER, 1.99, None, False),
        (QUICK, 2.0, 0.5, True),
        (QUICK, 2.5, 0.5, False),
        (QUICK, 2.5, 3.0, True),  # this machine's own commits are slow: the bar follows them
        (QUICK, 3.1, 3.0, False),
        (Target("free", "", "x", Comparison.AT_LEAST, None), 1.0, None, None),
    ],
)
def test_a_value_is_set_beside_its_bar(
    target: Target, value: float, latency: float | None, met: bool | None
) -> None:
    measure = judge(target, value, {"samples": 3}, latency)
    assert measure.met is met
    assert measure.value == value
    assert measure.told()["raw"]["samples"] == 3


def test_a_bar_that_follows_the_machine_says_its_k() -> None:
    rule = judge(QUICK, 2.5, {}, 3.0).told()["raw"]["bar_rule"]
    assert rule == "max(2.0 ms, 1.0 x pgbench latency 3.000 ms) = 3.000 ms"


def test_strength_counts_the_same_way_round_for_floors_and_ceilings() -> None:
    assert judge(FASTER, 4.0, {}).strength == 2.0
    assert judge(QUICK, 1.0, {}).strength == 2.0
    assert absent(FASTER, "not present").strength is None


def test_a_measure_is_told_in_the_agreed_shape() -> None:
    told = judge(FASTER, 2.5, {"raw": [1, 2]}).told()
    assert list(told) == ["id", "value", "unit", "bar", "aim", "met", "raw"]
    missing = absent(FASTER, "not present").told()
    assert missing["value"] is None
    assert missing["met"] is None
    assert missing["raw"]["absent"] == "not present"


@pytest.mark.parametrize(
    ("measures", "problems", "valid", "met"),
    [
        ([judge(FASTER, 2.5, {})], (), True, True),
        ([judge(FASTER, 2.5, {}), absent(QUICK, "not present")], (), True, True),
        ([judge(FASTER, 1.5, {})], (), True, False),
        ([judge(FASTER, 2.5, {})], ("the baseline is too slow",), False, False),
    ],
)
def test_a_run_counts_only_when_nothing_is_wrong_with_it(
    measures: list[Measure], problems: tuple[str, ...], valid: bool, met: bool
) -> None:
    result = Result("ledger", machine(), tuple(measures), problems)
    assert (result.valid, result.met) == (valid, met)
    told = result.told()
    assert told["valid"] is valid
    assert told["problems"] == list(problems)
    assert len(told["measures"]) == len(measures)


def test_the_machine_is_described() -> None:
    told = machine()
    assert told["cores"] >= 1
    assert told["memory_gib"] > 0
    assert told["processor"]
    assert str(told["python"]).count(".") == 2
