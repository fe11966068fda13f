"""Event <-> iCalendar text. Pure.

Theory of operation. There is one direction of writing: patching. A new object is a bare VEVENT that is patched; an
existing one is patched where it stands. A line is replaced only when what it says differs from what is wanted, so a
server's own way of writing (zone names, folding, parameters) causes no write, and everything not named here is never
looked at.

Who owns what:

- ours: SUMMARY, DESCRIPTION, LOCATION, URL, DTSTART, DTEND, RRULE, STATUS, SEQUENCE, DTSTAMP, LAST-MODIFIED;
- ORGANIZER, ATTENDEE, EXDATE, overrides (RECURRENCE-ID) and alarms are ours when they bear the mark `X-SYNCD`. Guests
  added by hand, a person's alarms, and occurrences a person moved or cancelled have no mark and stay. The last two go
  when the series itself is moved: they named occurrences that no longer exist. On a server that strips the mark, a
  guest we once invited is not taken away any more; nothing worse;
- CLASS only rises: `private` sets it, and no booking makes an event public that a person hid;
- a guest that stays keeps every parameter, PARTSTAT above all;
- what merely rendered our old value goes with it: X-ALT-DESC with DESCRIPTION, X-APPLE-STRUCTURED-LOCATION with
  LOCATION.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from syncd.ical.zones import CalendarZones
from syncd.model.calendar import Event, Occurrence

from .content import Component, MalformedError, clean, escape, parse, render, split, unescape
from .values import (
    MARK,
    Form,
    email_of,
    is_ours,
    moment_of,
    person_line,
    renamed,
    span_of,
    span_of_event,
    stamp_of,
    zones_of,
)
from .zones import vtimezone

PRODID = "-//syncd//CalDAV//EN"

_SERIES_YEARS = 20  # how far a series' VTIMEZONE reaches; clients know the zone by name beyond
_RENDERINGS = {"DESCRIPTION": "X-ALT-DESC", "LOCATION": "X-APPLE-STRUCTURED-LOCATION"}
_GUEST = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED"}  # they booked it: nobody has to ask them


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one component of the object should say. `span` differs from the event's for a moved occurrence."""

    event: Event
    form: Form
    start: datetime | date
    end: datetime | date
    agent: str


def event_to_ics(event: Event, *, schedule_agent: str, stamp: datetime, prodid: str = PRODID) -> str:
    """A new iCalendar object for `event`. `schedule_agent` is "client", "none" or "server" (RFC 6638 section 7.1)."""
    master = Component("VEVENT", [f"UID:{escape(event.uid)}", f"{MARK}:1"])
    calendar = Component("VCALENDAR", ["VERSION:2.0", f"PRODID:{prodid}"], [master])
    _patch(calendar, event, schedule_agent, stamp, fresh=True)
    return render(calendar)


def patch_ics(existing: str, event: Event, *, schedule_agent: str, stamp: datetime) -> str | None:
    """`existing` with our fields made equal to `event`; None when they are already.

    Raises:
        MalformedError: the text cannot be read, or holds no event with that UID.
    """
    calendar = parse(existing)
    changed = _patch(calendar, event, schedule_agent, stamp, fresh=False)
    if calendar.replace("METHOD", []):  # no METHOD in a stored object, RFC 4791 section 4.1
        changed = True
    return render(calendar) if changed else None


def master_of(calendar: Component, uid: str) -> Component:
    """The VEVENT of `uid` that is no override. Raises MalformedError when there is none."""
    for component in calendar.named("VEVENT"):
        if component.first("RECURRENCE-ID") is None and uid_of(component) == uid:
            return component
    raise MalformedError("no event with the UID asked for")


def uid_of(component: Component) -> str:
    """The component's UID, "" without."""
    line = component.first("UID")
    return unescape(split(line)[1]) if line else ""


def _patch(calendar: Component, event: Event, schedule_agent: str, stamp: datetime, *, fresh: bool) -> bool:
    zones = zones_of(calendar)
    master = master_of(calendar, event.uid)
    form = Form.of(event)
    agent = "" if schedule_agent == "server" else schedule_agent.upper()
    span = span_of_event(event)
    wanted = _Wanted(event, form, span.start, span.end, agent)
    moved = _times(master, wanted, zones)
    moved = _rule(master, event.rrule) or moved
    changed = _fields(master, wanted) or moved
    changed = _cancellations(master, event, form, zones, keep_foreign=not moved) or changed
    changed = _overrides(calendar, wanted, zones, stamp, keep_foreign=not moved) or changed
    changed = _sequence(master, event.sequence, bump=moved and not fresh) or changed
    if changed:
        _stamp(master, stamp)
    _timezone(calendar, event, form, renew=moved)
    return changed


