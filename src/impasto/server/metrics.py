"""Figures of a server for Prometheus."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from impasto.server.studio import Studio

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class Metrics:
    """Counters and gauges of one server.

    Args:
        studio: the server whose queues and results are measured.
    """

    def __init__(self, studio: "Studio") -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "impasto_requests",
            "Answers by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "impasto_request_seconds",
            "Time of requests, waiting included.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._pixels = Counter(
            "impasto_painted_pixels", "Pixels painted.", ("network",), registry=self.registry
        )
        self._painting = Histogram(
            "impasto_painting_seconds",
            "Time of painting a picture.",
            ("network",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Gauges(studio))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def painted(self, network: str, pixels: int, seconds: float) -> None:
        """Count a painting."""
        self._pixels.labels(network).inc(pixels)
        self._painting.labels(network).observe(seconds)

    def text(self) -> bytes:
        """Return all figures in the text format of Prometheus."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    """Gauges that are read when Prometheus asks."""

    def __init__(self, studio: "Studio") -> None:
        self._studio = studio

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        waiting = GaugeMetricFamily("impasto_queue_jobs", "Jobs that wait.", labels=("lane",))
        working = GaugeMetricFamily("impasto_running_jobs", "Jobs in work.", labels=("lane",))
        retry = GaugeMetricFamily(
            "impasto_queue_seconds", "Estimated time until a lane is free.", labels=("lane",)
        )
        for lane in self._studio.lanes:
            waiting.add_metric((lane.name,), lane.depth)
            working.add_metric((lane.name,), lane.running is not None)
            retry.add_metric((lane.name,), lane.retry_seconds())
        yield from (waiting, working, retry)
        store = self._studio.store
        yield GaugeMetricFamily("impasto_kept_jobs", "Jobs that are kept.", len(store))
        yield GaugeMetricFamily("impasto_kept_bytes", "Bytes of results that are kept.", store.size)
