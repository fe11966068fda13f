"""What is read of a mailbox: whose it is, its calendars, busy times live, and those of other people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from syncd.connector import CalendarRead
from syncd.errors import ForbiddenError, NotFoundError, ProviderError, RefusedError, RetryError
from syncd.model.busy import BusyTime
from syncd.model.calendar import RemoteCalendar
from syncd.model.time import Window

from .busy import KINDS, VIEW_FIELDS, busy_time
from .graph import PAGE, Graph, Part, chunked, segment, with_query
from .times import Json, UnreadableError, moment_of, span_query
from .zones import iana_of

LONGEST_VIEW = timedelta(days=1825)
"""A calendarView that is longer is refused (microsoft-graph-docs issue 6284)."""

LONGEST_SCHEDULE = timedelta(days=62)
MOST_SCHEDULES = 20
"""What getSchedule takes (calendar-getschedule; microsoft-graph-docs PR 19703)."""

SLOT = timedelta(minutes=15)
"""A slot of the availability view, which is read where the items are not shown."""

CALENDAR_FIELDS = "id,name,color,hexColor,isDefaultCalendar,canEdit"

COLORS: Mapping[str, str] = {
    "lightBlue": "#a6d1f5",
    "lightGreen": "#87d28e",
    "lightOrange": "#fcab73",
    "lightGray": "#c0c0c0",
    "lightYellow": "#f5f77a",
    "lightTeal": "#4adacc",
    "lightPink": "#e8a3d3",
    "lightBrown": "#d2b48c",
    "lightRed": "#f88c9b",
}
"""calendarColor -> about what Outlook shows, where no hexColor is told. `auto` and `maxColor` are none."""

VIEW_KINDS = {"1": KINDS["tentative"], "2": KINDS["busy"], "3": KINDS["oof"], "0": None, "4": None}
"""A digit of the availability view -> kind (calendar-getschedule)."""

NOT_FOUND = "5009"
TOO_MANY = "5006"


def account_of(graph: Graph) -> str:
    """The e-mail of the mailbox's owner, or the name they sign in with."""
    told = graph.get(graph.mailbox, "GET account", {"$select": "mail,userPrincipalName"})
    email = str(told.get("mail") or told.get("userPrincipalName") or "")
    if not email:
        raise RetryError("GET account: Graph does not say whose account it is.", code="answer_unusable")
    return email


def mailbox_zone(graph: Graph) -> str:
    """The mailbox's zone by its IANA name; "" where we may not ask, or Graph's name is unknown."""
    try:
        told = graph.get(f"{graph.mailbox}/mailboxSettings", "GET mailbox settings", {"$select": "timeZone"})
    except ForbiddenError as error:
        if error.code != "forbidden":
            raise
        return ""
    zone = told.get("timeZone")
    return iana_of(zone) if isinstance(zone, str) and zone else ""


def calendars_of(graph: Graph) -> list[RemoteCalendar]:
    """Every calendar."""
    zone = mailbox_zone(graph)
    query = {"$select": CALENDAR_FIELDS, "$top": "100"}
    listed = graph.items(f"{graph.mailbox}/calendars", "GET calendars", query)
    return [_calendar(item, zone) for item in listed]


def _calendar(item: Json, zone: str) -> RemoteCalendar:
    return RemoteCalendar(
        id=str(item["id"]),
        name=str(item.get("name") or item["id"]),
        read_only=not item.get("canEdit"),
        primary=bool(item.get("isDefaultCalendar")),
        color=str(item.get("hexColor") or COLORS.get(str(item.get("color")), "")),
        zone=zone,
    )


def busy_of(
    graph: Graph, calendars: Sequence[CalendarRead], window: Window
) -> dict[str, list[BusyTime] | ProviderError]:
    """Busy times of each calendar, or its error: one calendarView for each and for every five years of the window."""
    reads = {calendar.id: calendar for calendar in calendars}
    parts = {
        (calendar, n): _view(graph, calendar, piece)
        for calendar in reads
        for n, piece in enumerate(pieces(window, LONGEST_VIEW))
    }
    named = {f"{n} {calendar}": (calendar, part) for (calendar, n), part in parts.items()}
    told = graph.listings({name: part for name, (_, part) in named.items()})
    answers: dict[str, list[BusyTime] | ProviderError] = {}
    for calendar, read in reads.items():
        own = [told[name] for name, (whose, _) in named.items() if whose == calendar]
        answers[calendar] = _joined(own, read, window)
    return answers


def _view(graph: Graph, calendar: str, window: Window) -> Part:
    query = {**span_query(window), "$select": VIEW_FIELDS, "$top": str(PAGE)}
    path = f"{graph.mailbox}/calendars/{segment(calendar)}/calendarView"
    return Part(with_query(path, query), "GET calendarView")


