"""From iCalendar text to the few properties busy times need.

Theory of operation. A feed is mostly descriptions, attendees and alarms; parsing them all into objects is where the
usual libraries spend their time. This scanner works on bytes, line by line, looks at the first four of a line, and
decodes only the lines it keeps. It is tolerant, because one bad line must not lose a feed:

- lines end in CRLF, LF or CR; a line that starts with a space or tab continues the one before. Unfolding happens before
  decoding, because producers fold in the middle of a UTF-8 character;
- BEGIN:VEVENT always starts an event and END:VEVENT always ends one, however broken the nesting between them is;
- properties of components inside an event (VALARM) are not the event's;
- VTIMEZONE blocks are kept as text, parsed only if an event needs one;
- of a property that may occur once, the first counts.

A text that ends before END:VCALENDAR may have been cut in transit, so that is a problem of the whole reading.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

from syncd.errors import InputError

#: Once per event.
_SINGLE = (
    "UID", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "TRANSP", "STATUS", "SEQUENCE",
    "X-MICROSOFT-CDO-BUSYSTATUS", "X-APPLE-TRAVEL-DURATION",
)  # fmt: skip
#: Any number of times; the values are joined by line feeds.
_MANY = ("RRULE", "RDATE", "EXDATE")
#: Of the calendar itself, with the Feed field each fills.
_HEADER = {b"X-WR-CALNAME": "name", b"X-WR-TIMEZONE": "zone", b"COLOR": "color", b"X-APPLE-CALENDAR-COLOR": "color"}

_SINGLE_NAMES = {name.encode(): name for name in _SINGLE}
_MANY_NAMES = {name.encode(): name for name in _MANY}
_STARTS = frozenset(
    name[:4] for name in (b"BEGIN", b"END:", b"ATTENDEE", b"UID:", b"UID;", *_SINGLE_NAMES, *_MANY_NAMES, *_HEADER)
)
_TZID = re.compile(r"^TZID(?:;[^:\n]*)?:(.*)$", re.MULTILINE | re.IGNORECASE)
_PARTSTAT = re.compile(r";PARTSTAT=\"?([A-Z-]+)", re.IGNORECASE)
_EMAIL = re.compile(r";EMAIL=\"?([^\";:]+)|:(?:mailto:)?([^:]+)$", re.IGNORECASE)


@dataclass(slots=True)
class RawEvent:
    """A VEVENT's kept properties by name: the content line after the name, so `;TZID=Europe/Berlin:20260105T090000`.

    `line` is its logical line, counted from 0 after unfolding. `PARTSTAT` is the owner's answer, without `:`.
    """

    line: int
    props: dict[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """The value of `name` without parameters, "" when absent. Not for text that contains colons."""
        return self.props.get(name, "").rpartition(":")[2].strip()


@dataclass(slots=True)
class Feed:
    """A scanned calendar. `zones` are VTIMEZONE texts by TZID; `problems` are (logical line, reason)."""

    data: bytes
    events: list[RawEvent] = field(default_factory=list)
    zones: dict[str, str] = field(default_factory=dict)
    name: str = ""
    color: str = ""
    zone: str = ""
    problems: list[tuple[int, str]] = field(default_factory=list)

    def line_numbers(self) -> list[int]:
        """The line in the text (from 1) of each logical line. One pass over the text: ask once, only for problems."""
        lines = self.data.split(b"\n")
        return [n for n, line in enumerate(lines, 1) if n == 1 or line[:1] not in (b" ", b"\t")]


def scan(text: str | bytes, owners: frozenset[str] = frozenset()) -> Feed:
    """The events, zones and header of an iCalendar text.

    `owners` are lower-case e-mail addresses whose PARTSTAT is wanted. Raises InputError when the text holds no
    calendar.
    """
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"BEGIN:VCALENDAR" not in data[:100_000].upper():
        raise InputError(f"this is not iCalendar text: {_looks_like(data)}", code="not_icalendar")
    feed = Feed(data)
    unfolded = data.replace(b"\n ", b"").replace(b"\n\t", b"")
    feed.zones = _zones(unfolded)
    _Scanner(feed, owners).run(unfolded)
    return feed


def _looks_like(data: bytes) -> str:
    """What a text without a calendar is, without repeating any of it."""
    start = data[:500].lstrip().lower()
    if not start:
        return "it is empty"
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, perhaps a login form"
    return "it has no BEGIN:VCALENDAR"


def _zones(data: bytes) -> dict[str, str]:
    """VTIMEZONE blocks by TZID; the first of equal names counts."""
    zones: dict[str, str] = {}
    start = data.find(b"BEGIN:VTIMEZONE")
    while start >= 0:
        end = data.find(b"END:VTIMEZONE", start)
        block = data[start:end].decode("utf-8", "replace")
        if match := _TZID.search(block):
            zones.setdefault(match[1].strip(), block)
        start = data.find(b"BEGIN:VTIMEZONE", end) if end >= 0 else -1
    return zones


def text_value(value: str) -> str:
    """A TEXT value without its escapes."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nN" else match[1], value).strip()


