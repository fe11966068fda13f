"""The records of a recurring event, each written by itself.

    wanted of an occurrence        its record is
    -----------------------------  -----------------------------------------------------
    as the rule puts it            written with the event's own fields, at its place
    at another time                written with that time
    none                           deleted
    again, after none              not made: Salesforce adds no occurrence to a series

They are known by where the rule puts them, kept with the receipt; a series that moves takes its places along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from syncd.connector.crm import ActivityWrite
from syncd.model.calendar import Event, Occurrence

from .api import Api, Part
from .bodies import MARK, event_times
from .queries import CREATED_LATELY, query_part
from .soql import select

RULE = frozenset({"IsRecurrence2", "Recurrence2PatternText", "Recurrence2PatternTimeZone"})
"""Fields of the rule, which a series keeps: a recurrence is not made of a single event, nor one of it."""

TIMES = frozenset({"IsAllDayEvent", "StartDateTime", "EndDateTime"})
"""What each occurrence has of its own."""


def occurrences_of(api: Api, write: ActivityWrite, first: str) -> dict[str, str]:
    """The records of a series that was made lately, by where the rule puts them; the first alone where an org does not
    tell the others.
    """
    uid = write.activity.booking.subject
    query = select(
        ("Id", "StartDateTime", "Description"),
        "Event",
        f"IsRecurrence2 = true AND CreatedDate = {CREATED_LATELY}",
        "ORDER BY StartDateTime, Id",
    )
    answer = api.composite("read the series", [query_part("series", query)], safe=True)["series"]
    listed = list(api.records("read the series", answer.record)) if answer.ok else []
    mine = [row for row in listed if f"{MARK}{uid}" in str(row.get("Description") or "").splitlines()]
    found = {_place(datetime.fromisoformat(str(row["StartDateTime"]))): str(row["Id"]) for row in mine}
    return found or {_place(write.activity.event.start): first}


def changed_places(write: ActivityWrite) -> dict[str, str]:
    """The known records by where the rule puts them now."""
    if not write.moved_from:
        return dict(write.occurrences)
    by = write.activity.event.start - datetime.fromisoformat(write.moved_from)
    return {_place(datetime.fromisoformat(place) + by): identity for place, identity in write.occurrences.items()}


def occurrence_requests(
    write: ActivityWrite, places: Mapping[str, str], body: Mapping[str, Any], *, changed: bool
) -> tuple[list[Part], dict[str, str]]:
    """What brings each record to what is wanted, and the records by place afterwards. `changed`: every record is
    written, else only those that differ from the rule.
    """
    event = write.activity.event
    wanted = {_place(each.original): each for each in event.occurrences}
    shared = {name: value for name, value in body.items() if name not in RULE}
    requests, after = [], dict(places)
    for number, (place, identity) in enumerate(sorted(places.items())):
        differs = wanted.get(place)
        if not identity or (differs is None and not changed):
            continue
        path = f"/sobjects/Event/{identity}"
        if differs is not None and differs.start is None:
            requests.append(Part(f"occurrence_{number}", "DELETE", path))
            after[place] = ""
        else:
            own = {**shared, **event_times(_at(event, place, differs))}
            requests.append(Part(f"occurrence_{number}", "PATCH", path, own))
    return requests, dict(sorted(after.items()))


def _at(event: Event, place: str, differs: Occurrence | None) -> Event:
    """The event as one occurrence."""
    start = (differs.start if differs else None) or datetime.fromisoformat(place)
    end = (differs.end if differs else None) or start + (event.end - event.start)
    days = event.end_date - event.start_date if event.start_date and event.end_date else timedelta()
    dates = {"start_date": start.date(), "end_date": start.date() + days} if days else {}
    return replace(event, start=start, end=end, **dates)  # type: ignore[arg-type]


def _place(moment: datetime) -> str:
    return moment.isoformat()
