"""What people do to events of ours in their calendars."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Told(StrEnum):
    """What a change read tells of an event of ours that may have been a person's doing: it is to be looked at."""

    CHANGED = "changed"
    DECLINED = "declined"


class DriftKind(StrEnum):
    """What a person did."""

    DELETED = "deleted"
    DECLINED = "declined"
    MOVED = "moved"


class DriftPolicy(StrEnum):
    """What is done about it: shown, or put back."""

    REPORT = "report"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What a person did to an event, in words."""

    kind: DriftKind
    detail: str
