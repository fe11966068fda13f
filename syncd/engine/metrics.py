"""Metrics. No user data in labels: apps, operations, outcomes and codes only."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from syncd.model.result import SyncResult
from syncd.provider.guard import Call


class Metrics:
    """Counts results and provider calls; a `ResultSink` and an observer of guards."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._results = Counter(
            "syncd_results_total",
            "Operations by how they ended.",
            ("app", "operation", "outcome", "code"),
            registry=self.registry,
        )
        self._calls = Counter(
            "syncd_provider_calls_total", "Provider calls.", ("app", "operation", "outcome"), registry=self.registry
        )
        self._seconds = Histogram(
            "syncd_provider_call_seconds", "Duration of provider calls.", ("app",), registry=self.registry
        )

    def accept(self, results: Sequence[SyncResult]) -> None:
        """Count results."""
        for result in results:
            self._results.labels(result.app, result.operation, result.outcome, result.code).inc()

    def observe(self, call: Call) -> None:
        """Count and time a provider call."""
        self._calls.labels(call.app, call.operation, call.outcome).inc()
        self._seconds.labels(call.app).observe(call.seconds)
