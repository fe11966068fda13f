"""Times as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from syncd.errors import ConfigError

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def parse_span(text: str) -> timedelta:
    """`90s`, `30min`, `12h` or `7d`.

    Raises:
        ConfigError: none of these.
    """
    matched = re.fullmatch(r"(\d{1,6})\s*(s|min|h|d)", text.strip())
    if not matched:
        raise ConfigError(f"{text!r} is no time span.", remedy="Write 90s, 30min, 12h or 7d.")
    return timedelta(**{UNITS[matched[2]]: int(matched[1])})


def require_zone(name: str) -> None:
    """Accept an IANA time zone.

    Raises:
        ConfigError: it is none.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ConfigError(f"{name!r} is no time zone.", remedy="Write an IANA name such as Europe/Berlin.") from error


def parse_moment(text: str, zone: str = "UTC", now: datetime | None = None) -> datetime:
    """ISO 8601, a date (its midnight) or `+7d` from now; without an offset it is in `zone`.

    Raises:
        ConfigError: none of these, or an unknown zone.
    """
    require_zone(zone)
    if text.startswith("+") and now is not None:
        return now + parse_span(text[1:])
    try:
        moment = datetime.fromisoformat(text)
        placed = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
        return placed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"{text!r} is no time.", remedy="Write 2026-11-20, 2026-11-20T09:00Z or +7d.") from error
