"""An event type's CRM settings in Cal.com's own JSON, as found under `metadata.apps.salesforce`, to be pasted.

Theory of operation. Cal.com keeps a switch and its list apart (`onBookingWriteToRecord`, `...Fields`); here a list
whose switch is off is left out. What has no meaning here is reported, never dropped in silence; the rest is used.

    Cal.com                                        here
    ---------------------------------------------  -----------------------------------------------
    createEventOn Contact | Lead | Account         attendee_record
    onBookingWriteToEventObject + Map              fields of the event, on booking
    onBookingWriteToRecord + Fields                fields of the person, on booking
    onBookingWriteToAccountRecord + Fields         fields of the account, on booking
    onCancelWriteToEventRecord + Fields            cancellation = keep; fields of the event, on cancellation
    onCancelWriteToRecord + Fields                 fields of the person, on cancellation
    onBookingChangeRecordOwner + Name              change_owner to the organizer, only_from the names
    sendNoShowAttendeeData + Field                 no_show_field
    roundRobinLeadSkip, rrSkip...                  routing
    excludeAccountRecordTypes                      exclude_record_types.account
    tiebreakerRules                                tiebreaker; an empty list switches it off
    enableFuzzyDomainMatching                      the connection's fuzzy_domain_matching

On booking is "not given" in `mapping`: mapped dates then follow a reschedule. Text that Cal.com writes literally
because it neither begins nor ends with a brace ("Hi {name}!") is a template here.

Source of the keys and spellings: the settings' schema of Cal.com's Salesforce app, as its web application serves it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from syncd.errors import Problem

from .mapping import FieldMapping, FieldType, Moment, Target, When
from .settings import CrmSettings

SWITCHES = {
    "ignoreGuests": "ignore_guests",
    "skipContactCreation": "skip_contact_creation",
    "createEventOnLeadCheckForContact": "check_existing_contact",
    "createNewContactUnderAccount": "create_contact_under_account",
    "createLeadIfAccountNull": "create_lead_when_no_account",
}
ROUTING_SWITCHES = {
    "roundRobinLeadSkip": "enabled",
    "roundRobinSkipFallbackToLeadOwner": "fall_back_to_lead",
    "ifFreeEmailDomainSkipOwnerCheck": "skip_free_mail",
}
RECORDS = {"Contact": "contact", "Lead": "lead", "Account": "contact_under_account"}
SOURCES = {"Contact": "contact", "Lead": "lead", "Account": "account"}
TYPES = {
    "string": FieldType.TEXT,
    "text": FieldType.TEXT,
    "boolean": FieldType.CHECKBOX,
    "checkbox": FieldType.CHECKBOX,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
    "phone": FieldType.PHONE,
    "picklist": FieldType.PICKLIST,
    "multipicklist": FieldType.MULTIPICKLIST,
    "textarea": FieldType.TEXTAREA,
    "custom": FieldType.CUSTOM,
    "user_lookup": FieldType.CUSTOM,
    "account_lookup": FieldType.CUSTOM,
}
LOOKUPS = {
    ("user_lookup", "booking_organizer"): "{organizer.crm_id}",
    ("account_lookup", "matched_account"): "{account.crm_id}",
}
WHEN = {"every_booking": When.EVERY_TIME, "field_empty": When.ONLY_WHEN_EMPTY}
LISTS: tuple[tuple[str, str, Target, frozenset[Moment]], ...] = (
    ("onBookingWriteToEventObject", "onBookingWriteToEventObjectMap", Target.EVENT, frozenset()),
    ("onBookingWriteToRecord", "onBookingWriteToRecordFields", Target.PERSON, frozenset()),
    ("onBookingWriteToAccountRecord", "onBookingWriteToAccountRecordFields", Target.ACCOUNT, frozenset()),
    (
        "onCancelWriteToEventRecord",
        "onCancelWriteToEventRecordFields",
        Target.EVENT,
        frozenset({Moment.CANCELLATION}),
    ),
    ("onCancelWriteToRecord", "onCancelWriteToRecordFields", Target.PERSON, frozenset({Moment.CANCELLATION})),
)
"""Switch, list, and what the list's mappings write to and when."""

