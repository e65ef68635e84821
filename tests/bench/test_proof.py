"""A tiny run of the proof's measures: its shape and its checks. No speed is judged."""

from dataclasses import replace

import msgspec
import pytest
import uvloop
from bench.measure import Options
from bench.proof import LogSize, UnknownMeasure
from bench.proof_targets import BY_ID, TARGETS
from bench.run import QUICK

from bench import proof

TINY = replace(QUICK, scale=1, stretch_seconds=1.0, rounds_max=1)
OF_THE_LOG = ("log_append_vs_tpcb", "inclusion_p99_ms", "verify_log_vs_sha256")


def test_the_log_is_measured_and_every_proof_of_it_checked():
    size = LogSize(entries=70_000, appends=2_000, proofs=100, read=2_000)
    for measure in OF_THE_LOG:
        options = Options(quick=True, only=measure)
        told = uvloop.run(proof.measure(options, TINY, size)).told()
        (found,) = msgspec.json.decode(msgspec.json.encode(told))["measures"]
        assert list(found) == ["id", "value", "unit", "bar", "aim", "met", "raw"]
        assert (found["id"], told["problems"]) == (measure, [])
        assert found["value"] > 0


def test_the_bars_are_those_that_were_agreed():
    bars = {target.id: (target.bar, target.aim) for target in TARGETS}
    assert bars == {
        "log_append_vs_tpcb": (1.0, 3.0),
        "inclusion_p99_ms": (5.0, 1.0),
        "verify_log_vs_sha256": (0.2, 0.5),
        "payments_with_receipts_vs_without": (0.85, 0.95),
        "payments_with_dual_receipts_vs_without": (None, None),
        "verify_receipt_s": (0.5, 0.3),
        "hsm_sign_p99_ms": (20.0, 10.0),
    }


def test_an_unknown_measure_is_named():
    with pytest.raises(UnknownMeasure, match=next(iter(BY_ID))):
        proof.run(Options(only="no_such"))
