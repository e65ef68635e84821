"""Metrics that Prometheus can read."""

import asyncio
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.http.stand import until

from bezant.telemetry import metrics
from bezant.telemetry.metrics import BOUNDS_SECONDS, Meters


def _samples(meters: Meters) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(meters.exposition().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.requirement("S002-8")
def test_answers_are_counted_in_cumulated_buckets() -> None:
    meters = Meters()
    meter = meters.route("GET", "/v1/notes")
    for seconds in (0.0005, 0.001, 0.02, 99.0):
        meter.answered(200, seconds)
    meter.answered(503, 0.3)
    told = _samples(meters)
    route = (("method", "GET"), ("route", "/v1/notes"))

    def bucket(bound: str) -> float:
        return told["bezant_http_request_seconds_bucket", tuple(sorted((*route, ("le", bound))))]

    assert told["bezant_http_requests_total", (*route, ("status", "200"))] == 4
    assert told["bezant_http_requests_total", (*route, ("status", "503"))] == 1
    assert told["bezant_http_request_seconds_count", route] == 5
    assert told["bezant_http_request_seconds_sum", route] == pytest.approx(99.3215)
    assert [bucket(b) for b in ("0.001", "0.01", "0.025", "0.25", "0.5", "10.0", "+Inf")] == [
        2,
        2,
        3,
        3,
        4,
        4,
        5,
    ]


def test_a_value_on_a_bound_is_below_it() -> None:
    meter = Meters().route("GET", "/")
    for bound in BOUNDS_SECONDS:
        meter.answered(200, bound)
    assert meter.buckets == [1] * len(BOUNDS_SECONDS) + [0]


@pytest.mark.requirement("S002-8", "S001-7")
def test_rooms_add_gauges_and_counters() -> None:
    meters = Meters()
    queues = {"ledger": 3.0, 'pay"ments\n': 1.0}
    meters.gauge("bezant_pool_free", "Free connections.", lambda: 7)
    meters.gauges("bezant_poster_queue", "Commands waiting.", "poster", lambda: queues)
    payments = meters.tally("bezant_payments", "Payments.", "outcome", "asset")
    payments.add("captured", "EUR")
    payments.add("captured", "EUR", amount=2)
    payments.add("declined", "EUR")
    assert meters.tally("bezant_payments", "Payments.", "outcome", "asset") is payments
    told = _samples(meters)
    assert told["bezant_pool_free", ()] == 7
    assert told["bezant_poster_queue", (("poster", "ledger"),)] == 3
    assert told["bezant_poster_queue", (("poster", 'pay"ments\n'),)] == 1
    assert told["bezant_payments_total", (("asset", "EUR"), ("outcome", "captured"))] == 3


def test_the_process_is_measured() -> None:
    told = _samples(Meters())
    assert told["process_resident_memory_bytes", ()] > 1e6
    assert told["bezant_memory_peak_bytes", ()] > 1e6
    assert told["process_open_fds", ()] > 0


async def test_a_loop_that_is_held_up_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "LAG_SECONDS", 0.01)
    meters = Meters()
    watching = asyncio.create_task(meters.watch_loop())
    await asyncio.sleep(0)
    time.sleep(0.3)
    await until(lambda: meters.loop_lag_seconds > 0.2)
    await until(lambda: meters.loop_lag_seconds < 0.2)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
