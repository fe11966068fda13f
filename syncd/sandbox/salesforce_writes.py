"""Writing one record: what may be written, what must be, what follows from it.

A body is checked in Salesforce's order: unknown fields, fields that nobody may write, values, required fields, rules of
the object, unique fields, duplicate rules. Nothing is kept of a record that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .salesforce_activities import event_values, relate, remember_activity, who_ids
from .salesforce_call import Call
from .salesforce_duplicates import check_duplicates, check_unique
from .salesforce_errors import SalesforceError, not_found
from .salesforce_ids import is_id, long_id
from .salesforce_integrity import check_references, completed
from .salesforce_schema import Entity, Field
from .salesforce_series import repeat
from .salesforce_store import Record, Values
from .salesforce_traps import strike
from .salesforce_values import taken

Body = Mapping[str, Any]


def insert(call: Call, entity: Entity, body: Body) -> Record:
    """Make a record. Raises SalesforceError."""
    if not entity.createable:
        raise _not_allowed(entity, "insert")
    given = _given(call, entity, body, new=True)
    strike(call)
    values = completed(call, entity, _defaults(call, entity, given), None, given)
    _require(entity, values)
    whos = _whos(call, entity, body)
    made = _kept(call, entity, values, given, None, whos)
    return repeat(call, made, whos) if entity.name == "Event" else made


def update(call: Call, record: Record, body: Body) -> Record:
    """Change fields of a record. Raises SalesforceError."""
    entity = call.store.schema.named(record.entity)
    if not entity.updateable:
        raise _not_allowed(entity, "update")
    given = _given(call, entity, body, new=False)
    strike(call, record)
    if record.get("IsConverted"):
        raise SalesforceError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot update converted lead", [])
    values = completed(call, entity, {**record.values, **given}, record, given)
    _require(entity, values)
    whos = _whos(call, entity, body)
    return _kept(call, entity, values, given, record, whos)


def delete(call: Call, record: Record) -> None:
    """Put a record into the recycle bin, and those that go with it. Raises SalesforceError."""
    entity = call.store.schema.named(record.entity)
    if not entity.deletable:
        raise _not_allowed(entity, "delete")
    strike(call, record)
    bin_record(call, record)


def bin_record(call: Call, record: Record) -> None:
    """Delete a record as an administrator does: children that belong to it go too, others lose it."""
    gone = call.store.stamped({**record.values, "IsDeleted": True}, call.user.id, new=False)
    call.store.put(replace(record, values=gone))
    for _, entity, field in list(call.store.schema.children(record.entity)):
        for child in [r for r in call.store.rows(entity.name) if r.get(field.name) == record.id]:
            if field.cascade:
                bin_record(call, child)
            else:
                call.store.put(replace(child, values={**child.values, field.name: None}))


def stored(call: Call, entity: Entity, record_id: str) -> Record:
    """The record of a path. Raises SalesforceError."""
    if not is_id(record_id):
        raise SalesforceError("MALFORMED_ID", f"malformed id {record_id}", status=404)
    found = call.store.find(long_id(record_id))
    if found is None or found.entity != entity.name:
        raise not_found("Provided external ID field does not exist or is not accessible: " + record_id)
    if found.deleted or call.switch("deleted"):
        raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", [])
    return found


def _kept(
    call: Call, entity: Entity, values: Values, given: Values, old: Record | None, whos: list[str] | None
) -> Record:
    if entity.name == "Event":
        first = {} if whos is None else {"WhoId": whos[0] if whos else None}
        values = event_values(call, {**values, **first}, {**given, **first}, old)
    record_id = old.id if old else call.store.new_id(entity.name)
    check_unique(call, entity, values, record_id)
    if old is None:
        check_duplicates(call, entity, values)
    stamped = call.store.stamped({**values, "Id": record_id}, call.user.id, new=old is None)
    record = call.store.put(Record(entity.name, record_id, stamped))
    if entity.name == "Event":
        relate(call, record, whos)
    if entity.name in ("Event", "Task"):
        remember_activity(call, record)
    return record


def _given(call: Call, entity: Entity, body: Body, *, new: bool) -> Values:
    """The fields of a body, each as it is kept. Raises SalesforceError."""
    removed = call.removed()
    named: list[tuple[Field, Any]] = []
    for name, value in body.items():
        if name == "attributes":
            continue
        field = entity.written(name)
        if removed & {field.name.lower(), f"{entity.name}.{field.name}".lower()}:
            raise SalesforceError("INVALID_FIELD", f"No such column '{name}' on sobject of type {entity.name}")
        named.append((field, value))
    closed = [f.name for f, _ in named if not (f.createable if new else f.updateable)]
    if closed:
        message = (
            f"Unable to create/update fields: {', '.join(closed)}. Please check the security settings of this field "
            "and verify that it is read/write for your profile or permission set."
        )
        raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", message, closed)
    given = {f.name: taken(call.store, f, value) for f, value in named if f.type != "complexvalue"}
    check_references(call, entity, given)
    return given


def _whos(call: Call, entity: Entity, body: Body) -> list[str] | None:
    """The people of an event's `EventWhoIds`; None when it has not got it."""
    names = (n for n in body if n != "attributes" and entity.written(n).type == "complexvalue")
    name = next(names, "")
    return None if not name or body[name] is None else who_ids(call, body[name])


def _defaults(call: Call, entity: Entity, given: Values) -> Values:
    booleans = {f.name: False for f in entity.fields.values() if f.type == "boolean"}
    owner = {"OwnerId": call.user.id} if "OwnerId" in entity.fields else {}
    firsts = {f.name: f.values[0] for f in entity.fields.values() if f.defaulted and f.values}
    default_type = call.org.defaults.get(entity.name)
    typed = {"RecordTypeId": default_type} if default_type else {}
    return {**booleans, **owner, **firsts, **typed, **{k: v for k, v in given.items() if v is not None}}


def _require(entity: Entity, values: Values) -> None:
    missing = [f.name for f in entity.fields.values() if f.required and values.get(f.name) is None]
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise SalesforceError("REQUIRED_FIELD_MISSING", message, missing)


def _not_allowed(entity: Entity, doing: str) -> SalesforceError:
    message = f"entity type {entity.name} does not support {doing}"
    return SalesforceError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message, [])
