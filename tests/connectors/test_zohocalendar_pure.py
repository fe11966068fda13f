"""Zoho Calendar's times, windows, marks and refusals, without a provider."""

from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from given import NOON
from hypothesis import given as drawn
from hypothesis import strategies as st
from syncd_connectors.zohocalendar.mapping import LONGEST, Part, event_of, span_of_event, wanted
from syncd_connectors.zohocalendar.marks import LONGEST_MARK, digest, mark_of, mark_text, marked, unmarked
from syncd_connectors.zohocalendar.refusals import CODES, refusal
from syncd_connectors.zohocalendar.times import (
    LONGEST as LONGEST_RANGE,
)
from syncd_connectors.zohocalendar.times import (
    Span,
    UnreadableError,
    moment_of,
    pieces,
    span_of,
    text_of,
)
from urllib3 import HTTPHeaderDict

from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ProviderError,
    ReconnectError,
    RefreshError,
    RefusedError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.calendar import Event, Participant
from syncd.model.time import Window
from syncd.provider.client import Answer
from syncd.testing.cases import BERLIN, meeting, utc

MOMENTS = st.integers(1_600_000_000_000_000, 2_000_000_000_000_000).map(
    lambda microseconds: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
)

# times


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("20260302T110000+0100", utc(2026, 3, 2, 10)),
        ("20260302T100000Z", utc(2026, 3, 2, 10)),
        ("20260302T110000", utc(2026, 3, 2, 10)),
        ("20260702T120000", utc(2026, 7, 2, 10)),
        ("20260302", date(2026, 3, 2)),
        ("20260302Z", date(2026, 3, 2)),
    ],
)
def test_each_form_of_time_is_read(text: str, moment: Any) -> None:
    assert moment_of(text, BERLIN) == moment


@pytest.mark.parametrize("text", [None, "", 20260302, "2026-03-02", "20260332", "20260302T256000", "20170713T10Z"])
def test_what_is_no_time_is_unreadable(text: Any) -> None:
    with pytest.raises(UnreadableError):
        moment_of(text, BERLIN)


def test_a_local_time_in_an_unknown_zone_is_unreadable_unless_it_has_an_offset() -> None:
    assert moment_of("20260302T110000+0100", "Mars/Base") == utc(2026, 3, 2, 10)
    with pytest.raises(UnreadableError):
        moment_of("20260302T110000", "Mars/Base")


def test_an_event_without_dateandtime_is_in_the_calendars_zone() -> None:
    item = {"start": "20260302T110000", "end": "20260302T120000", "createdtime": "20170713T10Z"}
    assert span_of(item, BERLIN) == Span(utc(2026, 3, 2, 10), utc(2026, 3, 2, 11), BERLIN)


@pytest.mark.parametrize(
    ("end", "duration", "last"),
    [
        ("20260304", None, date(2026, 3, 4)),
        ("20260302", None, date(2026, 3, 3)),
        ("20260304", 172_800_000, date(2026, 3, 4)),
        ("20260304", 259_200_000, date(2026, 3, 5)),
        ("20260304", "259200000", date(2026, 3, 5)),
        ("20260304", "soon", date(2026, 3, 4)),
    ],
)
def test_an_all_day_event_ends_on_the_day_after_its_last_however_that_is_told(
    end: str, duration: Any, last: date
) -> None:
    item = {"isallday": True, "dateandtime": {"start": "20260302", "end": end, "timezone": BERLIN}}
    assert span_of({**item, **({"duration": duration} if duration else {})}, BERLIN)[:2] == (date(2026, 3, 2), last)


def test_days_that_are_told_as_times_are_the_days_where_the_event_is() -> None:
    times = {"start": "20260302T000000+0100", "end": "20260303T000000+0100", "timezone": BERLIN}
    assert span_of({"isallday": True, "dateandtime": times}, "UTC")[:2] == (date(2026, 3, 2), date(2026, 3, 3))