TIEBREAK_RULES = {
    "P4_Country": "country",
    "P3_Country_State": "state",
    "P1_SubRegion": "sub_region",
    "P5_ChildAccounts_MAX": "child_accounts",
    "P6_Opportunities_MAX": "opportunities",
    "P7_Contacts_MAX": "contacts",
    "P8_LastActivity_MAX": "last_activity",
    "P9_CreatedDate_MIN": "created",
}
IGNORED = frozenset({"enabled", "credentialId", "appCategories", "lastSyncError", "showCrmOwnerBanner"})
"""Cal.com's own book-keeping."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """Settings read from Cal.com's JSON, and everything in it that could not be used. `fuzzy_domain_matching` is here
    the connection's.
    """

    settings: CrmSettings
    fuzzy_domain_matching: bool = False
    problems: tuple[Problem, ...] = ()


class _Reading:
    """What was read so far, and what was wrong with it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.used: set[str] = set()
        self.problems: list[Problem] = []

    def take(self, key: str) -> Any:
        self.used.add(key)
        return self.data.get(key)

    def wrong(self, where: str, reason: str, remedy: str = "") -> None:
        if (problem := Problem(where, reason, remedy)) not in self.problems:
            self.problems.append(problem)

    def switch(self, key: str) -> bool:
        value = self.take(key)
        if value is not None and not isinstance(value, bool):
            self.wrong(key, "neither true nor false.")
        return value is True

    def text(self, key: str) -> str:
        value = self.take(key)
        if value is not None and not isinstance(value, str):
            self.wrong(key, "not a text.")
        return value.strip() if isinstance(value, str) else ""

    def chosen(self, key: str, table: Mapping[str, str], default: str) -> str:
        value = self.take(key)
        if value is None or (isinstance(value, str) and value in table):
            return table.get(value or "", default)
        self.wrong(key, f"not one of {', '.join(table)}.")
        return default


def read_calcom(data: object) -> Pasted:
    """The settings that Cal.com's JSON of one event type holds. Raises nothing: what is wrong is told."""
    if not isinstance(data, Mapping):
        problem = Problem("settings", "not an object.", "Paste what is under metadata.apps.salesforce.")
        return Pasted(CrmSettings(), problems=(problem,))
    reading = _Reading(data)
    settings = CrmSettings.model_validate(
        {name: reading.switch(key) for key, name in SWITCHES.items()}
        | {
            "attendee_record": reading.chosen("createEventOn", RECORDS, "contact"),
            "exclude_record_types": {"account": _listed(reading, "excludeAccountRecordTypes")},
            "change_owner": _change_owner(reading),
            "no_show_field": _when_on(reading, "sendNoShowAttendeeData", "sendNoShowAttendeeDataField"),
            "cancellation": "keep" if reading.switch("onCancelWriteToEventRecord") else "delete",
            "routing": _routing(reading),
            "tiebreaker": _tiebreaker(reading),
            "fields": tuple(_fields(reading)),
        }
    )
    fuzzy = reading.switch("enableFuzzyDomainMatching")
    for key in sorted(map(str, data.keys() - reading.used - IGNORED)):
        reading.wrong(key, "nothing here corresponds to it.", "Remove it, or set what it did by hand.")
    return Pasted(settings, fuzzy, tuple(reading.problems))


def _when_on(reading: _Reading, switch: str, key: str) -> str:
    text = reading.text(key)
    if not reading.switch(switch):
        return ""
    if not text:
        reading.wrong(key, f"empty, though {switch} is on.", "Name the field.")
    return text


def _listed(reading: _Reading, key: str) -> tuple[str, ...]:
    """A list of texts, or one text with commas or line breaks between."""
    value = reading.take(key)
    if isinstance(value, str):
        value = re.split(r"[,\n]", value)
    if value is not None and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
        reading.wrong(key, "not a list of texts.")
        return ()
    return tuple(each.strip() for each in value or () if each.strip())


