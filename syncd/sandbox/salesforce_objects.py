"""The standard objects, as far as bookings meet them.

Fields, types and lengths are the documented ones (from memory of the Object Reference); an object has more in
Salesforce. Two features of an org change them: Shared Activities (`EventWhoIds`) and state and country
picklists (`BillingCountryCode` and its like).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from .salesforce_schema import Entity, Field, Schema

COUNTRIES: Mapping[str, str] = {
    "AT": "Austria", "AU": "Australia", "BE": "Belgium", "BR": "Brazil", "CA": "Canada", "CH": "Switzerland",
    "CN": "China", "CZ": "Czech Republic", "DE": "Germany", "DK": "Denmark", "ES": "Spain", "FI": "Finland",
    "FR": "France", "GB": "United Kingdom", "IE": "Ireland", "IN": "India", "IT": "Italy", "JP": "Japan",
    "KR": "Korea, Republic of", "MX": "Mexico", "NL": "Netherlands", "NO": "Norway", "NZ": "New Zealand",
    "PL": "Poland", "PT": "Portugal", "SE": "Sweden", "SG": "Singapore", "US": "United States", "ZA": "South Africa",
}  # fmt: skip
"""Some of the values of a country picklist."""

STATES: Mapping[str, str] = {
    "CA": "California", "CO": "Colorado", "FL": "Florida", "IL": "Illinois", "MA": "Massachusetts", "NY": "New York",
    "OR": "Oregon", "TX": "Texas", "WA": "Washington", "BC": "British Columbia", "ON": "Ontario", "QC": "Quebec",
}  # fmt: skip
"""Some of the values of a state picklist: of the United States and Canada."""

INDUSTRIES = ("Banking", "Consulting", "Education", "Healthcare", "Manufacturing", "Technology", "Other")
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
STAGES = ("Prospecting", "Qualification", "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost")
WHATS = ("Account", "Opportunity", "Case")
CONVERTED = ("ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId")


def text(name: str, length: int = 255, kind: str = "string", **more: Any) -> Field:
    """A field of text."""
    return Field(name=name, type=kind, length=length, **more)


def picklist(name: str, values: Sequence[str], *, restricted: bool = False, **more: Any) -> Field:
    """A picklist."""
    return Field(name=name, type="picklist", length=255, values=tuple(values), restricted=restricted, **more)


def reference(name: str, *to: str, children: str = "", cascade: bool = False, **more: Any) -> Field:
    """A reference; its relationship is called as the field without `Id`."""
    return Field(
        name=name,
        type="reference",
        to=to,
        relationship=name.removesuffix("Id"),
        children=children,
        cascade=cascade,
        **more,
    )


def read_only(each: Field) -> Field:
    """A field that Salesforce sets."""
    return replace(each, createable=False, updateable=False, calculated=True)


def simple(kind: str, *names: str) -> list[Field]:
    """Fields of a type that needs no more."""
    precision, scale = (18, 2) if kind in ("double", "currency", "percent") else (0, 0)
    return [Field(name=name, type=kind, precision=precision, scale=scale) for name in names]


def address(prefix: str) -> list[Field]:
    """The parts of an address."""
    lengths = {"Street": 255, "City": 40, "State": 80, "PostalCode": 20, "Country": 80}
    return [
        text(prefix + part, length, "textarea" if part == "Street" else "string") for part, length in lengths.items()
    ]


def address_codes(prefix: str) -> list[Field]:
    """What state and country picklists add to an address."""
    return [
        picklist(f"{prefix}StateCode", list(STATES), restricted=True),
        picklist(f"{prefix}CountryCode", list(COUNTRIES), restricted=True),
    ]


def person(*, name_required: bool = True) -> list[Field]:
    """The name of a person; `Name` is made of its parts."""
    return [
        text("LastName", 80, required=name_required),
        text("FirstName", 40),
        picklist("Salutation", ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")),
        read_only(text("Name", 121)),
    ]


def owner(*to: str) -> Field:
    """The owner; the person who calls when none is given."""
    return reference("OwnerId", *to, defaulted=True)


def system() -> list[Field]:
    """What every object has."""
    made = [
        Field(name="IsDeleted", type="boolean"),
        *simple("datetime", "CreatedDate", "LastModifiedDate", "SystemModstamp"),
        reference("CreatedById", "User"),
        reference("LastModifiedById", "User"),
    ]
    return [Field(name="Id", type="id", createable=False, updateable=False, defaulted=True), *map(read_only, made)]


def activity(children: str) -> list[Field]:
    """What events and tasks share."""
    return [
        reference("WhoId", "Contact", "Lead", children=children),
        reference("WhatId", *WHATS, children=children),
        Field(name="Subject", type="combobox", length=255, values=("Call", "Email", "Meeting", "Other")),
        text("Description", 32000, "textarea"),
        owner("User"),
        read_only(reference("AccountId", "Account")),
        *simple("date", "ActivityDate"),
    ]


EVENT: Sequence[Field] = (
    *activity("Events"),
    text("Location"),
    *simple("boolean", "IsAllDayEvent", "IsPrivate", "IsReminderSet"),
    *simple("datetime", "ActivityDateTime", "StartDateTime", "EndDateTime", "ReminderDateTime"),
    *simple("int", "DurationInMinutes"),
    picklist("ShowAs", ("Busy", "OutOfOffice", "Free"), restricted=True),
    picklist("Type", ("Call", "Email", "Meeting", "Other")),
    read_only(Field(name="IsChild", type="boolean")),
    read_only(Field(name="IsGroupEvent", type="boolean")),
    read_only(Field(name="IsArchived", type="boolean")),
    Field(name="IsRecurrence", type="boolean", updateable=False),
    read_only(reference("RecurrenceActivityId", "Event")),
    *simple("datetime", "RecurrenceStartDateTime"),
    *simple("date", "RecurrenceEndDateOnly"),
    picklist(
        "RecurrenceType",
        ("RecursDaily", "RecursEveryWeekday", "RecursMonthly", "RecursMonthlyNth", "RecursWeekly", "RecursYearly"),
        restricted=True,
    ),
    *simple("int", "RecurrenceInterval", "RecurrenceDayOfWeekMask", "RecurrenceDayOfMonth"),
    text("RecurrenceTimeZoneSidKey", 40),
    *simple("boolean", "IsRecurrence2", "IsRecurrence2Exception", "IsRecurrence2Exclusion"),
    text("Recurrence2PatternText", 512, "textarea"),
    picklist("Recurrence2PatternVersion", ("1", "2")),
    text("Recurrence2PatternTimeZone", 255),
    *simple("datetime", "Recurrence2PatternStartDate"),
)

CONTACT: Sequence[Field] = (
    *person(),
    reference("AccountId", "Account", children="Contacts", cascade=True),
    text("Email", 80, "email", id_lookup=True),
    *(text(name, 40, "phone") for name in ("Phone", "MobilePhone", "HomePhone", "Fax")),
    text("Title", 128),
    text("Department", 80),
    reference("ReportsToId", "Contact"),
    picklist("LeadSource", SOURCES),
    *address("Mailing"),
    *simple("date", "Birthdate"),
    text("Description", 32000, "textarea"),
    owner("User"),
    *simple("boolean", "HasOptedOutOfEmail", "DoNotCall"),
    read_only(Field(name="LastActivityDate", type="date")),
)

LEAD: Sequence[Field] = (
    *person(),
    text("Company", 255, required=True),
    text("Email", 80, "email", id_lookup=True),
    *(text(name, 40, "phone") for name in ("Phone", "MobilePhone", "Fax")),
    text("Title", 128),
    text("Website", 255, "url"),
    *address(""),
    picklist("LeadSource", SOURCES),
    picklist(
        "Status", ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted"),
        defaulted=True,
    ),
    picklist("Rating", ("Hot", "Warm", "Cold")),
    picklist("Industry", INDUSTRIES),
    text("Description", 32000, "textarea"),
    owner("Group", "User"),
    *simple("boolean", "HasOptedOutOfEmail", "DoNotCall"),
    read_only(Field(name="IsConverted", type="boolean")),
    read_only(Field(name="ConvertedDate", type="date")),
    read_only(reference("ConvertedAccountId", "Account")),
    read_only(reference("ConvertedContactId", "Contact")),
    read_only(reference("ConvertedOpportunityId", "Opportunity")),
    read_only(Field(name="LastActivityDate", type="date")),
)  # fmt: skip

ACCOUNT: Sequence[Field] = (
    text("Name", 255, required=True),
    picklist("Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Partner", "Vendor", "Other")),
    reference("ParentId", "Account", children="ChildAccounts"),
    text("Website", 255, "url"),
    text("Phone", 40, "phone"),
    text("Fax", 40, "phone"),
    text("AccountNumber", 40),
    text("Site", 80),
    *address("Billing"),
    *address("Shipping"),
    picklist("Industry", INDUSTRIES),
    *simple("int", "NumberOfEmployees"),
    *simple("currency", "AnnualRevenue"),
    picklist("AccountSource", SOURCES),
    text("Description", 32000, "textarea"),
    owner("User"),
    read_only(Field(name="LastActivityDate", type="date")),
)

OPPORTUNITY: Sequence[Field] = (
    text("Name", 120, required=True),
    reference("AccountId", "Account", children="Opportunities", cascade=True),
    picklist("StageName", STAGES, required=True),
    Field(name="CloseDate", type="date", required=True),
    *simple("currency", "Amount"),
    *simple("percent", "Probability"),
    picklist("Type", ("Existing Business", "New Business")),
    picklist("LeadSource", SOURCES),
    text("Description", 32000, "textarea"),
    owner("User"),
    read_only(Field(name="IsClosed", type="boolean")),
    read_only(Field(name="IsWon", type="boolean")),
    read_only(Field(name="LastActivityDate", type="date")),
)

CASE: Sequence[Field] = (
    read_only(text("CaseNumber", 30)),
    text("Subject", 255),
    text("Description", 32000, "textarea"),
    picklist("Status", ("New", "Working", "Escalated", "Closed"), defaulted=True),
    picklist("Priority", ("High", "Medium", "Low")),
    picklist("Origin", ("Phone", "Email", "Web")),
    reference("AccountId", "Account", children="Cases"),
    reference("ContactId", "Contact", children="Cases"),
    owner("Group", "User"),
    read_only(Field(name="IsClosed", type="boolean")),
)

TASK: Sequence[Field] = (
    *activity("Tasks"),
    picklist("Status", ("Not Started", "In Progress", "Completed", "Waiting on someone else"), defaulted=True),
    picklist("Priority", ("High", "Normal", "Low"), defaulted=True),
    read_only(Field(name="IsClosed", type="boolean")),
)

USER: Sequence[Field] = (
    *person(),
    text("Username", 80, required=True, id_lookup=True),
    text("Email", 128, "email", required=True),
    text("Alias", 8),
    *simple("boolean", "IsActive"),
    text("Title", 80),
    text("Phone", 40, "phone"),
    text("Department", 80),
    reference("ManagerId", "User"),
    picklist("UserType", ("Standard", "Guest"), restricted=True),
    text("TimeZoneSidKey", 40),
)

EVENT_RELATION: Sequence[Field] = (
    reference("EventId", "Event", children="EventRelations", cascade=True, required=True),
    reference("RelationId", "Contact", "Lead", "User", *WHATS, required=True),
    *simple("boolean", "IsParent", "IsWhat", "IsInvitee"),
    picklist("Status", ("New", "Declined", "Accepted", "Uninvited", "Maybe"), restricted=True),
    *simple("datetime", "RespondedDate"),
    text("Response", 255),
    read_only(reference("AccountId", "Account")),
)

RECORD_TYPE: Sequence[Field] = (
    text("Name", 80, required=True),
    text("DeveloperName", 80, required=True),
    text("SobjectType", 40, required=True),
    text("Description", 255),
    *simple("boolean", "IsActive"),
)

ORGANIZATION: Sequence[Field] = (
    text("Name", 80),
    text("OrganizationType", 40),
    text("InstanceName", 5),
    text("TimeZoneSidKey", 40),
    *simple("boolean", "IsSandbox"),
)

OBJECTS: Mapping[str, tuple[str, Sequence[Field]]] = {
    "Account": ("001", ACCOUNT),
    "Contact": ("003", CONTACT),
    "Opportunity": ("006", OPPORTUNITY),
    "Lead": ("00Q", LEAD),
    "Case": ("500", CASE),
    "Task": ("00T", TASK),
    "Event": ("00U", EVENT),
    "EventRelation": ("0RE", EVENT_RELATION),
    "User": ("005", USER),
    "Group": ("00G", (text("Name", 40, required=True), text("Email", 255, "email"), text("Type", 40))),
    "RecordType": ("012", RECORD_TYPE),
    "Organization": ("00D", ORGANIZATION),
}
"""Object -> (the prefix of its ids, its fields besides those of all)."""

FIXED = frozenset({"RecordType", "Organization", "Group"})
"""Objects that only an administrator changes."""

ADDRESSES: Mapping[str, tuple[str, ...]] = {"Account": ("Billing", "Shipping"), "Contact": ("Mailing",), "Lead": ("",)}
"""Object -> the prefixes of its addresses."""

SHARED: Mapping[str, Field] = {"Event": Field(name="EventWhoIds", type="complexvalue")}
"""What Shared Activities adds."""


def standard_schema(now: datetime, *, shared_activities: bool, address_picklists: bool) -> Schema:
    """The objects of a new org."""
    schema = Schema()
    for name, (prefix, fields) in OBJECTS.items():
        free = name not in FIXED
        made = Entity(name=name, prefix=prefix, changed=now, createable=free, updateable=free, deletable=free)
        made.deletable = free and name != "User"
        made.fields = {
            each.name: each for each in (*system(), *fields, *_features(name, shared_activities, address_picklists))
        }
        schema.entities[name] = made
    return schema


def _features(name: str, shared_activities: bool, address_picklists: bool) -> Iterable[Field]:
    if shared_activities and name in SHARED:
        yield SHARED[name]
    if address_picklists:
        for prefix in ADDRESSES.get(name, ()):
            yield from address_codes(prefix)
