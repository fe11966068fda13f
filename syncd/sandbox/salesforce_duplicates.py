"""Duplicate rules and unique fields.

Source: salesforce-rest.facts.json, `error_bodies.duplicates` (with its misspelt key) and DUPLICATE_VALUE.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .salesforce_call import Call, DuplicateRule
from .salesforce_errors import SalesforceError
from .salesforce_schema import Entity, Field
from .salesforce_store import Record, Values, attributes


def check_unique(call: Call, entity: Entity, values: Values, own_id: str) -> None:
    """Raises SalesforceError for a value that another record has in a unique field."""
    for field in entity.fields.values():
        value = values.get(field.name)
        if not field.unique or value is None:
            continue
        for other in call.store.rows(entity.name):
            if other.id != own_id and same(field, other.get(field.name), value):
                message = f"duplicate value found: {field.name} duplicates value on record with id: {other.id}"
                raise SalesforceError("DUPLICATE_VALUE", message, [])


def check_duplicates(call: Call, entity: Entity, values: Values) -> None:
    """Raises SalesforceError for a new record that a duplicate rule finds (DUPLICATES_DETECTED)."""
    for rule in call.org.duplicate_rules:
        if rule.entity == entity.name and not (rule.allow_save and call.allow_save):
            found = list(_matches(call, rule, values))
            if found:
                raise detected(call, rule, found)
    if call.switch("duplicates") is not None:
        rule = DuplicateRule(
            name=f"Standard_{entity.name}_Duplicate_Rule", entity=entity.name, match=("Email",), against=(entity.name,)
        )
        raise detected(call, rule, list(_matches(call, rule, values)))


def detected(call: Call, rule: DuplicateRule, found: list[Record]) -> SalesforceError:
    """The refusal that names the records."""
    result: dict[str, Any] = {
        "allowSave": rule.allow_save,
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.entity,
        "errorMessage": rule.message,
        "matchResults": [
            _match_result(call, name, [r for r in found if r.entity == name])
            for name in rule.against
            if any(r.entity == name for r in found)
        ],
    }
    key = "duplicateResult" if call.switch("spelt-right") else "duplicateResut"
    return SalesforceError("DUPLICATES_DETECTED", rule.message, extra={key: result})


def _match_result(call: Call, name: str, found: list[Record]) -> dict[str, Any]:
    return {
        "entityType": name,
        "errors": [],
        "matchEngine": "FuzzyMatchEngine",
        "matchRecords": [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {"attributes": attributes(record, call.base), "Id": record.id},
            }
            for record in found
        ],
        "rule": f"Standard_{name}_Match_Rule_v1_1",
        "size": len(found),
        "success": True,
    }


def _matches(call: Call, rule: DuplicateRule, values: Values) -> Iterable[Record]:
    if any(values.get(name) is None for name in rule.match):
        return
    for name in rule.against:
        for other in call.store.rows(name):
            if all(same(None, other.get(field), values[field]) for field in rule.match):
                yield other


def same(field: Field | None, left: Any, right: Any) -> bool:
    """Whether two values are the same to a field; letter case does not matter unless it says so."""
    if isinstance(left, str) and isinstance(right, str) and not (field and field.case_sensitive):
        return left.casefold() == right.casefold()
    return bool(left == right)
