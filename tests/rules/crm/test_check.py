"""Every problem of mappings with a CRM's objects is found at once, with the nearest right name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.schema import Choice, FieldSchema, ObjectSchema, SchemaType, closest
from syncd.rules.crm.check import OPERATIONS, TAKES, check
from syncd.rules.crm.finding import Code, Finding, Severity, errors
from syncd.rules.crm.mapping import FieldMapping, FieldType, Moment, Target

from .given import an_object, field, mapping

ERROR, WARNING = Severity.ERROR, Severity.WARNING
NOTHING: frozenset[Target] = frozenset()


def found(mappings: Any, *fields: FieldSchema, target: Target = Target.EVENT, **more: Any) -> tuple[Finding, ...]:
    """What is wrong with mappings to one object, but for what a new record needs."""
    mappings = (mappings,) if isinstance(mappings, FieldMapping) else mappings
    return check(mappings, {target: (an_object(*fields),)}, **{"made": NOTHING} | more)


def told(findings: tuple[Finding, ...]) -> list[tuple[Code, Severity]]:
    return [(each.code, each.severity) for each in findings]


def test_a_mapping_that_fits_is_no_finding() -> None:
    assert found(mapping(), field()) == ()


def test_what_is_not_known_is_not_compared() -> None:
    assert check([mapping()], {}) == ()


FIELDS: list[tuple[str, FieldSchema, Code, str]] = [
    ("Last_Boking__c", field("Last_Booking__c"), Code.UNKNOWN_FIELD, "Last_Booking__c"),
    ("Last Booking", field("Last_Booking__c", label="Last Booking"), Code.UNKNOWN_FIELD, "Last_Booking__c"),
    ("zzz", field("Last_Booking__c"), Code.UNKNOWN_FIELD, ""),
    ("last_booking__C", field("Last_Booking__c"), Code.WRONG_CASE, "Last_Booking__c"),
]


@pytest.mark.parametrize(("name", "there", "code", "nearest"), FIELDS)
def test_a_field_must_exist_under_exactly_this_name(name: str, there: FieldSchema, code: Code, nearest: str) -> None:
    (wrong,) = found(mapping(field=name), there)
    assert (wrong.code, wrong.nearest, wrong.severity) == (code, nearest, ERROR)
    assert nearest in wrong.remedy


NOT_CREATE, NOT_UPDATE = Code.NOT_CREATEABLE, Code.NOT_UPDATEABLE
WRITABLE: list[tuple[Target, str, bool, bool, list[tuple[Code, Severity]]]] = [
    (Target.EVENT, "booking", True, True, []),
    (Target.EVENT, "booking", False, True, [(NOT_CREATE, ERROR)]),
    (Target.EVENT, "booking", True, False, []),
    (Target.EVENT, "reschedule", True, False, [(NOT_UPDATE, ERROR)]),
    (Target.EVENT, "reschedule", False, True, []),
    (Target.EVENT, "cancellation", True, False, [(NOT_UPDATE, ERROR)]),
    (Target.EVENT, "no_show", True, False, [(NOT_UPDATE, ERROR)]),
    (Target.PERSON, "booking", False, True, [(NOT_CREATE, WARNING)]),
    (Target.PERSON, "booking", True, False, [(NOT_UPDATE, WARNING)]),
    (Target.PERSON, "booking", False, False, [(NOT_CREATE, ERROR), (NOT_UPDATE, ERROR)]),
    (Target.PERSON, "cancellation", True, False, [(NOT_UPDATE, ERROR)]),
    (Target.ACCOUNT, "booking", True, False, [(NOT_UPDATE, ERROR)]),
    (Target.ACCOUNT, "booking", False, True, []),
]


@pytest.mark.parametrize(("target", "on", "createable", "updateable", "findings"), WRITABLE)
def test_a_field_must_be_writable_at_its_moments(
    target: Target, on: str, createable: bool, updateable: bool, findings: list[tuple[Code, Severity]]
) -> None:
    there = field(createable=createable, updateable=updateable)
    assert told(found(mapping(target=target, on=[on]), there, target=target)) == findings


def test_every_record_and_moment_has_an_operation() -> None:
    assert set(OPERATIONS) == {(target, moment) for target in Target for moment in Moment}


VALID = {
    "checkbox": True,
    "date": "booking_start_date",
    "datetime": "booking_start_date",
    "number": 1,
    "email": "a@b.example",
    "url": "https://a.example",
}
PAIRS = [(type, there) for type in FieldType for there in SchemaType]


@pytest.mark.parametrize(("type", "there"), PAIRS)
def test_the_type_must_fit_the_field(type: FieldType, there: SchemaType) -> None:
    findings = found(mapping(VALID.get(type, "x"), type), field(type=there))
    assert told(findings) == ([] if there in TAKES[type] else [(Code.WRONG_TYPE, ERROR)])


def test_the_right_type_is_offered() -> None:
    (wrong,) = found(mapping("x", "text"), field(type="picklist"))
    assert wrong.remedy == 'Write type = "picklist".'
    (wrong,) = found(mapping("x", "text"), field(type="reference"))
    assert wrong.remedy == 'Write type = "custom".'
    (wrong,) = found(mapping(True, "checkbox"), field(type="rich_text"))
    assert wrong.remedy == 'Write type = "text".'


SIZES = ("Small", "Large", Choice(value="Old", active=False), Choice(value="XL", label="Very large"))
CHOICES: list[tuple[str, Any, bool, list[tuple[Code, Severity]], str]] = [
    ("picklist", "Small", True, [], ""),
    ("picklist", "small", True, [(Code.NOT_A_CHOICE, ERROR)], "Small"),
    ("picklist", "Very large", True, [(Code.NOT_A_CHOICE, ERROR)], "XL"),
    ("picklist", "Smal", True, [(Code.NOT_A_CHOICE, ERROR)], "Small"),
    ("picklist", "Purple", True, [(Code.NOT_A_CHOICE, ERROR)], ""),
    ("picklist", "Old", True, [(Code.INACTIVE_CHOICE, ERROR)], ""),
    ("picklist", "Purple", False, [(Code.NOT_A_CHOICE, WARNING)], ""),
    ("picklist", "{size}", True, [(Code.KNOWN_LATER, WARNING)], ""),
    ("multipicklist", "Small; Large", True, [], ""),
    ("multipicklist", "Small;Purple", True, [(Code.NOT_A_CHOICE, ERROR)], ""),
    ("multipicklist", "{sizes}", True, [(Code.KNOWN_LATER, WARNING)], ""),
]


@pytest.mark.parametrize(("type", "value", "restricted", "findings", "nearest"), CHOICES)
def test_a_fixed_value_must_be_an_active_choice(
    type: str, value: str, restricted: bool, findings: list[tuple[Code, Severity]], nearest: str
) -> None:
    wrong = found(mapping(value, type), field(type=type, choices=SIZES, restricted=restricted))
    assert told(wrong) == findings
    assert [each.nearest for each in wrong] == [nearest] * len(findings)


def test_at_most_five_choices_are_named() -> None:
    (wrong,) = found(mapping("x", "picklist"), field(type="picklist", choices=tuple("abcdefgh")))
    assert "a, b, c, d, e and 3 more" in wrong.message


CITY = field("City__c", "picklist", (Choice(value="Berlin", valid_for=frozenset({"DE"})),), controller="Country__c")
COUNTRY = field("Country__c", "picklist", ("DE", "FR"))
IN_BERLIN = mapping("Berlin", "picklist", field="City__c")
DEPENDENT = [
    ([mapping("DE", "picklist", field="Country__c")], []),
    ([mapping("FR", "picklist", field="Country__c")], [(Code.DEPENDENT_CHOICE, ERROR)]),
    ([], [(Code.DEPENDENT_CHOICE, WARNING)]),
    ([mapping("FR", "picklist", field="Country__c", on=["cancellation"])], [(Code.DEPENDENT_CHOICE, WARNING)]),
]


@pytest.mark.parametrize(("controlling", "findings"), DEPENDENT)
def test_a_dependent_choice_is_compared_with_what_it_depends_on(
    controlling: list[FieldMapping], findings: list[tuple[Code, Severity]]
) -> None:
    assert told(found([IN_BERLIN, *controlling], CITY, COUNTRY)) == findings


LENGTHS = [
    ("text", "abcd", 4, []),
    ("text", "abcde", 4, [(Code.TOO_LONG, WARNING)]),
    ("textarea", "abcde", 4, [(Code.TOO_LONG, WARNING)]),
    ("phone", "+49 30 1", 4, [(Code.TOO_LONG, ERROR)]),
    ("email", "a@b.example", 4, [(Code.TOO_LONG, ERROR)]),
    ("text", "{company}", 4, []),
    ("text", "ab😀", 3, [(Code.TOO_LONG, WARNING)]),
]


@pytest.mark.parametrize(("type", "value", "length", "findings"), LENGTHS)
def test_a_fixed_value_must_fit(type: str, value: str, length: int, findings: list[tuple[Code, Severity]]) -> None:
    there = field(type=type if type in set(SchemaType) else "text", length=length)
    assert told(found(mapping(value, type), there)) == findings


NEEDED = field("Source__c", required=True)
REQUIRED: list[tuple[list[FieldMapping], FieldSchema, dict[str, Any], bool]] = [
    ([], NEEDED, {}, True),
    ([mapping(field="Source__c")], NEEDED, {}, False),
    ([mapping(field="Source__c", when="only_when_empty")], NEEDED, {}, False),
    ([mapping(field="Source__c", on=["cancellation"])], NEEDED, {}, True),
    ([mapping(field="Source__c", target="person")], NEEDED, {}, True),
    ([], NEEDED, {"filled": {Target.EVENT: frozenset({"Source__c"})}}, False),
    ([], NEEDED, {"made": frozenset({Target.PERSON})}, False),
    ([], field("Source__c", required=True, default_on_create=True), {}, False),
    ([], field("Source__c", required=True, createable=False), {}, False),
]


@pytest.mark.parametrize(("mappings", "there", "more", "missing"), REQUIRED)
def test_what_a_new_record_needs_must_be_written(
    mappings: list[FieldMapping], there: FieldSchema, more: dict[str, Any], missing: bool
) -> None:
    findings = found(mappings, there, **{"made": frozenset({Target.EVENT})} | more)
    assert told(findings) == ([(Code.REQUIRED, ERROR)] if missing else [])


def test_a_field_of_leads_only_is_left_out_of_contacts() -> None:
    contact, lead = an_object(name="Contact"), an_object(field("Rating__c"), name="Lead")
    rated = mapping(field="Rating__c", target="person")
    findings = check([rated], {Target.PERSON: (contact, lead)}, made=NOTHING)
    assert told(findings) == [(Code.UNKNOWN_FIELD, WARNING)]
    assert "Contact" in findings[0].message


def test_every_problem_is_told_at_once() -> None:
    mappings = [
        mapping(field="Gone__c"),
        mapping("yes", "checkbox", field="Box__c"),
        mapping("x", field="Box__c", on=["no_show"]),
        mapping("Purple", "picklist", field="Size__c"),
    ]
    there = (field("Box__c", "checkbox"), field("Size__c", "picklist", ("Small",)), NEEDED)
    findings = found(mappings, *there, made=frozenset({Target.EVENT}))
    wrong = {Code.UNKNOWN_FIELD, Code.INVALID_VALUE, Code.WRONG_TYPE, Code.NOT_A_CHOICE, Code.REQUIRED}
    assert {each.code for each in findings} == wrong
    assert errors(findings) == findings


def test_the_nearest_does_not_depend_on_order() -> None:
    known = ["Last_Booking_A__c", "Last_Booking_B__c", "last_booking_a__c"]
    orders = (known, known[::-1], sorted(known))
    assert [closest("Last_Booking_A_c", order) for order in orders] == ["Last_Booking_A__c"] * 3


THERE: ObjectSchema = an_object(CITY, COUNTRY, NEEDED, field("Box__c", "checkbox"), field("F__c", length=3))
MAPPINGS = st.lists(
    st.builds(
        FieldMapping,
        target=st.sampled_from(Target),
        field=st.sampled_from(["City__c", "Country__c", "f__C", "F__c", "Box__c", "Boks__c", "Source__c"]),
        value=st.sampled_from(["Berlin", "DE", "FR", "", "booking_start_date", "{utm:sauce}", "{a", True, 5]),
        type=st.sampled_from(FieldType),
        on=st.frozensets(st.sampled_from(Moment)),
    ),
    max_size=6,
)


@given(MAPPINGS, st.randoms(use_true_random=False))
def test_what_is_wrong_does_not_depend_on_order(mappings: list[FieldMapping], random: Any) -> None:
    shuffled = list(mappings)
    random.shuffle(shuffled)
    schemas = {target: (THERE,) for target in Target}
    assert check(mappings, schemas) == check(shuffled, schemas)
