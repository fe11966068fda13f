"""getSchedule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from microsoft_given import ANA, BEN, Client, at, graph_running, ten, weekly
from sandboxed import provoked

from syncd.sandbox.microsoft import MicrosoftGraph


@pytest.fixture
def graph(clock: SettableClock) -> Iterator[MicrosoftGraph]:
    provider = MicrosoftGraph(clock)
    with graph_running(provider):
        yield provider


@pytest.fixture
def ana(graph: MicrosoftGraph) -> Client:
    return Client(graph)


def asked(*people: str, **fields: Any) -> dict[str, Any]:
    return {
        "schedules": list(people),
        "startTime": at("2026-03-02T09:00:00"),
        "endTime": at("2026-03-02T12:00:00"),
        "availabilityViewInterval": 30,
        **fields,
    }


def schedules(client: Client, body: dict[str, Any]) -> list[Any]:
    told: list[Any] = client.got("POST", "/calendar/getSchedule", body)["value"]
    return told


def test_what_weighs_most_is_told_of_each_slot(graph: MicrosoftGraph, ana: Client) -> None:
    ben = Client(graph, BEN)
    for kind, start, end in [
        ("busy", "10:00", "11:00"),
        ("oof", "10:30", "10:45"),
        ("tentative", "11:00", "11:30"),
        ("workingElsewhere", "11:00", "12:00"),
        ("free", "09:00", "09:30"),
    ]:
        ben.create(showAs=kind, start=at(f"2026-03-02T{start}:00"), end=at(f"2026-03-02T{end}:00"))
    (told,) = schedules(ana, asked(BEN))
    assert (told["scheduleId"], told["availabilityView"]) == (BEN, "002314")
    assert [i["status"] for i in told["scheduleItems"]] == ["free", "busy", "oof", "tentative", "workingElsewhere"]
    assert told["scheduleItems"][1]["start"] == at("2026-03-02T09:00:00.0000000", "UTC")


def test_names_may_begin_with_a_capital(ana: Client) -> None:
    ana.create(sensitivity="private")
    body = {name[0].upper() + name[1:]: value for name, value in asked(ANA).items()}
    (told,) = schedules(ana, body)
    assert told["availabilityView"] == "002200"
    assert told["scheduleItems"][0]["isPrivate"]


def test_names_may_have_to_begin_with_a_capital(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("capitals-only", times=2)
    assert ana.refused("POST", "/calendar/getSchedule", asked(ANA)) == (400, "ErrorInvalidParameter")
    body = {name[0].upper() + name[1:]: value for name, value in asked(ANA).items()}
    assert schedules(ana, body)[0]["availabilityView"] == "000000"


def test_the_documented_number_of_people_may_hold(graph: MicrosoftGraph, ana: Client) -> None:
    graph.faults.add("schedules-20", times=2)
    assert len(schedules(ana, asked(*[ANA] * 20))) == 20
    code = ana.refused("POST", "/calendar/getSchedule", asked(*[ANA] * 21))
    assert code == (400, "ErrorMailboxDataArrayTooBig")


def test_series_are_expanded(ana: Client) -> None:
    ana.create(**weekly())
    day = {"startTime": at("2026-03-09T09:00:00"), "endTime": at("2026-03-09T12:00:00")}
    assert schedules(ana, asked(ANA, **day))[0]["availabilityView"] == "002200"


def test_an_address_nobody_knows_is_an_error_of_its_own(ana: Client) -> None:
    ana.create()
    unknown, known = schedules(ana, asked("nobody@example.com", ANA))
    assert unknown["error"]["responseCode"] == "5009"
    assert "availabilityView" not in unknown
    assert known["availabilityView"] == "002200"


def test_more_than_1000_entries_fail_that_schedule(graph: MicrosoftGraph, ana: Client) -> None:
    for _ in range(1001):
        graph.put_event(BEN, "", ten())
    ben, own = schedules(ana, asked(BEN, ANA))
    assert ben["error"]["responseCode"] == "5006"
    assert own["availabilityView"] == "000000"


REFUSED = [
    ({"endTime": at("2026-05-03T10:00:01")}, "ErrorTimeIntervalTooBig"),
    ({"endTime": at("2026-03-02T09:00:00")}, "ErrorInvalidTimeInterval"),
    ({"schedules": [f"p{n}@example.com" for n in range(101)]}, "ErrorMailboxDataArrayTooBig"),
    ({"schedules": []}, "ErrorInvalidParameter"),
    ({"availabilityViewInterval": 4}, "ErrorInvalidMergedFreeBusyInterval"),
    ({"availabilityViewInterval": 1441}, "ErrorInvalidMergedFreeBusyInterval"),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED)
def test_what_is_too_much_is_refused(ana: Client, fields: dict[str, Any], code: str) -> None:
    with provoked():
        assert ana.refused("POST", "/calendar/getSchedule", asked(ANA, **fields)) == (400, code)


def test_62_days_and_100_people_are_not_too_much(ana: Client) -> None:
    people = [f"p{n}@example.com" for n in range(100)]
    window = {"startTime": at("2026-03-02T09:00:00", "UTC"), "endTime": at("2026-05-03T09:00:00", "UTC")}
    assert len(schedules(ana, asked(*people, availabilityViewInterval=1440, **window))) == 100