def _change_owner(reading: _Reading) -> dict[str, Any]:
    names = _listed(reading, "onBookingChangeRecordOwnerName")
    on = reading.switch("onBookingChangeRecordOwner")
    return {"mode": "organizer" if on else "off", "only_from": names if on else ()}


def _routing(reading: _Reading) -> dict[str, Any]:
    lookup = reading.text("rrSKipToAccountLookupFieldName") or reading.text("rrSkipToAccountLookupFieldName")
    uses_lookup = reading.switch("rrSkipToAccountLookupField")
    return {name: reading.switch(key) for key, name in ROUTING_SWITCHES.items()} | {
        "source": reading.chosen("roundRobinSkipCheckRecordOn", SOURCES, "contact"),
        "account_field": lookup if uses_lookup else "",
        "field_rules": tuple(_each(reading, "rrSkipFieldRules", _field_rule)),
    }


def _each(reading: _Reading, key: str, read: Callable[[Any], Any]) -> Iterator[Any]:
    """The entries of a list that can be read; `read` gives None for one that cannot."""
    entries = reading.take(key) or ()
    if not isinstance(entries, list | tuple):
        reading.wrong(key, "not a list.")
        return
    for number, entry in enumerate(entries):
        found = read(entry)
        if found is None:
            reading.wrong(f"{key}[{number}]", "not usable here.")
        else:
            yield found


def _field_rule(entry: Any) -> dict[str, str] | None:
    if not isinstance(entry, Mapping) or entry.get("action") not in ("ignore", "must_include"):
        return None
    rule = {key: entry.get(key) for key in ("field", "value", "action")}
    usable = all(isinstance(value, str) for value in rule.values()) and rule["field"]
    return {key: str(value) for key, value in rule.items()} if usable else None


def _tiebreaker(reading: _Reading) -> dict[str, Any]:
    if reading.take("tiebreakerRules") is None:
        return {}
    rules = tuple(dict.fromkeys(_each(reading, "tiebreakerRules", _tiebreak_rule)))
    kept = tuple(rule for rule in rules if rule)
    return {"enabled": bool(kept), "rules": kept}


def _tiebreak_rule(entry: Any) -> str | None:
    """A rule's name, "" for one that is switched off."""
    name = TIEBREAK_RULES.get(str(entry.get("id"))) if isinstance(entry, Mapping) else None
    return "" if name and entry.get("enabled") is False else name


def _fields(reading: _Reading) -> Iterator[FieldMapping]:
    for switch, key, target, on in LISTS:
        on_now, entries = reading.switch(switch), reading.take(key) or {}
        if not isinstance(entries, Mapping):
            reading.wrong(key, "not an object of fields.")
        elif on_now:
            for name, entry in entries.items():
                yield from _mapping(reading, f"{key}.{name}", str(name), entry, target, on)


def _mapping(
    reading: _Reading, where: str, name: str, entry: Any, target: Target, on: frozenset[Moment]
) -> Iterator[FieldMapping]:
    """The mapping of one entry. The old form is the bare value."""
    if not isinstance(entry, Mapping):
        entry = {"value": entry, "fieldType": "boolean" if isinstance(entry, bool) else "string"}
    told, value = str(entry.get("fieldType", "string")), entry.get("value")
    when = str(entry.get("whenToWrite", "every_booking"))
    if told not in TYPES or when not in WHEN:
        reading.wrong(where, f"type {told}, written {when}: not known here.")
        return
    if told in ("user_lookup", "account_lookup"):
        value = LOOKUPS.get((told, str(value)))
    mapping = {"target": target, "field": name, "value": value, "type": TYPES[told], "when": WHEN[when], "on": on}
    try:
        yield FieldMapping.model_validate(mapping)
    except ValidationError as error:
        wrong = sorted({str(each["loc"][0]) for each in error.errors()})
        reading.wrong(where, f"no usable {' and '.join(wrong)}.", "A value is text, true or false.")
