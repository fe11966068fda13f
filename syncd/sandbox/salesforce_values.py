"""What a field takes: from JSON to the value that is kept, by the field's type.

An empty text is null, and blanks at its ends are dropped. A date takes a time as well, and keeps its day in UTC.

Source: salesforce-rest.facts.json, `error_codes_used`, `time`; messages from memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from .salesforce_errors import SalesforceError
from .salesforce_ids import is_id, long_id
from .salesforce_schema import NUMBER_TYPES, Field
from .salesforce_store import Store

EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
INT_MOST = 2**31 - 1


def taken(store: Store, field: Field, value: Any) -> Any:
    """A value as it is kept; None for null.

    Raises:
        SalesforceError: the field does not take it.
    """
    if value is None:
        if field.type == "boolean":
            raise SalesforceError(
                "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{_label(field)}: value not of required type: ", [field.name]
            )
        return None
    if field.type == "reference":
        return _reference(store, field, value)
    take: Callable[[Field, Any], Any] = TAKEN.get(field.type, _text)
    return take(field, value)


def _label(field: Field) -> str:
    return field.label or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field.name.removesuffix("__c").replace("_", " "))


def _unparsed(field: Field, kind: str, value: Any) -> SalesforceError:
    told = {bool: "VALUE_TRUE", str: "VALUE_STRING", dict: "START_OBJECT", list: "START_ARRAY"}.get(
        type(value), "VALUE_NUMBER"
    )
    message = (
        f"Cannot deserialize instance of {kind} from {told} value {value} or request may be missing a required field "
        f"at [line:1, column:1] ({field.name})"
    )
    return SalesforceError("JSON_PARSER_ERROR", message)


def _text(field: Field, value: Any) -> str | None:
    if isinstance(value, dict | list):
        raise _unparsed(field, "string", value)
    text = str(value).lower() if isinstance(value, bool) else str(value).strip()
    if field.length and len(text) > field.length:
        message = f"{_label(field)}: data value too large: {text[:255]} (max length={field.length})"
        raise SalesforceError("STRING_TOO_LONG", message, [field.name])
    return text or None


def _email(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text and not EMAIL.fullmatch(text):
        raise SalesforceError("INVALID_EMAIL_ADDRESS", f"{_label(field)}: invalid email address: {text}", [field.name])
    return text


def _picked(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    parts = (text or "").split(";") if field.type == "multipicklist" else [text]
    wrong = [part for part in parts if part and part not in field.values]
    if field.restricted and wrong:
        message = f"{_label(field)}: bad value for restricted picklist field: {wrong[0]}"
        raise SalesforceError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [field.name])
    return text


def _boolean(field: Field, value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise _unparsed(field, "boolean", value)
    return value


def _number(field: Field, value: Any) -> float | int:
    try:
        number = float(value) if not isinstance(value, bool | dict | list) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or number != number:
        raise _unparsed(field, field.type, value)
    whole = field.type == "int"
    if whole and number != number // 1:
        raise _unparsed(field, "int", value)
    most = INT_MOST if whole else 10 ** max(field.precision - field.scale, 1)
    if abs(number) > most:
        message = f"{_label(field)}: value outside of valid range on numeric field: {value}"
        raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", message, [field.name])
    return int(number) if whole else round(number, field.scale)


def _moment(field: Field, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _unparsed(field, "datetime", value) from error
    if moment.tzinfo is None:
        raise _unparsed(field, "datetime", value)
    return moment.astimezone(UTC)


def _date(field: Field, value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        if isinstance(value, str) and "T" in value:
            return _moment(field, value).date()
        raise _unparsed(field, "date", value) from None


def _reference(store: Store, field: Field, value: Any) -> str | None:
    if value == "":
        return None
    if not is_id(value):
        raise SalesforceError("MALFORMED_ID", f"{_label(field)}: id value of incorrect type: {value}", [field.name])
    found = store.find(long_id(value))
    prefixes = {store.schema.named(name).prefix for name in field.to}
    if value[:3] not in prefixes:
        raise SalesforceError("MALFORMED_ID", f"{_label(field)}: id value of incorrect type: {value}", [field.name])
    if found is None:
        raise SalesforceError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name])
    if found.deleted:
        raise SalesforceError("ENTITY_IS_DELETED", "entity is deleted", [field.name])
    return found.id


TAKEN: Mapping[str, Callable[[Field, Any], Any]] = {
    "email": _email,
    "picklist": _picked,
    "multipicklist": _picked,
    "boolean": _boolean,
    "datetime": _moment,
    "date": _date,
    **{kind: _number for kind in sorted(NUMBER_TYPES)},
}