@drawn(start=MOMENTS, length=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_pieces_cover_a_window_without_gap_overlap_or_lost_tail(start: datetime, length: timedelta) -> None:
    window = Window(start, start + length)
    found = list(pieces(window))
    assert found[0].start <= window.start < found[0].start + timedelta(seconds=1)
    assert found[-1].end - timedelta(seconds=1) < window.end <= found[-1].end
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(timedelta() < piece.end - piece.start <= LONGEST_RANGE for piece in found)
    assert all(moment_of(text_of(m), "UTC") == m for piece in found for m in (piece.start, piece.end))


# marks


def test_a_mark_says_again_what_was_said() -> None:
    event = meeting(sequence=3, url="https://example.com/b/1", reminders=(10, 60), rrule="FREQ=DAILY", private=True)
    told = mark_of({"description": marked("text", mark_text(event, cancelled={"20260302"}, moved=True))})
    assert (told.uid, told.organizer, told.reminders) == (event.uid, event.organizer, (10, 60))
    assert told.names == {digest("guest@example.net"): "Gus Guest"}
    assert (told.cancelled, told.moved, told.text("r")) == (frozenset({"20260302"}), True, "FREQ=DAILY")


@drawn(text=st.text(max_size=200))
def test_a_description_comes_back_as_it_was(text: str) -> None:
    assert unmarked(marked(text, mark_text(meeting()))) == text


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("First<br>second<br><br>{mark}", "First<br>second"),
        ("First \n{mark}\n", "First"),
        ("{mark}", ""),
        ("Mine\n\n{mark}\nA person's own line", "Mine\nA person's own line"),
        ("Copied {mark}\n\n{mark}", "Copied"),
        ("no mark", "no mark"),
    ],
)
def test_a_mark_is_taken_out_of_whatever_became_of_the_description(told: str, text: str) -> None:
    description = told.replace("{mark}", mark_text(meeting()))
    assert unmarked(description) == text
    assert bool(mark_of({"description": description}).uid) == ("{mark}" in told)


def test_the_mark_of_an_invitation_is_a_strangers() -> None:
    description = mark_text(meeting())
    assert mark_of({"description": description, "role": "organizer"}).uid
    assert not mark_of({"description": description, "role": "participant"}).uid


@pytest.mark.parametrize(
    "content",
    [b"not packed", zlib.compress(b"[1]"), zlib.compress(b"{"), zlib.compress(json.dumps("x" * 10**7).encode())],
    ids=["plain", "list", "cut", "bomb"],
)
def test_what_is_no_mark_of_ours_says_nothing(content: bytes) -> None:
    text = base64.urlsafe_b64encode(content).decode().rstrip("=")
    assert dict(mark_of({"description": f"[syncd:1:{text}]"}).fields) == {}


@pytest.mark.parametrize("count", [150, 2000])
def test_a_mark_is_never_longer_than_it_may_be(count: int) -> None:
    guests = tuple(Participant(email=f"guest{n}@example.net", name=f"Guest {n * 7919}") for n in range(count))
    event = meeting(attendees=guests)
    text = mark_text(event)
    assert len(text) <= LONGEST_MARK
    told = mark_of({"description": text})
    assert told.uid == event.uid
    assert told.knows_guests == (count == 150)


def test_of_too_many_guests_all_are_read_and_none_is_taken_away() -> None:
    guests = tuple(Participant(email=f"guest{n}@example.net") for n in range(2000))
    event = meeting(attendees=guests)
    made = wanted(event, {}, Part(span=span_of_event(event)))
    assert len(made["description"]) <= LONGEST["description"]
    assert len(event_of(made, "").attendees) == 2000
    fewer = meeting(attendees=guests[:1])
    assert len(wanted(fewer, made, Part(span=span_of_event(fewer)))["attendees"]) == 2000


# mapping


def test_only_what_zoho_takes_is_sent_back() -> None:
    there = {
        "uid": "x@zoho.com",
        "etag": 1,
        "notifyType": 1,
        "calid": "1",
        "createdtime": "20170713T10Z",
        "color": "#005DE0",
        "transparency": 1,
        "attendees": [{"email": "a@example.net", "status": "ACCEPTED", "permission": 1}],
        "reminders": [{"action": "email", "minutes": "-30", "trigger": -1800000}],
    }
    event = meeting(attendees=())
    made = wanted(event, there, Part(span=span_of_event(event)))
    assert made.keys() == {
        "color", "transparency", "title", "dateandtime", "isallday", "isprivate", "location", "description",
        "attendees", "reminders",
    }  # fmt: skip
    assert made["attendees"] == [{"email": "a@example.net", "permission": 1}]
    assert made["reminders"] == [{"action": "email", "minutes": "-30"}]


