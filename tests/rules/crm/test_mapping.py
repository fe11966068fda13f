"""When a mapping is written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from syncd.rules.crm.mapping import FieldMapping, Moment, Target, is_empty

from .given import mapping

BOOKING, RESCHEDULE, CANCELLATION, NO_SHOW = Moment
MOMENTS: list[tuple[Any, str, list[str], set[Moment]]] = [
    ("x", "text", [], {BOOKING}),
    ("booking_start_date", "date", [], {BOOKING, RESCHEDULE}),
    ("booking_start_date", "datetime", [], {BOOKING, RESCHEDULE}),
    ("booking_end_date", "date", [], {BOOKING, RESCHEDULE}),
    ("booking_start_date", "text", [], {BOOKING}),
    ("at {booking_start_date}", "text", [], {BOOKING, RESCHEDULE}),
    ("booking_created_date", "date", [], {BOOKING}),
    ("{location}", "text", [], {BOOKING, RESCHEDULE}),
    ("{organizer.email}", "email", [], {BOOKING, RESCHEDULE}),
    ("{link.cancel}", "url", [], {BOOKING, RESCHEDULE}),
    ("{assignmentReason}", "text", [], {BOOKING, RESCHEDULE}),
    ("{company}", "text", [], {BOOKING}),
    (True, "checkbox", [], {BOOKING}),
    ("booking_start_date", "date", ["booking"], {BOOKING}),
    ("x", "text", ["reschedule"], {RESCHEDULE}),
    ("booking_cancel_date", "date", ["cancellation"], {CANCELLATION}),
    (True, "checkbox", ["no_show", "cancellation"], {NO_SHOW, CANCELLATION}),
]


@pytest.mark.parametrize(("value", "type", "on", "moments"), MOMENTS)
def test_when_a_mapping_is_written(value: Any, type: str, on: list[str], moments: set[Moment]) -> None:
    assert mapping(value, type, on=on).moments == moments


@pytest.mark.parametrize(
    ("value", "empty"), [(None, True), ("", True), (0, False), (False, False), (" ", False), ("x", False), ([], False)]
)
def test_what_counts_as_empty(value: object, empty: bool) -> None:
    assert is_empty(value) is empty


SINGLE = [
    ("booking_start_date", "date", "booking_start_date"),
    ("booking_start_date", "text", ""),
    ("{booking_start_date}", "text", "booking_start_date"),
    ("{company}", "checkbox", "company"),
    ("{company} ", "text", ""),
    ("{{company}}", "text", ""),
    (True, "checkbox", ""),
]


@pytest.mark.parametrize(("value", "type", "name"), SINGLE)
def test_the_one_name_that_is_the_whole_value(value: Any, type: str, name: str) -> None:
    assert mapping(value, type).single == name


def test_a_mapping_read_again_is_the_same() -> None:
    for value, type, on, _ in MOMENTS:
        made = mapping(value, type, on=on, when="only_when_empty", missing="empty")
        assert FieldMapping.model_validate(made.model_dump(mode="json")) == made


@pytest.mark.parametrize(
    "wrong",
    [{"type": "blob"}, {"target": "deal"}, {"when": "never"}, {"on": ["payment"]}, {"field": ""}, {"colour": "red"}],
)
def test_what_is_no_mapping(wrong: dict[str, Any]) -> None:
    right = {"target": Target.EVENT, "field": "F__c", "value": "x"}
    FieldMapping.model_validate(right)
    with pytest.raises(ValidationError):
        FieldMapping.model_validate(right | wrong)


@pytest.mark.parametrize("value", [True, 1, 1.5, "1", "true"])
def test_a_value_stays_what_it_is(value: Any) -> None:
    kept = mapping(value).value
    assert (type(kept), kept) == (type(value), value)
