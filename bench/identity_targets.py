"""The bars of `bezant bench identity`, agreed before anything was measured."""

from typing import Final

from bench.measure import Comparison, Target

AT_LEAST, AT_MOST = Comparison.AT_LEAST, Comparison.AT_MOST

TARGETS: Final = (
    Target(
        "bearer_check_vs_none",
        "the fast lane with 10,000 different access tokens in use, requests a second against the"
        " same route unchecked",
        "x", AT_LEAST, 0.7, 0.85,
    ),
    Target(
        "api_key_check_vs_none", "the same with 1,000 API keys",
        "x", AT_LEAST, 0.75, 0.85,
    ),
    Target(
        "introspection_vs_echo",
        "introspection of thousands of tokens, requests a second against a bare uvicorn echo",
        "x", AT_LEAST, 0.15, 0.25,
    ),
    Target(
        "login_storm_p99_ratio",
        "99th percentile of transfers at a fifth of the peak during a storm of logins, against"
        " the same without",
        "x", AT_MOST, 2.0, 1.3,
    ),
    Target(
        "envoy_vs_own_edge",
        "requests a second through Envoy with the same rules, our process checking again behind"
        " it, against our own edge",
        "x", AT_LEAST, 0.4, 0.6,
    ),
)  # fmt: skip

BY_ID: Final = {target.id: target for target in TARGETS}
