"""Events: their times, whom they are with, what they repeat.

With Shared Activities an event is with one lead or up to 50 contacts (`EventWhoIds`, each an EventRelation), the first
of whom is `WhoId`; without it `WhoId` is all there is. An event with a lead is about no other record (`WhatId`).

Source: the Object Reference, EventRelation (one lead or 50 contacts) and Event (AccountId); calcom-crm.md, section 2.3;
times and `WhatId` from memory. What a wrong choice of people is refused with is not known: FIELD_INTEGRITY_EXCEPTION
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import available_timezones

from dateutil.rrule import rrulestr

from .salesforce_call import Call
from .salesforce_errors import SalesforceError
from .salesforce_schema import Field
from .salesforce_store import Record, Values
from .salesforce_values import taken

MOST_MINUTES = 14 * 24 * 60
MOST_CONTACTS = 50
TIMES = frozenset(
    {"StartDateTime", "ActivityDateTime", "ActivityDate", "EndDateTime", "DurationInMinutes", "IsAllDayEvent"}
)
RECURRING = ("RecurrenceType", "RecurrenceStartDateTime", "RecurrenceEndDateOnly", "RecurrenceTimeZoneSidKey")
WHO = Field(name="WhoId", type="reference", to=("Contact", "Lead"))


def event_values(call: Call, values: Values, given: Values, old: Record | None) -> Values:
    """An event's values, of which `given` are written now, with those that follow. Raises SalesforceError."""
    whole = dict(values)
    if old is None or TIMES & given.keys():
        whole.update(_times(given, old))
    _check_recurrence(whole)
    who = call.store.live(whole.get("WhoId"))
    if who is not None and who.entity == "Lead":
        if whole.get("WhatId"):
            raise _integrity("An activity with a lead cannot be about another record", "WhatId")
        if "WhoId" in given and who.get("IsConverted"):
            raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ["WhoId"])
    whole["AccountId"] = _account(call, who, call.store.live(whole.get("WhatId")))
    return whole


def who_ids(call: Call, given: Any) -> list[str]:
    """The people of `EventWhoIds`. Raises SalesforceError."""
    if not isinstance(given, list):
        raise SalesforceError("JSON_PARSER_ERROR", "EventWhoIds is a list of ids")
    found = [str(taken(call.store, WHO, each)) for each in given]
    kinds = [call.store.entity_of[each] for each in found]
    if "Lead" in kinds and len(kinds) > 1:
        raise _integrity("An event is with one lead or with several contacts, not with both", "EventWhoIds")
    if len(found) > MOST_CONTACTS:
        raise _integrity(f"An event is with {MOST_CONTACTS} contacts at most", "EventWhoIds")
    return list(dict.fromkeys(found))


def relate(call: Call, event: Record, whos: Sequence[str] | None) -> None:
    """Keep the relations of an event as its people (None: its `WhoId` besides those it had) and its `WhatId` say."""
    if not call.org.shared_activities:
        return
    old = [r for r in call.store.rows("EventRelation") if r.get("EventId") == event.id and r.get("IsParent")]
    if whos is None:
        first, before = event.get("WhoId"), [r.get("RelationId") for r in old if not r.get("IsWhat")]
        others = [] if call.store.entity_of.get(first) == "Lead" else [w for w in before[1:] if w != first]
        whos = [first, *others] if first else []
    wanted = [(each, False) for each in whos]
    if event.get("WhatId"):
        wanted.append((event.get("WhatId"), True))
    if [(r.get("RelationId"), r.get("IsWhat")) for r in old] == wanted:
        return
    for relation in old:
        call.store.put(replace(relation, values={**relation.values, "IsDeleted": True}))
    for relation_id, is_what in wanted:
        values = {
            "EventId": event.id,
            "RelationId": relation_id,
            "IsWhat": is_what,
            "IsParent": True,
            "IsInvitee": False,
        }
        record_id = call.store.new_id("EventRelation")
        stamped = call.store.stamped({"Id": record_id, **values}, call.user.id, new=True)
        call.store.put(Record("EventRelation", record_id, stamped))


def remember_activity(call: Call, activity: Record) -> None:
    """`LastActivityDate` of those an activity is with and about."""
    day = activity.get("ActivityDate")
    for name in ("WhoId", "WhatId", "AccountId"):
        record = call.store.live(activity.get(name))
        if record is None or day is None or "LastActivityDate" not in call.store.schema.named(record.entity).fields:
            continue
        if record.get("LastActivityDate") is None or record.get("LastActivityDate") < day:
            call.store.put(replace(record, values={**record.values, "LastActivityDate": day}))


def _times(given: Values, old: Record | None) -> Values:
    before = old.values if old else {}
    all_day = bool(given.get("IsAllDayEvent", before.get("IsAllDayEvent", False)))
    start = given.get("StartDateTime") or given.get("ActivityDateTime") or _midnight(given.get("ActivityDate"))
    start = start or before.get("StartDateTime")
    if start is None:
        raise _missing("ActivityDateTime")
    if all_day:
        start = datetime.combine(start.date(), time(), UTC)
    end, minutes = given.get("EndDateTime"), given.get("DurationInMinutes")
    if end is None and minutes is None:
        minutes = before.get("DurationInMinutes", 1440 if all_day else None)
    if end is None:
        if minutes is None:
            raise _missing("DurationInMinutes")
        _check_length(minutes, None, all_day=all_day)
        end = start + timedelta(minutes=minutes)
    length = int((end - start).total_seconds() // 60)
    _check_length(length, minutes, all_day=all_day)
    times = {"StartDateTime": start, "EndDateTime": end, "ActivityDate": start.date(), "DurationInMinutes": length}
    return {**times, "ActivityDateTime": None if all_day else start, "IsAllDayEvent": all_day}


def _check_length(length: int, told: int | None, *, all_day: bool) -> None:
    if length < 0:
        raise _integrity("End date must be after the start date", "EndDateTime")
    if told is not None and told != length and not all_day:
        raise _integrity("The end time and the duration are not the same", "DurationInMinutes")
    if length > MOST_MINUTES:
        message = f"Duration: value outside of valid range on numeric field: {length}"
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, ["DurationInMinutes"])


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


def _check_recurrence(whole: Values) -> None:
    if whole.get("IsRecurrence"):
        for name in RECURRING:
            if whole.get(name) is None:
                raise _missing(name)
    if not whole.get("IsRecurrence2"):
        return
    zone, pattern = whole.get("Recurrence2PatternTimeZone"), whole.get("Recurrence2PatternText")
    if zone is not None and zone not in available_timezones():
        raise _integrity(f"There is no time zone {zone}", "Recurrence2PatternTimeZone")
    if pattern is None:
        raise _missing("Recurrence2PatternText")
    try:
        rrulestr(pattern, dtstart=whole["StartDateTime"])
    except (ValueError, TypeError) as error:
        raise _integrity(f"Recurrence pattern is invalid: {error}", "Recurrence2PatternText") from error


def _account(call: Call, who: Record | None, what: Record | None) -> str | None:
    if what is not None:
        return what.id if what.entity == "Account" else what.get("AccountId")
    return who.get("AccountId") if who is not None else None


def _missing(name: str) -> SalesforceError:
    return SalesforceError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", [name])


def _integrity(message: str, name: str) -> SalesforceError:
    return SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, [name])
