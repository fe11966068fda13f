"""Aggregates: GROUP BY and HAVING, and the functions over the rows of a group.

Without GROUP BY all rows are one group. What is selected is grouped by or aggregated; an aggregate without a name is
called `expr0`, `expr1` ... in order. Nulls are grouped together, and no function but `COUNT()` counts them.

Source: the SOQL reference, "GROUP BY" and "Aggregate Functions", from memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .salesforce_errors import SalesforceError
from .salesforce_schema import NUMBER_TYPES, Field
from .salesforce_store import Record, wire
from .soql_columns import Operand, Scope
from .soql_conditions import key_of
from .soql_nodes import AGGREGATES, Function, Path, Query, place


@dataclass(slots=True)
class Group:
    """Rows that are the same in what is grouped by; `keys` says in what."""

    rows: list[Record]
    keys: dict[str, Any]


class Grouping:
    """A query with aggregates."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._by: dict[str, Operand] = {}
        for each in scope.query.group:
            name, operand = self._name(each), scope.operand(each)
            if not operand.field.groupable:
                raise SalesforceError(
                    "INVALID_FIELD", f"field '{operand.field.name}' can not be grouped in a query call"
                )
            self._by[name] = operand
        self._shown = self._selected(scope.query)

    def groups(self, rows: Sequence[Record]) -> list[Group]:
        """The groups of rows."""
        if not self._by:
            return [Group(list(rows), {})]
        found: dict[tuple[Any, ...], Group] = {}
        for row in rows:
            keys = {name: operand.read(row) for name, operand in self._by.items()}
            same = tuple(key_of(self._by[name].field, value) for name, value in keys.items())
            if same in found:
                found[same].rows.append(row)
            else:
                found[same] = Group([row], keys)
        return list(found.values())

    def show(self, group: Group) -> dict[str, Any]:
        """A group as the answer tells it."""
        told = {name: wire(operand.read(group)) for name, operand in self._shown.items()}
        return {"attributes": {"type": "AggregateResult"}, **told}

    def operand(self, what: Path | Function) -> Operand:
        """What HAVING or ORDER BY names, read from a group. Raises SalesforceError."""
        if isinstance(what, Function) and what.name in AGGREGATES:
            return self._aggregate(what)
        name = self._name(what)
        if name not in self._by and isinstance(what, Path) and len(what.names) == 1:
            alias = next((n for n in self._shown if n.lower() == what.names[0].lower()), "")
            if alias:
                return self._shown[alias]
        if name not in self._by:
            message = f"{place(self._scope.query.text, what.at)}Field must be grouped or aggregated: {what_text(what)}"
            raise SalesforceError("MALFORMED_QUERY", message)
        return Operand(self._by[name].field, lambda group: group.keys[name])

    def _name(self, what: Path | Function) -> str:
        if isinstance(what, Path):
            return self._column_name(what)
        return f"{what.name}({self._column_name(what.argument) if what.argument else ''})"

    def _column_name(self, path: Path) -> str:
        """The path's full name; of an alias its text, which is no field."""
        aliases = {item.alias.lower() for item in self._scope.query.items if item.alias}
        if len(path.names) == 1 and path.names[0].lower() in aliases:
            return f"alias {path.names[0].lower()}"
        return self._scope.column(path).key

    def _selected(self, query: Query) -> dict[str, Operand]:
        found: dict[str, Operand] = {}
        for item in query.items:
            if isinstance(item.what, Query):
                raise SalesforceError("MALFORMED_QUERY", "Grouped query cannot have a child query")
            self._shown = found
            operand = self.operand(item.what)
            if item.alias or isinstance(item.what, Path):
                name = item.alias or operand.field.name
            else:
                name = f"expr{sum(1 for known in found if known.startswith('expr'))}"
            if name.lower() in {known.lower() for known in found}:
                raise SalesforceError("MALFORMED_QUERY", f"duplicate alias: {name}")
            found[name] = operand
        return found

    def _aggregate(self, what: Function) -> Operand:
        if what.argument is None:
            return Operand(Field(name="COUNT", type="int"), lambda group: len(group.rows))
        inner = self._scope.operand(what.argument)
        field = inner.field
        wrong = (what.name in ("SUM", "AVG") and field.type not in NUMBER_TYPES) or field.long
        if wrong or (what.name in ("MIN", "MAX") and field.type == "boolean"):
            message = f"field {field.name} does not support aggregate operator {what.name}"
            raise SalesforceError("INVALID_FIELD", message)
        fold = FOLDS[what.name]

        def read(group: Group) -> Any:
            values = [value for row in group.rows if (value := inner.read(row)) is not None]
            return fold(values, lambda value: key_of(field, value))

        kind = "int" if what.name.startswith("COUNT") else "double" if what.name == "AVG" else field.type
        return Operand(Field(name=what.name, type=kind), read)


Key = Callable[[Any], Any]

FOLDS: Mapping[str, Callable[[list[Any], Key], Any]] = {
    "COUNT": lambda values, key: len(values),
    "COUNT_DISTINCT": lambda values, key: len(set(map(key, values))),
    "SUM": lambda values, key: sum(values) if values else None,
    "AVG": lambda values, key: sum(values) / len(values) if values else None,
    "MIN": lambda values, key: min(values, key=key, default=None),
    "MAX": lambda values, key: max(values, key=key, default=None),
}
"""Aggregate -> what it makes of the values that are not null."""


def what_text(what: Path | Function) -> str:
    """What a query calls it."""
    return str(what) if isinstance(what, Path) else f"{what.name}({what.argument or ''})"


def is_grouped(query: Query) -> bool:
    """Whether a query gives groups instead of records."""
    aggregates = any(isinstance(item.what, Function) and item.what.name in AGGREGATES for item in query.items)
    return bool(query.group) or (aggregates and not is_count(query))


def is_count(query: Query) -> bool:
    """Whether it is `SELECT COUNT()`, which gives a number and no records."""
    first = query.items[0]
    bare = isinstance(first.what, Function) and first.what.name == "COUNT" and first.what.argument is None
    return bare and len(query.items) == 1 and not query.group and not first.alias