def test_an_event_is_shown_in_utc_where_its_zone_is_unknown() -> None:
    event = meeting(zone="Mars/Base")
    made = wanted(event, {}, Part(span=span_of_event(event)))
    assert made["dateandtime"]["timezone"] == "UTC"
    assert event_of(made, "").start == event.start


@pytest.mark.parametrize(
    ("told", "zone"), [("Asia/Calcutta", "Asia/Kolkata"), ("Europe/London", "Europe/London"), ("Asia/Kolkata",) * 2]
)
def test_a_zone_under_a_name_of_zohos_is_still_ours(told: str, zone: str) -> None:
    event: Event = meeting(zone="Asia/Kolkata")
    made = wanted(event, {}, Part(span=span_of_event(event)))
    made["dateandtime"]["timezone"] = told
    assert event_of(made, "").zone == zone


# refusals

REFUSALS: list[tuple[int, str, type[ProviderError], str]] = [
    (401, "INVALID_OAUTHTOKEN", RefreshError, "token_refused"),
    (400, "INVALID_TICKET", RefreshError, "token_refused"),
    (401, "", RefreshError, "token_refused"),
    (401, "INVALID_OAUTHSCOPE", ReconnectError, "scopes_missing"),
    (403, "OPERATION_NOT_PERMITTED", ForbiddenError, "forbidden"),
    (403, "", ForbiddenError, "forbidden"),
    (404, "CALENDAR_NOTFOUND", NotFoundError, "not_found"),
    (404, "EVENT_NOTFOUND", NotFoundError, "event_gone"),
    (404, "URL_RULE_NOT_CONFIGURED", NotFoundError, "not_found"),
    (412, "ETAG_MISMATCH", ConflictError, "conflict"),
    (400, "ETAG_MISMATCH", ConflictError, "conflict"),
    (412, "", ConflictError, "conflict"),
    (400, "ETAG_MISSING", ConflictError, "conflict"),
    (400, "RANGE_EXCEEDED", RefusedError, "range_too_long"),
    (400, "EXTRA_KEY_FOUND_IN_JSON", RefusedError, "content_refused"),
    (400, "EXTRA_PARAM_FOUND", RefusedError, "content_refused"),
    (400, "INVALID_DATA", RefusedError, "content_refused"),
    (400, "LESS_THAN_MIN_OCCURANCE", RefusedError, "content_refused"),
    (400, "MORE_THAN_MAX_LENGTH", RefusedError, "content_refused"),
    (400, "PATTERN_NOT_MATCHED", RefusedError, "content_refused"),
    (400, "SOMETHING_NEW", RefusedError, "content_refused"),
    (429, "TOO_MANY_REQUESTS", WaitUntilError, "throttled"),
    (429, "", WaitUntilError, "throttled"),
    (500, "INTERNAL_SERVER_ERROR", UnclearError, "unclear"),
    (500, "", UnclearError, "unclear"),
]


@pytest.mark.parametrize("place", ["message", "error_code", "message_key"])
@pytest.mark.parametrize(("status", "told", "kind", "code"), REFUSALS)
def test_a_refusal_means_what_its_code_says_wherever_it_stands(
    status: int, told: str, kind: type[ProviderError], code: str, place: str
) -> None:
    said = told.lower() if place == "message_key" else told
    body = json.dumps({"error": [{"message": "Prose about secret things", place: said}]}).encode()
    error = refusal(Answer(status, HTTPHeaderDict(), body), "update event", NOON)
    assert type(error) is kind
    assert (error.code, error.status) == (code, status)
    assert "secret" not in str(error)
    assert error.remedy or kind in (RefreshError, ConflictError)


def test_every_code_of_the_table_is_tried() -> None:
    assert {told for _, told, _, _ in REFUSALS} >= CODES.keys()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error": "x"}', b'{"error": [1]}', b"[" * 100_000])
def test_a_refusal_without_a_body_goes_by_its_status(body: bytes) -> None:
    assert isinstance(refusal(Answer(403, HTTPHeaderDict(), body), "list events", NOON), ForbiddenError)


def test_too_many_requests_wait_as_long_as_is_told() -> None:
    error = refusal(Answer(429, HTTPHeaderDict({"Retry-After": "7"}), b""), "list events", NOON)
    assert isinstance(error, WaitUntilError)
    assert (error.retry_at, error.told) == (NOON + timedelta(seconds=7), True)
