"""Entries of a person's list of calendars. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.model.calendar import RemoteCalendar

PAGE_SIZE = 250
ENTRY_FIELDS = "items(id,summary,summaryOverride,primary,accessRole,backgroundColor,timeZone,hidden,deleted)"

WRITERS = frozenset({"owner", "writer", "writerWithoutPrivateAccess"})
"""Access roles that may write events (discovery: CalendarListEntry.accessRole)."""

SPECIAL: tuple[tuple[str, str], ...] = (
    ("#holiday@group.v.calendar.google.com", "holidays"),
    ("#contacts@group.v.calendar.google.com", "birthdays"),
    ("#weeknum@group.v.calendar.google.com", "week numbers"),
    ("@group.v.calendar.google.com", "made by Google"),
    ("@import.calendar.google.com", "subscribed"),
    ("@resource.calendar.google.com", "resource"),
)
"""How a calendar's id ends -> what it is (facts: calcom-calendars 2.1 and 2.6; the rest observed)."""


def remote_calendar(entry: Mapping[str, Any]) -> RemoteCalendar:
    """A calendar as the list tells it. A hidden one is special, too: its owner does not look at it."""
    identity, primary = str(entry["id"]), bool(entry.get("primary"))
    return RemoteCalendar(
        id=identity,
        name=str(entry.get("summaryOverride") or entry.get("summary") or identity),
        read_only=entry.get("accessRole") not in WRITERS,
        primary=primary,
        color=str(entry.get("backgroundColor", "")),
        zone=str(entry.get("timeZone", "")),
        special="" if primary else special_of(identity, hidden=bool(entry.get("hidden"))),
    )


def special_of(identity: str, *, hidden: bool) -> str:
    """What kind of calendar it is; "" for an ordinary one."""
    kind = next((kind for ending, kind in SPECIAL if identity.endswith(ending)), "")
    return kind or ("hidden" if hidden else "")
