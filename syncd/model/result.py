"""Sync results: what one operation did, for the log, the store and the metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    UNCHANGED = "unchanged"
    RETRY = "retry"
    PARKED = "parked"
    FAILED = "failed"


class Operation(StrEnum):
    """What was attempted."""

    PUT_EVENT = "put-event"
    REMOVE_EVENT = "remove-event"
    BUSY_SYNC = "busy-sync"
    WATCH = "watch"
    UNWATCH = "unwatch"
    DRIFT = "calendar-change"
    LIST_CALENDARS = "list-calendars"
    PROBE = "probe"
    REFRESH = "refresh"
    PLAN = "plan"
    TAKE_IN = "take-in"
    RECEIVE_CREDENTIAL = "receive-credential"
    PUSH_CREDENTIAL = "push-credential"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """One operation's result. `seconds` and `calls` count provider calls; `dropped` names fields not kept there.

    Texts hold no secret and no body; `error` is a message of ours.
    """

    at: datetime
    operation: Operation
    outcome: Outcome
    app: str = ""
    connection_id: int | None = None
    subject: str = ""
    place: str = ""
    attempt: int = 0
    calls: int = 0
    seconds: float = 0.0
    dropped: tuple[str, ...] = ()
    request_id: str = ""
    code: str = ""
    error: str = ""
    remedy: str = ""
    retry_at: datetime | None = None
    detail: str = ""
