"""The bars of `bezant bench payments`, agreed before anything was measured."""

from typing import Final

from bench.measure import Comparison, Target, milliseconds

AT_LEAST, AT_MOST = Comparison.AT_LEAST, Comparison.AT_MOST

TARGETS: Final = (
    Target(
        "card_256_vs_orm",
        "whole card payments (created, charged, captured, booked) over HTTP, 256 connections,"
        " against FastAPI and the SQLAlchemy ORM with the same acquirer",
        "x", AT_LEAST, 8.0, 15.0,
    ),
    Target(
        "card_256_vs_tpcb", "the same against pgbench tpcb-like",
        "x", AT_LEAST, 0.25, 0.5,
    ),
    Target(
        "card_64_p99_ms", "the same, 64 connections: 99th percentile",
        "ms", AT_MOST, 60.0, 30.0, milliseconds(60.0),
    ),
    Target(
        "internal_vs_tpcb",
        "payments that no provider is asked for, made and posted over HTTP (two gathered commits),"
        " 256 connections, against pgbench tpcb-like",
        "x", AT_LEAST, 0.4, 0.7,
    ),
    Target(
        "bytes_per_card_payment",
        "what a card payment takes on disk in all tables and indexes but those of the log, the"
        " webhooks and the queue of jobs, and without events of the provider",
        "bytes", AT_MOST, 4_096.0, 2_048.0,
    ),
    Target(
        "bytes_with_all_that_follows",
        "the same in every table and index there is, when the provider's event about each payment"
        " has arrived as well (shown, no bar)",
        "bytes", AT_MOST, None, None,
    ),
    Target(
        "webhooks_per_s", "deliveries a second to a fast endpoint",
        "1/s", AT_LEAST, 500.0, 1_500.0,
    ),
    Target(
        "overload_goodput", "payments a second under three times the load, share of the peak",
        "x", AT_LEAST, 0.8, 0.95,
    ),
    Target(
        "overload_refusal_p99_ms", "answers to the requests that were refused then: p99",
        "ms", AT_MOST, 100.0, 50.0, milliseconds(100.0),
    ),
)  # fmt: skip

BY_ID: Final = {target.id: target for target in TARGETS}