def _fields(component: Component, wanted: _Wanted) -> bool:
    event = wanted.event
    changed = _text(component, "SUMMARY", event.title)
    changed = _text(component, "DESCRIPTION", event.description) or changed
    changed = _text(component, "LOCATION", event.location) or changed
    changed = _plain(component, "URL", clean(event.url).replace("\n", "")) or changed
    changed = _plain(component, "STATUS", event.status.value.upper()) or changed
    if event.private:
        changed = _plain(component, "CLASS", "PRIVATE") or changed
    changed = _people(component, wanted) or changed
    if event.reminders is not None:
        changed = _alarms(component, event.reminders, event.title) or changed
    return changed


def _text(component: Component, name: str, wanted: str) -> bool:
    current = component.first(name)
    if (unescape(split(current)[1]) if current else "") == clean(wanted):
        return False
    component.replace(name, [f"{name}:{escape(wanted)}"] if wanted else [])
    if name in _RENDERINGS:
        component.replace(_RENDERINGS[name], [])
    return True


def _plain(component: Component, name: str, wanted: str) -> bool:
    current = component.first(name)
    if (split(current)[1] if current else "") == wanted:
        return False
    return component.replace(name, [f"{name}:{wanted}"] if wanted else [])


def _times(component: Component, wanted: _Wanted, zones: CalendarZones) -> bool:
    current = span_of(component, zones)
    if current == (wanted.start, wanted.end, wanted.form.zone_name):
        return False
    component.replace("DTSTART", [wanted.form.line("DTSTART", wanted.start)])
    component.replace("DURATION", [])
    component.replace("DTEND", [wanted.form.line("DTEND", wanted.end)])
    return True


def _rule(master: Component, wanted: str) -> bool:
    current = master.first("RRULE")
    if _parts(split(current)[1] if current else "") == _parts(wanted):
        return False
    return master.replace("RRULE", [f"RRULE:{clean(wanted)}"] if wanted else [])


def _parts(rule: str) -> frozenset[str]:
    return frozenset(part for part in rule.upper().split(";") if part)


def _people(component: Component, wanted: _Wanted) -> bool:
    event = wanted.event
    organizer = component.first("ORGANIZER")
    if event.organizer is None:
        lines = [organizer] if organizer and not is_ours(organizer) else []
    elif organizer and email_of(organizer).lower() == event.organizer.email.lower():
        lines = [renamed(organizer, event.organizer.name)]
    else:
        lines = [person_line("ORGANIZER", event.organizer, wanted.agent, {})]
    changed = component.replace("ORGANIZER", lines)
    return component.replace("ATTENDEE", _guests(component.all("ATTENDEE"), wanted)) or changed


def _guests(current: list[str], wanted: _Wanted) -> list[str]:
    missing = {person.email.lower(): person for person in wanted.event.attendees}
    names = {email: person.name for email, person in missing.items()}
    kept = []
    for line in current:
        email = email_of(line).lower()
        if email in names:
            kept.append(renamed(line, names[email]))
            missing.pop(email, None)
        elif not is_ours(line):
            kept.append(line)
    return kept + [person_line("ATTENDEE", person, wanted.agent, _GUEST) for person in missing.values()]


def _alarms(component: Component, minutes: tuple[int, ...], title: str) -> bool:
    ours = [child for child in component.named("VALARM") if child.first(MARK)]
    triggers = [f"TRIGGER:-PT{minute}M" for minute in minutes]
    if [child.first("TRIGGER") for child in ours] == triggers:
        return False
    component.children = [child for child in component.children if all(child is not alarm for alarm in ours)]
    for trigger in triggers:
        lines = ["ACTION:DISPLAY", trigger, f"DESCRIPTION:{escape(title)}", f"{MARK}:1"]
        component.children.append(Component("VALARM", lines))
    return True


