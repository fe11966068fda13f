"""Series: patterns expanded, exceptions, cancelled occurrences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from microsoft_given import ANA, MARCH, Client, at, graph_running, ten, weekly

from syncd.sandbox.microsoft import MicrosoftGraph

YEAR = "startDateTime=2026-01-01T00:00:00Z&endDateTime=2027-01-01T00:00:00Z&$top=100"


@pytest.fixture
def graph(clock: SettableClock) -> Iterator[MicrosoftGraph]:
    provider = MicrosoftGraph(clock)
    with graph_running(provider):
        yield provider


@pytest.fixture
def ana(graph: MicrosoftGraph) -> Client:
    return Client(graph)


def starts(items: list[dict[str, Any]]) -> list[str]:
    return [item["start"]["dateTime"][5:16] for item in items]


PATTERNS: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"type": "daily", "interval": 2}, {"type": "numbered", "numberOfOccurrences": 3},
     ["03-02T09:00", "03-04T09:00", "03-06T09:00"]),
    ({"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "sunday"], "firstDayOfWeek": "sunday"},
     {"type": "endDate", "endDate": "2026-03-30"}, ["03-02T09:00", "03-15T09:00", "03-16T09:00", "03-29T08:00",
                                                    "03-30T08:00"]),
    ({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 2}, {"type": "endDate", "endDate": "2026-05-01"},
     ["03-02T09:00", "04-02T08:00"]),
    ({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}, {"type": "numbered", "numberOfOccurrences": 3},
     ["03-31T08:00", "04-30T08:00", "05-31T08:00"]),
    ({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 31, "month": 6}, {"type": "noEnd"}, ["06-30T08:00"]),
    ({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last"},
     {"type": "numbered", "numberOfOccurrences": 2}, ["03-27T09:00", "04-24T08:00"]),
    ({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 2, "month": 3}, {"type": "noEnd"}, ["03-02T09:00"]),
    ({"type": "relativeYearly", "interval": 1, "daysOfWeek": ["monday"], "index": "first", "month": 4},
     {"type": "noEnd"}, ["04-06T08:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "limit", "expected"), PATTERNS)
def test_each_pattern_is_expanded_in_the_events_zone(
    ana: Client, pattern: dict[str, Any], limit: dict[str, Any], expected: list[str]
) -> None:
    made = ana.create(recurrence={"pattern": pattern, "range": {"startDate": "2026-03-02", **limit}})
    assert made["type"] == "seriesMaster"
    told = ana.got("GET", f"/events/{made['id']}/instances?{YEAR}")["value"]
    assert starts(told) == expected
    assert {(e["type"], e["seriesMasterId"]) for e in told} == {("occurrence", made["id"])}


def test_a_list_has_the_master_and_a_view_its_occurrences(ana: Client) -> None:
    made = ana.create(**weekly(subject="Weekly"))
    assert [e["id"] for e in ana.got("GET", "/events")["value"]] == [made["id"]]
    told = ana.got("GET", f"/calendarView?{MARCH}")["value"]
    assert starts(told) == ["03-02T09:00", "03-09T09:00", "03-16T09:00", "03-23T09:00"]
    assert {e["subject"] for e in told} == {"Weekly"}
    assert told[1]["originalStart"] == "2026-03-09T09:00:00Z"
    assert told[1]["recurrence"] is None
    assert len({e["iCalUId"] for e in [*told, made]}) == 5


def test_an_occurrence_that_is_changed_is_an_exception(ana: Client) -> None:
    made = ana.create(**weekly())
    second = ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"][1]
    moved = ana.got(
        "PATCH", f"/events/{second['id']}", {"start": at("2026-03-10T15:00:00"), "end": at("2026-03-10T16:00:00")}
    )
    assert (moved["type"], moved["originalStart"], moved["id"]) == ("exception", "2026-03-09T09:00:00Z", second["id"])
    told = ana.got("GET", f"/calendarView?{MARCH}")["value"]
    assert starts(told) == ["03-02T09:00", "03-10T14:00", "03-16T09:00", "03-23T09:00"]
    assert [e["type"] for e in told] == ["occurrence", "exception", "occurrence", "occurrence"]


def test_an_exception_whose_change_is_refused_is_still_an_occurrence(ana: Client) -> None:
    made = ana.create(**weekly())
    first = ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"][0]
    assert ana.refused("PATCH", f"/events/{first['id']}", {"start": at("2026-04-10T15:00:00")})[0] == 400
    assert ana.got("GET", f"/events/{first['id']}")["type"] == "occurrence"


def test_an_occurrence_that_is_deleted_is_gone_and_the_others_stay(graph: MicrosoftGraph, ana: Client) -> None:
    made = ana.create(**weekly())
    told = ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"]
    assert ana.ask("DELETE", f"/events/{told[0]['id']}").status_code == 204
    graph.delete_event(ANA, "", told[3]["id"])
    assert ana.refused("GET", f"/events/{told[0]['id']}") == (404, "ErrorItemNotFound")
    assert starts(ana.got("GET", f"/calendarView?{MARCH}")["value"]) == ["03-09T09:00", "03-16T09:00"]


def test_a_series_that_moves_forgets_its_exceptions(ana: Client) -> None:
    made = ana.create(**weekly())
    second = ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"][1]
    ana.got("PATCH", f"/events/{second['id']}", {"subject": "Other"})
    times = {"start": at("2026-03-02T12:00:00"), "end": at("2026-03-02T13:00:00")}
    ana.got("PATCH", f"/events/{made['id']}", times)
    told = ana.got("GET", f"/calendarView?{MARCH}")["value"]
    assert starts(told) == ["03-02T11:00", "03-09T11:00", "03-16T11:00", "03-23T11:00"]
    assert {(e["type"], e["subject"]) for e in told} == {("occurrence", "Meeting")}


def test_a_person_changes_one_occurrence(graph: MicrosoftGraph, ana: Client) -> None:
    made = ana.create(**weekly())
    second = ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"][1]
    told = graph.change_event(ANA, "", second["id"], subject="Other")
    assert (told["type"], told["id"]) == ("exception", second["id"])
    assert len(graph.events(ANA)) == 1


def test_a_series_that_is_deleted_takes_its_occurrences_along(ana: Client) -> None:
    made = ana.create(**weekly())
    ana.ask("DELETE", f"/events/{made['id']}")
    assert ana.got("GET", f"/calendarView?{MARCH}")["value"] == []


def test_a_single_event_has_no_instances(ana: Client) -> None:
    made = ana.create(**ten())
    assert ana.got("GET", f"/events/{made['id']}/instances?{MARCH}")["value"] == []


def test_a_custom_zone_is_told_when_it_is_switched_on(graph: MicrosoftGraph, ana: Client) -> None:
    ana.create(**weekly())
    graph.faults.add("custom-zone")
    ana.got("GET", "/calendars")
    told = ana.got("GET", f"/calendarView?{MARCH}")["value"]
    assert {e["originalStartTimeZone"] for e in told} == {"tzone://Microsoft/Custom"}
