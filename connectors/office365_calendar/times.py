"""dateTimeTimeZone: a local time without offset, and the zone it is in.

Answers are in UTC because every request says `Prefer: outlook.timezone="UTC"`, with seven digits of a second. All-day
events begin and end at midnight whatever the zone: their dates count, not their moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from syncd.model.time import Window

from .zones import windows_of, zone_of

Json = Mapping[str, Any]


class UnreadableError(ValueError):
    """A time of an item cannot be understood."""


def moment_of(value: Any) -> datetime:
    """The moment in UTC. Raises UnreadableError."""
    local, zone = _local(value)
    return local.replace(tzinfo=zone).astimezone(UTC)


def date_of(value: Any, zone: tzinfo) -> date:
    """The date of an all-day event's start or end; one that is not told as a midnight is a midnight in `zone`. Raises
    UnreadableError.
    """
    local, own = _local(value)
    if local.time() == time.min:
        return local.date()
    return (local.replace(tzinfo=own).astimezone(zone) + timedelta(hours=12)).date()


def _local(value: Any) -> tuple[datetime, tzinfo]:
    if not isinstance(value, Mapping) or not isinstance(value.get("dateTime"), str):
        raise UnreadableError("a time is missing")
    name = value.get("timeZone") or "UTC"
    zone = zone_of(name) if isinstance(name, str) else None
    if zone is None:
        raise UnreadableError("a time is in an unknown zone")
    try:
        local = datetime.fromisoformat(value["dateTime"])
    except ValueError:
        raise UnreadableError("a time cannot be read") from None
    return (local, zone) if local.tzinfo is None else (local.astimezone(zone).replace(tzinfo=None), zone)


def at(moment: datetime, zone: str, *, recurs: bool = False) -> dict[str, str]:
    """`moment` as shown in `zone`, an IANA name; in UTC where this machine does not know the zone, or where the clock
    shows that time twice and this is the second. A series stays in its zone.
    """
    known = zone_of(zone)
    local = moment.astimezone(known or UTC)
    if known is None or (local.fold and not recurs):
        return {"dateTime": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}
    return {"dateTime": f"{local:%Y-%m-%dT%H:%M:%S}", "timeZone": windows_of(zone)}


def midnight(day: date, zone: str) -> dict[str, str]:
    """The start of a day, for an all-day event."""
    return {"dateTime": f"{day.isoformat()}T00:00:00", "timeZone": windows_of(zone)}


def midnight_in(day: date, zone: tzinfo) -> datetime:
    """The start of a day in `zone`, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def window_of(start: datetime, end: datetime) -> Window:
    """From `start` to `end`, a minute at least: an event may take no time."""
    return Window(start, max(end, start + timedelta(minutes=1)))


def utc_text(moment: datetime) -> str:
    """As queries take it, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def span_query(window: Window) -> dict[str, str]:
    """The query of a view of `window`; what a fraction of a second holds at its end is in it."""
    end = window.end if window.end.microsecond == 0 else window.end + timedelta(seconds=1)
    return {"startDateTime": utc_text(window.start), "endDateTime": utc_text(end)}
