"""The bodies of people and events: values as Salesforce takes them, cut to what its fields hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from syncd.connector.crm import ActivityWrite, PersonWrite
from syncd.model.activity import Activity
from syncd.model.calendar import Event
from syncd.model.crm import NewValue, PersonKind

OBJECTS = {PersonKind.CONTACT: "Contact", PersonKind.LEAD: "Lead"}
SHARED = "EventWhoIds"
MOST_CONTACTS = 50

FIRST_NAME, LAST_NAME, PHONE, COMPANY = 40, 80, 40, 255
SUBJECT, LOCATION, DESCRIPTION = 255, 255, 32_000
"""Characters of the fields that we set ourselves."""

MARK = "Booking: "
"""How the last line of an event's description begins, which tells its booking."""

PERSON_OPTIONAL = frozenset({"FirstName", "Phone", "OwnerId", "AccountId"})
EVENT_OPTIONAL = frozenset({"Subject", "Location", "Description", "OwnerId", "WhatId", "IsPrivate"})
"""Fields of ours that a record makes sense without; a private event does not without `IsPrivate`."""


def person_body(person: PersonWrite) -> dict[str, Any]:
    """What is sent of a contact or lead: for a new one its own fields, which mapped ones may replace."""
    own: dict[str, Any] = {}
    if not person.id:
        own = {
            "FirstName": cut(person.first_name, FIRST_NAME),
            "LastName": cut(person.last_name, LAST_NAME) or "-",
            "Email": person.email,
            "Phone": cut(person.phone, PHONE),
            "RecordTypeId": person.record_type_id,
        }
        if person.kind is PersonKind.LEAD:
            own["Company"] = cut(person.company, COMPANY) or "-"
    if person.kind is PersonKind.CONTACT:
        own["AccountId"] = person.account_id
    own["OwnerId"] = person.owner_id
    kept = {name: value for name, value in own.items() if value and name not in person.without}
    return kept | mapped_body(person.fields)


def mapped_body(fields: Mapping[str, NewValue]) -> dict[str, Any]:
    """Mapped fields as JSON."""
    return {name: field_value(value) for name, value in fields.items()}


def event_body(write: ActivityWrite, people: Sequence[PersonWrite], *, shared: bool) -> dict[str, Any]:
    """What is sent of an event: its own fields, whom it is with, and mapped fields, which may replace them.

    `people` without an id are referred to as `person_N` of the same request.
    """
    attached, named = attachable(people, shared=shared)
    lead = bool(attached) and people[attached[0]].kind is PersonKind.LEAD
    guests = (*(people[n].email for n in named), *write.guests)
    body = {
        **event_fields(write.activity, guests),
        **(_whom(write, people, attached, shared=shared) if write.attach else {}),
        **({"WhatId": write.account_id} if write.account_id and not lead else {}),
        **({"OwnerId": write.owner_id} if write.owner_id else {}),
    }
    return {name: value for name, value in body.items() if name not in write.without} | mapped_body(write.fields)


def attachable(people: Sequence[PersonWrite], *, shared: bool) -> tuple[list[int], list[int]]:
    """The numbers of those an event can be for, the first among them, and of those it cannot."""
    if not people:
        return [], []
    first = people[0]
    if first.kind is PersonKind.LEAD or not shared:
        return [0], list(range(1, len(people)))
    contacts = [n for n, person in enumerate(people) if person.kind is PersonKind.CONTACT][:MOST_CONTACTS]
    return contacts, [n for n in range(len(people)) if n not in contacts]


def _whom(
    write: ActivityWrite, people: Sequence[PersonWrite], attached: Sequence[int], *, shared: bool
) -> dict[str, Any]:
    """Whom it is with. A `WhoId` alone would leave the others on an event that has several already."""
    references = list(dict.fromkeys(people[n].id or f"@{{person_{n}.id}}" for n in attached))
    if shared and (len(references) > 1 or write.id):
        return {SHARED: references}
    return {"WhoId": references[0]} if references else {}


def event_fields(activity: Activity, guests: Sequence[str]) -> dict[str, Any]:
    """The event's own fields."""
    event = activity.event
    fields: dict[str, Any] = {
        "Subject": cut(event.title, SUBJECT),
        "Description": _description(event.description, guests, activity.booking.subject),
        "Location": cut(event.location, LOCATION),
        "IsPrivate": event.private,
        **event_times(event),
    }
    if event.rrule:
        rule = {"IsRecurrence2": True, "Recurrence2PatternText": f"RRULE:{event.rrule}"}
        fields |= {**rule, "Recurrence2PatternTimeZone": event.zone}
    return fields


def event_times(event: Event) -> dict[str, Any]:
    """When it is. Of an all-day event both ends are days, the last one included."""
    if event.start_date and event.end_date:
        last = event.end_date - timedelta(days=1)
        return {"IsAllDayEvent": True, "StartDateTime": _midnight(event.start_date), "EndDateTime": _midnight(last)}
    return {
        "IsAllDayEvent": False,
        "StartDateTime": moment_text(event.start),
        "EndDateTime": moment_text(event.end),
    }


def _description(text: str, guests: Sequence[str], uid: str) -> str:
    """The text, guests who are on no record, and which booking it is; the text is cut, never the rest."""
    lines = ["Guests: " + ", ".join(dict.fromkeys(guests))] if guests else []
    end = cut("\n\n".join(lines), DESCRIPTION // 2)
    mark = f"{MARK}{uid}"
    rest = "\n\n".join(part for part in (end, mark) if part)
    start = cut(text.strip(), DESCRIPTION - len(rest.encode("utf-16-le")) // 2 - 2)
    return "\n\n".join(part for part in (start, rest) if part)


def cut(text: str, length: int) -> str:
    """The beginning of a text that fits, counted in UTF-16 code units; no character is split."""
    return text.encode("utf-16-le", "ignore")[: 2 * length].decode("utf-16-le", "ignore")


def field_value(value: NewValue) -> Any:
    """A value as JSON: datetimes in UTC, several choices parted by semicolons."""
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return ";".join(value)
    return value


def moment_text(moment: datetime) -> str:
    """A time as Salesforce reads it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"
