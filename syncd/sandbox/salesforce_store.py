"""What a Salesforce org keeps: records, those deleted among them, and how to take changes back.

A record is never changed in place: each change puts a new one under its id, so that a transaction is undone by putting
the old ones back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.model.clock import Clock

from .salesforce_ids import numbered
from .salesforce_schema import Schema

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A record. `values` has every field that is not null: text, numbers, booleans, `date`, aware `datetime`."""

    entity: str
    id: str
    values: Values

    def get(self, name: str) -> Any:
        """A field's value; None for null."""
        return self.values.get(name)

    @property
    def deleted(self) -> bool:
        """Whether it is in the recycle bin."""
        return bool(self.values.get("IsDeleted"))


@dataclass(slots=True)
class Store:
    """All that is kept. Not locked: the provider's lock holds for it.

    `entity_of` says of which object an id is, `series` the first occurrence of the series an event is of.
    """

    clock: Clock
    schema: Schema
    tables: dict[str, dict[str, Record]] = field(default_factory=dict)
    entity_of: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)
    _undo: list[tuple[str, str, Record | None]] = field(default_factory=list)

    def new_id(self, entity: str) -> str:
        """An id that no record has had."""
        self._numbers[entity] = self._numbers.get(entity, 0) + 1
        return numbered(self.schema.named(entity).prefix, self._numbers[entity])

    def rows(self, entity: str, *, deleted: bool = False) -> Iterator[Record]:
        """An object's records, in the order they were made; with those deleted when asked."""
        return (r for r in self.tables.get(entity, {}).values() if deleted or not r.deleted)

    def find(self, record_id: str | None) -> Record | None:
        """A record, deleted or not, by its id of 18 characters."""
        entity = self.entity_of.get(record_id or "")
        return None if entity is None else self.tables[entity].get(str(record_id))

    def live(self, record_id: str | None) -> Record | None:
        """A record that is not deleted."""
        found = self.find(record_id)
        return None if found is None or found.deleted else found

    def put(self, record: Record) -> Record:
        """Keep a record."""
        table = self.tables.setdefault(record.entity, {})
        self._undo.append((record.entity, record.id, table.get(record.id)))
        table[record.id] = record
        self.entity_of[record.id] = record.entity
        return record

    def mark(self) -> int:
        """Where a transaction begins."""
        return len(self._undo)

    def roll_back(self, mark: int) -> None:
        """Take back all that was put since."""
        while len(self._undo) > mark:
            entity, record_id, old = self._undo.pop()
            if old is None:
                del self.tables[entity][record_id]
                del self.entity_of[record_id]
            else:
                self.tables[entity][record_id] = old

    def settle(self) -> None:
        """What was put so far stays."""
        self._undo.clear()

    def stamped(self, values: Values, user: str, *, new: bool) -> Values:
        """Values with who changed them and when."""
        now = self.clock().replace(microsecond=0)
        made = {"CreatedDate": now, "CreatedById": user, "IsDeleted": False} if new else {}
        return {**values, **made, "LastModifiedDate": now, "LastModifiedById": user, "SystemModstamp": now}


def text_of(moment: datetime) -> str:
    """A moment as Salesforce tells it: `2026-11-20T10:12:13.000+0000`."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"


def wire(value: Any) -> Any:
    """A value as JSON tells it."""
    if isinstance(value, datetime):
        return text_of(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def shown(record: Record, names: Iterable[str], base: str) -> Values:
    """A record as a read tells it."""
    told: Values = {"attributes": attributes(record, base)}
    return {**told, **{name: wire(record.get(name)) for name in names}}


def attributes(record: Record, base: str) -> dict[str, str]:
    """What names a record in an answer."""
    return {"type": record.entity, "url": f"{base}/sobjects/{record.entity}/{record.id}"}
