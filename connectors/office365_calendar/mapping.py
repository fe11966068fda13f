"""Event <-> Graph's event. Pure.

Theory of operation. There is one direction of writing: what is there is compared with what is wanted, field by field,
and only what differs is sent. A new event is the same with nothing there. So an own way of Exchange's (Windows zone
names, line ends, seven digits of a second) causes no write, and everything not named here is a person's and stays.

Who owns what:

- ours: subject, the body above a meeting's join text, start, end, isAllDay, recurrence, location's name;
- attendees whose addresses the mark names (`marks`); others were added by hand and stay. An attendee is never renamed:
  Exchange shows the directory's name;
- showAs when it says something else than the event's status: "away" for a confirmed meeting is a person's choice;
- sensitivity only rises, unless it was us who raised it;
- a reminder when the event has one; Outlook keeps one per event, the first is written;
- the organizer is the mailbox's owner, whatever is sent (event: organizer); ours is kept in the mark and read from
  there. iCalUId and sequence are Exchange's own; ours are in the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from syncd.model.calendar import Conference, Event, EventStatus, Participant

from .body import description_of, same_text, text_body
from .marks import Mark, fields_of, mark_of, properties_of, uid_in_transaction
from .recurrence import Anchor, InexpressibleError, patterned, rrule_of, same_recurrence
from .times import Json, at, date_of, midnight, midnight_in, moment_of
from .zones import iana_of, zone_of

EVENT_FIELDS = (
    "id,type,subject,body,start,end,isAllDay,originalStartTimeZone,location,attendees,organizer,showAs,sensitivity,"
    "isReminderOn,reminderMinutesBeforeStart,recurrence,isOnlineMeeting,onlineMeetingProvider,onlineMeeting,"
    "transactionId,isCancelled,responseStatus"
)
"""What is selected of an event of ours."""

TEAMS = "teamsForBusiness"
_PRIVATE = frozenset({"private", "confidential"})


@dataclass(frozen=True, slots=True)
class Span:
    """When an event is: moments in UTC, or dates (exclusive end) all day."""

    start: datetime | date
    end: datetime | date


def span_of_event(event: Event) -> Span:
    """When it is wanted, to the second."""
    if event.start_date is not None:
        return Span(event.start_date, event.end_date or event.start_date + timedelta(days=1))
    return Span(_utc(event.start), _utc(event.end))


def span_of_item(item: Json, zone: str) -> Span:
    """When it is; dates of an all-day event. Raises UnreadableError."""
    if item.get("isAllDay"):
        known = zone_of(zone) or UTC
        return Span(date_of(item.get("start"), known), date_of(item.get("end"), known))
    return Span(moment_of(item.get("start")), moment_of(item.get("end")))


def anchor_of(event: Event) -> Anchor:
    """Where a series begins."""
    zone = zone_of(event.zone) or UTC
    name = event.zone if zone_of(event.zone) else "UTC"
    if event.start_date is not None:
        first = datetime(event.start_date.year, event.start_date.month, event.start_date.day)  # noqa: DTZ001 - local
        return Anchor(first, zone, name, all_day=True)
    return Anchor(_utc(event.start).astimezone(zone).replace(tzinfo=None), zone, name)


def new_event(event: Event, transaction_id: str) -> dict[str, Any]:
    """The body of a create. Raises InexpressibleError."""
    wanted = {name: value for name, value in _wanted(event).items() if value is not None}
    return {
        **wanted,
        "body": text_body(event.description),
        "transactionId": transaction_id,
        "singleValueExtendedProperties": properties_of(event),
    }


def patch_of(event: Event, item: Json) -> dict[str, Any]:
    """What must be sent so that `item` becomes `event`; the body as text, whatever it is. Empty when it is already.

    Raises:
        InexpressibleError: Graph cannot express the recurrence.
    """
    wanted = {**_wanted(event), "attendees": guests(event, item)}
    mark = mark_of(item)
    patch: dict[str, Any] = {}
    for names, same in _COMPARED:
        if not same(event, item, mark):
            patch.update({name: wanted[name] for name in names if name in wanted})
    if not same_text(description_of(item), event.description):
        patch["body"] = text_body(event.description)
    if mark.uid != event.uid or mark.fields != fields_of(event):
        patch["singleValueExtendedProperties"] = properties_of(event)
    return patch


def _wanted(event: Event) -> dict[str, Any]:
    """Everything of ours but the body, as Graph takes it; None is sent only to take something away."""
    wanted: dict[str, Any] = {
        "subject": event.title,
        **_times(event),
        "location": {"displayName": event.location},
        "attendees": [_attendee(person) for person in event.attendees],
        "showAs": "tentative" if event.status is EventStatus.TENTATIVE else "busy",
        "sensitivity": "private" if event.private else "normal",
        "recurrence": patterned(event.rrule, anchor_of(event)) if event.rrule else None,
    }
    if event.reminders is not None:
        wanted["isReminderOn"] = bool(event.reminders)
        if event.reminders:
            wanted["reminderMinutesBeforeStart"] = event.reminders[0]
    if event.conference is Conference.TEAMS:
        wanted["isOnlineMeeting"], wanted["onlineMeetingProvider"] = True, TEAMS
    return wanted


def _times(event: Event) -> dict[str, Any]:
    span = span_of_event(event)
    if isinstance(span.start, datetime):
        assert isinstance(span.end, datetime)
        start, end = (at(moment, event.zone, recurs=bool(event.rrule)) for moment in (span.start, span.end))
        if start["timeZone"] != end["timeZone"]:
            start, end = (at(moment, "UTC") for moment in (span.start, span.end))
        return {"start": start, "end": end, "isAllDay": False}
    zone = event.zone if zone_of(event.zone) else "UTC"
    return {"start": midnight(span.start, zone), "end": midnight(span.end, zone), "isAllDay": True}


def occurrence_times(event: Event, start: datetime, end: datetime) -> dict[str, Any]:
    """The times of an occurrence of `event` that differs from its rule."""
    moved = replace(event, start=start, end=end, rrule="", start_date=None, end_date=None)
    if event.start_date is not None:
        zone = zone_of(event.zone) or UTC
        days = [moment.astimezone(zone).date() for moment in (start, end)]
        moved = replace(moved, start_date=days[0], end_date=max(days[1], days[0] + timedelta(days=1)))
    return {name: value for name, value in _times(moved).items() if name != "isAllDay"}


def _attendee(person: Participant) -> dict[str, Any]:
    address = {"address": person.email, **({"name": person.name} if person.name else {})}
    return {"type": "required", "emailAddress": address}


def _same_times(event: Event, item: Json, mark: Mark) -> bool:
    if span_of_item(item, event.zone) != span_of_event(event):
        return False
    shown = str(item.get("originalStartTimeZone") or "")
    # all day, a zone says nothing that the dates do not; nor does one that Outlook made up (tzone://Microsoft/Custom)
    return bool(item.get("isAllDay")) or not iana_of(shown) or _same_zone(shown, _times(event)["start"])


def _same_zone(shown: str, wanted: Mapping[str, str]) -> bool:
    return shown == wanted["timeZone"] or (iana_of(shown) or shown) == iana_of(wanted["timeZone"])


def _same_attendees(event: Event, item: Json, mark: Mark) -> bool:
    return _emails(item) == {person["emailAddress"]["address"].casefold() for person in guests(event, item)}


def guests(event: Event, item: Json) -> list[dict[str, Any]]:
    """The attendees wanted: those of the event that are there already as they are, those a person added, new ones."""
    missing = {person.email.casefold(): person for person in event.attendees}
    ours = mark_of(item).guests or frozenset()
    kept = []
    for attendee in item.get("attendees") or ():
        email = _email(attendee)
        if missing.pop(email, None) is not None or email not in ours:
            kept.append({name: attendee[name] for name in ("type", "emailAddress") if name in attendee})
    return kept + [_attendee(person) for person in missing.values()]


def _same_status(event: Event, item: Json, mark: Mark) -> bool:
    return _status(item) is event.status


def _same_privacy(event: Event, item: Json, mark: Mark) -> bool:
    return event.private == _is_private(item) or (not event.private and not mark.fields.get("private"))


def _same_reminder(event: Event, item: Json, mark: Mark) -> bool:
    if event.reminders is None:
        return True
    return _reminders(item) == event.reminders[:1]


def _same_conference(event: Event, item: Json, mark: Mark) -> bool:
    return event.conference is not Conference.TEAMS or bool(item.get("isOnlineMeeting"))


_COMPARED: tuple[tuple[tuple[str, ...], Callable[[Event, Json, Mark], bool]], ...] = (
    (("subject",), lambda event, item, mark: (item.get("subject") or "") == event.title),
    (("start", "end", "isAllDay"), _same_times),
    (("location",), lambda event, item, mark: _location(item) == event.location),
    (("attendees",), _same_attendees),
    (("showAs",), _same_status),
    (("sensitivity",), _same_privacy),
    (("isReminderOn", "reminderMinutesBeforeStart"), _same_reminder),
    (("recurrence",), lambda event, item, mark: same_recurrence(_wanted_rule(event), item.get("recurrence"))),
    (("isOnlineMeeting", "onlineMeetingProvider"), _same_conference),
)
"""Fields that are sent together, and whether an item has them as wanted."""


def _wanted_rule(event: Event) -> dict[str, Any] | None:
    return patterned(event.rrule, anchor_of(event)) if event.rrule else None


def event_of(item: Json, uid: str) -> Event:
    """Our fields of an item; its occurrences are read apart. Raises UnreadableError."""
    mark = mark_of(item)
    zone = _zone(item, mark)
    span = span_of_item(item, zone)
    all_day = not isinstance(span.start, datetime)
    start, end = _moments(span, zone)
    event = Event(
        uid=mark.uid or uid_in_transaction(item.get("transactionId")) or uid,
        title=str(item.get("subject") or ""),
        start=start,
        end=end,
        zone=zone,
        start_date=span.start if all_day else None,
        end_date=span.end if all_day else None,
        description=description_of(item),
        location=_location(item),
        url=mark.text("url"),
        organizer=(mark.organizer if mark.fields else _person(item.get("organizer"))),
        attendees=tuple(_attendees(item, mark)),
        status=_status(item),
        private=_is_private(item),
        sequence=int(mark.fields.get("sequence", 0)),
        reminders=_reminders(item) if mark.fields.get("reminders") else None,
        conference=Conference.TEAMS if mark.fields.get("teams") and item.get("isOnlineMeeting") else Conference.NONE,
    )
    return replace(event, rrule=_rule(item, event, mark))


def _rule(item: Json, event: Event, mark: Mark) -> str:
    """The rule as we wrote it while it means what is there; else there is another by now."""
    recurrence, anchor, ours = item.get("recurrence"), anchor_of(event), mark.text("rrule")
    try:
        unchanged = bool(ours) and same_recurrence(patterned(ours, anchor), recurrence)
    except InexpressibleError:  # the series was moved, and does not begin where our rule does any more
        unchanged = False
    return ours if unchanged else rrule_of(recurrence, anchor)


def _zone(item: Json, mark: Mark) -> str:
    """Our name of the zone while the item shows it as we wrote it; else what the item shows."""
    ours, shown = mark.text("zone"), item.get("originalStartTimeZone")
    if not isinstance(shown, str) or item.get("isAllDay"):
        return ours or "UTC"
    written = at(moment_of(item.get("start")), ours, recurs=bool(item.get("recurrence")))
    return ours if ours and _same_zone(shown, written) else iana_of(shown) or ours or "UTC"


def _moments(span: Span, zone: str) -> tuple[datetime, datetime]:
    if isinstance(span.start, datetime):
        assert isinstance(span.end, datetime)
        return span.start, span.end
    known = zone_of(zone) or UTC
    return midnight_in(span.start, known), midnight_in(span.end, known)


def _attendees(item: Json, mark: Mark) -> list[Participant]:
    people = [_person(attendee) for attendee in item.get("attendees") or ()]
    ours = mark.guests
    return [p for p in people if p is not None and (ours is None or p.email.casefold() in ours)]


def _person(recipient: Any) -> Participant | None:
    address = recipient.get("emailAddress") if isinstance(recipient, Mapping) else None
    if not isinstance(address, Mapping) or not address.get("address"):
        return None
    email, name = str(address["address"]), str(address.get("name") or "")
    return Participant(email=email, name="" if name.casefold() == email.casefold() else name)


def _email(attendee: Any) -> str:
    person = _person(attendee)
    return person.email.casefold() if person else ""


def _emails(item: Json) -> set[str]:
    return {_email(attendee) for attendee in item.get("attendees") or ()}


def _location(item: Json) -> str:
    location = item.get("location")
    return str(location.get("displayName") or "") if isinstance(location, Mapping) else ""


def _status(item: Json) -> EventStatus:
    return EventStatus.TENTATIVE if item.get("showAs") == "tentative" else EventStatus.CONFIRMED


def _is_private(item: Json) -> bool:
    return item.get("sensitivity") in _PRIVATE


def _reminders(item: Json) -> tuple[int, ...]:
    minutes = item.get("reminderMinutesBeforeStart")
    return (minutes,) if item.get("isReminderOn") and isinstance(minutes, int) else ()


def dropped_fields(event: Event, item: Json) -> tuple[str, ...]:
    """The names of our fields that `item` does not keep where people see them.

    The url is kept in our mark only: people see it where it is the location, or in the description.
    """
    lost = []
    if event.url and event.url not in event.location and event.url not in event.description:
        lost.append("url")
    if event.reminders is not None and len(event.reminders) > 1:
        lost.append("reminders")
    if event.conference is not Conference.NONE and not (
        event.conference is Conference.TEAMS and item.get("isOnlineMeeting")
    ):
        lost.append("conference")
    return tuple(lost)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(microsecond=0)
