"""Mappings are validated by type as the page's table says, before any CRM is asked."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.rules.crm.finding import Code, Finding, Severity
from syncd.rules.crm.mapping import FieldMapping, FieldType
from syncd.rules.crm.static import check_values

from .given import mapping

OK, INVALID, LATER = None, Code.INVALID_VALUE, Code.KNOWN_LATER

PAGE: list[tuple[str, Any, Code | None]] = [
    # Checkbox: value must be a boolean (true or false).
    ("checkbox", True, OK),
    ("checkbox", False, OK),
    ("checkbox", "true", OK),
    ("checkbox", "False", OK),
    ("checkbox", "yes", INVALID),
    ("checkbox", "", INVALID),
    ("checkbox", 1, INVALID),
    # Date: must reference a valid dynamic date value.
    ("date", "booking_start_date", OK),
    ("date", "booking_created_date", OK),
    ("date", "{booking_start_date}", OK),
    ("date", "booking_starts", INVALID),
    ("date", "2026-03-11", INVALID),
    ("date", "", INVALID),
    ("date", True, INVALID),
    # Text, phone, picklist, textarea: value must be a non-empty string.
    *[
        (type, value, code)
        for type in ("text", "phone", "picklist", "textarea")
        for value, code in [
            ("x", OK),
            ("{company}", OK),
            ("", INVALID),
            (" \n", INVALID),
            (True, INVALID),
            (5, INVALID),
        ]
    ],
    # Custom: no automatic validation.
    *[("custom", value, OK) for value in ("x", "", True, False, 0, "{company}")],
]
OURS: list[tuple[str, Any, Code | None]] = [
    ("datetime", "booking_start_date", OK),
    ("datetime", "2026-03-11T10:00Z", INVALID),
    ("multipicklist", "a;b", OK),
    ("multipicklist", "", INVALID),
    ("number", 5, OK),
    ("number", 0, OK),
    ("number", "2.5", OK),
    ("number", "many", INVALID),
    ("number", True, INVALID),
    ("email", "ada@acme.example", OK),
    ("email", "ada", INVALID),
    ("url", "https://acme.example", OK),
    ("url", "acme", INVALID),
]
KNOWN_LATER: list[tuple[str, Any, Code | None]] = [
    ("checkbox", "{consent}", LATER),
    ("date", "{birthday}", LATER),
    ("datetime", "{form:when}", LATER),
    ("number", "{seats}", LATER),
    ("email", "{attendee.email}", LATER),
    ("url", "{link.cancel}", LATER),
]


def found(*mappings: FieldMapping, **more: Any) -> list[Finding]:
    return list(check_values(mappings, **more))


@pytest.mark.parametrize(("type", "value", "code"), PAGE + OURS + KNOWN_LATER)
def test_which_values_are_valid(type: str, value: Any, code: Code | None) -> None:
    assert [each.code for each in found(mapping(value, type))] == ([code] if code else [])


def test_every_type_is_in_the_table() -> None:
    assert {type for type, *_ in PAGE + OURS} == {each.value for each in FieldType}


def test_what_is_known_later_keeps_nothing_from_being_saved() -> None:
    assert {each.severity for each in found(mapping("{consent}", "checkbox"))} == {Severity.WARNING}
    assert {each.severity for each in found(mapping("yes", "checkbox"))} == {Severity.ERROR}


def test_a_date_slip_offers_the_nearest_date() -> None:
    (slip,) = found(mapping("booking_started_date", "date"))
    assert slip.nearest == "booking_start_date"
    assert "booking_start_date" in slip.remedy


def test_a_date_without_braces_in_text_is_taken_for_a_slip() -> None:
    (slip,) = found(mapping("booking_start_date", "text"))
    assert (slip.code, slip.nearest, slip.severity) == (Code.BARE_DATE, "{booking_start_date}", Severity.WARNING)


def test_an_unknown_name_is_found_with_the_nearest() -> None:
    (wrong,) = found(mapping("Hi {organiser.name}"), questions=frozenset({"company"}))
    assert (wrong.code, wrong.nearest, wrong.severity) == (Code.UNKNOWN_NAME, "organizer.name", Severity.ERROR)
    assert found(mapping("Hi {compny}")) == []
    (wrong,) = found(mapping("Hi {compny}"), questions=frozenset({"company"}))
    assert wrong.nearest == "company"
    (wrong,) = found(mapping("{utm:sauce}"))
    assert wrong.nearest == "utm:source"


def test_a_name_without_a_value_at_that_moment_is_a_warning() -> None:
    assert [f.code for f in found(mapping("booking_cancel_date", "date"))] == [Code.NO_VALUE_THEN]
    assert found(mapping("booking_cancel_date", "date", on=["cancellation"])) == []


def test_a_stray_brace_is_a_warning() -> None:
    assert [(f.code, f.severity) for f in found(mapping("Hi {name"))] == [(Code.STRAY_BRACE, Severity.WARNING)]


def test_two_values_for_a_field_at_a_moment_are_found() -> None:
    one, other = mapping("a"), mapping("b", field="f__C")
    assert [(f.code, f.where) for f in found(one, other)] == [(Code.DUPLICATE, "event.F__c")]
    assert found(one, mapping("b", target="person")) == []
    assert found(one, mapping("b", on=["cancellation"])) == []
    assert found(one, mapping("b", when="only_when_empty")) == []


def test_a_finding_says_where_what_and_what_to_do() -> None:
    (wrong,) = found(mapping("yes", "checkbox", target="person", field="Agreed__c", on=["booking", "cancellation"]))
    assert str(wrong.problem) == "person.Agreed__c (booking, cancellation): A checkbox field needs true or false."
