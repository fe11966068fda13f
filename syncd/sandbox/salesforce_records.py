"""Writing by path: a record by its id or by an external id.

Source: salesforce-rest.facts.json, `resources` (create, update, delete, upsert_external_id).
"""

from __future__ import annotations

from typing import Any

from .kernel import Answer
from .salesforce_call import Call
from .salesforce_duplicates import same
from .salesforce_errors import SalesforceError, not_found
from .salesforce_reads import http_moment, told
from .salesforce_schema import Entity, Field
from .salesforce_series import onwards
from .salesforce_store import Record, attributes
from .salesforce_values import taken
from .salesforce_writes import Body, delete, insert, stored, update

UPSERT_TELLS_SINCE = 46.0
"""The version since which an upsert that updates answers 200 with a body."""


def create(call: Call) -> Answer:
    """POST sobjects/{type}."""
    record = insert(call, call.entity, call.body())
    return Answer(201, written(record), {"Location": attributes(record, call.base)["url"]})


def patch(call: Call) -> Answer:
    """PATCH sobjects/{type}/{id}."""
    record = stored(call, call.entity, call.params["id"])
    _check_unmodified(call, record)
    update(call, record, call.body())
    return Answer(204)


def remove(call: Call) -> Answer:
    """DELETE sobjects/{type}/{id}."""
    record = stored(call, call.entity, call.params["id"])
    _check_unmodified(call, record)
    delete(call, record)
    return Answer(204)


def written(record: Record, **more: bool) -> dict[str, Any]:
    """What a write that succeeded tells."""
    return {"id": record.id, "success": True, "errors": [], **more}


def _check_unmodified(call: Call, record: Record) -> None:
    since = call.request.headers.get("if-unmodified-since")
    if since is not None and record.get("LastModifiedDate") > http_moment(since):
        raise SalesforceError("PRECONDITION_FAILED", "The record was modified since")


def remove_onwards(call: Call) -> Answer:
    """DELETE sobjects/Event/{id}/fromThisEventOnwards."""
    for event in onwards(call, stored(call, call.store.schema.entity("Event"), call.params["id"])):
        delete(call, event)
    told = "We're deleting the selected events from the series. Wait for all events to be removed."
    return Answer(200, {"success": told})


# by external id


def retrieve_external(call: Call) -> Answer:
    """GET sobjects/{type}/{field}/{value}."""
    found = _single(call)
    return found if isinstance(found, Answer) else told(call, found)


def remove_external(call: Call) -> Answer:
    """DELETE sobjects/{type}/{field}/{value}."""
    found = _single(call)
    if isinstance(found, Answer):
        return found
    delete(call, found)
    return Answer(204)


def _single(call: Call) -> Record | Answer:
    """The one record; an answer when there are several. Raises SalesforceError."""
    entity = call.entity
    found = matching(call, entity, key_field(entity, call.params["field"]), call.params["value"])
    if not found:
        raise not_found()
    return found[0] if len(found) == 1 else _several(call, found)


def upsert(call: Call) -> Answer:
    """PATCH sobjects/{type}/{field}/{value}."""
    entity, body = call.entity, call.body()
    field = key_field(entity, call.params["field"])
    if any(name.lower() == field.name.lower() for name in body):
        message = f"The {field.name} field should not be specified in the sobject data."
        raise SalesforceError("INVALID_FIELD", message)
    found = matching(call, entity, field, call.params["value"])
    if len(found) > 1:
        return _several(call, found)
    if not found and (call.request.query.get("updateOnly") == "true" or field.type == "id"):
        raise not_found()
    record, made = merged(call, entity, field, call.params["value"], found, body)
    if not made and float(call.version) < UPSERT_TELLS_SINCE:
        return Answer(204)
    headers = {"Location": attributes(record, call.base)["url"]} if made else {}
    return Answer(201 if made else 200, written(record, created=made), headers)


def key_field(entity: Entity, name: str) -> Field:
    """The external-id field of a path. Raises SalesforceError."""
    field = entity.field(name)
    if field is None or not (field.external_id or field.type == "id"):
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return field


def matching(call: Call, entity: Entity, field: Field, value: Any) -> list[Record]:
    """The records that have a value in an external-id field. Raises SalesforceError."""
    if field.type == "id":
        return [stored(call, entity, str(value))]
    wanted = taken(call.store, field, value)
    return [r for r in call.store.rows(entity.name) if wanted is not None and same(field, r.get(field.name), wanted)]


def merged(
    call: Call, entity: Entity, field: Field, value: Any, found: list[Record], body: Body
) -> tuple[Record, bool]:
    """Change the record that was found, or make one with that external id; whether it was made. Raises
    SalesforceError.
    """
    if found:
        return update(call, found[0], body), False
    return insert(call, entity, {**body, field.name: value}), True


def _several(call: Call, found: list[Record]) -> Answer:
    """More than one record matches."""
    return Answer(300, [attributes(record, call.base)["url"] for record in found])
