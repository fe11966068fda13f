"""Event <-> Zoho's event. Pure.

Theory of operation. An update replaces the whole event (documented on the page of PUT): what is not sent is gone. So
what is sent is built from what is there: our fields as they are wanted, a person's as they are. Only fields that Zoho
takes are carried over; some that it tells it refuses to take back (`notifyType`, observed).

Who owns what:

- ours: title, location, description, url, times, rule;
- guests: those that we invited come and go with the booking, a person's stay; those that stay keep their answers;
- reminders: those that we set, and a person's beside them;
- privacy only rises: no booking makes an event public that a person hid;
- a person's: colour, transparency, forwarding, Zoho's own meeting.

What Zoho has no field for is in the mark (`marks`), which is the end of the description. What is too long is cut and
told as dropped: refused, the booking would be in no calendar at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from syncd.model.calendar import Conference, Event, EventStatus, Participant

from .marks import Mark, digest, fields_of, mark_of, mark_text, marked, unmarked
from .times import Json, Moment, Span, instant, span_of, text_of, to_second, zone_of

Resource = dict[str, Any]

LONGEST: Mapping[str, int] = {"title": 255, "location": 255, "description": 10_000}
"""Facts: zoho-calendar, event_shape; provider-limits, section 4."""

CARRIED = ("color", "transparency", "allowForwarding", "conference")
"""A person's, sent back as they are told."""
GUEST_KEYS = ("email", "permission", "attendance", "group")
REMINDER_KEYS = ("action", "minutes")
"""What is taken of each guest and reminder (facts: zoho-calendar, input_keys)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a booking an item is: when it is, the occurrences that we cancelled of it, whether it is itself an
    occurrence (`recurrence_id`), and moved by us.
    """

    span: Span
    cancelled: frozenset[str] = frozenset()
    recurrence_id: str = ""
    moved: bool = False


def zone_name(event: Event) -> str:
    """The zone an event is shown in; UTC where this machine does not know it."""
    return event.zone if zone_of(event.zone) else "UTC"


def span_of_event(event: Event) -> Span:
    """When an event is wanted."""
    if event.start_date is not None and event.end_date is not None:
        return Span(event.start_date, event.end_date, zone_name(event))
    return Span(to_second(event.start), to_second(event.end), zone_name(event))


def wanted(event: Event, current: Json, part: Part) -> Resource:
    """What to send so that `current` (nothing, for a new event) becomes what is wanted."""
    mark = mark_of(current)
    fields: Resource = {
        **{name: current[name] for name in CARRIED if current.get(name) not in (None, "")},
        "title": _cut("title", event.title),
        "dateandtime": {"start": text_of(part.span.start), "end": text_of(part.span.end), "timezone": part.span.zone},
        "isallday": not isinstance(part.span.start, datetime),
        "isprivate": event.private or bool(current.get("isprivate") and not mark.fields.get("p")),
        "location": _cut("location", event.location),
        "description": _described(event, part),
        "url": event.url,
        "attendees": _guests(event, current, mark),
        "reminders": _reminders(event, current, mark),
        "rrule": "" if part.recurrence_id else event.rrule,
        "recurrenceid": part.recurrence_id,
        "recurrence_edittype": "only" if part.recurrence_id else "",
    }
    # nothing is sent as empty: an empty list of guests is refused (observed), and what is not sent is gone
    return {name: value for name, value in fields.items() if value not in ("", [])}


def is_wanted(event: Event, current: Json, part: Part, zone: str) -> bool:
    """Whether an item is as wanted already. `zone` is the event's, for times that name none. Raises UnreadableError."""
    mark, made = mark_of(current), wanted(event, current, part)
    fields = fields_of(event, cancelled=part.cancelled, moved=part.moved)
    return (
        _same_span(span_of(current, zone), part.span, mark)
        and (dict(mark.fields) == fields or _described(event, part) in str(current.get("description")))
        and all(same(made, current) for same in _COMPARED)
    )


