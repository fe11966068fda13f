"""Short ways to write a calendar and to read its busy times."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.ical import BusyReading, BusyRules, read_busy
from syncd.model.time import Window

BERLIN = BusyRules(zone="Europe/Berlin")


def event(*lines: str, uid: str = "u") -> str:
    """A VEVENT; `start`s at 9:00 UTC on 5 January 2026 for an hour unless the lines say otherwise."""
    given = {line.partition(":")[0].partition(";")[0] for line in lines}
    default = [] if "DTSTART" in given else ["DTSTART:20260105T090000Z"]
    if not given & {"DTSTART", "DTEND", "DURATION"}:
        default.append("DTEND:20260105T100000Z")
    return "\n".join(["BEGIN:VEVENT", *([f"UID:{uid}"] if uid else []), *default, *lines, "END:VEVENT"])


def calendar(*components: str) -> str:
    return "\n".join(["BEGIN:VCALENDAR", *components, "END:VCALENDAR", ""])


def moment(text: str) -> datetime:
    """`2026-01-05 09:00`, in UTC; the time may be left out."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str = "2026-01-01", end: str = "2026-02-01") -> Window:
    return Window(moment(start), moment(end))


def read(
    *components: str, rules: BusyRules = BERLIN, start: str = "2026-01-01", end: str = "2026-02-01"
) -> BusyReading:
    return read_busy(calendar(*components), window(start, end), rules)


def times(*components: str, rules: BusyRules = BERLIN, start: str = "2026-01-01", end: str = "2026-02-01") -> list[str]:
    """Busy times as `start/end`, UTC, without seconds. Problems fail the test."""
    reading = read(*components, rules=rules, start=start, end=end)
    assert reading.problems == []
    return [f"{time.start:%m-%d %H:%M}/{time.end:%m-%d %H:%M}" for time in reading.times]


def starts(
    *components: str, rules: BusyRules = BERLIN, start: str = "2026-01-01", end: str = "2026-02-01"
) -> list[str]:
    """Starts of the busy times, UTC."""
    return [time.partition("/")[0] for time in times(*components, rules=rules, start=start, end=end)]
