"""Which zone a TZID means.

Theory of operation. Producers name zones in five ways; the first that gives an answer counts:

1. an IANA name, also with something before it: `/mozilla.org/20070129_1/Europe/Berlin`;
2. a Windows name (`W. Europe Standard Time`), by Unicode's table, which icalendar ships;
3. an offset: `GMT+5`, `UTC-03:30`, `+0100`;
4. anything (`Customized Time Zone`), defined by a VTIMEZONE in the same calendar;
5. nothing known: the events that use it are a problem, the others are not.

Names come before definitions, because producers embed definitions that are wrong or cover one year, and the IANA data
knows the past and the law of today. An embedded definition becomes a table of transitions here. icalendar makes a
`dateutil.tz.tzical` of it, which reads times in a DST gap with the offset after the gap, raises TypeError before the
first transition if there is no STANDARD part, and never returns from a hostile rule (tests/ical/test_zones.py).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from .recurrence import Budget, parse_rule, starts
from .values import Stamp, UnreadableError, parse_clock, shown

#: In the zone directories of many systems, but not zones to share: the host's own, a placeholder, leap-second counts.
_NOT_ZONES = re.compile(r"localtime|posixrules|Factory|right/.*")
_OFFSET_NAME = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_OFFSET = re.compile(r"([+-])([01]\d|2[0-3])([0-5]\d)([0-5]\d)?")
_TZID = re.compile(r";TZID=\"?([^\";]*)", re.IGNORECASE)
_MOST_EMBEDDED = 100  # in use in one calendar; each may cost a few milliseconds
#: Transitions of an embedded zone are computed for these years.
_FIRST, _LAST = datetime(1970, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001 - wall-clock times


@lru_cache(maxsize=1024)
def named_zone(tzid: str) -> tzinfo | None:
    """The zone `tzid` names by itself (ways 1 to 3), None when it does not."""
    path = tzid.strip().strip("/").split("/")
    for skipped in range(len(path)):
        if zone := _iana("/".join(path[skipped:])):
            return zone
    if windows := _windows_zones().get(tzid.strip().casefold()):
        return _iana(windows)
    if (match := _OFFSET_NAME.fullmatch(tzid.strip())) and int(match[2]) < 24:
        return timezone(_signed(match[1], hours=int(match[2]), minutes=int(match[3] or 0)))
    return None


@lru_cache(maxsize=1)
def _windows_zones() -> dict[str, str]:
    """Windows zone, in small letters -> IANA zone. Imported when first needed: with its package, icalendar is slow."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return {name.casefold(): zone for name, zone in WINDOWS_TO_OLSON.items()}


