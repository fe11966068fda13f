"""Events as they are sent and told.

Source: zoho-calendar.facts.json, `input_keys`, `event_shape`, lengths; that a description comes with
`Accept: application/json+large` only, and little with `byinstance`, from the list's page. That PUT replaces the whole
event stands on the page of PUT; that an empty list of attendees is refused, and that a deleted occurrence is listed
without an etag, is what published clients met.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from .zoho_errors import ZohoError
from .zoho_series import rule_of
from .zoho_store import Calendar, Event, Resource
from .zoho_times import (
    DAY,
    created_text,
    date_text,
    local_text,
    read_date,
    read_moment,
    utc_text,
    zone_of,
)

LONGEST: Mapping[str, int] = {"title": 255, "location": 255, "description": 10_000}
KEYS = frozenset(
    {
        "title", "dateandtime", "isallday", "isprivate", "url", "location", "description", "color", "attendees",
        "reminders", "rrule", "recurrence_edittype", "recurrenceid", "transparency", "allowForwarding", "notifyType",
        "conference", "etag", "uid", "notify_attendee",
    }
)  # fmt: skip
"""What `eventdata` may hold; the last two from the page of DELETE."""
KEPT = ("title", "isprivate", "url", "location", "description", "color", "reminders", "rrule", "transparency",
        "allowForwarding", "conference")  # fmt: skip
"""What is kept as it was sent."""
BRIEF = frozenset(
    {
        "uid", "etag", "title", "start", "end", "dateandtime", "isallday", "isprivate", "role", "recurrenceid", "calid",
        "caluid", "createdtime", "transparency",
    }
)  # fmt: skip
"""What is told of an occurrence; the page says "minimal information" without saying what."""
STATUSES = ("NEEDS-ACTION", "ACCEPTED", "DECLINED", "TENTATIVE")


class Times(NamedTuple):
    """When an event is: UTC, or dates of which the end is exclusive, and its zone."""

    start: datetime | date
    end: datetime | date
    zone: str


@dataclass(frozen=True, slots=True)
class View:
    """How events are told: to whom, in which zone ("": the event's), and how much of them."""

    email: str
    privilege: str
    zone: str = ""
    description: bool = True
    brief: bool = False
    offsets: bool = True
    inclusive: bool = False
    text_etag: bool = False


def read_times(data: Resource, zone: str, *, inclusive: bool = False) -> Times:
    """`dateandtime`. `inclusive`: an all-day event's end is its last day. Raises ZohoError."""
    given = data.get("dateandtime")
    if not isinstance(given, dict) or not {"start", "end"} <= given.keys():
        raise ZohoError("LESS_THAN_MIN_OCCURANCE", "dateandtime")
    zone = str(given.get("timezone") or zone)
    zone_of(zone)
    if data.get("isallday"):
        start, last = read_date(given["start"], "start"), read_date(given["end"], "end")
        end = last + DAY if inclusive else max(last, start + DAY)
        if last < start:
            raise ZohoError("INVALID_DATA", "end")
        return Times(start, end, zone)
    begin, finish = read_moment(given["start"], zone, "start"), read_moment(given["end"], zone, "end")
    if finish < begin:
        raise ZohoError("INVALID_DATA", "end")
    return Times(begin, finish, zone)


def read_fields(data: Resource, known: tuple[Resource, ...] = ()) -> Resource:
    """What else an event holds. `known` are its attendees so far, who keep their answers. Raises ZohoError."""
    for name in data.keys() - KEYS:
        raise ZohoError("EXTRA_KEY_FOUND_IN_JSON", name)
    for name, longest in LONGEST.items():
        if len(str(data.get(name, ""))) > longest:
            raise ZohoError("MORE_THAN_MAX_LENGTH", name)
    fields = {name: data[name] for name in KEPT if data.get(name) not in (None, "")}
    if "attendees" in data:
        fields["attendees"] = _attendees(data["attendees"], known)
    return fields


def check_rule(rule: Any, times: Times) -> None:
    """Raises ZohoError when a rule is none."""
    if rule:
        next(iter(rule_of(str(rule), times.start, times.zone)), None)


def _attendees(given: Any, known: tuple[Resource, ...]) -> list[Resource]:
    if not isinstance(given, list) or not given:
        raise ZohoError("LESS_THAN_MIN_OCCURANCE", "attendees")
    answers = {a["email"]: a["status"] for a in known}
    found = []
    for each in given:
        email = str(each.get("email", "")).lower() if isinstance(each, dict) else ""
        if "@" not in email:
            raise ZohoError("INVALID_DATA", "attendees")
        found.append({**each, "email": email, "status": answers.get(email, STATUSES[0])})
    return found


def shown(event: Event, calendar: Calendar, view: View) -> Resource:
    """An event as it is told."""
    told = {
        "uid": event.uid,
        "etag": str(event.etag) if view.text_etag else event.etag,
        "title": event.fields.get("title", ""),
        **_shown_times(event, view),
        "isallday": event.all_day,
        "isprivate": bool(event.fields.get("isprivate", False)),
        "role": "organizer" if event.organizer == view.email else "participant",
        "organizer": event.organizer,
        "createdby": event.organizer,
        "createdtime": created_text(event.created),
        "lastmodifiedtime": utc_text(event.modified),
        "calid": calendar.number,
        "caluid": calendar.uid,
        "reminders": event.fields.get("reminders", []),
        **{k: v for k, v in event.fields.items() if k not in ("title", "isprivate", "reminders")},
    }
    if event.recurrence_id:
        told.pop("rrule", None)
        told["recurrenceid"] = event.recurrence_id
    if not view.description:
        told.pop("description", None)
    hidden = told["isprivate"] and view.privilege not in ("owner", "delegate")
    if view.brief or hidden:
        told = {k: v for k, v in told.items() if k in BRIEF}
    return {**told, "title": ""} if hidden else told


def _shown_times(event: Event, view: View) -> Resource:
    zone = view.zone or event.zone
    if isinstance(event.start, datetime) and isinstance(event.end, datetime):
        start, end = (local_text(t, zone, offset=False) for t in (event.start, event.end))
        exact = [local_text(t, zone, offset=view.offsets) for t in (event.start, event.end)]
    else:
        start, end = date_text(event.start), date_text(event.end - DAY if view.inclusive else event.end)
        exact = [start, end]
    return {"start": start, "end": end, "dateandtime": {"start": exact[0], "end": exact[1], "timezone": zone}}


def deleted(event: Event, calendar: Calendar, recurrence_id: str = "") -> Resource:
    """What is told of an event, or an occurrence, that was deleted."""
    told = {"uid": event.uid, "caluid": calendar.uid, "calid": calendar.number, "estatus": "deleted"}
    return {**told, "recurrenceid": recurrence_id} if recurrence_id else told
