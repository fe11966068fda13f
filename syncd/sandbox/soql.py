"""Running a query: parse, find, filter, sort, cut, show.

Nothing is passed over: a field, relationship, operator or clause that is not known is an error, and an answer has all
the rows that fit and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .salesforce_errors import SalesforceError
from .salesforce_ids import is_id, long_id
from .salesforce_schema import Entity, Field
from .salesforce_store import Record, attributes, wire
from .soql_columns import Column, Operand, Scope, World, sourced
from .soql_conditions import Conditions, key_of
from .soql_groups import Grouping, is_count, is_grouped
from .soql_nodes import Comparison, Condition, Function, Junction, Literal, Negation, Order, Path, Query
from .soql_parser import parsed

MOST_GROUPS = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of an answer. `total` is their number; of `SELECT COUNT()` there is only that."""

    total: int
    rows: list[dict[str, Any]]


def run(world: World, text: str) -> Found:
    """The answer to a query.

    Raises:
        SalesforceError: it is not a query, or names what is not there.
    """
    return answer(world, parsed(text))


def answer(world: World, query: Query) -> Found:
    """The answer to a parsed query. Raises SalesforceError."""
    scope = Scope(world, query, sourced(world, query))
    if is_count(query):
        if query.order:
            raise SalesforceError("MALFORMED_QUERY", "COUNT() cannot be ordered")
        return Found(len(_rows(scope, _stored(scope))), [])
    if is_grouped(query):
        return _grouped(scope)
    if query.having is not None:
        raise SalesforceError("MALFORMED_QUERY", "HAVING needs GROUP BY")
    show = _shower(scope)
    rows = [show(record) for record in _rows(scope, _stored(scope))]
    return Found(len(rows), rows)


def among(world: World, query: Query, ids: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of a query among the records with these ids, in their order. Raises SalesforceError."""
    scope = Scope(world, query, sourced(world, query))
    show = _shower(scope)
    records = (world.store.live(each) for each in ids)
    return [show(record) for record in _rows(scope, [r for r in records if r is not None])]


def _grouped(scope: Scope) -> Found:
    query, grouping = scope.query, Grouping(scope)
    groups = grouping.groups(list(filter(_predicate(scope), _stored(scope))))
    if query.having is not None:
        having = Conditions(scope.world, grouping.operand, lambda inner: selected(scope.world, inner))
        groups = list(filter(having.predicate(query.having), groups))
    groups = _sliced(query, _sorted(groups, query.order, grouping.operand))
    if len(groups) > MOST_GROUPS:
        message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise SalesforceError("EXCEEDED_ID_LIMIT", message)
    return Found(len(groups), [grouping.show(group) for group in groups])


def _rows(scope: Scope, records: Iterable[Record]) -> list[Record]:
    """Those of the records that fit, in order, and no more than asked for."""
    kept = list(filter(_predicate(scope), records))
    return _sliced(scope.query, _sorted(kept, scope.query.order, scope.operand))


def _predicate(scope: Scope) -> Callable[[Any], bool]:
    if scope.query.where is None:
        return lambda row: True
    _check_semi_joins(scope.query.where)
    conditions = Conditions(scope.world, scope.operand, lambda inner: selected(scope.world, inner))
    return conditions.predicate(scope.query.where)


def _check_semi_joins(condition: Condition, *, nested: bool = False) -> None:
    """Raises SalesforceError for a query behind IN that is not joined by AND alone."""
    if isinstance(condition, Negation):
        _check_semi_joins(condition.inner, nested=True)
    elif isinstance(condition, Junction):
        for part in condition.parts:
            _check_semi_joins(part, nested=nested or condition.operator == "OR")
    elif nested and isinstance(condition.right, Query):
        message = (
            "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE "
            "expressions."
        )
        raise SalesforceError("MALFORMED_QUERY", message)


def selected(world: World, query: Query) -> set[Any]:
    """The values of the one field that a query behind IN selects. Raises SalesforceError."""
    scope = Scope(world, query, sourced(world, query))
    (item, *more) = query.items
    if more or not isinstance(item.what, Path):
        raise SalesforceError("MALFORMED_QUERY", "A query behind IN selects one field")
    column = scope.column(item.what)
    if column.field.type not in ("id", "reference"):
        raise SalesforceError("MALFORMED_QUERY", f"A query behind IN selects an id: {column.key}")
    return {column.read(world.store, row) for row in _rows(scope, _stored(scope))}


def _stored(scope: Scope) -> Iterable[Record]:
    """An object's records; only those with the ids that are asked for, where that is plain."""
    world, entity = scope.world, scope.entity
    ids = _ids(scope, scope.query.where)
    if ids is not None:
        found = (world.store.find(each) for each in ids)
        return [r for r in found if r is not None and r.entity == entity.name and (world.deleted or not r.deleted)]
    rows = world.store.rows(entity.name, deleted=world.deleted)
    return reversed(list(rows)) if world.reversed else rows


def _ids(scope: Scope, condition: Condition | None) -> list[str] | None:
    if isinstance(condition, Junction) and condition.operator == "AND":
        found = (_ids(scope, part) for part in condition.parts)
        return next((ids for ids in found if ids is not None), None)
    if not isinstance(condition, Comparison) or condition.operator not in ("=", "IN"):
        return None
    if (
        not isinstance(condition.left, Path)
        or condition.left.names[-1].lower() != "id"
        or len(condition.left.names) > 1
    ):
        return None
    literals = (condition.right,) if isinstance(condition.right, Literal) else condition.right
    if isinstance(literals, Query) or not all(is_id(each.value) for each in literals):
        return None
    return list(dict.fromkeys(long_id(each.value) for each in literals))


def _sorted(rows: list[Any], orders: Iterable[Order], operand: Callable[[Path | Function], Operand]) -> list[Any]:
    for order in reversed(list(orders)):
        by = operand(order.by)
        if by.field.long or by.field.type == "multipicklist":
            raise SalesforceError("INVALID_FIELD", f"field '{by.field.name}' can not be sorted in a query call")
        keyed = [(key_of(by.field, by.read(row)), row) for row in rows]
        nulls = [row for key, row in keyed if key is None]
        others = sorted((pair for pair in keyed if pair[0] is not None), key=_first, reverse=order.descending)
        rest = [row for _, row in others]
        rows = [*rest, *nulls] if order.nulls_last else [*nulls, *rest]
    return rows


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _sliced(query: Query, rows: list[Any]) -> list[Any]:
    end = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : end]


