"""Sync results on their way to store, log and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.engine.metrics import Metrics
from syncd.engine.results import LogSink, Results
from syncd.errors import RefusedError, RetryError, StoreError
from syncd.model.result import Operation, Outcome, SyncResult
from syncd.store import references

from .deliveries import created
from .world import World


class Kept:
    """A sink that keeps."""

    def __init__(self) -> None:
        self.results: list[SyncResult] = []

    def accept(self, results: Sequence[SyncResult]) -> None:
        self.results.extend(results)


class Broken:
    """A sink that fails."""

    def accept(self, results: Sequence[SyncResult]) -> None:
        raise OSError("no space")


def opened(world: World, open_runtime: Any, *sinks: Any, **arguments: Any) -> World:
    return World(open_runtime(sinks=sinks, **arguments), world.provider, world.clock)


def test_every_sink_gets_what_is_committed(office: World, open_runtime: Any) -> None:
    kept = Kept()
    world = opened(office, open_runtime, kept)
    world.provider.fail_next("put_event", RetryError("Busy."))
    world.tell(created())
    world.clock.advance(hours=1)
    world.work()
    assert [(r.operation, r.outcome) for r in kept.results] == [("put-event", "retry"), ("put-event", "done")]
    stored = [(r.operation, r.outcome) for r in world.log(operation="put-event")]
    assert stored == [("put-event", "retry"), ("put-event", "done")]


def test_no_sink_gets_what_was_not_committed(office: World, open_runtime: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_session: Any, finished: Any, *_rest: Any) -> int:
        if finished:
            raise StoreError("The disk is full.")
        return 0

    kept = Kept()
    world = opened(office, open_runtime, kept)
    world.deliver(created())
    monkeypatch.setattr(references, "finish", fail)
    with pytest.raises(StoreError):
        world.work()
    assert kept.results == []


def test_a_sink_that_fails_loses_its_copy_and_never_the_work(office: World, open_runtime: Any) -> None:
    kept = Kept()
    world = opened(office, open_runtime, Broken(), kept)
    with capture_logs() as logged:
        world.tell(*[created(f"b{n}", told=n, at=n) for n in range(20)])
    assert len(world.events()) == 20
    assert len(kept.results) == 20
    assert {(entry["event"], entry["sink"]) for entry in logged} == {("results lost by a sink", "Broken")}


def test_the_log_says_what_happened_without_empty_fields() -> None:
    result = SyncResult(
        at=None,  # type: ignore[arg-type]
        operation=Operation.PUT_EVENT,
        outcome=Outcome.PARKED,
        app="memory",
        subject="a",
        code="content_refused",
        error="Too long.",
    )
    with capture_logs() as logged:
        LogSink().accept([result])
    assert logged == [
        {
            "event": "put-event parked",
            "log_level": "error",
            "app": "memory",
            "subject": "a",
            "code": "content_refused",
            "error": "Too long.",
        }
    ]


@pytest.mark.parametrize(
    ("outcome", "level"),
    [("done", "info"), ("unchanged", "debug"), ("retry", "warning"), ("parked", "error"), ("failed", "error")],
)
def test_how_bad_it_is_shows_in_the_level(outcome: str, level: str) -> None:
    result = SyncResult(at=None, operation=Operation.BUSY_SYNC, outcome=Outcome(outcome))  # type: ignore[arg-type]
    with capture_logs() as logged:
        LogSink().accept([result])
    assert logged[0]["log_level"] == level


def test_metrics_count_results_and_calls_without_naming_anybody(office: World, open_runtime: Any) -> None:
    metrics = Metrics()
    world = opened(office, open_runtime, metrics, observe=metrics.observe)
    world.provider.fail_next("put_event", RefusedError("No."))
    world.tell(created("a"), created("b", at=1))
    labels = {"app": "memory", "operation": "put-event", "outcome": "done", "code": ""}
    value = metrics.registry.get_sample_value
    assert value("syncd_results_total", labels) == 1
    parked = {**labels, "outcome": "parked", "code": "content_refused"}
    assert value("syncd_results_total", parked) == 1
    calls = {"app": "memory", "operation": "put_event", "outcome": "ok"}
    assert value("syncd_provider_calls_total", calls) == 1
    assert value("syncd_provider_call_seconds_count", {"app": "memory"}) == 2
    named = {label for family in metrics.registry.collect() for s in family.samples for label in s.labels.values()}
    assert not any("anna" in text or "Cal.com" in text for text in named)


def test_what_brought_nothing_is_not_kept(database: Any) -> None:
    from syncd.model.clock import utc_now
    from syncd.store import log

    made = [
        SyncResult(at=utc_now(), operation=Operation.BUSY_SYNC, outcome=outcome)
        for outcome in (Outcome.UNCHANGED, Outcome.DONE)
    ]
    with database.write() as session:
        Results().store(session, made)
    with database.read() as session:
        assert [r.outcome for r in log.listed(session)] == ["done"]