def _cancellations(master: Component, event: Event, form: Form, zones: CalendarZones, *, keep_foreign: bool) -> bool:
    """EXDATE: ours made equal to the cancelled occurrences, a person's kept while the series is where it was."""
    wanted = {_original(form, occurrence): occurrence for occurrence in event.occurrences if occurrence.start is None}
    lines = []
    for line in master.all("EXDATE"):
        named = [moment_of(stamp_of(line, zones, value)) for value in split(line)[1].split(",")]
        if keep_foreign and (not is_ours(line) or all(moment in wanted for moment in named)):
            lines.append(line)
            for moment in named:
                wanted.pop(moment, None)
    lines += [form.line("EXDATE", moment, {MARK: "1"}) for moment in sorted(wanted)]
    return master.replace("EXDATE", lines)


def _overrides(
    calendar: Component, wanted: _Wanted, zones: CalendarZones, stamp: datetime, *, keep_foreign: bool
) -> bool:
    """Moved occurrences as VEVENTs of the same object (RFC 4791 section 4.1: one UID, one resource)."""
    event, form = wanted.event, wanted.form
    moved = {_original(form, o): o for o in event.occurrences if o.start is not None}
    cancelled = {_original(form, o) for o in event.occurrences if o.start is None}
    changed = False
    kept = []
    for child in calendar.children:
        original = _override_of(child, event.uid, zones)
        if original is None:
            kept.append(child)
        elif original in moved:
            kept.append(child)
            changed = _occurrence(child, wanted, moved.pop(original), zones, stamp) or changed
        elif keep_foreign and not child.first(MARK) and original not in cancelled:
            kept.append(child)
        else:
            changed = True
    for original in sorted(moved):
        child = Component("VEVENT", [f"UID:{escape(event.uid)}", f"{MARK}:1", form.line("RECURRENCE-ID", original)])
        _occurrence(child, wanted, moved[original], zones, stamp)
        kept.append(child)
        changed = True
    calendar.children = kept
    return changed


def _occurrence(
    child: Component, wanted: _Wanted, occurrence: Occurrence, zones: CalendarZones, stamp: datetime
) -> bool:
    start = occurrence.start or occurrence.original
    end = occurrence.end or start + (wanted.event.end - wanted.event.start)
    form = wanted.form
    ends = (form.day(start), form.day(end)) if form.all_day else (start.astimezone(UTC), end.astimezone(UTC))
    own = _Wanted(wanted.event, form, *ends, wanted.agent)
    moved = _times(child, own, zones)
    changed = _fields(child, own) or moved
    changed = _sequence(child, wanted.event.sequence, bump=False) or changed
    if changed:
        _stamp(child, stamp)
    return changed


def _override_of(component: Component, uid: str, zones: CalendarZones) -> datetime | date | None:
    """The occurrence that `component` replaces, None when it is no override of `uid`."""
    line = component.first("RECURRENCE-ID")
    if line is None or component.name != "VEVENT" or uid_of(component) != uid:
        return None
    return moment_of(stamp_of(line, zones))


def _original(form: Form, occurrence: Occurrence) -> datetime | date:
    return form.day(occurrence.original) if form.all_day else occurrence.original.astimezone(UTC)


def _sequence(component: Component, wanted: int, *, bump: bool) -> bool:
    """SEQUENCE never falls; a change of times raises it (RFC 5546 section 2.1.4)."""
    line = component.first("SEQUENCE")
    value = split(line)[1] if line else ""
    current = int(value) if value.isdecimal() else 0
    target = max(wanted, current + 1 if bump else current)
    return bool(line is None or target != current) and component.replace("SEQUENCE", [f"SEQUENCE:{target}"])


def _stamp(component: Component, stamp: datetime) -> None:
    text = f"{stamp.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    component.replace("DTSTAMP", [f"DTSTAMP:{text}"])
    component.replace("LAST-MODIFIED", [f"LAST-MODIFIED:{text}"])


def _timezone(calendar: Component, event: Event, form: Form, *, renew: bool) -> None:
    """A VTIMEZONE for the zone we write in; one that is there stays unless the event moved out of its years."""
    if form.zone is None or form.all_day:
        return
    tzid = form.zone.key
    present = [c for c in calendar.named("VTIMEZONE") if (line := c.first("TZID")) and split(line)[1] == tzid]
    if present and not renew:
        return
    years = [event.start.year, event.end.year, *(o.end.year for o in event.occurrences if o.end)]
    last = max(years) + (_SERIES_YEARS if event.rrule else 1)
    others = [c for c in calendar.children if all(c is not old for old in present)]
    calendar.children = [vtimezone(tzid, min(years) - 1, last), *others]
