"""Sync results on their way to their sinks.

The store gets them in the transaction of what they report. The other sinks get them once that is committed; a sink that
fails loses its copy, never the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import structlog
from sqlmodel import Session

from syncd.model.result import Outcome, SyncResult
from syncd.store import log as sync_log

LEVELS = {
    Outcome.DONE: "info",
    Outcome.UNCHANGED: "debug",
    Outcome.RETRY: "warning",
    Outcome.PARKED: "error",
    Outcome.FAILED: "error",
}


class ResultSink(Protocol):
    """Takes results that are committed."""

    def accept(self, results: Sequence[SyncResult]) -> None:
        """Take results. Must not block for long, and must not raise for a single bad one."""
        ...


class LogSink:
    """Results as log events."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("syncd")

    def accept(self, results: Sequence[SyncResult]) -> None:
        """One event per result, without its empty fields."""
        for result in results:
            fields = {
                name: getattr(result, name) for name in LOGGED if getattr(result, name) not in ("", None, 0, 0.0, ())
            }
            getattr(self._log, LEVELS[result.outcome])(f"{result.operation} {result.outcome}", **fields)


LOGGED = (
    "app",
    "connection_id",
    "subject",
    "place",
    "attempt",
    "calls",
    "seconds",
    "dropped",
    "request_id",
    "code",
    "error",
    "remedy",
    "retry_at",
    "detail",
)


class Results:
    """Hands results to the store and, once committed, to every other sink."""

    def __init__(self, sinks: Sequence[ResultSink] = ()) -> None:
        self._sinks = tuple(sinks)
        self._log = structlog.get_logger("syncd.results")

    def store(self, session: Session, results: Sequence[SyncResult]) -> None:
        """Write results into the transaction of what they report. UNCHANGED is not kept: it happens all day."""
        sync_log.append(session, [r for r in results if r.outcome is not Outcome.UNCHANGED])

    def publish(self, results: Sequence[SyncResult]) -> None:
        """Hand committed results to the other sinks."""
        for sink in self._sinks:
            try:
                sink.accept(results)
            except Exception as error:
                self._log.error("results lost by a sink", sink=type(sink).__name__, error=type(error).__name__)