def _joined(
    answers: Sequence[list[Json] | ProviderError], read: CalendarRead, window: Window
) -> list[BusyTime] | ProviderError:
    """The busy times of all pieces; an event in two of them counts once. An error in one is the calendar's."""
    items: dict[str, Json] = {}
    for answer in answers:
        if isinstance(answer, ProviderError):
            return answer
        items.update((str(item.get("id")), item) for item in answer)
    try:
        times = [busy_time(item, read, window) for item in items.values()]
    except UnreadableError as error:
        return RetryError(f"GET calendarView: {error}.", code="answer_unusable")
    return sorted(time for time in times if time)


def pieces(window: Window, longest: timedelta) -> Iterator[Window]:
    """`window` in pieces of at most `longest`, without gap or overlap."""
    start = window.start
    while start < window.end:
        end = min(start + longest, window.end)
        yield Window(start, end)
        start = end


def schedules_of(graph: Graph, emails: Sequence[str], window: Window) -> dict[str, list[BusyTime] | ProviderError]:
    """When people are busy, as far as they show it to the mailbox's owner."""
    found: dict[str, set[BusyTime]] = {email: set() for email in emails}
    failed: dict[str, ProviderError] = {}
    for some in chunked(found, MOST_SCHEDULES):
        for piece in pieces(window, LONGEST_SCHEDULE):
            for email, answer in _asked(graph, some, piece).items():
                if isinstance(answer, ProviderError):
                    failed[email] = answer
                else:
                    found[email].update(answer)
    return {email: failed.get(email, sorted(times)) for email, times in found.items()}


def _asked(graph: Graph, emails: Sequence[str], window: Window) -> dict[str, list[BusyTime] | ProviderError]:
    """One getSchedule. It answers 200 also for people it knows nothing of."""
    span = span_query(window)
    wanted = {
        "schedules": list(emails),
        "startTime": {"dateTime": span["startDateTime"].rstrip("Z"), "timeZone": "UTC"},
        "endTime": {"dateTime": span["endDateTime"].rstrip("Z"), "timeZone": "UTC"},
        "availabilityViewInterval": int(SLOT.total_seconds() // 60),
    }
    operation = "POST getSchedule"
    told, _ = graph.answer("POST", f"{graph.mailbox}/calendar/getSchedule", operation, json=wanted, safe=True)
    listed = told.get("value")
    if not isinstance(listed, list):
        raise RetryError(f"{operation}: the answer has no listing.", code="answer_unusable")
    by_email = {str(one.get("scheduleId", "")).casefold(): one for one in listed if isinstance(one, Mapping)}
    return {email: _schedule(by_email.get(email.casefold()), window) for email in emails}


def _schedule(told: Json | None, window: Window) -> list[BusyTime] | ProviderError:
    if told is None:
        return RetryError("POST getSchedule: nothing is said of this address.", code="no_answer")
    error = told.get("error")
    if error:
        return _schedule_error(error)
    try:
        return list(_times(told, window))
    except UnreadableError as unreadable:
        return RetryError(f"POST getSchedule: {unreadable}.", code="answer_unusable")


def _schedule_error(error: Any) -> ProviderError:
    code = str(error.get("responseCode", "")) if isinstance(error, Mapping) else ""
    if code == NOT_FOUND:
        return NotFoundError("Office 365 knows nobody with this address.", code="address_unknown")
    if code == TOO_MANY:
        return RefusedError("There are too many entries in this time for Office 365 to list.", code="too_many_entries")
    return RetryError(f"Office 365 does not show this schedule [{code or 'no code'}].", code="schedule_refused")


def _times(told: Json, window: Window) -> Iterator[BusyTime]:
    items, view = told.get("scheduleItems"), told.get("availabilityView")
    if isinstance(items, list):
        for item in items:
            kind = KINDS.get(str(item.get("status")), KINDS["unknown"])
            start, end = moment_of(item.get("start")), moment_of(item.get("end"))
            if kind and start < end and start < window.end and end > window.start:
                yield BusyTime(start, end, kind)
    elif isinstance(view, str):
        yield from _from_view(view, window)
    else:
        raise UnreadableError("neither items nor availability are shown")


def _from_view(view: str, window: Window) -> Iterator[BusyTime]:
    """Slots that are not free, those in a row with the same digit as one."""
    begun = 0
    for n in range(1, len(view) + 1):
        if n < len(view) and view[n] == view[begun]:
            continue
        kind = VIEW_KINDS.get(view[begun], KINDS["unknown"])
        if kind:
            yield BusyTime(window.start + SLOT * begun, window.start + SLOT * n, kind)
        begun = n