def event_of(item: Json, uid: str) -> Event:
    """Our fields of an item; its occurrences are read apart. Raises UnreadableError."""
    mark = mark_of(item)
    span = span_of(item, mark.text("z") or "UTC")
    zone = mark.text("z") if mark.uid and _same_zone(span, mark) else span.zone
    all_day = not isinstance(span.start, datetime)
    return Event(
        uid=mark.uid or uid,
        title=_text(item, "title"),
        start=instant(span.start, zone),
        end=instant(span.end, zone),
        zone=zone,
        start_date=span.start if all_day else None,
        end_date=span.end if all_day else None,
        description=unmarked(_text(item, "description")),
        location=_text(item, "location"),
        url=_url(item, mark),
        organizer=mark.organizer,
        attendees=_attendees(item, mark),
        status=EventStatus.TENTATIVE if mark.fields.get("t") else EventStatus.CONFIRMED,
        private=bool(item.get("isprivate")),
        rrule=_rule(item, mark),
        sequence=_whole(mark.fields.get("q")),
        reminders=_reminders_read(item, mark),
    )


def dropped_fields(event: Event, item: Json, part: Part) -> tuple[str, ...]:
    """The names of our fields that an item does not keep where people see them."""
    mark = mark_of(item)
    emails = {str(guest.get("email", "")).casefold() for guest in _listed(item, "attendees")}
    kept = {minutes for _, minutes in _ours(item, mark)}
    lost = {
        "title": len(event.title) > LONGEST["title"],
        "location": len(event.location) > LONGEST["location"],
        "description": len(event.description) > len(unmarked(_described(event, part))),
        "url": bool(event.url) and event.url != _url(item, mark),
        "attendees": any(person.email.casefold() not in emails for person in event.attendees),
        "status": event.status is EventStatus.TENTATIVE,
        "reminders": not set(event.reminders or ()) <= kept,
        "conference": event.conference is not Conference.NONE,
    }
    return tuple(name for name, is_lost in lost.items() if is_lost)


# texts


def _cut(name: str, text: str, room: int = 0) -> str:
    return text[: LONGEST[name] - room]


def _described(event: Event, part: Part) -> str:
    """The description with its mark, as much of it as there is room for."""
    mark = mark_text(event, cancelled=part.cancelled, moved=part.moved)
    return marked(_cut("description", event.description, room=len(marked(" ", mark)) - 1), mark)


