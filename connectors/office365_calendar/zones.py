"""Windows and IANA names of time zones.

Graph takes every Windows name and only some IANA ones, and answers with Windows names (dateTimeTimeZone). Windows ->
IANA is Unicode's table in icalendar, by `syncd.ical.zones`; IANA -> Windows is the same table reversed, in tzlocal.
"""

from __future__ import annotations

from datetime import UTC, tzinfo

from syncd.ical.zones import named_zone

UTC_NAMES = frozenset({"", "utc", "etc/utc", "tzone://microsoft/utc"})


def zone_of(name: str) -> tzinfo | None:
    """The zone of a Windows or IANA name; None for one nobody knows, such as `tzone://Microsoft/Custom`."""
    return UTC if name.casefold() in UTC_NAMES else named_zone(name)


def iana_of(name: str) -> str:
    """The IANA name of a Windows or IANA name, "" when it has none."""
    zone = zone_of(name)
    return "UTC" if zone is UTC else str(getattr(zone, "key", ""))


def windows_of(iana: str) -> str:
    """The Windows name of an IANA zone; one without is given as it is, Graph knows some of those."""
    from tzlocal.windows_tz import tz_win

    return "UTC" if iana.casefold() in UTC_NAMES else tz_win.get(iana, iana)