class _Scanner:
    """Where the scan is: the open event, and how many other components are open around or inside it."""

    def __init__(self, feed: Feed, owners: frozenset[str]) -> None:
        self.feed = feed
        self.owners = owners
        self.event: RawEvent | None = None
        self.depth = 0
        self.complete = False

    def run(self, data: bytes) -> None:
        """Fill the feed from unfolded `data`."""
        number = 0
        for number, line in enumerate(io.BytesIO(data)):
            if line[:4].upper() not in _STARTS:
                continue
            name = line.partition(b":")[0].partition(b";")[0].upper()
            if name == b"BEGIN":
                self.begin(number, line[6:].strip().upper())
            elif name == b"END":
                self.end(line[4:].strip().upper())
            elif self.depth:
                continue
            elif self.event is not None:
                self.keep(self.event.props, name, line)
            elif name in _HEADER and not getattr(self.feed, _HEADER[name]):
                setattr(self.feed, _HEADER[name], text_value(line.partition(b":")[2].decode("utf-8", "replace")))
        self.close(number)

    def keep(self, props: dict[str, str], name: bytes, line: bytes) -> None:
        """One property of the open event."""
        rest = line[len(name) :].rstrip().decode("utf-8", "replace")
        if single := _SINGLE_NAMES.get(name):
            props.setdefault(single, rest)
        elif many := _MANY_NAMES.get(name):
            props[many] = f"{props[many]}\n{rest}" if many in props else rest
        elif name == b"ATTENDEE" and self.owners:
            self.attendee(props, rest)

    def attendee(self, props: dict[str, str], rest: str) -> None:
        """The owner's PARTSTAT, if this attendee is the owner: by EMAIL parameter or by address."""
        addresses = {(match[1] or match[2]).strip().lower() for match in _EMAIL.finditer(rest)}
        if addresses & self.owners and (answer := _PARTSTAT.search(rest)):
            props.setdefault("PARTSTAT", answer[1].upper())

    def begin(self, number: int, component: bytes) -> None:
        """A component opens; a VEVENT does so even inside one that was never closed."""
        if component == b"VEVENT":
            if self.event is not None:
                self.unfinished(self.event)
            self.event, self.depth = RawEvent(number), 0
        elif component != b"VCALENDAR":
            self.depth += 1

    def end(self, component: bytes) -> None:
        """A component closes; what was left open inside an event or calendar closes with it."""
        if component == b"VEVENT":
            if self.event is not None:
                self.feed.events.append(self.event)
            self.event, self.depth = None, 0
        elif component == b"VCALENDAR":
            self.depth, self.complete = 0, True
        elif self.depth:
            self.depth -= 1

    def unfinished(self, event: RawEvent) -> None:
        """An event whose END:VEVENT is missing keeps what was read of it."""
        self.feed.events.append(event)
        self.feed.problems.append((event.line, "the event has no END:VEVENT"))

    def close(self, number: int) -> None:
        """The text ends at logical line `number`."""
        if self.event is not None:
            self.unfinished(self.event)
        if not self.complete:
            self.feed.problems.append((number, "the calendar has no END:VCALENDAR: it may have been cut short"))
