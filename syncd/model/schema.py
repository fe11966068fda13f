"""What a CRM says of its objects: fields, their types and choices, record types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum


class SchemaType(StrEnum):
    """What a field of a CRM holds, in words of no CRM. OTHER: what mappings do not know, written by CUSTOM only."""

    TEXT = "text"
    TEXTAREA = "textarea"
    RICH_TEXT = "rich_text"
    DATE = "date"
    DATETIME = "datetime"
    PHONE = "phone"
    CHECKBOX = "checkbox"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    NUMBER = "number"
    EMAIL = "email"
    URL = "url"
    REFERENCE = "reference"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A value of a picklist. `valid_for`: the values of the controlling field it may stand with; None: any."""

    value: str
    label: str = ""
    active: bool = True
    valid_for: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSchema:
    """A field of an object.

    Attributes:
        length: the most UTF-16 code units a text may have; None: unlimited, or not told.
        restricted: a picklist takes its active choices only; an open one takes any text.
        controller: the field that a dependent picklist depends on; "" for none.
        required: a record cannot be made without a value, unless `default_on_create`.
    """

    name: str
    label: str = ""
    type: SchemaType = SchemaType.TEXT
    length: int | None = None
    choices: tuple[Choice, ...] = ()
    restricted: bool = True
    controller: str = ""
    createable: bool = True
    updateable: bool = True
    required: bool = False
    default_on_create: bool = False

    @property
    def active(self) -> tuple[Choice, ...]:
        """The choices that may be made."""
        return tuple(choice for choice in self.choices if choice.active)

    def choice(self, text: str) -> Choice | None:
        """The active choice a text means: its value as it stands, else its value or label in any case."""
        folded = text.strip().casefold()
        exact = (c for c in self.active if c.value == text.strip())
        value = (c for c in self.active if c.value.casefold() == folded)
        label = (c for c in self.active if c.label.casefold() == folded)
        return next(exact, None) or next(value, None) or next(label, None) if folded else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordType:
    """A kind of record that an object may be. `available`: this connection may make records of it."""

    name: str
    id: str = ""
    available: bool = True
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSchema:
    """An object of a CRM."""

    name: str
    label: str = ""
    fields: tuple[FieldSchema, ...] = ()
    record_types: tuple[RecordType, ...] = ()

    def field(self, name: str) -> FieldSchema | None:
        """The field of exactly this name."""
        return next((field for field in self.fields if field.name == name), None)

    def meant(self, name: str) -> FieldSchema | None:
        """The field of this name in any case; None when there is none, or more than one."""
        named = [field for field in self.fields if field.name.casefold() == name.strip().casefold()]
        return self.field(name) or (named[0] if len(named) == 1 else None)

    def nearest(self, name: str) -> str:
        """The name of the field most like `name`, by its name or its label; "" when none is."""
        labels = {field.label: field.name for field in self.fields if field.label}
        return closest(name, [field.name for field in self.fields]) or labels.get(closest(name, labels), "")


def closest(wanted: str, known: Iterable[str]) -> str:
    """The known text most like the wanted one in any case, whatever order they come in; "" when none is."""
    folded = {each.casefold(): each for each in sorted(known, reverse=True)}
    found = get_close_matches(wanted.strip().casefold(), sorted(folded), n=1)
    return folded[found[0]] if found else ""