# showing


def _shower(scope: Scope) -> Callable[[Record], dict[str, Any]]:
    """How a record is told: the fields that are selected, and the child records."""
    columns: list[Column] = []
    children: list[tuple[str, Callable[[Record], Any]]] = []
    for item in scope.query.items:
        if isinstance(item.what, Query):
            children.append(_children(scope, item.what))
            continue
        if isinstance(item.what, Function):
            raise SalesforceError("MALFORMED_QUERY", f"{item.what.name} needs GROUP BY")
        if item.alias:
            raise SalesforceError("MALFORMED_QUERY", f"only aggregate expressions use field aliasing: {item.alias}")
        column = scope.column(item.what)
        if any(column.key == known.key for known in columns):
            raise SalesforceError("INVALID_FIELD", f"duplicate field selected: {column.key}")
        columns.append(column)

    def show(record: Record) -> dict[str, Any]:
        told: dict[str, Any] = {"attributes": attributes(record, scope.world.base)}
        for column in columns:
            _put(scope.world, told, record, column)
        for name, of in children:
            told[name] = of(record)
        return told

    return show


def _put(world: World, told: dict[str, Any], record: Record, column: Column) -> None:
    at: Record = record
    for step in column.steps:
        found = world.store.live(at.get(step.name))
        if found is None:
            told.setdefault(step.relationship, None)
            return
        at = found
        told = told.setdefault(step.relationship, {"attributes": attributes(at, world.base)})
    value = at.entity if column.kind == "type" else at.get(column.field.name)
    told[column.field.name] = wire(value)


def _children(scope: Scope, query: Query) -> tuple[str, Callable[[Record], Any]]:
    world = scope.world
    known = world.schema.child(scope.entity.name, query.source.removeprefix(f"{scope.query.source}."))
    if known is None:
        message = (
            f"Didn't understand relationship '{query.source}' in FROM part of query call. If you are attempting to use "
            "a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference "
            "your WSDL or the describe call for the appropriate names."
        )
        raise SalesforceError("INVALID_TYPE", message)
    name, entity, field = known
    inner = Scope(world, query, entity)
    if is_count(query) or is_grouped(query):
        raise SalesforceError("MALFORMED_QUERY", "Aggregates are not allowed in a child query")
    show, of_parent = _shower(inner), _by_parent(inner, entity, field)
    fits, query = _predicate(inner), inner.query

    def told(record: Record) -> Any:
        kept = list(filter(fits, of_parent.get(record.id, ())))
        rows = _sliced(query, _sorted(kept, query.order, inner.operand))
        return {"totalSize": len(rows), "done": True, "records": [show(row) for row in rows]} if rows else None

    return name, told


def _by_parent(scope: Scope, entity: Entity, field: Field) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in scope.world.store.rows(entity.name, deleted=scope.world.deleted):
        parent = record.get(field.name)
        if parent is not None:
            found.setdefault(parent, []).append(record)
    return found
