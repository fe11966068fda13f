"""Mappings become exactly the fields to write; what is left out is told, with the reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.schema import ObjectSchema
from syncd.rules.crm.mapping import FieldMapping, FieldType, Missing, Moment, Target, When, is_empty
from syncd.rules.crm.resolve import Reason, Resolution, resolve, to_read

from .given import CANCELLED_AT, START, an_object, facts, field, mapping

BOOKING = Moment.BOOKING


def put(
    *mappings: FieldMapping,
    current: dict[str, Any] | None = None,
    schema: ObjectSchema | None = None,
    moment: Moment = BOOKING,
    around: dict[str, Any] | None = None,
    **more: Any,
) -> Resolution:
    """What is written to an event of Ada's booking."""
    return resolve(mappings, facts(**(around or {})), moment, current, schema, target=Target.EVENT, **more)


def reasons(resolution: Resolution) -> list[tuple[str, Reason]]:
    """What was left out."""
    return [(each.field, each.reason) for each in resolution.skipped]


VALUES: list[tuple[Any, str, Any]] = [
    ("fixed", "text", "fixed"),
    ("Hi {attendee.first_name}!", "text", "Hi Ada Maria!"),
    ("{company}: {form:budget}", "text", "Acme: 10k"),
    ("{utm:source}/{utm:medium}", "text", "ads/cpc"),
    ("{assignmentReason}", "textarea", "Owner of the account"),
    ("{seats} seats, {consent}", "text", "0 seats, false"),
    ("{seats}", "number", 0),
    ("{consent}", "checkbox", False),
    ("{seats}", "custom", 0),
    ("{consent}", "custom", False),
    (True, "checkbox", True),
    (0, "number", 0),
    ("booking_start_date", "date", date(2026, 3, 10)),
    ("{booking_start_date}", "date", date(2026, 3, 10)),
    ("booking_start_date", "datetime", START),
    ("booking_created_date", "date", date(2026, 3, 1)),
    ("booking_cancel_date", "datetime", CANCELLED_AT),
    ("booking_start_date", "custom", START),
    ("booking_start_date", "text", "booking_start_date"),
    ("at {booking_start_date}", "text", "at 2026-03-10T19:30:00-07:00"),
    ("{{literal}}", "text", "{literal}"),
    ("{link.cancel}", "url", "https://book.example/c1"),
    ("{organizer.email}", "email", "anna@host.example"),
    ("{attendee.phone}", "phone", "+49 30 1234"),
]


@pytest.mark.parametrize(("value", "type", "written"), VALUES)
def test_what_a_mapping_writes(value: Any, type: str, written: Any) -> None:
    resolution = put(mapping(value, type))
    assert resolution.fields == {"F__c": written}
    assert (type_of(resolution), resolution.skipped) == (written.__class__, ())


def type_of(resolution: Resolution) -> type:
    return resolution.fields["F__c"].__class__


DAYS = [
    ("organizer", date(2026, 3, 10)),
    ("attendee", date(2026, 3, 11)),
    ("UTC", date(2026, 3, 11)),
    ("Asia/Tokyo", date(2026, 3, 11)),
]


@pytest.mark.parametrize(("zone", "day"), DAYS)
def test_a_date_is_a_day_in_the_zone_chosen(zone: str, day: date) -> None:
    both = put(
        mapping("booking_start_date", "date"), mapping("booking_start_date", "datetime", field="T__c"), zone=zone
    )
    assert both.fields == {"F__c": day, "T__c": START}


WHEN: list[tuple[str, dict[str, Any] | None, bool, Reason | None]] = [
    ("every_time", {"F__c": "old"}, True, None),
    ("every_time", {}, True, None),
    ("only_when_empty", None, True, None),
    ("only_when_empty", {"F__c": None}, True, None),
    ("only_when_empty", {"F__c": ""}, True, None),
    ("only_when_empty", {"F__c": "old"}, False, Reason.NOT_EMPTY),
    ("only_when_empty", {"F__c": 0}, False, Reason.NOT_EMPTY),
    ("only_when_empty", {"F__c": False}, False, Reason.NOT_EMPTY),
    ("only_when_empty", {}, False, Reason.CURRENT_UNKNOWN),
]


@pytest.mark.parametrize(("when", "current", "written", "reason"), WHEN)
def test_when_a_value_there_is_replaced(
    when: str, current: dict[str, Any] | None, written: bool, reason: Reason | None
) -> None:
    resolution = put(mapping(when=when), current=current)
    assert resolution.fields == ({"F__c": "x"} if written else {})
    assert reasons(resolution) == ([("F__c", reason)] if reason else [])


