"""Mappings and a booking -> the fields to write to one record, and what was left out and why.

Theory of operation. Mappings are taken in their order, each through these steps; the first that says no ends it, and is
told. Nothing here raises: a mapping that cannot be written never stops another.

    step                                                       told as
    ---------------------------------------------------------  ---------------------------------------
    it is for this record and this moment                      (nothing: it is not meant)
    the field exists; another spelling of case is mended       unknown_field; renamed
    it may be written: createable on a new record, else        not_createable, not_updateable
    updateable
    `when` allows it: see `mapping`                            not_empty, current_unknown
    every name of the value has one: see `template`            unknown_name, no_value
    the value takes the field's form: see `values`             wrong_value, not_a_choice, too_long; left_off

Two mappings of one field: the later one wins, and `only_when_empty` counts what an earlier one writes as there, so that
one may be the other's fallback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from enum import StrEnum
from html import escape
from typing import Any

from syncd.model.schema import FieldSchema, ObjectSchema, SchemaType

from .mapping import FieldMapping, FieldType, Missing, Moment, Target, When, is_empty
from .names import ORGANIZER_ZONE, BookingFacts, ask, is_known, shown, zone_of
from .template import Filled, braced, fill, parse
from .values import FieldValue, Fitted, Place, Wrong, fit

TEXTS = frozenset({FieldType.TEXT, FieldType.TEXTAREA, FieldType.CUSTOM})
"""Types for which an empty text is a value."""


class Reason(StrEnum):
    """Why a field was left out, or written otherwise than told."""

    UNKNOWN_FIELD = "unknown_field"
    NOT_CREATEABLE = "not_createable"
    NOT_UPDATEABLE = "not_updateable"
    NOT_EMPTY = "not_empty"
    CURRENT_UNKNOWN = "current_unknown"
    UNKNOWN_NAME = "unknown_name"
    NO_VALUE = "no_value"
    WRONG_VALUE = "wrong_value"
    NOT_A_CHOICE = "not_a_choice"
    TOO_LONG = "too_long"
    RENAMED = "renamed"
    LEFT_OFF = "left_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What happened to one mapping's field. `message` names no value of the booking."""

    field: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The fields to write, those left out, and those written otherwise than told."""

    fields: dict[str, FieldValue] = field(default_factory=dict)
    skipped: tuple[Remark, ...] = ()
    adjusted: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class _Record:
    """The record written to. `current` None: it is being made."""

    facts: BookingFacts
    current: Mapping[str, Any] | None
    schema: ObjectSchema | None
    zone: tzinfo
    missing: Missing


@dataclass(frozen=True, slots=True)
class _Said:
    """What a value says in a booking; `without`: the names it was written without, in words."""

    value: Any
    without: str = ""


Step = Fitted | Remark


def resolve(
    mappings: Iterable[FieldMapping],
    facts: BookingFacts,
    moment: Moment,
    current: Mapping[str, Any] | None,
    schema: ObjectSchema | None,
    *,
    target: Target,
    zone: str = ORGANIZER_ZONE,
    missing: Missing = Missing.SKIP,
) -> Resolution:
    """The fields that mappings write to a record at a moment.

    `current` are the record's values as read, None for a record that is being made. `schema` None: nothing is known of
    its fields. `zone` is `organizer`, `attendee` or an IANA name.
    """
    record = _Record(facts, current, schema, zone_of(facts, zone), missing)
    fields: dict[str, FieldValue] = {}
    skipped: list[Remark] = []
    adjusted: list[Remark] = []
    for mapping in meant(mappings, target, moment):
        name = _name(mapping, schema)
        step = _value(mapping, name, fields, record)
        if isinstance(step, Remark):
            skipped.append(step)
            continue
        fields[name] = step.value
        adjusted += _adjustments(mapping, name, step)
    return Resolution(fields=fields, skipped=tuple(skipped), adjusted=tuple(adjusted))


def meant(mappings: Iterable[FieldMapping], target: Target, moment: Moment) -> Iterator[FieldMapping]:
    """The mappings for a record and a moment, in their order."""
    return (mapping for mapping in mappings if mapping.target is target and moment in mapping.moments)


def to_read(
    mappings: Iterable[FieldMapping], target: Target, moment: Moment, schema: ObjectSchema | None = None
) -> tuple[str, ...]:
    """The fields of a record whose values must be read before `resolve`: of mappings that write only when empty."""
    conditional = (m for m in meant(mappings, target, moment) if m.when is When.ONLY_WHEN_EMPTY)
    names = dict.fromkeys(_name(mapping, schema) for mapping in conditional)
    return tuple(name for name in names if schema is None or schema.field(name))


def _name(mapping: FieldMapping, schema: ObjectSchema | None) -> str:
    found = schema.meant(mapping.field) if schema else None
    return found.name if found else mapping.field.strip()


def _value(mapping: FieldMapping, name: str, written: Mapping[str, FieldValue], record: _Record) -> Step:
    found = record.schema.field(name) if record.schema else None
    if refusal := _unwritable(name, found, record) or _occupied(mapping, name, written, record):
        return refusal
    said = _said(mapping, name, found, record)
    if isinstance(said, Remark):
        return said
    if said.value == "" and mapping.type in TEXTS:
        return Fitted("", said.without)
    fitted = fit(said.value, mapping.type, Place(found, record.zone))
    if isinstance(fitted, Wrong):
        return Remark(field=name, reason=Reason(fitted.code), message=fitted.message)
    if fitted.value == "":
        return Remark(field=name, reason=Reason.NO_VALUE, message="Its value is empty.")
    return replace(fitted, left_off=" ".join(filter(None, (fitted.left_off, said.without))))


def _unwritable(name: str, found: FieldSchema | None, record: _Record) -> Remark | None:
    if record.schema is None:
        return None
    if found is None:
        near = record.schema.nearest(name)
        hint = f" The nearest is {near}." if near else ""
        message = f"{record.schema.name} has no field {name}.{hint}"
        return Remark(field=name, reason=Reason.UNKNOWN_FIELD, message=message)
    if record.current is None and not found.createable:
        return Remark(field=name, reason=Reason.NOT_CREATEABLE, message="It cannot be set on a new record.")
    if record.current is not None and not found.updateable:
        return Remark(field=name, reason=Reason.NOT_UPDATEABLE, message="It cannot be changed.")
    return None


def _occupied(mapping: FieldMapping, name: str, written: Mapping[str, FieldValue], record: _Record) -> Remark | None:
    if mapping.when is When.EVERY_TIME:
        return None
    if record.current is not None and name not in record.current:
        message = "Whether it is empty is not known: its value was not read."
        return Remark(field=name, reason=Reason.CURRENT_UNKNOWN, message=message)
    there = (written.get(name), record.current.get(name) if record.current else None)
    if all(is_empty(value) for value in there):
        return None
    return Remark(field=name, reason=Reason.NOT_EMPTY, message="It has a value, and is written only when empty.")


def _said(mapping: FieldMapping, name: str, found: FieldSchema | None, record: _Record) -> _Said | Remark:
    """What the value says in this booking; `""` when its names have nothing, and that is to be written."""
    rich = found is not None and found.type is SchemaType.RICH_TEXT
    if not isinstance(mapping.value, str):
        return _Said(mapping.value)
    if mapping.single and not rich:
        single = ask(record.facts, mapping.single)
        if single is not None:
            return _Said(single)
    filled = _filled(mapping, mapping.value, record, rich=rich)
    blank = filled.text is None or not filled.text.strip()
    if filled.text is None or (blank and filled.missing and mapping.type not in TEXTS):
        return _nothing(name, filled.missing)
    if blank and not filled.missing:
        return Remark(field=name, reason=Reason.NO_VALUE, message="Its value is empty.")
    without = f"Without {', '.join(map(braced, filled.missing))}." if filled.missing else ""
    return _Said("" if blank else filled.text, without)


def _filled(mapping: FieldMapping, value: str, record: _Record, *, rich: bool) -> Filled:
    def told(name: str) -> str | None:
        found = ask(record.facts, name)
        text = None if found is None else shown(found, record.zone)
        return _markup(text) if rich and text is not None else text

    keep_empty = (mapping.missing or record.missing) is Missing.EMPTY
    return fill(parse(braced(mapping.date) if mapping.date else value), told, keep_empty=keep_empty)


def _nothing(name: str, missing: tuple[str, ...]) -> Remark:
    unknown = [each for each in missing if not is_known(each)]
    named = ", ".join(braced(each) for each in unknown or missing)
    if unknown:
        return Remark(field=name, reason=Reason.UNKNOWN_NAME, message=f"Nothing is called {named}.")
    return Remark(field=name, reason=Reason.NO_VALUE, message=f"{named} has no value in this booking.")


def _markup(text: str) -> str:
    return escape(text).replace("\r\n", "\n").replace("\n", "<br>")


def _adjustments(mapping: FieldMapping, name: str, fitted: Fitted) -> Iterator[Remark]:
    if name != mapping.field:
        yield Remark(field=name, reason=Reason.RENAMED, message=f"Called {mapping.field} in the mapping.")
    if fitted.left_off:
        yield Remark(field=name, reason=Reason.LEFT_OFF, message=fitted.left_off)
