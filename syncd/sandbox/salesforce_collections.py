"""Up to 200 records in one call, each with its own outcome.

With `allOrNone` one refusal takes back all; the records that were good say so (ALL_OR_NONE_OPERATION_ROLLED_BACK).

Source: salesforce-rest.facts.json, `resources` (collections_*), `limits`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .kernel import Answer
from .salesforce_bodies import mapping, objects, texts
from .salesforce_call import Call
from .salesforce_errors import SalesforceError
from .salesforce_ids import is_id, long_id
from .salesforce_records import key_field, matching, merged, written
from .salesforce_schema import Entity
from .salesforce_store import shown
from .salesforce_writes import delete, insert, stored, update

MOST = 200
MOST_READ = 2000
ROLLED_BACK = SalesforceError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

Item = dict[str, Any]


def create_many(call: Call) -> Answer:
    """POST composite/sobjects."""
    return _bulk(call, _records(call), lambda record: written(insert(call, _typed(call, record), _without_id(record))))


def update_many(call: Call) -> Answer:
    """PATCH composite/sobjects."""

    def one(record: Item) -> Item:
        body = {key: value for key, value in record.items() if key.lower() != "id"}
        found = stored(call, _typed(call, record), str(record.get("id", record.get("Id", ""))))
        return written(update(call, found, body))

    return _bulk(call, _records(call), one)


def upsert_many(call: Call) -> Answer:
    """PATCH composite/sobjects/{type}/{field}."""
    entity = call.entity
    field = key_field(entity, call.params["field"])

    def one(record: Item) -> Item:
        body = {key: value for key, value in record.items() if key.lower() != field.name.lower()}
        value = next((v for k, v in record.items() if k.lower() == field.name.lower()), None)
        if value is None and field.type != "id":
            raise SalesforceError("MISSING_ARGUMENT", f"{field.name} not specified", [])
        found = matching(call, entity, field, value) if value is not None else []
        if len(found) > 1:
            message = f"{field.name}: more than one record found for external id field: {[r.id for r in found]}"
            raise SalesforceError("DUPLICATE_EXTERNAL_ID", message, [])
        if field.type == "id" and not found:
            return written(insert(call, entity, body), created=True)
        done, made = merged(call, entity, field, value, found, body)
        return written(done, created=made)

    return _bulk(call, _records(call), one)


def delete_many(call: Call) -> Answer:
    """DELETE composite/sobjects?ids=."""
    ids = [each for each in call.request.query.get("ids", "").split(",") if each]
    _check_number(ids, MOST)

    def one(record: Item) -> Item:
        entity = call.store.schema.of_id(record["id"])
        if entity is None:
            raise SalesforceError("MALFORMED_ID", f"malformed id {record['id']}", [])
        found = stored(call, entity, record["id"])
        delete(call, found)
        return written(found)

    all_or_none = call.request.query.get("allOrNone") == "true"
    return _each(call, [{"id": each} for each in ids], one, all_or_none=all_or_none)


def retrieve_many(call: Call) -> Answer:
    """POST composite/sobjects/{type}."""
    entity, body = call.entity, call.body()
    ids, fields = texts(body, "ids"), texts(body, "fields")
    _check_number(ids, MOST_READ)
    names = [entity.read(name).name for name in fields]
    found = [call.store.live(long_id(each)) if is_id(each) else None for each in ids]
    known = [r if r is not None and r.entity == entity.name else None for r in found]
    return Answer(body=[None if r is None else shown(r, [*dict.fromkeys([*names, "Id"])], call.base) for r in known])


def _bulk(call: Call, records: Sequence[Item], one: Callable[[Item], Item]) -> Answer:
    _check_number(records, MOST)
    return _each(call, records, one, all_or_none=call.body().get("allOrNone") is True)


def _each(call: Call, records: Sequence[Item], one: Callable[[Item], Item], *, all_or_none: bool) -> Answer:
    begin = call.store.mark()
    done: list[Item] = []
    for record in records:
        mark = call.store.mark()
        try:
            done.append(one(record))
        except SalesforceError as error:
            call.store.roll_back(mark)
            done.append(error.item())
    if all_or_none and not all(item["success"] for item in done):
        call.store.roll_back(begin)
        done = [ROLLED_BACK.item() if item["success"] else item for item in done]
    return Answer(body=done)


def _records(call: Call) -> list[Item]:
    return objects(call.body(), "records")


def _typed(call: Call, record: Item) -> Entity:
    name = mapping(record, "attributes").get("type", "")
    found = call.store.schema.find(str(name))
    if found is None:
        raise SalesforceError("INVALID_TYPE", f"sObject type '{name}' is not supported.", [])
    return found


def _without_id(record: Item) -> Item:
    if any(key.lower() == "id" for key in record):
        raise SalesforceError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
    return record


def _check_number(given: Sequence[Any], most: int) -> None:
    if len(given) > most:
        message = f"record limit reached. cannot submit more than {most} records into this call"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