def _iana(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC
    try:
        return None if _NOT_ZONES.fullmatch(name) else ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a key; a directory
        return None


def _signed(sign: str, **parts: int) -> timedelta:
    return -timedelta(**parts) if sign == "-" else timedelta(**parts)


class CalendarZones:
    """The zones of one calendar: `own` for dates and floating times, `embedded` the texts of its VTIMEZONEs."""

    def __init__(self, own: tzinfo, embedded: dict[str, str]) -> None:
        self.own = own
        self._embedded = embedded
        self._left = _MOST_EMBEDDED
        self._by_parameters: dict[str, tzinfo | UnreadableError | None] = {"": None}

    def stamps(self, lines: str) -> Iterator[Stamp]:
        """The values of EXDATE-like content lines, without PERIODs. Raises UnreadableError at the first bad one."""
        for line in filter(None, lines.split("\n")):
            parameters, _, values = line.rpartition(":")
            for value in values.split(","):
                yield self.stamp(parameters, value.strip())

    def stamp(self, parameters: str, value: str) -> Stamp:
        """A DATE or DATE-TIME with the property's parameters. UTC wins over TZID. Raises UnreadableError."""
        clock = parse_clock(value)
        if clock.is_utc:
            return Stamp(clock.local, UTC)
        if clock.is_date:
            return Stamp(clock.local, None, True)
        return Stamp(clock.local, self.zone(parameters))

    def zone(self, parameters: str) -> tzinfo | None:
        """The zone in a property's parameters, None when they name none. A failure is looked up only once."""
        if parameters not in self._by_parameters:
            match = _TZID.search(parameters)
            self._by_parameters[parameters] = self._resolve(match[1]) if match else None
        zone = self._by_parameters[parameters]
        if isinstance(zone, UnreadableError):
            raise zone
        return zone

    def _resolve(self, tzid: str) -> tzinfo | UnreadableError:
        if zone := named_zone(tzid):
            return zone
        if (text := self._embedded.get(tzid.strip())) is None:
            return UnreadableError(f"unknown time zone {shown(tzid)}, and no VTIMEZONE defines it")
        self._left -= 1
        if self._left < 0:
            return UnreadableError(f"more than {_MOST_EMBEDDED} zones are defined by VTIMEZONEs")
        try:
            return embedded_zone(text)
        except (ValueError, OverflowError) as error:
            return UnreadableError(f"the VTIMEZONE of {shown(tzid)} cannot be used: {error}")


class EmbeddedZone(tzinfo):
    """A zone made of transitions: (UTC moment, offset before, offset after), at least one.

    Before the first transition its own earlier offset holds.
    """

    def __init__(self, transitions: list[tuple[datetime, timedelta, timedelta]]) -> None:
        transitions = sorted(transitions)
        self._offsets = [transitions[0][1], *(after for _, _, after in transitions)]
        self._utc = [moment for moment, _, _ in transitions]
        # The wall-clock time from which the new offset counts: for fold 0 after the gap, or after the repeated hour;
        # for fold 1 (the second pass) before either.
        self._wall = (
            [moment + max(before, after) for moment, before, after in transitions],
            [moment + min(before, after) for moment, before, after in transitions],
        )

    def utcoffset(self, dt: datetime | None) -> timedelta:
        """The offset of wall-clock `dt`, which is never None here."""
        assert dt is not None
        return self._offsets[bisect_right(self._wall[dt.fold], dt.replace(tzinfo=None, fold=0))]

    def fromutc(self, dt: datetime) -> datetime:
        """UTC `dt` as wall-clock time."""
        offset = self._offsets[bisect_right(self._utc, dt.replace(tzinfo=None))]
        wall = dt + offset
        return wall if wall.utcoffset() == offset else wall.replace(fold=1)

    def dst(self, dt: datetime | None) -> None:
        """Not known, and not needed."""

    def tzname(self, dt: datetime | None) -> None:
        """Not known, and not needed."""


@lru_cache(maxsize=128)
def embedded_zone(text: str) -> EmbeddedZone:
    """The zone a VTIMEZONE's text defines, right from 1970 to 2099. Raises ValueError, OverflowError."""
    budget = Budget()
    blocks = re.split(r"^BEGIN:(?:STANDARD|DAYLIGHT)\s*$", text, flags=re.MULTILINE | re.IGNORECASE)[1:]
    transitions = [transition for block in blocks for transition in _observance(block, budget)]
    if not transitions:
        raise UnreadableError("it has no STANDARD or DAYLIGHT part")
    return EmbeddedZone(transitions)


def _observance(block: str, budget: Budget) -> list[tuple[datetime, timedelta, timedelta]]:
    """The transitions one STANDARD or DAYLIGHT part makes."""
    props: dict[str, list[str]] = {}
    for line in block.splitlines():
        head, _, value = line.partition(":")
        props.setdefault(head.partition(";")[0].upper(), []).append(value.strip())
    before, after = (_offset(props.get(name, [""])[0]) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
    first = parse_clock(props.get("DTSTART", [""])[0]).local
    onsets = {first, *(parse_clock(value).local for line in props.get("RDATE", []) for value in line.split(","))}
    for text in props.get("RRULE", []):
        rule = parse_rule(text)
        last = rule.last(timezone(before), all_day=False) or _LAST
        onsets.update(starts(rule, first, _FIRST, min(last + timedelta(seconds=1), _LAST), budget))
    return [(onset - before, before, after) for onset in onsets]


def _offset(text: str) -> timedelta:
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise UnreadableError(f"not a UTC offset: {shown(text)}")
    return _signed(match[1], hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
