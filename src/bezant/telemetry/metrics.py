"""Metrics, in the format Prometheus reads.

Counting on the way of a request is a list increment, not a library call; the prometheus-client
library writes the exposition when somebody scrapes. Rooms add gauges as functions that are asked
at that moment.
"""

import asyncio
import resource
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
BOUNDS_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""From a cached balance to a slow provider; the benchmarks' bars of 5 and 25 ms are bounds."""
LAG_SECONDS = 0.5  # How often the event loop is asked how late it is.


class RouteMeter:
    """What one route answered: how often with which status, and how long it took."""

    __slots__ = ("buckets", "method", "route", "seconds", "statuses")

    def __init__(self, method: str, route: str) -> None:
        self.method = method
        self.route = route
        self.statuses: dict[int, int] = {}
        self.buckets = [0] * (len(BOUNDS_SECONDS) + 1)
        self.seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """Count one answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.buckets[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.seconds += seconds


class Tally:
    """A counter with labels that a room increments itself."""

    def __init__(self, name: str, about: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.about = about
        self.labels = labels
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, *labels: str, amount: float = 1.0) -> None:
        """Count something under these label values."""
        assert len(labels) == len(self.labels), "one value for each label"
        self.values[labels] = self.values.get(labels, 0.0) + amount


class Meters(Collector):
    """Everything one process measures."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.loop_lag_seconds = 0.0
        self._routes: dict[tuple[str, str], RouteMeter] = {}
        self._tallies: dict[str, Tally] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        self.gauge(
            "bezant_event_loop_lag_seconds", "How late timers fire.", lambda: self.loop_lag_seconds
        )
        self.gauge(
            "bezant_http_requests_in_flight", "Requests being answered.", lambda: self.in_flight
        )
        self.gauge("bezant_memory_peak_bytes", "The most memory held at once.", _peak_bytes)

    def route(self, method: str, route: str) -> RouteMeter:
        """Return the meter of a route; listeners that serve the same route share it."""
        return self._routes.setdefault((method, route), RouteMeter(method, route))

    def gauge(self, name: str, about: str, read: Callable[[], float]) -> None:
        """Have a value read when somebody scrapes: a queue's length, free connections."""
        Gauge(name, about, registry=self._registry).set_function(read)

    def gauges(
        self, name: str, about: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Have several values of one kind read, such as each poster's queue by its name."""
        self._registry.register(_Labelled(name, about, label, read))

    def tally(self, name: str, about: str, *labels: str) -> Tally:
        """Return a counter, such as `bezant_payments` by outcome; asked again, the same one."""
        return self._tallies.setdefault(name, Tally(name, about, labels))

    def collect(self) -> Iterable[Metric]:
        """Yield what was counted since the process started."""
        requests = CounterMetricFamily(
            "bezant_http_requests", "Requests answered.", labels=("method", "route", "status")
        )
        durations = HistogramMetricFamily(
            "bezant_http_request_seconds", "How long answers took.", labels=("method", "route")
        )
        for meter in tuple(self._routes.values()):
            for status, count in tuple(meter.statuses.items()):
                requests.add_metric((meter.method, meter.route, str(status)), count)
            durations.add_metric(
                (meter.method, meter.route), _cumulated(meter.buckets), meter.seconds
            )
        yield requests
        yield durations
        for tally in tuple(self._tallies.values()):
            family = CounterMetricFamily(tally.name, tally.about, labels=tally.labels)
            for labels, value in tuple(tally.values.items()):
                family.add_metric(labels, value)
            yield family

    def exposition(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self._registry)

    async def watch_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due = time.perf_counter() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            self.loop_lag_seconds = max(0.0, time.perf_counter() - due)


class _Labelled(Collector):
    def __init__(
        self, name: str, about: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        self._name, self._about, self._label, self._read = name, about, label, read

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._about, labels=(self._label,))
        for label, value in self._read().items():
            family.add_metric((label,), value)
        yield family


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    total = 0
    cumulated: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, BOUNDS_SECONDS), "+Inf"), buckets, strict=True):
        total += count
        cumulated.append((bound, total))
    return cumulated


def _peak_bytes() -> float:
    # Linux tells kilobytes, macOS bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else peak * 1024)
