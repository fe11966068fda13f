"""What follows from a record's fields, and what must agree among them, object by object."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .salesforce_call import Call
from .salesforce_errors import SalesforceError
from .salesforce_objects import ADDRESSES, COUNTRIES, STATES
from .salesforce_schema import Entity
from .salesforce_store import Record, Values

PEOPLE = frozenset({"Contact", "Lead", "User"})
PARTS: Mapping[str, Mapping[str, str]] = {"Country": COUNTRIES, "State": STATES}


def completed(call: Call, entity: Entity, values: Values, old: Record | None, given: Values) -> Values:
    """A record's values with those that follow from them. Raises SalesforceError."""
    made = dict(values)
    if entity.name in PEOPLE:
        made["Name"] = " ".join(filter(None, (made.get("FirstName"), made.get("LastName")))) or None
    if call.org.address_picklists:
        for prefix in ADDRESSES.get(entity.name, ()):
            for part, table in PARTS.items():
                _agree(made, given, prefix + part, table)
    if entity.name in _DERIVED:
        made.update(_DERIVED[entity.name](made))
    if entity.name == "Case" and old is None:
        made["CaseNumber"] = f"{sum(1 for _ in call.store.rows('Case', deleted=True)) + 1:08}"
    return made


def check_references(call: Call, entity: Entity, given: Values) -> None:
    """Raises SalesforceError for an owner who is not active, and for a record type of another object."""
    owner = call.store.live(given.get("OwnerId"))
    if owner is not None and owner.entity == "User" and not owner.get("IsActive"):
        message = f"operation performed with inactive user [{owner.id}] as owner of {entity.name.lower()}"
        raise SalesforceError("INACTIVE_OWNER_OR_USER", message, [])
    record_type = call.store.live(given.get("RecordTypeId"))
    if record_type is not None and not (record_type.get("SobjectType") == entity.name and record_type.get("IsActive")):
        message = f"Record Type ID: this ID value isn't valid for the user: {record_type.id}"
        raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", message, ["RecordTypeId"])


def _agree(values: Values, given: Values, name: str, table: Mapping[str, str]) -> None:
    """Keep a country (or state) and its code the same. Raises SalesforceError."""
    code = f"{name}Code"
    if code in given:
        values[name] = table[given[code]] if given[code] else None
    elif name in given:
        told = given[name]
        found = next((c for c, label in table.items() if told and told.casefold() == label.casefold()), None)
        if told and found is None:
            what, several = ("country", "countries") if name.endswith("Country") else ("state", "states")
            message = (
                f"There's a problem with this {what}, even though it may appear correct. "
                f"Choose a {what} of the list of valid {several}."
            )
            raise SalesforceError("FIELD_INTEGRITY_EXCEPTION", message, [name])
        values[code] = found


def _stage(values: Values) -> Values:
    stage = values.get("StageName") or ""
    return {"IsClosed": stage.startswith("Closed"), "IsWon": stage == "Closed Won"}


_DERIVED: Mapping[str, Callable[[Values], Values]] = {
    "Opportunity": _stage,
    "Case": lambda values: {"IsClosed": values.get("Status") == "Closed"},
    "Task": lambda values: {"IsClosed": values.get("Status") == "Completed"},
    "EventRelation": lambda values: {"Status": values.get("Status") or "New"},
}
"""Object -> the fields that follow from others."""
