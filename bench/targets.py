"""The bars of `bezant bench ledger`, agreed before anything was measured."""

from typing import Final

from bench.measure import Comparison, Target, milliseconds

AT_LEAST, AT_MOST = Comparison.AT_LEAST, Comparison.AT_MOST

ORM_TO_TPCB_MIN: Final = 0.07
"""An ORM baseline below this share of tpcb-like is no fair opponent: the run is invalid."""

TARGETS: Final = (
    Target(
        "post_256_vs_tpcb",
        "posting in batches of 256, uniform accounts, reference filled, in process,"
        " against pgbench tpcb-like",
        "x", AT_LEAST, 3.5, 5.0,
    ),
    Target(
        "hot_vs_uniform",
        "the same with every transfer paid from one hot account, against uniform accounts",
        "x", AT_LEAST, 0.9, 1.0,
    ),
    Target(
        "snapshot_open_vs_not",
        "posting while another snapshot stays open, against posting just before and after",
        "x", AT_LEAST, 0.8, 0.9,
    ),
    Target(
        "http_256_vs_tpcb",
        "POST /v1/transfers, 256 connections, one transfer a request, API key, idempotency, limits,"
        " metrics and logs on, against pgbench tpcb-like",
        "x", AT_LEAST, 1.0, 1.5,
    ),
    Target(
        "http_256_vs_orm", "the same against FastAPI and the SQLAlchemy ORM",
        "x", AT_LEAST, 10.0, 20.0,
    ),
    Target(
        "http_256_vs_call", "the same against one hand-written SQL function call a request",
        "x", AT_LEAST, 1.5, 2.5,
    ),
    Target(
        "http_1_p50_ms", "the same, one connection: median",
        "ms", AT_MOST, 2.0, 1.0, milliseconds(2.0),
    ),
    Target(
        "http_64_p99_ms", "the same, 64 connections: 99th percentile",
        "ms", AT_MOST, 25.0, 10.0, milliseconds(25.0),
    ),
    Target(
        "batch_500_vs_tpcb",
        "POST /v1/transfers/batch, 500 transfers a request, against pgbench tpcb-like",
        "x", AT_LEAST, 2.5, 4.0,
    ),
    Target(
        "grown_10m_vs_1m", "posting in batches of 256 at 10 million entries, against 1 million",
        "x", AT_LEAST, 0.55, 0.8, long=True,
    ),
    Target(
        "bytes_per_transfer",
        "what a transfer with a reference takes on disk, all indexes included",
        "bytes", AT_MOST, 550.0, 450.0,
    ),
    Target(
        "balance_p99_ms", "balance of an account through the port: 99th percentile",
        "ms", AT_MOST, 1.0, None, milliseconds(1.0),
    ),
    Target(
        "statement_p99_ms", "50-line statement through the port: 99th percentile",
        "ms", AT_MOST, 5.0, None, milliseconds(5.0),
    ),
    Target(
        "api_memory_mb", "resident memory of the serving process under the load of 256 connections",
        "MB", AT_MOST, 200.0, 150.0,
    ),
    Target(
        "post_256_vs_pgledger", "posting in batches of 256 against pgledger, 16 callers, uniform",
        "x", AT_LEAST, 4.0, 8.0,
    ),
    Target(
        "hot_vs_pgledger", "one hot account, batches of 256, against pgledger's one hot account",
        "x", AT_LEAST, 30.0, 60.0,
    ),
    Target(
        "singles_256_vs_tigerbeetle",
        "one transfer a call, 256 in flight, in process, against TigerBeetle and its Python client",
        "x", AT_LEAST, 1.0, 1.5,
    ),
)  # fmt: skip

BY_ID: Final = {target.id: target for target in TARGETS}
