"""Every problem of mappings at once: by themselves (`static`), and against what a CRM says of its objects.

Theory of operation. A mapping is compared with every object it may write to: a person is a contact, a lead, or either.

    asked                                     an error                            a warning
    ----------------------------------------  ----------------------------------  ------------------------------------
    does the field exist                      in none of the objects              in one, but not in the other
    is its name spelt so                      another spelling of case
    may it be written at these moments        never, or not when the event is     a person's: not on a new one, or not
    (`OPERATIONS`)                            made or changed                     on one that is there
    does the type fit (`TAKES`)               no
    is the fixed value a choice               none, or not active, where the      where the list is open, or the value
                                              list is restricted                  is known only later
    may it stand with the controlling field   its fixed value says no             its value is not fixed
    does the fixed value fit                  what is not cut is too long         what is cut is too long
    is what a new record needs there          neither mapped nor written by us

The result does not depend on the order of mappings. Nearest names are `difflib`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from syncd.model.schema import Choice, FieldSchema, ObjectSchema, SchemaType, closest

from .finding import Code, Finding, Severity, ordered
from .mapping import FieldMapping, FieldType, Moment, Target
from .static import check_values, finding_of
from .values import units

CREATE, UPDATE = "create", "update"
OPERATIONS: dict[tuple[Target, Moment], tuple[str, ...]] = {
    (target, moment): (UPDATE,) for target in Target for moment in Moment
} | {(Target.EVENT, Moment.BOOKING): (CREATE,), (Target.PERSON, Moment.BOOKING): (CREATE, UPDATE)}
"""What is done to a record at a moment. A person may be there already; an account always is."""

TEXTUAL = frozenset({SchemaType.TEXT, SchemaType.TEXTAREA, SchemaType.RICH_TEXT})
TAKES: dict[FieldType, frozenset[SchemaType]] = {
    FieldType.TEXT: TEXTUAL | {SchemaType.PHONE, SchemaType.EMAIL, SchemaType.URL},
    FieldType.TEXTAREA: TEXTUAL,
    FieldType.PHONE: TEXTUAL | {SchemaType.PHONE},
    FieldType.EMAIL: TEXTUAL | {SchemaType.EMAIL},
    FieldType.URL: TEXTUAL | {SchemaType.URL},
    FieldType.DATE: frozenset({SchemaType.DATE}),
    FieldType.DATETIME: frozenset({SchemaType.DATETIME}),
    FieldType.CHECKBOX: frozenset({SchemaType.CHECKBOX}),
    FieldType.PICKLIST: frozenset({SchemaType.PICKLIST}),
    FieldType.MULTIPICKLIST: frozenset({SchemaType.MULTIPICKLIST}),
    FieldType.NUMBER: frozenset({SchemaType.NUMBER}),
    FieldType.CUSTOM: frozenset(SchemaType),
}
"""Which fields a mapping's type can be written to."""

CUT = frozenset({FieldType.TEXT, FieldType.TEXTAREA, FieldType.CUSTOM})
SHOWN = 5
"""How many choices are named in a finding."""

Schemas = Mapping[Target, Sequence[ObjectSchema]]
"""The objects that each record may be of; none: they are not known, and not compared."""


def check(
    mappings: Iterable[FieldMapping],
    schemas: Schemas,
    *,
    made: frozenset[Target] = frozenset({Target.EVENT, Target.PERSON}),
    filled: Mapping[Target, frozenset[str]] | None = None,
    questions: frozenset[str] | None = None,
) -> tuple[Finding, ...]:
    """Every problem of mappings.

    `made` are the records that are made where there are none, `filled` the fields that are written to these without
    mappings, `questions` those of the booking and of the form (`form:ID`), None where they are not known.
    """
    mappings = tuple(mappings)
    findings = list(check_values(mappings, questions))
    for mapping in mappings:
        for schema in schemas.get(mapping.target, ()):
            findings += _against(mapping, schema, schemas[mapping.target], mappings)
    for target in made:
        for schema in schemas.get(target, ()):
            findings += _required(target, schema, mappings, (filled or {}).get(target, frozenset()))
    return ordered(findings)


def _against(
    mapping: FieldMapping, schema: ObjectSchema, others: Sequence[ObjectSchema], mappings: tuple[FieldMapping, ...]
) -> Iterator[Finding]:
    """What is wrong with a mapping in one object."""
    found = schema.meant(mapping.field)
    if found is None:
        yield _unknown(mapping, schema, elsewhere=any(other.meant(mapping.field) for other in others))
        return
    if found.name != mapping.field:
        message, remedy = f"{schema.name} spells it {found.name}.", f"Write {found.name}."
        yield finding_of(mapping, Code.WRONG_CASE, message, remedy, nearest=found.name)
    yield from _writable(mapping, found, schema)
    if found.type not in TAKES[mapping.type]:
        yield _wrong_type(mapping, found, schema)
        return
    yield from _choices(mapping, found, schema, mappings)
    yield from _length(mapping, found, schema)


def _unknown(mapping: FieldMapping, schema: ObjectSchema, *, elsewhere: bool) -> Finding:
    near = schema.nearest(mapping.field)
    if elsewhere:
        message = f"{schema.name} has no such field; it is left out there."
        return finding_of(mapping, Code.UNKNOWN_FIELD, message, severity=Severity.WARNING)
    remedy = f"Did you mean {near}?" if near else "Name a field of the object."
    return finding_of(mapping, Code.UNKNOWN_FIELD, f"{schema.name} has no such field.", remedy, nearest=near)


