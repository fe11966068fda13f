"""Zoho Calendar's times.

In: UTC as `20260302T100000Z`, with a time zone beside it; all-day `20260302`. Out: the event's local time, with an
offset where it is in `dateandtime`; `createdtime` lacks minutes and seconds that are zero (`20170713T10Z`).
Source: zoho-calendar.facts.json, `time`, `event_shape`, the sample of the list.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .zoho_errors import ZohoError

DAY = timedelta(days=1)
BASIC = re.compile(r"(\d{8}T\d{6})(Z|[+-]\d{4})?")


def zone_of(name: str) -> ZoneInfo:
    """A time zone. Raises ZohoError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ZohoError("INVALID_DATA", "timezone") from error


def read_moment(text: object, zone: str, about: str) -> datetime:
    """A point in time, UTC; one without offset is in `zone`. Raises ZohoError."""
    found = BASIC.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ZohoError("INVALID_DATA", about)
    try:
        if found[2]:
            return datetime.strptime(found[0], "%Y%m%dT%H%M%S%z").astimezone(UTC)
        return datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=zone_of(zone)).astimezone(UTC)
    except ValueError as error:
        raise ZohoError("INVALID_DATA", about) from error


def read_date(text: object, about: str) -> date:
    """A day. Raises ZohoError."""
    if not isinstance(text, str) or not re.fullmatch(r"\d{8}", text):
        raise ZohoError("INVALID_DATA", about)
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError as error:
        raise ZohoError("INVALID_DATA", about) from error


def read_bound(text: object, zone: str, about: str) -> datetime:
    """A bound of a range: a point in time, or the midnight a day begins with in `zone`. Raises ZohoError."""
    if isinstance(text, str) and len(text) == 8:
        return midnight(read_date(text, about), zone)
    return read_moment(text, zone, about)


def midnight(day: date, zone: str) -> datetime:
    """When a day begins in a zone, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)).astimezone(UTC)


def utc_text(moment: datetime) -> str:
    """`20260302T100000Z`."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def local_text(moment: datetime, zone: str, *, offset: bool) -> str:
    """`20260302T110000`, or with the offset behind it."""
    return moment.astimezone(zone_of(zone)).strftime("%Y%m%dT%H%M%S%z" if offset else "%Y%m%dT%H%M%S")


def date_text(day: date) -> str:
    """`20260302`."""
    return day.strftime("%Y%m%d")


def created_text(moment: datetime) -> str:
    """As `createdtime` has it: `20170713T10Z` at a full hour, `20170713T1030Z` at a full minute."""
    utc = moment.astimezone(UTC)
    form = "%Y%m%dT%H%M%SZ" if utc.second else "%Y%m%dT%H%MZ" if utc.minute else "%Y%m%dT%HZ"
    return utc.strftime(form)
