"""Metrics. No user data in labels: apps, operations, outcomes and codes only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from syncd.model.result import SyncResult
from syncd.provider.guard import Call

from .overview import Overview


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
        self._webhooks = Counter(
            "syncd_webhooks_total", "Webhook requests by outcome.", ("webhook", "outcome"), registry=self.registry
        )
        self._connections = Gauge(
            "syncd_connections", "Connections by state.", ("app", "state"), registry=self.registry
        )
        self._references = Gauge("syncd_references", "References by state.", ("state",), registry=self.registry)
        self._deliveries = Gauge("syncd_deliveries", "Deliveries by state.", ("state",), registry=self.registry)
        self._calendars = Gauge(
            "syncd_calendars", "Selected calendars by freshness.", ("app", "freshness"), registry=self.registry
        )
        self._queue_age = Gauge(
            "syncd_queue_age_seconds", "Age of the longest waiting work.", ("queue",), registry=self.registry
        )
        self._busy_age = Gauge(
            "syncd_busy_age_seconds", "Age of the oldest busy times.", ("app",), registry=self.registry
        )

        self._quota = Gauge(
            "syncd_quota_left",
            "Calls that may be made at once, by the app's connection with the fewest left.",
            ("app",),
            registry=self.registry,
        )

    def accept(self, results: Sequence[SyncResult]) -> None:
        """Count results."""
        for result in results:
            self._results.labels(result.app, result.operation, result.outcome, result.code).inc()

    def count_webhook(self, webhook: str, outcome: str) -> None:
        """Count a webhook request."""
        self._webhooks.labels(webhook, outcome).inc()

    def show(self, found: Overview, quotas: Mapping[str, int]) -> None:
        """Set the gauges to how things stand."""
        for gauge in (
            self._connections,
            self._references,
            self._deliveries,
            self._calendars,
            self._busy_age,
            self._quota,
        ):
            gauge.clear()
        for app, left in quotas.items():
            self._quota.labels(app).set(left)
        for (app, state), count in found.connections.items():
            self._connections.labels(app, state).set(count)
        for state, count in found.references.items():
            self._references.labels(state).set(count)
        for state, count in found.deliveries.items():
            self._deliveries.labels(state).set(count)
        for app, counts in found.calendars.items():
            for freshness, count in zip(("fresh", "stale", "failed"), counts, strict=True):
                self._calendars.labels(app, freshness).set(count)
        for app, as_of in found.oldest_as_of.items():
            self._busy_age.labels(app).set((found.at - as_of).total_seconds() if as_of else float("inf"))
        for queue, since in (("references", found.oldest_pending_at), ("deliveries", found.oldest_delivery_at)):
            self._queue_age.labels(queue).set((found.at - since).total_seconds() if since else 0.0)

    def observe(self, call: Call) -> None:
        """Count and time a provider call."""
        self._calls.labels(call.app, call.operation, call.outcome).inc()
        self._seconds.labels(call.app).observe(call.seconds)
