"""What is wrong with mappings by themselves, without asking a CRM.

    type                                valid value
    ----------------------------------  -------------------------------------------------------------------------
    checkbox                            true or false, as such or as text
    date, datetime                      a date's name: booking_start_date, booking_created_date, booking_cancel_date
    text, phone, picklist, textarea,    a text that is not blank
    multipicklist
    number                              a number, or text that is one
    email, url                          an address, an http or https address
    custom                              anything

Checkbox, date, text, phone, picklist, textarea and custom are the table "Validated field types" of the page "Salesforce
integration", the rest is syncd's. Where the page's list of checks wants custom to be non-empty its table does not: the
table holds. A value that is one name, or has names in it, is known only when there is a booking: for the types that
take not every text that is a warning, since `resolve` leaves out what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations

from syncd.model.schema import closest

from .finding import Code, Finding, Severity
from .mapping import DATES, FieldMapping, FieldType, Moment, When
from .names import is_known, nearest_name
from .template import braced, has_stray_brace
from .values import EMAIL, is_url, number_of

ONLY_ON = {"booking_cancel_date": Moment.CANCELLATION, "cancellation_reason": Moment.CANCELLATION}
"""Names that have a value from one moment on."""


def check_values(mappings: Iterable[FieldMapping], questions: frozenset[str] | None = None) -> Iterator[Finding]:
    """What is wrong with each mapping's value and with mappings among each other."""
    mappings = tuple(mappings)
    for mapping in mappings:
        yield from _value(mapping)
        yield from _names(mapping, questions)
        yield from _slips(mapping)
    yield from _duplicates(mappings)


def finding_of(
    mapping: FieldMapping,
    code: Code,
    message: str,
    remedy: str = "",
    nearest: str = "",
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding about a mapping."""
    where = f"{mapping.target.value}.{mapping.field} ({', '.join(sorted(mapping.moments))})"
    return Finding(where=where, code=code, message=message, remedy=remedy, nearest=nearest, severity=severity)


def _value(mapping: FieldMapping) -> Iterator[Finding]:
    needed = NEEDED.get(mapping.type)
    if needed is None or needed[0](mapping):
        return
    if mapping.names and mapping.type not in TEXTS:
        message = f"Whether {mapping.value} is {needed[1]} is known only when there is a booking."
        remedy = "Where it is not, the field is left alone."
        yield finding_of(mapping, Code.KNOWN_LATER, message, remedy, severity=Severity.WARNING)
        return
    near = closest(str(mapping.value), DATES) if mapping.type in (FieldType.DATE, FieldType.DATETIME) else ""
    message = f"A {mapping.type.value} field needs {needed[1]}."
    yield finding_of(mapping, Code.INVALID_VALUE, message, f"Did you mean {near}?" if near else "", nearest=near)


def _names(mapping: FieldMapping, questions: frozenset[str] | None) -> Iterator[Finding]:
    for name in mapping.names:
        if not is_known(name, questions):
            near = nearest_name(name, questions)
            remedy = f"Did you mean {braced(near)}?" if near else ""
            yield finding_of(mapping, Code.UNKNOWN_NAME, f"Nothing is called {braced(name)}.", remedy, nearest=near)
        elif name in ONLY_ON and ONLY_ON[name] not in mapping.moments:
            message = f"{name} has no value before a {ONLY_ON[name].value}."
            yield finding_of(mapping, Code.NO_VALUE_THEN, message, severity=Severity.WARNING)


def _slips(mapping: FieldMapping) -> Iterator[Finding]:
    if not isinstance(mapping.value, str):
        return
    if has_stray_brace(mapping.value):
        message, remedy = "A brace belongs to no name, and is written as it stands.", "Double it if that is meant."
        yield finding_of(mapping, Code.STRAY_BRACE, message, remedy, severity=Severity.WARNING)
    if mapping.value in DATES and not mapping.date:
        message, remedy = "These words are written, not the date.", f"Write {braced(mapping.value)}."
        yield finding_of(mapping, Code.BARE_DATE, message, remedy, braced(mapping.value), Severity.WARNING)


def _duplicates(mappings: tuple[FieldMapping, ...]) -> Iterator[Finding]:
    always = [mapping for mapping in mappings if mapping.when is When.EVERY_TIME]
    for one, other in combinations(always, 2):
        same = one.target is other.target and one.field.casefold() == other.field.casefold()
        if same and (both := one.moments & other.moments):
            name = min(one.field, other.field)
            message = f"Two values are written to it on {', '.join(sorted(both))}; the one listed later wins."
            remedy = "Remove one, or write one of them only when empty."
            yield Finding(where=f"{one.target.value}.{name}", code=Code.DUPLICATE, message=message, remedy=remedy)


def _is_truth(mapping: FieldMapping) -> bool:
    return isinstance(mapping.value, bool) or str(mapping.value).strip().casefold() in ("true", "false")


def _is_date(mapping: FieldMapping) -> bool:
    return mapping.single in DATES


def _is_text(mapping: FieldMapping) -> bool:
    return isinstance(mapping.value, str) and bool(mapping.value.strip())


def _is_email(mapping: FieldMapping) -> bool:
    return _is_text(mapping) and not mapping.names and bool(EMAIL.fullmatch(str(mapping.value).strip()))


def _is_link(mapping: FieldMapping) -> bool:
    return _is_text(mapping) and not mapping.names and is_url(str(mapping.value).strip())


def _is_number(mapping: FieldMapping) -> bool:
    return number_of(mapping.value) is not None


A_TEXT = (_is_text, "a text that is not blank")
A_DATE = (_is_date, f"one of {', '.join(DATES)}")
TEXTS = frozenset({FieldType.TEXT, FieldType.TEXTAREA, FieldType.PHONE, FieldType.PICKLIST, FieldType.MULTIPICKLIST})
NEEDED: dict[FieldType, tuple[Callable[[FieldMapping], bool], str]] = {
    FieldType.CHECKBOX: (_is_truth, "true or false"),
    FieldType.DATE: A_DATE,
    FieldType.DATETIME: A_DATE,
    **dict.fromkeys(TEXTS, A_TEXT),
    FieldType.NUMBER: (_is_number, "a number"),
    FieldType.EMAIL: (_is_email, "an e-mail address"),
    FieldType.URL: (_is_link, "an http or https address"),
}
"""The table: whether a value is valid, and what is valid in words."""
