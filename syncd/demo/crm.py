"""The CRM of the demonstration: a sandboxed Salesforce org, and what it shall hold of Cara's booking.

The org is read itself, not through syncd.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from syncd.sandbox import Sandbox

CRMS = ("salesforce",)
EVENT_TYPE = 126
CONNECTION = 6
"""The id that the connection gets: Anna's, Ben's and Cara's three calendars come before."""

SETTINGS = f"""
[event_types.{EVENT_TYPE}.crm.{CONNECTION}]
attendee_record = "contact"
cancellation = "keep"
fields = [
  {{ target = "person", field = "Last_Booking__c", type = "date", value = "booking_start_date" }},
  {{ target = "event", field = "Outcome__c", value = "Cancelled: {{cancellation_reason}}", on = ["cancellation"] }},
]
"""


def prepare(sandbox: Sandbox, email: str) -> None:
    """Cara as a user of the org, and the org's own fields."""
    org: Any = sandbox.providers["salesforce"]
    org.add_user(email, name="Cara Lindqvist")
    org.add_field("Contact", "Last_Booking__c", "date")
    org.add_field("Event", "Outcome__c", "string", length=120)


def held(sandbox: Sandbox, title: str) -> list[str]:
    """What the org holds of a meeting: when, with whom, and what the org's own fields say."""
    org: Any = sandbox.providers["salesforce"]
    contacts = {each["Id"]: each for each in org.records("Contact")}
    return [
        _told(event, contacts.get(event["WhoId"], {})) for event in org.records("Event") if event["Subject"] == title
    ]


def _told(event: dict[str, Any], contact: dict[str, Any]) -> str:
    start = datetime.fromisoformat(event["StartDateTime"]).astimezone(UTC)
    outcome = f", {event['Outcome__c']}" if event.get("Outcome__c") else ""
    return f"{start:%a %H:%MZ} with {contact.get('LastName')} (last {contact.get('Last_Booking__c')}){outcome}"
