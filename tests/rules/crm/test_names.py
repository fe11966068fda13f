"""Every name of the table stands for what the table says."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.booking import Attendee
from syncd.rules.crm.names import NAMED, UTM_NAMES, ask, is_known, nearest_name, shown, zone_of

from .given import CANCELLED_AT, GUEST, HOST, MADE_AT, START, facts

ROOM = "https://meet.example/abc"
TABLE: dict[str, Any] = {
    "booking_start_date": START,
    "booking_end_date": START + timedelta(minutes=30),
    "booking_created_date": MADE_AT,
    "booking_cancel_date": CANCELLED_AT,
    "title": "Discovery call",
    "location": ROOM,
    "uid": "b1",
    "status": "accepted",
    "description": "First talk",
    "notes": "Call me",
    "event_type": "discovery",
    "duration_minutes": 30,
    "cancellation_reason": "Ill",
    "organizer.name": "Anna Host",
    "organizer.email": "anna@host.example",
    "organizer.phone": "+1 555 0100",
    "organizer.time_zone": "America/Los_Angeles",
    "organizer.crm_id": "005A",
    "attendee.name": "Ada Maria Byron",
    "attendee.first_name": "Ada Maria",
    "attendee.last_name": "Byron",
    "attendee.email": "ada@acme.example",
    "attendee.phone": "+49 30 1234",
    "attendee.time_zone": "Europe/Berlin",
    "attendee.absent": False,
    "account.crm_id": "001A",
    "link.booking": "https://book.example/b1",
    "link.reschedule": "https://book.example/r1",
    "link.cancel": "https://book.example/c1",
    "link.meeting": ROOM,
    "utm:source": "ads",
    "utm:medium": "cpc",
    "utm:campaign": "spring",
    "utm:term": "crm",
    "utm:content": "blue",
    "assignmentReason": "Owner of the account",
}
TELLING = facts(told={"meeting_url": ROOM})


@pytest.mark.parametrize(("name", "value"), TABLE.items(), ids=TABLE)
def test_what_a_name_stands_for(name: str, value: Any) -> None:
    assert ask(TELLING, name) == value


def test_every_name_is_in_the_table() -> None:
    assert set(TABLE) == {*NAMED, *UTM_NAMES}


ANSWERS: dict[str, tuple[Any, Any]] = {
    "text": ("Acme", "Acme"),
    "zero": (0, 0),
    "false": (False, False),
    "empty text": ("", None),
    "blanks": ("  ", None),
    "an empty list": ([], None),
    "a list": (["a", "b"], ["a", "b"]),
    "null": (None, None),
    "wrapped by value": ({"label": "Company", "value": "Acme"}, "Acme"),
    "a place chosen": ({"optionValue": "+49 30 1", "value": "phone"}, "+49 30 1"),
    "a place without a choice": ({"optionValue": "", "value": "inPerson"}, "inPerson"),
    "wrapped around nothing": ({"label": "", "value": ""}, None),
    "name parts": ({"firstName": "Ada", "lastName": "Byron"}, "Ada Byron"),
    "one name part": ({"firstName": "Ada"}, "Ada"),
}


@pytest.mark.parametrize(("answer", "value"), ANSWERS.values(), ids=ANSWERS)
def test_what_an_answer_stands_for(answer: Any, value: Any) -> None:
    assert ask(facts(answers={"q": answer}), "q") == value
    assert ask(facts(answers={"q": answer}), "answer:q") == value
    assert ask(facts(form={"q": answer}), "form:q") == value


def test_the_table_comes_before_answers() -> None:
    told = facts(answers={"title": "asked", "location": {"optionValue": "", "value": "integrations:daily"}})
    assert (ask(told, "title"), ask(told, "answer:title")) == ("Discovery call", "asked")
    assert ask(told, "location") == "Google Meet"


PLACES = [
    ({"meeting_url": ROOM, "location": "integrations:zoom"}, ROOM),
    ({"location": "integrations:google:meet"}, "Google Meet"),
    ({"location": "integrations:office365_video"}, "Office365 Video"),
    ({"location": "Main Street 1"}, "Main Street 1"),
    ({"location": ""}, None),
]


@pytest.mark.parametrize(("told", "place"), PLACES)
def test_where_a_meeting_is(told: dict[str, Any], place: str | None) -> None:
    assert ask(facts(told=told), "location") == place


NAMES = [("Ada", "", "Ada"), ("Ada Byron", "Ada", "Byron"), ("  Ana  Maria Silva ", "Ana Maria", "Silva"), ("", "", "")]


@pytest.mark.parametrize(("name", "first", "last"), NAMES)
def test_no_part_of_a_name_is_lost(name: str, first: str, last: str) -> None:
    told = facts(attendee=Attendee(email="a@b.example", name=name))
    assert (ask(told, "attendee.first_name"), ask(told, "attendee.last_name")) == (first or None, last or None)


def test_a_name_given_in_parts_is_not_split_again() -> None:
    told = facts(answers={"name": {"firstName": "Ana Maria", "lastName": "da Silva"}})
    assert (ask(told, "attendee.first_name"), ask(told, "attendee.last_name")) == ("Ana Maria", "da Silva")
    guest = facts(answers={"name": {"firstName": "Ana", "lastName": "Silva"}}, attendee=Attendee(email="g@x.example"))
    assert ask(guest, "attendee.first_name") is None


def test_an_all_day_booking_has_its_first_and_last_day() -> None:
    told = facts(told={"start_date": date(2026, 3, 11), "end_date": date(2026, 3, 13)})
    days = (ask(told, "booking_start_date"), ask(told, "booking_end_date"))
    assert days == (date(2026, 3, 11), date(2026, 3, 12))


def test_nothing_is_made_up_for_what_was_not_told() -> None:
    bare = facts(
        told={"created_at": None, "cancelled_at": None, "organizer": None, "attendees": ()},
        utm={},
        form={},
        links={},
        assignment_reason="",
    )
    names = ["booking_created_date", "booking_cancel_date", "organizer.name", "attendee.email", "utm:source"]
    names += ["form:budget", "link.cancel", "assignmentReason", "unheard"]
    assert [ask(bare, name) for name in names] == [None] * len(names)


ZONES = [
    ("organizer", {}, "America/Los_Angeles"),
    ("attendee", {}, "Europe/Berlin"),
    ("Asia/Tokyo", {}, "Asia/Tokyo"),
    ("organizer", {"organizer": None}, "Europe/Berlin"),
    ("attendee", {"attendees": ()}, "America/Los_Angeles"),
    ("attendee", {"attendees": (Attendee(email="a", zone="Mars/Base"),)}, "America/Los_Angeles"),
    ("attendee", {"attendees": (Attendee(email="a", zone="../etc"),)}, "America/Los_Angeles"),
]


@pytest.mark.parametrize(("choice", "told", "zone"), ZONES)
def test_whose_days_dates_are(choice: str, told: dict[str, Any], zone: str) -> None:
    assert zone_of(facts(told=told), choice) == ZoneInfo(zone)


def test_without_any_zone_days_are_those_of_utc() -> None:
    assert zone_of(facts(told={"organizer": None, "attendees": ()}), "organizer") is UTC


BERLIN = ZoneInfo("Europe/Berlin")
SHOWN = [
    (True, "true"),
    (False, "false"),
    (0, "0"),
    (2.0, "2"),
    (2.5, "2.5"),
    (["a", 1, None, {"value": "b"}], "a, 1, b"),
    (START, "2026-03-11T03:30:00+01:00"),
    (date(2026, 3, 11), "2026-03-11"),
    ({"street": "Main"}, '{"street": "Main"}'),
    ("lone \ud800 half", "lone  half"),
]


@pytest.mark.parametrize(("value", "text"), SHOWN)
def test_how_a_value_is_shown(value: Any, text: str) -> None:
    assert shown(value, BERLIN) == text


KNOWN = [
    ("title", None, True),
    ("utm:source", None, True),
    ("utm:sauce", None, False),
    ("organizer.nick", None, False),
    ("booking_begin_date", None, False),
    ("company", None, True),
    ("company", frozenset({"company"}), True),
    ("compny", frozenset({"company"}), False),
    ("form:budget", frozenset({"form:budget"}), True),
    ("form:budget", frozenset({"budget"}), False),
    ("form:", None, False),
    ("answer:title", frozenset({"title"}), True),
]


@pytest.mark.parametrize(("name", "questions", "known"), KNOWN)
def test_which_names_can_have_a_value(name: str, questions: frozenset[str] | None, known: bool) -> None:
    assert is_known(name, questions) is known


def test_the_nearest_name_is_offered() -> None:
    assert nearest_name("booking_begin_date") == "booking_end_date"
    assert nearest_name("organiser.name") == "organizer.name"
    assert nearest_name("compny", frozenset({"company", "seats"})) == "company"
    assert nearest_name("zzzzzzzz") == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, st.sampled_from(["q", "answer:q", "attendee.first_name", "location"]))
def test_any_answer_can_be_asked_for_and_shown(answer: Any, name: str) -> None:
    value = ask(facts(answers={"q": answer, "name": answer}), name)
    assert shown(value, BERLIN) == shown(value, BERLIN)


def test_people_are_those_of_the_booking() -> None:
    assert (facts().person, facts().organizer) == (GUEST, HOST)
