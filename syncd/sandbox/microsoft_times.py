"""Graph's times: `{dateTime, timeZone}` without offset, Windows or IANA names, seven digits of fraction.

Source: microsoft-graph.facts.json, `time`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from .microsoft_errors import GraphError

PREFERENCE = re.compile(r'outlook\.timezone\s*=\s*"([^"]*)"', re.IGNORECASE)
LAX = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?)(\.\d+)?(Z|[+-]\d{2}:\d{2})?")


@cache
def zone_of(name: str) -> ZoneInfo:
    """A zone by its Windows or IANA name. Raises GraphError."""
    try:
        return ZoneInfo(WINDOWS_TO_OLSON.get(name, name))
    except (ZoneInfoNotFoundError, ValueError):
        raise GraphError(
            400, "TimeZoneNotSupportedException", f"A zone of the name {name[:40]} is not known."
        ) from None


def read_time(value: Any, what: str) -> tuple[datetime, str]:
    """A dateTimeTimeZone: the moment in UTC, and its zone's name. Raises GraphError."""
    given = {str(k)[:1].lower() + str(k)[1:]: v for k, v in value.items()} if isinstance(value, Mapping) else {}
    zone = str(given.get("timeZone") or "UTC")
    return read_moment(given.get("dateTime"), zone, what), zone


def read_moment(text: Any, zone: str, what: str) -> datetime:
    """A date and time, in `zone` where it has no offset. Raises GraphError."""
    found = LAX.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise GraphError(400, "ErrorInvalidParameter", f"The value of {what} is no date and time.")
    try:
        moment = datetime.fromisoformat(found[1] + (found[3] or "").replace("Z", "+00:00"))
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone_of(zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise GraphError(400, "ErrorInvalidParameter", f"The value of {what} is no date and time.") from None


def time_told(moment: datetime, zone: str) -> dict[str, str]:
    """A moment as Graph tells it."""
    local = moment.astimezone(zone_of(zone))
    return {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": zone}


def stamp(moment: datetime) -> str:
    """A moment as createdDateTime has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}0Z"


def zone_preferred(prefer: str) -> str:
    """The zone that the Prefer header asks for; UTC without."""
    found = PREFERENCE.search(prefer)
    return found[1] if found else "UTC"
