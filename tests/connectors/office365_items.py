"""Items as Graph shows them, for tests of what is pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from syncd_connectors.office365_calendar.times import moment_of

BLOB = (
    '<div class="me-email-text" lang="en-US"><div><span>'
    "________________________________________________________________________________</span></div>"
    '<div><span>Microsoft Teams meeting</span></div><a href="{url}">Join the meeting now</a></div>'
)
HOUR = timedelta(hours=1)
JOIN = "https://teams.example/l/meetup-join/19%3ameeting?a=1&b=2"


def shown(written: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What Graph shows of an event that was written, under the preferences that we send: times in UTC with seven
    digits, body as text with Windows line ends, the mailbox's own organizer.
    """
    item: dict[str, Any] = {
        "id": "AAMk-1",
        "@odata.etag": 'W/"one"',
        "type": "singleInstance",
        "organizer": {"emailAddress": {"name": "Mail Box", "address": "box@example.org"}},
        "isReminderOn": True,
        "reminderMinutesBeforeStart": 15,
        "isOnlineMeeting": False,
        "onlineMeeting": None,
        "recurrence": None,
        **(before or {}),
        **written,
    }
    if "body" in written:
        item["body"] = {"contentType": "text", "content": written["body"]["content"].replace("\n", "\r\n") + "\r\n"}
    for name in ("start", "end") if "start" in written else ():
        zone = written[name]["timeZone"]
        item["originalStartTimeZone"] = item["originalEndTimeZone"] = zone
        if item["isAllDay"]:
            item[name] = {"dateTime": f"{written[name]['dateTime']}.0000000", "timeZone": "UTC"}
        else:
            item[name] = in_utc(moment_of(written[name]))
    for attendee in item.get("attendees", ()):
        attendee.setdefault("status", {"response": "none", "time": "0001-01-01T00:00:00Z"})
        attendee["emailAddress"].setdefault("name", attendee["emailAddress"]["address"])
    return item


def in_utc(moment: datetime) -> dict[str, str]:
    """A time as Graph shows it."""
    return {"dateTime": f"{moment:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


def timed(start: Any, end: Any = None, **fields: Any) -> dict[str, Any]:
    """An event of one hour."""
    return {
        "subject": "x",
        "start": written(start),
        "end": written(end or start + HOUR),
        "isAllDay": False,
        "showAs": "busy",
        **fields,
    }


def written(moment: Any) -> dict[str, str]:
    """A time as a client writes it."""
    return {**in_utc(moment), "dateTime": in_utc(moment)["dateTime"][:19]}
