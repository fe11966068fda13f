"""From an iCalendar object back to the `Event` it was written from: for comparing what is wanted with what is there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from syncd.ical.values import parse_duration
from syncd.ical.zones import CalendarZones
from syncd.model.calendar import Event, EventStatus, Occurrence

from .content import Component, MalformedError, parse, split, unescape
from .mapping import master_of, uid_of
from .values import MARK, Span, is_ours, moment_of, person_of, span_of, span_of_event, stamp_of, zones_of


def ics_to_event(text: str, uid: str) -> Event:
    """Our fields of event `uid` as the object holds them.

    Of guests, cancellations and overrides only the marked ones are read; all of them when none bears a mark, which is
    an object that we did not write or whose server strips marks. All-day events have midnight UTC as `start` and
    `end`.

    Raises:
        MalformedError: the text cannot be read, or holds no event with that UID.
    """
    calendar = parse(text)
    zones = zones_of(calendar)
    master = master_of(calendar, uid)
    span = span_of(master, zones) or Span(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), "UTC")
    organizer = master.first("ORGANIZER")
    all_day = not isinstance(span.start, datetime)
    return Event(
        uid=uid,
        title=_text(master, "SUMMARY"),
        start=_instant(span.start),
        end=_instant(span.end),
        zone=span.zone or "UTC",
        start_date=span.start if all_day else None,
        end_date=span.end if all_day else None,
        description=_text(master, "DESCRIPTION"),
        location=_text(master, "LOCATION"),
        url=_raw(master, "URL"),
        organizer=person_of(organizer) if organizer else None,
        attendees=tuple(person_of(line) for line in _ours(master.all("ATTENDEE"))),
        status=EventStatus.TENTATIVE if _raw(master, "STATUS").upper() == "TENTATIVE" else EventStatus.CONFIRMED,
        private=_raw(master, "CLASS").upper() in ("PRIVATE", "CONFIDENTIAL"),
        rrule=_raw(master, "RRULE"),
        occurrences=_occurrences(calendar, master, uid, zones),
        sequence=int(sequence) if (sequence := _raw(master, "SEQUENCE")).isdecimal() else 0,
        reminders=_reminders(master),
    )


def _text(component: Component, name: str) -> str:
    return unescape(_raw(component, name))


def _raw(component: Component, name: str) -> str:
    line = component.first(name)
    return split(line)[1] if line else ""


def _ours(lines: list[str]) -> list[str]:
    return [line for line in lines if is_ours(line)] or lines


def _instant(moment: datetime | date) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def _occurrences(calendar: Component, master: Component, uid: str, zones: CalendarZones) -> tuple[Occurrence, ...]:
    found = []
    for line in _ours(master.all("EXDATE")):
        for value in split(line)[1].split(","):
            found.append(Occurrence(original=_instant(moment_of(stamp_of(line, zones, value)))))
    overrides = [c for c in calendar.named("VEVENT") if c.first("RECURRENCE-ID") and uid_of(c) == uid]
    for component in [c for c in overrides if c.first(MARK)] or overrides:
        span = span_of(component, zones)
        replaced = component.first("RECURRENCE-ID")
        if span and replaced:
            original = _instant(moment_of(stamp_of(replaced, zones)))
            found.append(Occurrence(original=original, start=_instant(span.start), end=_instant(span.end)))
    return tuple(sorted(found, key=lambda occurrence: occurrence.original))


def _reminders(master: Component) -> tuple[int, ...] | None:
    """Minutes of our own alarms; None without: alarms of a person's are theirs."""
    minutes = []
    for alarm in master.named("VALARM"):
        if not alarm.first(MARK):
            continue
        days, exact = parse_duration(_raw(alarm, "TRIGGER").removeprefix("-"))
        minutes.append(int((timedelta(days=days) + exact).total_seconds() // 60))
    return tuple(minutes) or None


def holds(text: str, uid: str) -> bool:
    """Whether the object has an event with that UID, override or not."""
    try:
        return any(uid_of(component) == uid for component in parse(text).named("VEVENT"))
    except MalformedError:
        return False


_COMPARED = ("title", "description", "location", "url", "status", "private", "rrule")


def differences(wanted: Event, there: Event) -> tuple[str, ...]:
    """The names of our fields that the server did not keep. It may add: only what we asked for and miss counts."""
    lost = [name for name in _COMPARED if getattr(wanted, name) and getattr(wanted, name) != getattr(there, name)]
    if span_of_event(wanted)[:2] != span_of_event(there)[:2]:
        lost.append("start")
    emails = {person.email.lower() for person in there.attendees}
    if any(person.email.lower() not in emails for person in wanted.attendees):
        lost.append("attendees")
    return tuple(lost)
