"""The bars of `bezant bench proof`, agreed before anything was measured."""

from typing import Final

from bench.measure import Comparison, Target, milliseconds

AT_LEAST, AT_MOST = Comparison.AT_LEAST, Comparison.AT_MOST

TARGETS: Final = (
    Target(
        "log_append_vs_tpcb",
        "durable appends to the transparency log, with tiles and a checkpoint each second, against"
        " pgbench tpcb-like",
        "x", AT_LEAST, 1.0, 3.0,
    ),
    Target(
        "inclusion_p99_ms",
        "an inclusion proof, signatures and all, of a log with a million entries: 99th percentile",
        "ms", AT_MOST, 5.0, 1.0, milliseconds(5.0),
    ),
    Target(
        "verify_log_vs_sha256",
        "entries a second of `bezant-verify log` on 100,000 entries, against a bare loop of SHA-256"
        " over the same bytes",
        "x", AT_LEAST, 0.2, 0.5,
    ),
    Target(
        "payments_with_receipts_vs_without",
        "card payments a second with compact receipts, none waiting for longer than a second at the"
        " end, against the same without",
        "x", AT_LEAST, 0.85, 0.95,
    ),
    Target(
        "payments_with_dual_receipts_vs_without",
        "the same with ML-DSA-87 on every receipt",
        "x", AT_LEAST, None, long=True,
    ),
    Target(
        "verify_receipt_s", "`bezant-verify receipt` on one receipt, process start included",
        "s", AT_MOST, 0.5, 0.3,
    ),
    Target(
        "hsm_sign_p99_ms", "ES256 by SoftHSM through the key service, 16 callers: 99th percentile",
        "ms", AT_MOST, 20.0, 10.0, milliseconds(20.0),
    ),
)  # fmt: skip

BY_ID: Final = {target.id: target for target in TARGETS}
