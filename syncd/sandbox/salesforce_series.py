"""Series of events (Lightning Experience): one record for each occurrence.

A create with `IsRecurrence2` and a rule gives the id of the first occurrence; the others are records of their own, at
the same local time. A DELETE of a record deletes one occurrence; `fromThisEventOnwards` deletes it and those after it,
so that of the first the whole series. A rule without end gives MOST_OCCURRENCES.

Source: the REST API Developer Guide, "Delete Lightning Experience Event Series"; the Change Data Capture Developer
Guide, "Recurring Activities". What a unique field of the occurrences holds is not known: null here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from .salesforce_activities import relate
from .salesforce_call import Call
from .salesforce_errors import SalesforceError
from .salesforce_store import Record

MOST_OCCURRENCES = 100


def repeat(call: Call, first: Record, whos: list[str] | None) -> Record:
    """Make the other occurrences of an event that was made just now; the first, as it is kept."""
    if not first.get("IsRecurrence2"):
        return first
    start, length = first.get("StartDateTime"), first.get("EndDateTime") - first.get("StartDateTime")
    pattern = {"Recurrence2PatternStartDate": start, "Recurrence2PatternVersion": "1"}
    first = call.store.put(replace(first, values={**pattern, **_known(first)}))
    call.store.series[first.id] = first.id
    unique = {f.name for f in call.store.schema.named("Event").fields.values() if f.unique}
    shared = {name: value for name, value in first.values.items() if name not in unique}
    for moment in _starts(call, first):
        made_id = call.store.new_id("Event")
        times = {"StartDateTime": moment, "EndDateTime": moment + length, "ActivityDate": moment.date()}
        clock = {} if first.get("IsAllDayEvent") else {"ActivityDateTime": moment}
        made = call.store.put(Record("Event", made_id, {**shared, **times, **clock, "Id": made_id}))
        call.store.series[made_id] = first.id
        relate(call, made, whos)
    return first


def onwards(call: Call, event: Record) -> list[Record]:
    """An occurrence and those after it. Raises SalesforceError."""
    series = call.store.series.get(event.id)
    if series is None or not event.get("IsRecurrence2") or event.get("IsRecurrence2Exclusion"):
        raise SalesforceError("INVALID_OPERATION", "The event is no occurrence of a series", [])
    others = (r for r in call.store.rows("Event") if call.store.series.get(r.id) == series)
    return [r for r in others if r.get("StartDateTime") >= event.get("StartDateTime")]


def _known(record: Record) -> dict[str, object]:
    return {name: value for name, value in record.values.items() if value is not None}


def _starts(call: Call, first: Record) -> Iterable[datetime]:
    """When the occurrences after the first begin."""
    zone = ZoneInfo(first.get("Recurrence2PatternTimeZone") or call.user.get("TimeZoneSidKey") or "UTC")
    local = UTC if first.get("IsAllDayEvent") else zone
    rule = rrulestr(first.get("Recurrence2PatternText"), dtstart=first.get("StartDateTime").astimezone(local))
    moments = (moment.astimezone(UTC) for moment in islice(rule, MOST_OCCURRENCES))
    return [moment for moment in moments if moment > first.get("StartDateTime")]