def _settled(text: str) -> str:
    return unmarked(text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _text(item: Json, name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""


def _url(item: Json, mark: Mark) -> str:
    """What is not told is taken to be there still."""
    return _text(item, "url") if "url" in item else mark.text("l")


# times


def _same_span(there: Span, wanted: Span, mark: Mark) -> bool:
    if there[:2] != wanted[:2]:
        return False
    return not isinstance(wanted.start, datetime) or there.zone == wanted.zone or _same_zone(there, mark)


def _same_zone(there: Span, mark: Mark) -> bool:
    """Whether the zone that is told is the one that we wrote, under a name of Zoho's."""
    ours, told = zone_of(mark.text("z")), zone_of(there.zone)
    if ours is None or told is None:
        return mark.text("z") == there.zone
    at = instant(there.start, "UTC")
    months = (at.replace(day=1, month=month) for month in (1, 4, 7, 10))
    return all(moment.astimezone(ours).utcoffset() == moment.astimezone(told).utcoffset() for moment in (at, *months))


def _rule(item: Json, mark: Mark) -> str:
    """The rule as we wrote it while it means what is there."""
    told = _text(item, "rrule")
    return mark.text("r") if rule_parts(told) == rule_parts(mark.text("r")) else told


def rule_parts(rule: str) -> frozenset[str]:
    """A rule, however it is written."""
    parts = frozenset(part for part in rule.upper().removeprefix("RRULE:").split(";") if part)
    return parts - {"INTERVAL=1"}


# people


def _guests(event: Event, current: Json, mark: Mark) -> list[Resource]:
    """Those wanted that are there, as they are; those of a person's; new ones."""
    missing = {person.email.casefold(): person for person in event.attendees}
    kept = []
    for guest in _listed(current, "attendees"):
        email = str(guest.get("email", "")).casefold()
        if missing.pop(email, None) is not None or digest(email) not in mark.names:
            kept.append({name: guest[name] for name in GUEST_KEYS if name in guest})
    return kept + [{"email": person.email} for person in missing.values()]


def _attendees(item: Json, mark: Mark) -> tuple[Participant, ...]:
    """Those of ours that are there; all of an event that is not ours."""
    emails = [str(guest["email"]) for guest in _listed(item, "attendees") if guest.get("email")]
    ours = [email for email in emails if not mark.knows_guests or digest(email) in mark.names]
    return tuple(Participant(email=email, name=mark.names.get(digest(email), "")) for email in ours)


# reminders


def _reminders(event: Event, current: Json, mark: Mark) -> list[Resource]:
    """Ours, and a person's beside them; where we set none, those that are there."""
    there = [{name: each[name] for name in REMINDER_KEYS if name in each} for each in _listed(current, "reminders")]
    if event.reminders is None:
        return there
    own = [_popup(minutes) for minutes in dict.fromkeys(event.reminders)]
    ours = {_minutes(each) for each in own} | set(mark.reminders or ())
    return own + [each for each in there if each.get("action") != "popup" or _minutes(each) not in ours]


def _popup(minutes: int) -> Resource:
    return {"action": "popup", "minutes": f"-{minutes}"}


def _minutes(reminder: Json) -> int | None:
    """Minutes before the start; None for what cannot be read."""
    try:
        return -int(reminder.get("minutes", ""))
    except (TypeError, ValueError):
        return None


def _ours(item: Json, mark: Mark) -> list[tuple[str, int | None]]:
    """The reminders of ours that are there."""
    told = [(str(each.get("action")), _minutes(each)) for each in _listed(item, "reminders")]
    return [each for each in told if each[0] == "popup" and each[1] in (mark.reminders or ())]


def _reminders_read(item: Json, mark: Mark) -> tuple[int, ...] | None:
    if mark.reminders is None:
        return None
    there = {minutes for _, minutes in _ours(item, mark)}
    return tuple(minutes for minutes in mark.reminders if minutes in there)


# comparing


def _same_text(name: str) -> Callable[[Json, Json], bool]:
    return lambda made, current: _settled(_text(made, name)) == _settled(_text(current, name))


def _same_set(name: str, key: Callable[[Json], Any]) -> Callable[[Json, Json], bool]:
    return lambda made, current: {key(e) for e in _listed(made, name)} == {key(e) for e in _listed(current, name)}


_COMPARED: tuple[Callable[[Json, Json], bool], ...] = (
    _same_text("title"),
    _same_text("location"),
    _same_text("description"),
    lambda made, current: "url" not in current or _text(made, "url") == _text(current, "url"),
    lambda made, current: bool(made.get("isprivate")) == bool(current.get("isprivate")),
    lambda made, current: rule_parts(_text(made, "rrule")) == rule_parts(_text(current, "rrule")),
    _same_set("attendees", lambda guest: str(guest.get("email", "")).casefold()),
    _same_set("reminders", lambda each: (each.get("action"), _minutes(each))),
)
"""Whether an item has as wanted what is not in its mark."""


def _listed(item: Json, name: str) -> list[Json]:
    value = item.get(name)
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def moment_in(event: Event, moment: datetime) -> Moment:
    """A moment as the event's times are: to the second in UTC, or the day where the event is."""
    if event.start_date is None:
        return to_second(moment)
    return moment.astimezone(zone_of(event.zone) or UTC).date()
