"""A booking with everything around it, mappings and objects, made with only what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from syncd.model.booking import Attendee
from syncd.model.calendar import Participant
from syncd.model.schema import Choice, FieldSchema, ObjectSchema, RecordType, SchemaType
from syncd.rules.crm.mapping import FieldMapping, FieldType, Target
from syncd.rules.crm.names import BookingFacts

from ..made import booking

HOST = Participant(email="anna@host.example", name="Anna Host", zone="America/Los_Angeles", phone="+1 555 0100")
GUEST = Attendee(email="ada@acme.example", name="Ada Maria Byron", zone="Europe/Berlin", phone="+49 30 1234")
START = datetime(2026, 3, 11, 2, 30, tzinfo=UTC)
"""Still the 10th in Los Angeles; the 11th in Berlin."""

MADE_AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
CANCELLED_AT = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)


def facts(*, answers: dict[str, Any] | None = None, told: dict[str, Any] | None = None, **around: Any) -> BookingFacts:
    """Ada's cancelled booking of half an hour with Anna, and what is known around it."""
    values: dict[str, Any] = {
        "start": START,
        "end": START.replace(hour=3, minute=0),
        "title": "Discovery call",
        "organizer": HOST,
        "attendees": (GUEST,),
        "created_at": MADE_AT,
        "cancelled_at": CANCELLED_AT,
        "cancellation_reason": "Ill",
        "location": "integrations:google:meet",
        "event_type": "discovery",
        "notes": "Call me",
        "description": "First talk",
        "answers": {"company": "Acme", "seats": 0, "consent": False} | (answers or {}),
    }
    known: dict[str, Any] = {
        "form": {"budget": "10k"},
        "utm": {"source": "ads", "medium": "cpc", "campaign": "spring", "term": "crm", "content": "blue"},
        "links": {
            "booking": "https://book.example/b1",
            "reschedule": "https://book.example/r1",
            "cancel": "https://book.example/c1",
        },
        "assignment_reason": "Owner of the account",
        "organizer_crm_id": "005A",
        "account_crm_id": "001A",
    }
    return BookingFacts(booking=booking(**values | (told or {})), **known | around)


def mapping(value: Any = "x", type: str = "text", **changed: Any) -> FieldMapping:
    """A mapping to a field F__c of the event."""
    values: dict[str, Any] = {"target": Target.EVENT, "field": "F__c", "type": FieldType(type), "value": value}
    return FieldMapping.model_validate(values | changed)


def field(name: str = "F__c", type: str = "text", choices: tuple[Any, ...] = (), **changed: Any) -> FieldSchema:
    """A field that may be written; choices as texts or as they are."""
    made = tuple(each if isinstance(each, Choice) else Choice(value=each) for each in choices)
    return FieldSchema(name=name, type=SchemaType(type), choices=made, **changed)


def an_object(*fields: FieldSchema, name: str = "Event", types: tuple[str, ...] = ()) -> ObjectSchema:
    """An object with these fields and record types."""
    return ObjectSchema(name=name, fields=fields, record_types=tuple(RecordType(name=each) for each in types))
