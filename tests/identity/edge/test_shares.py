"""Gateways that know nothing of each other let through together what one of them would."""

import pytest

from bezant.gateway.profile import load_profile
from bezant.settings import Given, Source, read
from bezant.wiring.gate import rules_of

pytestmark = pytest.mark.requirement("S002-2", part="rate limits")


@pytest.mark.parametrize(
    ("words", "each", "alone"),
    [
        ({}, 600, 60),
        ({"GATEWAYS": "3"}, 200, 60),
        ({"GATEWAYS": "3", "REDIS_URL": "redis://127.0.0.1"}, 600, 60),
        ({"GATEWAYS": "30", "REDIS_URL": "redis://127.0.0.1"}, 600, 20),
        ({"ENVOY_GATEWAYS": "127.0.0.1:1,127.0.0.1:2"}, 200, 60),
        ({"GATEWAYS": "4", "ENVOY_GATEWAYS": "127.0.0.1:1"}, 150, 60),
        ({"GATEWAYS": "40", "LOGIN_LIMIT": "10"}, 1, 1),
    ],
)
def test_each_of_several_gateways_has_its_part_of_the_limit_at_the_doors(
    words: dict[str, str], each: int, alone: int
) -> None:
    settings = read({name: Given(text, Source.ENVIRONMENT) for name, text in words.items()})
    rules = rules_of(settings, load_profile("default"))
    assert rules.guarded is not None
    assert rules.guarded_alone is not None
    assert (rules.guarded.requests, rules.guarded_alone.requests) == (each, alone)
