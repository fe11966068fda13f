"""Conditions as predicates.

Text is compared without regard to case, ids in either length; an empty text is null. `!=`, NOT IN and EXCLUDES are true
of null, the orders never. A value of the wrong kind, and an operator that the field's type does not take, is refused.

Source: the SOQL reference, "Comparison Operators", from memory.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from .salesforce_errors import SalesforceError
from .salesforce_ids import is_id, long_id
from .salesforce_schema import ID_TYPES, NUMBER_TYPES, Field
from .soql_columns import Operand, World
from .soql_dates import days
from .soql_nodes import Comparison, Condition, Function, Literal, Negation, Path, Period, Query

Predicate = Callable[[Any], bool]
Resolve = Callable[[Path | Function], Operand]
Select = Callable[[Query], set[Any]]

ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


class Conditions:
    """Makes predicates of conditions. `resolve` reads an operand, `select` runs the query behind an IN."""

    def __init__(self, world: World, resolve: Resolve, select: Select) -> None:
        self._world = world
        self._resolve = resolve
        self._select = select

    def predicate(self, condition: Condition) -> Predicate:
        """A condition as a predicate. Raises SalesforceError."""
        if isinstance(condition, Negation):
            inner = self.predicate(condition.inner)
            return lambda row: not inner(row)
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        parts = [self.predicate(part) for part in condition.parts]
        if condition.operator == "AND":
            return lambda row: all(part(row) for part in parts)
        return lambda row: any(part(row) for part in parts)

    def _comparison(self, asked: Comparison) -> Predicate:
        left, sign, right = self._resolve(asked.left), asked.operator, asked.right
        field = left.field
        if field.long:
            raise SalesforceError("INVALID_FIELD", f"field '{field.name}' can not be filtered in a query call")
        _allow(field, sign)
        if isinstance(right, Query):
            return self._within(left, sign, right)
        if isinstance(right, tuple):
            return self._several(left, sign, right)
        if sign == "LIKE":
            return _like(left, right)
        if right.kind == "period":
            return self._in_period(left, sign, right)
        value, read = compared(field, right), left.read
        if sign == "=":
            return lambda row: _key(field, read(row)) == value
        if sign == "!=":
            return lambda row: _key(field, read(row)) != value
        order = ORDERS[sign]
        if value is None:
            raise SalesforceError("INVALID_FIELD", f"null is neither less nor more: {field.name} {sign} null")

        def ordered(row: Any) -> bool:
            key = _key(field, read(row))
            return key is not None and bool(order(key, value))

        return ordered

    def _several(self, left: Operand, sign: str, right: tuple[Literal, ...]) -> Predicate:
        field, read = left.field, left.read
        if sign in ("INCLUDES", "EXCLUDES"):
            wanted = [set(str(compared(field, each) or "").split(";")) for each in right]

            def includes(row: Any) -> bool:
                has = set(str(_key(field, read(row)) or "").split(";"))
                return any(each <= has for each in wanted) == (sign == "INCLUDES")

            return includes
        values = {compared(field, each) for each in right}
        if sign == "IN":
            return lambda row: _key(field, read(row)) in values
        return lambda row: _key(field, read(row)) not in values

    def _within(self, left: Operand, sign: str, query: Query) -> Predicate:
        field, read = left.field, left.read
        if field.type not in ID_TYPES:
            message = f"The left operand of a semi-join must be an id or a reference: {field.name}"
            raise SalesforceError("INVALID_QUERY_FILTER_OPERATOR", message)
        found = self._select(query) - {None}
        if sign == "IN":
            return lambda row: read(row) in found
        return lambda row: read(row) not in found

    def _in_period(self, left: Operand, sign: str, literal: Literal) -> Predicate:
        field, read = left.field, left.read
        _check_kind(field, literal)
        assert isinstance(literal.value, Period)
        zone = self._world.zone
        first, end = days(literal.value, self._world.now.astimezone(zone).date())
        start, stop = (_midnight(day, field, zone) for day in (first, end))

        def fits(row: Any) -> bool:
            value = read(row)
            if value is None:
                return sign == "!="
            before, after = value < start, value >= stop
            told: dict[str, bool] = {
                "=": not before and not after,
                "!=": before or after,
                "<": before,
                ">": after,
                "<=": not after,
                ">=": not before,
            }
            return told[sign]

        return fits


def _midnight(day: date, field: Field, zone: Any) -> Any:
    return day if field.type == "date" else datetime.combine(day, time(), zone).astimezone(UTC)


def _like(left: Operand, literal: Literal) -> Predicate:
    _check_kind(left.field, literal)
    flags = re.DOTALL if left.field.case_sensitive else re.DOTALL | re.IGNORECASE
    pattern, read = re.compile(literal.pattern, flags), left.read

    def fits(row: Any) -> bool:
        value = read(row)
        return value is not None and pattern.fullmatch(value) is not None

    return fits


def _allow(field: Field, sign: str) -> None:
    """Refuse an operator that the type does not take."""
    kind = field.type
    wrong = (
        (sign == "LIKE" and kind in ID_TYPES | NUMBER_TYPES | {"boolean", "date", "datetime", "multipicklist"})
        or (sign in ("INCLUDES", "EXCLUDES") and kind != "multipicklist")
        or (sign in ORDERS and kind in ("boolean", "multipicklist"))
    )
    if wrong:
        raise SalesforceError("INVALID_QUERY_FILTER_OPERATOR", f"invalid operator {sign} on {kind} field {field.name}")


_KINDS: Mapping[str, tuple[frozenset[str], str]] = {
    "boolean": (frozenset({"boolean"}), "boolean and should not be enclosed in quotes"),
    "date": (frozenset({"date", "period", "null"}), "date and should not be enclosed in quotes"),
    "datetime": (frozenset({"datetime", "period", "null"}), "dateTime and should not be enclosed in quotes"),
    **{
        kind: (frozenset({"number", "null"}), f"{kind} and should not be enclosed in quotes")
        for kind in sorted(NUMBER_TYPES)
    },
}
_TEXT = (frozenset({"text", "null"}), "string and should be enclosed in quotes")


def _check_kind(field: Field, literal: Literal) -> None:
    kinds, told = _KINDS.get(field.type, _TEXT)
    if literal.kind not in kinds:
        message = f"value of filter criterion for field '{field.name}' must be of type {told}"
        raise SalesforceError("INVALID_FIELD", message)


def compared(field: Field, literal: Literal) -> Any:
    """A literal as what the field's values are compared with; None for null.

    Raises:
        SalesforceError: it is of another kind (INVALID_FIELD), or no id (INVALID_QUERY_FILTER_OPERATOR).
    """
    _check_kind(field, literal)
    value = literal.value
    if field.type in ID_TYPES and value:
        if not is_id(value):
            raise SalesforceError("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return long_id(value)
    return _key(field, value)


def _key(field: Field, value: Any) -> Any:
    """A value as it is compared and sorted."""
    if isinstance(value, str):
        return (value if field.case_sensitive or field.type in ID_TYPES else value.casefold()) or None
    return value


key_of = _key
