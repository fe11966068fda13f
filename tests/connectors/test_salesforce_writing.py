"""The bodies that Salesforce is sent, without a server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from salesforce_given import activity, booked
from syncd_connectors.salesforce.bodies import attachable, cut, event_body, event_fields, field_value, person_body

from syncd.connector.crm import ActivityWrite, PersonWrite
from syncd.model.crm import PersonKind

C, L = PersonKind.CONTACT, PersonKind.LEAD


def people(*kinds: PersonKind) -> list[PersonWrite]:
    """People whose records are there."""
    return [PersonWrite(kind=kind, id=f"{kind}{n}", email=f"{n}@x.example") for n, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "shared", "attached", "named"),
    [
        ((), True, [], []),
        ((C,), True, [0], []),
        ((C, C), True, [0, 1], []),
        ((C, C), False, [0], [1]),
        ((L, C), True, [0], [1]),
        ((L, L), True, [0], [1]),
        ((C, L, C), True, [0, 2], [1]),
        ((C, L), False, [0], [1]),
    ],
)
def test_an_event_is_with_one_lead_or_with_contacts(
    kinds: tuple[PersonKind, ...], shared: bool, attached: list[int], named: list[int]
) -> None:
    assert attachable(people(*kinds), shared=shared) == (attached, named)


@pytest.mark.parametrize(("kind", "what"), [(C, "001x"), (L, None)])
def test_an_event_with_a_lead_is_about_no_account(kind: PersonKind, what: str | None) -> None:
    body = event_body(ActivityWrite(activity=activity(), account_id="001x"), people(kind), shared=True)
    assert body.get("WhatId") == what


def test_what_is_left_out_is_not_sent_unless_it_is_mapped() -> None:
    without = frozenset({"Location", "Subject"})
    write = ActivityWrite(activity=activity(location="Room"), without=without, fields={"Subject": "mapped"})
    body = event_body(write, people(C), shared=True)
    assert ("Location" in body, body["Subject"]) == (False, "mapped")
    person = PersonWrite(kind=C, last_name="X", phone="1", without=frozenset({"Phone"}))
    assert person_body(person) == {"LastName": "X"}


def test_of_an_existing_person_only_what_changes_is_sent() -> None:
    known = PersonWrite(kind=L, id="00Q1", email="x@x.example", first_name="X", last_name="Y", company="Z", phone="1")
    assert person_body(known) == {}


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (datetime(2026, 3, 2, 10, tzinfo=UTC), "2026-03-02T10:00:00Z"),
        (datetime.fromisoformat("2026-03-02T12:00:00+02:00"), "2026-03-02T10:00:00Z"),
        (date(2026, 3, 2), "2026-03-02"),
        (("A", "B"), "A;B"),
        (False, False),
        (0, 0),
        ("", ""),
    ],
)
def test_values_are_sent_as_salesforce_takes_them(value: Any, sent: Any) -> None:
    assert field_value(value) == sent


@given(text=st.text(), length=st.integers(0, 20))
def test_a_cut_text_fits_and_begins_as_it_did(text: str, length: int) -> None:
    short = cut(text, length)
    assert len(short.encode("utf-16-le")) <= 2 * length
    assert text.encode("utf-16-le", "ignore").decode("utf-16-le").startswith(short)


@given(text=st.text(max_size=100), guests=st.lists(st.text(max_size=20), max_size=5))
def test_a_description_ends_with_its_booking(text: str, guests: list[str]) -> None:
    described = event_fields(activity(booked(description=text)), guests)["Description"]
    assert described.endswith("Booking: b1")