MISSING: list[tuple[str, str, Missing, Any]] = [
    ("{unheard}", "text", Missing.SKIP, Reason.NO_VALUE),
    ("{unheard}", "text", Missing.EMPTY, ""),
    ("Hi {unheard}", "text", Missing.SKIP, Reason.NO_VALUE),
    ("Hi {unheard}", "text", Missing.EMPTY, "Hi"),
    ("{organizer.nick}", "text", Missing.SKIP, Reason.UNKNOWN_NAME),
    ("{utm:sauce}", "text", Missing.SKIP, Reason.UNKNOWN_NAME),
    ("{unheard}", "custom", Missing.EMPTY, ""),
    ("{unheard}", "phone", Missing.EMPTY, Reason.NO_VALUE),
    ("{unheard}", "date", Missing.EMPTY, Reason.NO_VALUE),
    ("{unheard}", "checkbox", Missing.EMPTY, Reason.NO_VALUE),
    ("", "text", Missing.EMPTY, Reason.NO_VALUE),
    ("  ", "textarea", Missing.SKIP, Reason.NO_VALUE),
]


@pytest.mark.parametrize(("value", "type", "missing", "outcome"), MISSING)
def test_what_becomes_of_a_name_without_a_value(value: str, type: str, missing: Missing, outcome: Any) -> None:
    for resolution in (put(mapping(value, type), missing=missing), put(mapping(value, type, missing=missing))):
        if isinstance(outcome, Reason):
            assert (resolution.fields, reasons(resolution)) == ({}, [("F__c", outcome)])
        else:
            assert (resolution.fields, resolution.skipped) == ({"F__c": outcome}, ())


def test_a_name_that_was_left_empty_is_told() -> None:
    for value in ("{unheard}", "Hi {unheard}"):
        (told,) = put(mapping(value), missing=Missing.EMPTY).adjusted
        assert (told.reason, told.message) == (Reason.LEFT_OFF, "Without {unheard}.")


def test_a_mapping_decides_before_the_event_type() -> None:
    assert put(mapping("Hi {unheard}", missing="skip"), missing=Missing.EMPTY).fields == {}


def test_a_date_not_told_is_not_made_up() -> None:
    resolution = put(mapping("booking_cancel_date", "date"), around={"told": {"cancelled_at": None}})
    assert (resolution.fields, reasons(resolution)) == ({}, [("F__c", Reason.NO_VALUE)])


SCHEMAS: list[tuple[str, dict[str, Any], dict[str, Any] | None, Reason | None]] = [
    ("x", {}, None, None),
    ("x", {"createable": False}, None, Reason.NOT_CREATEABLE),
    ("x", {"createable": False}, {}, None),
    ("x", {"updateable": False}, {}, Reason.NOT_UPDATEABLE),
    ("x", {"updateable": False}, None, None),
    ("x", {"name": "Other__c"}, None, Reason.UNKNOWN_FIELD),
]


@pytest.mark.parametrize(("value", "shape", "current", "reason"), SCHEMAS)
def test_a_field_that_cannot_be_written_is_left_out(
    value: str, shape: dict[str, Any], current: dict[str, Any] | None, reason: Reason | None
) -> None:
    resolution = put(mapping(value), schema=an_object(field(**{"name": "F__c"} | shape)), current=current)
    assert reasons(resolution) == ([("F__c", reason)] if reason else [])
    assert resolution.fields == ({} if reason else {"F__c": value})


def test_one_field_left_out_stops_no_other() -> None:
    schema = an_object(field("A__c"), field("B__c", "picklist", ("Small",)))
    wrong, right = mapping("Big", "picklist", field="B__c"), mapping(field="A__c")
    resolution = put(mapping(field="Gone__c"), wrong, right, schema=schema)
    assert resolution.fields == {"A__c": "x"}
    assert reasons(resolution) == [("Gone__c", Reason.UNKNOWN_FIELD), ("B__c", Reason.NOT_A_CHOICE)]


def test_another_spelling_of_case_is_mended_and_told() -> None:
    resolution = put(mapping(field="f__C"), schema=an_object(field("F__c")))
    assert resolution.fields == {"F__c": "x"}
    assert [each.reason for each in resolution.adjusted] == [Reason.RENAMED]


def test_fixed_text_is_cut_too_and_told() -> None:
    resolution = put(mapping("abcdef"), schema=an_object(field(length=4)))
    assert resolution.fields == {"F__c": "abcd"}
    assert [each.reason for each in resolution.adjusted] == [Reason.LEFT_OFF]


def test_values_are_escaped_into_rich_text_and_its_own_markup_is_not() -> None:
    resolution = put(
        mapping("<b>{company}</b>", "textarea"),
        mapping("{company}", "textarea", field="G__c"),
        schema=an_object(field(type="rich_text"), field("G__c", "rich_text")),
        around={"answers": {"company": "<A&B>\nLtd"}},
    )
    assert resolution.fields["F__c"] == "<b>&lt;A&amp;B&gt;<br>Ltd</b>"
    assert resolution.fields["G__c"] == "&lt;A&amp;B&gt;<br>Ltd"


def test_markup_of_which_nothing_fits_is_left_out() -> None:
    resolution = put(mapping("<b>x</b>", "textarea"), schema=an_object(field(type="rich_text", length=2)))
    assert (resolution.fields, reasons(resolution)) == ({}, [("F__c", Reason.NO_VALUE)])


