"""The values of an event's properties: moments and people, read from content lines and written into them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from syncd.ical.values import Stamp, parse_duration
from syncd.ical.zones import CalendarZones
from syncd.model.calendar import Event, Participant

from .content import Component, MalformedError, clean, join, render, split, with_parameters
from .zones import zone_named

MARK = "X-SYNCD"
"""Parameter on lines and property on components that syncd wrote. Only what bears it is ever taken away again."""


class Span(NamedTuple):
    """When a component is: its ends as UTC or, all day, as dates; and the zone it is shown in ("" all day)."""

    start: datetime | date
    end: datetime | date
    zone: str


@dataclass(frozen=True, slots=True)
class Form:
    """How an event's moments are written: as dates, in a zone, or in UTC (`zone` None)."""

    zone: ZoneInfo | None
    all_day: bool

    @classmethod
    def of(cls, event: Event) -> Form:
        """Dates for all-day events; UTC for a zone this machine does not know."""
        zone = None if event.zone in ("", "UTC", "Etc/UTC") else zone_named(event.zone)
        return cls(zone, event.start_date is not None)

    @property
    def zone_name(self) -> str:
        """The zone's name as a `Span` has it."""
        return "" if self.all_day else self.zone.key if self.zone else "UTC"

    def line(self, name: str, moment: datetime | date, parameters: dict[str, str] | None = None) -> str:
        """Property `name` at `moment`. The second of two equal clock times can only be told apart in UTC."""
        extra = parameters or {}
        if self.all_day:
            return join(name, {"VALUE": "DATE", **extra}, f"{self.day(moment):%Y%m%d}")
        utc = _utc(moment)
        local = utc.astimezone(self.zone) if self.zone else utc
        if self.zone is None or local.fold:
            return join(name, extra, f"{utc:%Y%m%dT%H%M%S}Z")
        return join(name, {"TZID": self.zone.key, **extra}, f"{local:%Y%m%dT%H%M%S}")

    def day(self, moment: datetime | date) -> date:
        """The date of `moment` where the event is."""
        return moment.astimezone(self.zone or UTC).date() if isinstance(moment, datetime) else moment


def span_of_event(event: Event) -> Span:
    """When `event` is wanted, to the second: iCalendar knows nothing finer."""
    if event.start_date is not None:
        end = event.end_date or event.start_date + timedelta(days=1)
        return Span(event.start_date, end, "")
    return Span(_utc(event.start), _utc(event.end), Form.of(event).zone_name)


def zones_of(calendar: Component) -> CalendarZones:
    """The zones `calendar` brings along; floating times count as UTC."""
    texts = {}
    for component in calendar.named("VTIMEZONE"):
        if line := component.first("TZID"):
            texts[split(line)[1]] = render(component)
    return CalendarZones(UTC, texts)


def stamp_of(line: str, zones: CalendarZones, value: str | None = None) -> Stamp:
    """The date or time of a line, or of one `value` of its list.

    Raises:
        MalformedError: it cannot be read.
    """
    parameters, own = split(line)
    tzid = parameters.get("TZID")
    try:
        return zones.stamp(f";TZID={tzid}" if tzid else "", value or own)
    except ValueError as error:
        raise MalformedError("a date or time cannot be read") from error


def moment_of(stamp: Stamp) -> datetime | date:
    """A date for a date, else UTC."""
    return stamp.local.date() if stamp.is_date else stamp.instant(UTC)


def span_of(component: Component, zones: CalendarZones) -> Span | None:
    """When `component` is; None without DTSTART. Raises MalformedError."""
    first = component.first("DTSTART")
    if first is None:
        return None
    stamp = stamp_of(first, zones)
    start = moment_of(stamp)
    zone = "" if stamp.is_date else getattr(stamp.zone, "key", None) or "UTC"
    return Span(start, _end(component, zones, start), zone)


def _end(component: Component, zones: CalendarZones, start: datetime | date) -> datetime | date:
    """DTEND, or DTSTART and DURATION, or what RFC 5545 section 3.6.1 says when there is neither."""
    if line := component.first("DTEND"):
        return moment_of(stamp_of(line, zones))
    if line := component.first("DURATION"):
        try:
            days, exact = parse_duration(split(line)[1])
        except ValueError as error:
            raise MalformedError("DURATION cannot be read") from error
        return start + timedelta(days=days) + exact
    return start if isinstance(start, datetime) else start + timedelta(days=1)


def person_line(name: str, person: Participant, agent: str, extra: dict[str, str]) -> str:
    """ORGANIZER or ATTENDEE. `agent` is the SCHEDULE-AGENT (RFC 6638 section 7.1), "" for the server's default."""
    parameters = {"CN": clean(person.name)} if person.name else {}
    if agent:
        parameters["SCHEDULE-AGENT"] = agent
    return join(name, {**parameters, **extra, MARK: "1"}, f"mailto:{clean(person.email)}")


def email_of(line: str) -> str:
    """The address of an ORGANIZER or ATTENDEE line: EMAIL when given, as iCloud writes it, else the value."""
    parameters, value = split(line)
    address = value if value.lower().startswith("mailto:") else parameters.get("EMAIL", value)
    return address[7:] if address.lower().startswith("mailto:") else address


def person_of(line: str) -> Participant:
    """Who an ORGANIZER or ATTENDEE line names."""
    return Participant(email=email_of(line), name=split(line)[0].get("CN", ""))


def renamed(line: str, name: str) -> str:
    """`line` with its CN made `name` when that differs; everything else stays, PARTSTAT above all."""
    if not name or split(line)[0].get("CN") == clean(name):
        return line
    return with_parameters(line, {"CN": clean(name)})


def is_ours(line: str) -> bool:
    """Whether the line bears our mark."""
    return MARK in line and split(line)[0].get(MARK) == "1"


def _utc(moment: datetime | date) -> datetime:
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0)
