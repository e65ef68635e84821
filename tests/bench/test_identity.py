"""A tiny run of identity's measures: its shape and its checks. No speed is judged."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
import uvloop
from bench.identity import QUICK, UnknownMeasure
from bench.identity_targets import BY_ID, TARGETS
from bench.measure import Options

from bench import identity

TINY = replace(
    QUICK,
    stretch_seconds=1.0,
    rounds_max=1,
    seconds=1.0,
    storm_seconds=1.0,
    storm_rounds=1,
    keys=20,
    tokens=100,
    asked_about=50,
)


Told = dict[str, Any]


@pytest.fixture(scope="module")
def told() -> Told:
    """Everything measured once, as it is told."""
    result = uvloop.run(identity.measure(Options(quick=True), TINY)).told()
    return msgspec.json.decode(msgspec.json.encode(result))


def raw(told: Told, measure: str) -> Told:
    (found,) = [one for one in told["measures"] if one["id"] == measure]
    assert list(found) == ["id", "value", "unit", "bar", "aim", "met", "raw"]
    assert found["value"] > 0
    return found["raw"]


def test_nothing_is_wrong_with_what_was_measured(told: Told):
    assert told["problems"] == []
    assert [one["id"] for one in told["measures"]] == [
        "bearer_check_vs_none",
        "api_key_check_vs_none",
        "introspection_vs_echo",
        "envoy_vs_own_edge",
        "login_storm_p99_ratio",
    ]


@pytest.mark.parametrize(
    "measure", ["bearer_check_vs_none", "api_key_check_vs_none", "introspection_vs_echo"]
)
def test_those_who_ask_are_let_in_and_a_revocation_is_honoured(told: Told, measure: str):
    found = raw(told, measure)
    assert 0 <= found["revocation_seconds"] <= 5
    assert found["first_use"]["value"] > 0


def test_a_storm_of_logins_is_one(told: Told):
    (logins,) = raw(told, "login_storm_p99_ratio")["logins"]
    assert (logins["refused_requests"], logins["broken_requests"]) == (0, 0)
    assert logins["accepted_items"] > 0


def test_envoy_takes_turns_with_our_own_edge(told: Told):
    found = raw(told, "envoy_vs_own_edge")
    asked = [*found["envoy"], *found["tokens"]]
    assert {one["refused_requests"] for one in asked} == {0}
    assert len(found["envoy"]) == len(found["tokens"]) > 0


def test_the_bars_are_those_that_were_agreed():
    bars = {target.id: (target.bar, target.aim) for target in TARGETS}
    assert bars == {
        "bearer_check_vs_none": (0.7, 0.85),
        "api_key_check_vs_none": (0.75, 0.85),
        "introspection_vs_echo": (0.15, 0.25),
        "login_storm_p99_ratio": (2.0, 1.3),
        "envoy_vs_own_edge": (0.4, 0.6),
    }


def test_an_unknown_measure_is_named():
    with pytest.raises(UnknownMeasure, match=next(iter(BY_ID))):
        identity.run(Options(only="no_such"))