def test_only_mappings_for_the_record_and_the_moment_are_meant() -> None:
    mappings = (
        mapping("event"),
        mapping("person", target="person"),
        mapping("cancelled", on=["cancellation"]),
        mapping("account", target="account"),
    )
    assert put(*mappings).fields == {"F__c": "event"}
    assert put(*mappings, moment=Moment.CANCELLATION).fields == {"F__c": "cancelled"}
    person = resolve(mappings, facts(), BOOKING, None, None, target=Target.PERSON)
    assert person.fields == {"F__c": "person"}


def test_a_reschedule_writes_mapped_dates_again_and_no_fixed_text() -> None:
    dated, fixed = mapping("booking_start_date", "date"), mapping("New", field="Status__c")
    assert put(dated, fixed, moment=Moment.RESCHEDULE, current={}).fields == {"F__c": date(2026, 3, 10)}


def test_of_two_values_for_a_field_the_later_is_written() -> None:
    assert put(mapping("one"), mapping("two")).fields == {"F__c": "two"}
    assert put(mapping("one"), mapping("{unheard}")).fields == {"F__c": "one"}


def test_a_fallback_is_written_when_the_first_has_no_value() -> None:
    fallback = mapping("direct", when="only_when_empty")
    assert put(mapping("{utm:source}"), fallback).fields == {"F__c": "ads"}
    assert put(mapping("{utm:source}"), fallback, around={"utm": {}}).fields == {"F__c": "direct"}


def test_what_must_be_read_first() -> None:
    mappings = (
        mapping(field="A__c"),
        mapping(field="b__c", when="only_when_empty"),
        mapping(field="Gone__c", when="only_when_empty"),
        mapping(field="C__c", when="only_when_empty", on=["cancellation"]),
    )
    schema = an_object(field("A__c"), field("B__c"), field("C__c"))
    assert to_read(mappings, Target.EVENT, BOOKING, schema) == ("B__c",)
    assert to_read(mappings, Target.EVENT, BOOKING) == ("b__c", "Gone__c")


def test_no_remark_tells_a_value_of_the_booking() -> None:
    secret = "s3cret-answer"
    wrong = [mapping("{company}", each.value, field=f"{each.value}__c") for each in FieldType]
    schema = an_object(*(field(f"{each.value}__c", length=3) for each in FieldType))
    resolution = put(*wrong, schema=schema, around={"answers": {"company": secret}})
    assert len(resolution.skipped) > 4
    assert secret not in repr((resolution.skipped, resolution.adjusted))


NAMES = st.sampled_from(["A__c", "B__c", "a__C", "Gone__c"])
VALUE = (
    st.text(alphabet=st.sampled_from("ab{}:. \n€😀<&"), max_size=20)
    | st.text()
    | st.sampled_from(["booking_start_date", "{company}", "{attendee.name} {unheard}", "{booking_cancel_date}"])
    | st.booleans()
    | st.integers()
    | st.floats()
)
MAPPINGS = st.lists(
    st.builds(
        FieldMapping,
        target=st.just(Target.EVENT),
        field=NAMES,
        value=VALUE,
        type=st.sampled_from(FieldType),
        when=st.sampled_from(When),
        on=st.just(frozenset({BOOKING})),
        missing=st.none() | st.sampled_from(Missing),
    ),
    max_size=6,
)
HELD = st.dictionaries(NAMES, st.sampled_from([None, "", "old", 0, False, 0.0]))


@given(MAPPINGS, HELD, st.booleans())
def test_any_mapping_is_written_or_told(mappings: list[FieldMapping], held: dict[str, Any], known: bool) -> None:
    schema = an_object(field("A__c", "rich_text", length=5), field("B__c", length=3)) if known else None
    resolution = put(*mappings, current=held, schema=schema)
    told = {each.field for each in resolution.skipped} | set(resolution.fields)
    assert len(resolution.skipped) <= len(mappings)
    assert all(any(name.casefold() == m.field.casefold() for name in told) for m in mappings)
    for name, value in resolution.fields.items():
        limit = {"A__c": 5, "B__c": 3}.get(name)
        if known and isinstance(value, str) and limit:
            assert len(value.encode("utf-16-le")) // 2 <= limit


@given(MAPPINGS, HELD)
def test_only_when_empty_never_overwrites(mappings: list[FieldMapping], held: dict[str, Any]) -> None:
    careful = [each.model_copy(update={"when": When.ONLY_WHEN_EMPTY}) for each in mappings]
    for name in put(*careful, current=held).fields:
        assert name in held
        assert is_empty(held[name])


@given(MAPPINGS)
def test_a_schema_only_takes_away(mappings: list[FieldMapping]) -> None:
    schema = an_object(field("A__c"), field("B__c"))
    known = put(*mappings, schema=schema)
    assert set(known.fields) <= {"A__c", "B__c"}


def test_the_day_is_that_of_the_moment_told() -> None:
    late = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    resolution = put(mapping("booking_start_date", "date"), around={"told": {"start": late}}, zone="Europe/Berlin")
    assert resolution.fields == {"F__c": date(2027, 1, 1)}