def _writable(mapping: FieldMapping, found: FieldSchema, schema: ObjectSchema) -> Iterator[Finding]:
    allowed = {CREATE: found.createable, UPDATE: found.updateable}
    for moment in sorted(mapping.moments):
        needed = OPERATIONS[mapping.target, moment]
        severity = Severity.WARNING if any(allowed[each] for each in needed) else Severity.ERROR
        for operation in needed:
            if not allowed[operation]:
                code = Code.NOT_CREATEABLE if operation == CREATE else Code.NOT_UPDATEABLE
                what = "set on a new" if operation == CREATE else "changed on an existing"
                message = f"On {moment.value} it cannot be {what} {schema.name}."
                remedy = "Let the connection's user edit it, or map another field."
                yield finding_of(mapping, code, message, remedy, severity=severity)


def _wrong_type(mapping: FieldMapping, found: FieldSchema, schema: ObjectSchema) -> Finding:
    fits = next((t for t in FieldType if t is not FieldType.CUSTOM and found.type in TAKES[t]), FieldType.CUSTOM)
    message = f"In {schema.name} it is a {found.type.value} field, mapped as {mapping.type.value}."
    return finding_of(mapping, Code.WRONG_TYPE, message, f'Write type = "{_own(found.type) or fits.value}".')


def _own(type: SchemaType) -> str:
    """The mapping's type of the same name; "" when there is none."""
    return type.value if type.value in set(FieldType) else ""


def _choices(
    mapping: FieldMapping, found: FieldSchema, schema: ObjectSchema, mappings: tuple[FieldMapping, ...]
) -> Iterator[Finding]:
    if mapping.type not in (FieldType.PICKLIST, FieldType.MULTIPICKLIST) or not found.choices:
        return
    if mapping.names:
        message, remedy = "Whether its value is a choice is known only when there is a booking.", "Else it is left out."
        yield finding_of(mapping, Code.KNOWN_LATER, message, remedy, severity=Severity.WARNING)
        return
    text = str(mapping.value)
    for part in text.split(";") if mapping.type is FieldType.MULTIPICKLIST else [text]:
        choice = next((c for c in found.active if c.value == part.strip()), None)
        if choice is None and part.strip():
            yield _no_choice(mapping, found, schema, part.strip())
        elif choice and choice.valid_for is not None:
            yield from _dependent(mapping, found, choice, mappings)


def _no_choice(mapping: FieldMapping, found: FieldSchema, schema: ObjectSchema, text: str) -> Finding:
    meant = found.choice(text)
    near = meant.value if meant else closest(text, [choice.value for choice in found.active])
    inactive = any(choice.value == text for choice in found.choices)
    listed = ", ".join(choice.value for choice in found.active[:SHOWN])
    more = f" and {len(found.active) - SHOWN} more" if len(found.active) > SHOWN else ""
    return finding_of(
        mapping,
        Code.INACTIVE_CHOICE if inactive else Code.NOT_A_CHOICE,
        f"{text} is {'not active' if inactive else 'no choice'} in {schema.name}; the choices are {listed}{more}.",
        f"Did you mean {near}?" if near else "Write one of them.",
        nearest=near,
        severity=Severity.ERROR if found.restricted else Severity.WARNING,
    )


def _dependent(
    mapping: FieldMapping, found: FieldSchema, choice: Choice, mappings: tuple[FieldMapping, ...]
) -> Iterator[Finding]:
    controlling = [
        other
        for other in mappings
        if other.target is mapping.target and other.field == found.controller and other.moments & mapping.moments
    ]
    valid = choice.valid_for or frozenset()
    fixed = [other for other in controlling if not other.names]
    for other in fixed:
        if str(other.value) not in valid:
            message = f"{choice.value} cannot stand with {other.value} in {found.controller}."
            yield finding_of(
                mapping, Code.DEPENDENT_CHOICE, message, f"It can with {', '.join(sorted(valid)) or 'none'}."
            )
    if not fixed:
        message = f"{choice.value} depends on {found.controller}, whose value is not fixed."
        yield finding_of(mapping, Code.DEPENDENT_CHOICE, message, severity=Severity.WARNING)


def _length(mapping: FieldMapping, found: FieldSchema, schema: ObjectSchema) -> Iterator[Finding]:
    if mapping.names or not isinstance(mapping.value, str) or not found.length:
        return
    if units(mapping.value) > found.length:
        cut = mapping.type in CUT
        message = f"{units(mapping.value)} characters; in {schema.name} it takes {found.length}."
        severity = Severity.WARNING if cut else Severity.ERROR
        yield finding_of(mapping, Code.TOO_LONG, message, "It is cut." if cut else "Shorten it.", severity=severity)


def _required(
    target: Target, schema: ObjectSchema, mappings: tuple[FieldMapping, ...], filled: frozenset[str]
) -> Iterator[Finding]:
    mapped = {m.field.casefold() for m in mappings if m.target is target and Moment.BOOKING in m.moments}
    given = mapped | {name.casefold() for name in filled}
    for each in schema.fields:
        if each.required and each.createable and not each.default_on_create and each.name.casefold() not in given:
            message = f"A new {schema.name} needs it, and nothing is written to it."
            remedy = "Map it on booking."
            yield Finding(where=f"{target.value}.{each.name}", code=Code.REQUIRED, message=message, remedy=remedy)
