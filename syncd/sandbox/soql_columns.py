"""What a path of a query means: which fields are followed, and what a record has there.

A reference to one of several objects (`Who`, a lead's `Owner`) is followed to the pseudo-object Name, which has only
what all of them may have, and `Type`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from .salesforce_errors import SalesforceError, no_such_column, unknown_type
from .salesforce_schema import Entity, Field, Schema
from .salesforce_store import Record, Store
from .soql_nodes import Function, Path, Query, place

MOST_STEPS = 5
NAME = {
    f.lower(): f
    for f in (
        "Id", "Name", "FirstName", "LastName", "Title", "Email", "Phone", "Username", "Alias", "IsActive", "Type",
    )
}  # fmt: skip
"""The fields of Name."""

TYPE_FIELD = Field(name="Type", type="string")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a query runs over. `zone` is the asking person's; `removed` has fields (`name` or `object.name`, in small
    letters) that describe still tells but queries and writes no longer know.
    """

    store: Store
    now: datetime
    zone: tzinfo
    base: str
    deleted: bool = False
    reversed: bool = False
    removed: frozenset[str] = frozenset()

    @property
    def schema(self) -> Schema:
        """The objects."""
        return self.store.schema

    def without(self, entity: Entity, name: str) -> bool:
        """Whether a field is one of those removed."""
        return bool(self.removed & {name.lower(), f"{entity.name}.{name}".lower()})


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a record, or of one that `steps` lead to."""

    steps: tuple[Field, ...]
    field: Field
    kind: str = ""

    @property
    def key(self) -> str:
        """What two paths to the same have in common."""
        return ".".join(f.name for f in (*self.steps, self.field))

    def target(self, store: Store, record: Record) -> Record | None:
        """The record that has the field."""
        found: Record | None = record
        for step in self.steps:
            found = store.live(found.get(step.name)) if found else None
        return found

    def read(self, store: Store, record: Record) -> Any:
        """The value; None for null and where nothing is referred to."""
        found = self.target(store, record) if self.steps else record
        if found is None:
            return None
        return found.entity if self.kind == "type" else found.values.get(self.field.name)


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a condition: what its values are, and how they are read from a row or a group."""

    field: Field
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """A query, its object, and what it runs over."""

    world: World
    query: Query
    entity: Entity

    def column(self, path: Path) -> Column:
        """What a path means.

        Raises:
            SalesforceError: there is no such field or relationship (INVALID_FIELD).
        """
        names = path.names
        if len(names) > 1 and names[0].lower() in (self.query.alias.lower(), self.query.source.lower()):
            names = names[1:]
        if len(names) - 1 > MOST_STEPS:
            raise SalesforceError("INVALID_FIELD", f"{self._where(path)}more than {MOST_STEPS} relationships in {path}")
        entity, steps = self.entity, []
        for n, name in enumerate(names[:-1]):
            step = entity.reference(name)
            if step is None or (found := self.world.schema.find(step.to[0])) is None:
                raise self._no_relationship(path, name)
            steps.append(step)
            if len(step.to) > 1:
                return self._of_name(path, names[n + 1 :], tuple(steps))
            entity = found
        return Column(tuple(steps), self._field(path, entity, names[-1]))

    def _field(self, path: Path, entity: Entity, name: str) -> Field:
        field = entity.field(name)
        if field is None or field.type == "complexvalue" or self.world.without(entity, field.name):
            raise no_such_column(name, entity.name, self._where(path))
        return field

    def _of_name(self, path: Path, names: tuple[str, ...], steps: tuple[Field, ...]) -> Column:
        name = NAME.get(names[0].lower())
        if len(names) > 1 or name is None:
            raise no_such_column(names[0], "Name", self._where(path))
        if name == "Type":
            return Column(steps, TYPE_FIELD, "type")
        kind = {"Id": "id", "IsActive": "boolean", "Email": "email"}.get(name, "string")
        return Column(steps, Field(name=name, type=kind))

    def _no_relationship(self, path: Path, name: str) -> SalesforceError:
        return SalesforceError(
            "INVALID_FIELD",
            f"{self._where(path)}Didn't understand relationship '{name}' in field path. If you are attempting to use "
            "a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference "
            "your WSDL or the describe call for the appropriate names.",
        )

    def _where(self, path: Path) -> str:
        return place(self.query.text, path.at)

    def operand(self, what: Path | Function) -> Operand:
        """A side of a WHERE condition, read from a record. Raises SalesforceError."""
        if isinstance(what, Path):
            column, store = self.column(what), self.world.store
            if not column.steps and not column.kind:
                name = column.field.name
                return Operand(column.field, lambda record: record.values.get(name))
            return Operand(column.field, lambda record: column.read(store, record))
        if what.name not in DATE_PARTS or what.argument is None:
            message = f"{place(self.query.text, what.at)}Aggregate function is not allowed here: {what.name}"
            raise SalesforceError("MALFORMED_QUERY", message)
        return self._date_part(what.name, self.operand(what.argument))

    def _date_part(self, name: str, inner: Operand) -> Operand:
        if inner.field.type not in ("date", "datetime"):
            raise SalesforceError("INVALID_FIELD", f"{name} does not take the field {inner.field.name}")
        part = DATE_PARTS[name]

        def read(record: Any) -> Any:
            value = inner.read(record)
            return None if value is None else part(value)

        return Operand(Field(name=name, type="date" if name == "DAY_ONLY" else "int"), read)


def sourced(world: World, query: Query) -> Entity:
    """The object that a query is of. Raises SalesforceError (INVALID_TYPE)."""
    found = world.schema.find(query.source)
    if found is None:
        raise unknown_type(query.source, place(query.text, query.source_at))
    return found


DATE_PARTS: dict[str, Callable[[Any], Any]] = {
    "CALENDAR_YEAR": lambda v: v.year,
    "CALENDAR_QUARTER": lambda v: (v.month + 2) // 3,
    "CALENDAR_MONTH": lambda v: v.month,
    "DAY_IN_MONTH": lambda v: v.day,
    "DAY_ONLY": lambda v: v.date() if isinstance(v, datetime) else v,
}
"""Date function -> what it takes of a date or of a time in UTC."""
