"""A value takes its field's form, or is told to have none; it is never longer than the field."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.model.schema import Choice, FieldSchema, SchemaType
from syncd.rules.crm.mapping import FieldType
from syncd.rules.crm.values import Fitted, Place, Wrong, cut, fit, units

from .given import START, field

BERLIN, LOS_ANGELES = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Los_Angeles")
SIZE = field(
    type="picklist",
    choices=("Small", "Large", Choice(value="Huge", label="Very large"), Choice(value="Old", active=False)),
)
SIZES = field(type="multipicklist", choices=("Small", "Large"))
OPEN = field(type="picklist", choices=("Small",), restricted=False)


def put(value: Any, type: str, where: FieldSchema | None = None, zone: ZoneInfo = BERLIN) -> Any:
    """The value written, or the code of why it cannot be."""
    fitted = fit(value, FieldType(type), Place(where, zone))
    return fitted.value if isinstance(fitted, Fitted) else fitted.code


FORMS: list[tuple[str, Any, FieldSchema | None, Any]] = [
    ("text", "Acme", None, "Acme"),
    ("text", " two\r\nlines ", None, "two lines"),
    ("text", 0, None, "0"),
    ("text", False, None, "false"),
    ("text", ["a", "b"], None, "a, b"),
    ("text", "abcdef", field(length=4), "abcd"),
    ("textarea", "two\nlines", None, "two\nlines"),
    ("textarea", "abcdef", field(type="textarea", length=4), "abcd"),
    ("phone", " +49 30 1234 ", None, "+49 30 1234"),
    ("phone", "+49 30 1234", field(type="phone", length=5), "too_long"),
    ("email", "ada@acme.example", None, "ada@acme.example"),
    ("email", "ada at acme", None, "wrong_value"),
    ("email", "ada@acme.example", field(type="email", length=5), "too_long"),
    ("url", "https://acme.example/a", None, "https://acme.example/a"),
    ("url", "acme.example", None, "wrong_value"),
    ("url", "javascript:alert(1)", None, "wrong_value"),
    ("url", "https://[", None, "wrong_value"),
    ("date", START, None, date(2026, 3, 11)),
    ("date", date(2026, 3, 11), None, date(2026, 3, 11)),
    ("date", "2026-03-11", None, date(2026, 3, 11)),
    ("date", "2026-03-11T02:30:00Z", None, date(2026, 3, 11)),
    ("date", "tomorrow", None, "wrong_value"),
    ("date", 5, None, "wrong_value"),
    ("datetime", START, None, START),
    ("datetime", "2026-03-11T03:30", None, START),
    ("datetime", date(2026, 3, 11), None, datetime(2026, 3, 10, 23, tzinfo=UTC)),
    ("datetime", "soon", None, "wrong_value"),
    ("datetime", "0001-01-01T00:00+14:00", None, "wrong_value"),
    ("date", "9999-12-31T23:59-12:00", None, "wrong_value"),
    ("text", "abc def", field(length=4), "abc"),
    ("checkbox", True, None, True),
    ("checkbox", False, None, False),
    ("checkbox", "False", None, False),
    ("checkbox", "yes", None, True),
    ("checkbox", 0, None, False),
    ("checkbox", "maybe", None, "wrong_value"),
    ("number", 5, None, 5),
    ("number", 2.5, None, 2.5),
    ("number", " -2.50 ", None, -2.5),
    ("number", "10.0", None, 10),
    ("number", 0, None, 0),
    ("number", True, None, "wrong_value"),
    ("number", "1_000", None, "wrong_value"),
    ("number", "10k", None, "wrong_value"),
    ("number", float("nan"), None, "wrong_value"),
    ("number", "1" * 30, None, "wrong_value"),
    ("picklist", "Small", SIZE, "Small"),
    ("picklist", "small ", SIZE, "Small"),
    ("picklist", "very large", SIZE, "Huge"),
    ("picklist", "small", field(type="picklist", choices=("SMALL", "small")), "small"),
    ("picklist", "Old", SIZE, "not_a_choice"),
    ("picklist", "Medium", SIZE, "not_a_choice"),
    ("picklist", "Medium", OPEN, "Medium"),
    ("picklist", "Medium", None, "Medium"),
    ("multipicklist", ["small", "Large"], SIZES, ("Small", "Large")),
    ("multipicklist", "Small; Large;Small", SIZES, ("Small", "Large")),
    ("multipicklist", ["Medium", "Large"], SIZES, ("Large",)),
    ("multipicklist", ["Medium"], SIZES, "not_a_choice"),
    ("multipicklist", "", SIZES, "not_a_choice"),
    ("custom", "as  it is\n", None, "as  it is\n"),
    ("custom", True, field(type="checkbox"), True),
    ("custom", 5, field(type="number"), 5),
    ("custom", START, None, START),
    ("custom", START, field(type="datetime"), START),
    ("custom", START, field(type="date"), date(2026, 3, 11)),
    ("custom", START, field(type="text"), "2026-03-11T03:30:00+01:00"),
    ("custom", "abcdef", field(length=4), "abcd"),
    ("custom", float("inf"), None, "wrong_value"),
]


@pytest.mark.parametrize(("type", "value", "where", "written"), FORMS)
def test_what_a_value_becomes(type: str, value: Any, where: FieldSchema | None, written: Any) -> None:
    found = put(value, type, where)
    assert (found, found.__class__) == (written, written.__class__)


def test_every_type_has_rows() -> None:
    assert {type for type, *_ in FORMS} == {each.value for each in FieldType}


def test_an_evening_booking_keeps_its_day() -> None:
    assert put(START, "date", zone=LOS_ANGELES) == date(2026, 3, 10)
    assert put(START, "date", zone=BERLIN) == date(2026, 3, 11)
    assert put(START, "datetime", zone=LOS_ANGELES).tzinfo is UTC


def test_what_is_left_off_is_told() -> None:
    short = fit("abcdef", FieldType.TEXT, Place(field(length=4), BERLIN))
    some = fit(["Small", "Medium"], FieldType.MULTIPICKLIST, Place(SIZES, BERLIN))
    assert isinstance(short, Fitted)
    assert short.left_off == "Cut to 4 of 6 characters."
    assert isinstance(some, Fitted)
    assert some.left_off == "1 of 2 are no active choices."


CUTS = [
    ("abc", None, False, "abc"),
    ("abc", 3, False, "abc"),
    ("abcd", 3, False, "abc"),
    ("ab😀", 3, False, "ab"),
    ("ab😀", 4, False, "ab😀"),
    ("a &amp; b", 5, True, "a "),
    ("a <b>c</b>", 4, True, "a "),
    ("a & b and c", 7, True, "a & b a"),
]


@pytest.mark.parametrize(("text", "length", "markup", "short"), CUTS)
def test_a_cut_splits_nothing(text: str, length: int | None, markup: bool, short: str) -> None:
    assert cut(text, length, markup=markup) == short


MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, BERLIN, LOS_ANGELES, timezone(timedelta(hours=14))]))
ANY = st.one_of(
    st.text(),
    st.text(alphabet="0123456789-+.:TZ", max_size=25),
    st.booleans(),
    st.integers(),
    st.floats(),
    MOMENTS,
    st.dates(),
    st.lists(st.text(max_size=8), max_size=4),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
    st.just(datetime.max.replace(tzinfo=UTC)),
    st.just(datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))),
)
PLACES = st.builds(
    Place,
    st.none()
    | st.builds(
        FieldSchema,
        name=st.just("F__c"),
        type=st.sampled_from(SchemaType),
        length=st.none() | st.integers(1, 12),
        choices=st.lists(st.builds(Choice, value=st.text(min_size=1, max_size=15)), max_size=3).map(tuple),
        restricted=st.booleans(),
    ),
    st.sampled_from([BERLIN, LOS_ANGELES, UTC]),
)


@given(ANY, st.sampled_from(FieldType), PLACES)
def test_any_value_takes_a_form_no_longer_than_its_field_or_is_told_why_not(
    value: Any, type: FieldType, place: Place
) -> None:
    fitted = fit(value, type, place)
    if isinstance(fitted, Wrong):
        assert fitted.code in ("wrong_value", "not_a_choice", "too_long")
        return
    text = ";".join(fitted.value) if isinstance(fitted.value, tuple) else fitted.value
    if isinstance(text, str) and place.length:
        assert units(text) <= place.length


@given(ANY, st.sampled_from(FieldType), PLACES)
@example([",", ""], FieldType.TEXT, Place(field(length=2), BERLIN))
def test_what_was_written_once_is_written_so_again(value: Any, type: FieldType, place: Place) -> None:
    fitted = fit(value, type, place)
    if isinstance(fitted, Fitted) and type is not FieldType.MULTIPICKLIST:
        again = fit(fitted.value, type, place)
        assert isinstance(again, Fitted)
        assert again.value == fitted.value
