"""calendarView/delta: a window that the links keep, pages, removals, and the death of links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from microsoft_given import ANA, IMMUTABLE, MARCH, Client, at, graph_running, ten, weekly
from sandboxed import provoked

from syncd.sandbox.microsoft import MicrosoftGraph

DELTA = f"/calendarView/delta?{MARCH}"


@pytest.fixture
def graph(clock: SettableClock) -> Iterator[MicrosoftGraph]:
    provider = MicrosoftGraph(clock)
    with graph_running(provider):
        yield provider


@pytest.fixture
def ana(graph: MicrosoftGraph) -> Client:
    return Client(graph)


def rounds(client: Client, link: str, size: int = 50) -> tuple[list[Any], str, int]:
    """All items of a round, the link to the next one, and how many pages there were."""
    items, pages = [], 0
    while True:
        told = client.got("GET", link, Prefer=f"{IMMUTABLE}, odata.maxpagesize={size}")
        pages += 1
        assert len(told["value"]) <= size
        items += told["value"]
        assert ("@odata.nextLink" in told) != ("@odata.deltaLink" in told)
        if "@odata.deltaLink" in told:
            return items, told["@odata.deltaLink"], pages
        assert "$skiptoken=" in told["@odata.nextLink"]
        link = told["@odata.nextLink"]


def test_a_first_round_tells_the_window_in_pages_and_the_next_what_changed(graph: MicrosoftGraph, ana: Client) -> None:
    made = [ana.create(**ten(f"2026-03-{day:02}"))["id"] for day in range(2, 7)]
    ana.create(**ten("2026-04-02"))
    items, link, pages = rounds(ana, DELTA, size=2)
    assert ([e["id"] for e in items], pages) == (made, 3)
    assert "$deltatoken=" in link
    assert rounds(ana, link)[0] == []
    graph.change_event(ANA, "", made[1], subject="Changed")
    graph.delete_event(ANA, "", made[2])
    changes, _, _ = rounds(ana, link)
    assert changes[0]["subject"] == "Changed"
    assert changes[1:] == [{"@odata.type": "#microsoft.graph.event", "id": made[2], "@removed": {"reason": "deleted"}}]


def test_the_window_is_the_links_own(ana: Client) -> None:
    _, link, _ = rounds(ana, DELTA)
    ana.create(**ten("2026-04-02"))
    inside = ana.create(**ten("2026-03-20"))
    assert [e["id"] for e in rounds(ana, link)[0]] == [inside["id"]]


def test_an_event_that_leaves_the_window_is_told_as_removed_and_one_never_in_it_is_not(ana: Client) -> None:
    made, outside = ana.create(), ana.create(**ten("2026-04-02"))
    _, link, _ = rounds(ana, DELTA)
    later = {"start": at("2026-05-02T10:00:00"), "end": at("2026-05-02T11:00:00")}
    ana.got("PATCH", f"/events/{made['id']}", later)
    ana.got("PATCH", f"/events/{outside['id']}", {"subject": "Other"})
    (told,) = rounds(ana, link)[0]
    assert (told["id"], told["@removed"]) == (made["id"], {"reason": "deleted"})


def test_a_round_in_pages_is_not_disturbed_by_what_changes_meanwhile(graph: MicrosoftGraph, ana: Client) -> None:
    made = [ana.create(**ten(f"2026-03-{day:02}"))["id"] for day in range(2, 5)]
    prefer = f"{IMMUTABLE}, odata.maxpagesize=2"
    first = ana.got("GET", DELTA, Prefer=prefer)
    graph.delete_event(ANA, "", made[0])
    rest, link, _ = rounds(ana, first["@odata.nextLink"], 2)
    assert [e["id"] for e in first["value"] + rest] == made
    assert [e["id"] for e in rounds(ana, link)[0]] == [made[0]]


def test_a_series_is_told_as_its_master_and_slim_occurrences(ana: Client) -> None:
    made = ana.create(**weekly())
    items, link, _ = rounds(ana, DELTA)
    assert [e["type"] for e in items] == ["seriesMaster", *["occurrence"] * 4]
    assert items[1].keys() == {"@odata.etag", "id", "seriesMasterId", "type", "start", "end"}
    ana.ask("DELETE", f"/events/{items[2]['id']}")
    changes, link, _ = rounds(ana, link)
    assert [e["id"] for e in changes if "@removed" in e] == [items[2]["id"]]
    ana.ask("DELETE", f"/events/{made['id']}")
    gone = {e["id"] for e in rounds(ana, link)[0] if "@removed" in e}
    assert gone == {e["id"] for e in items}


def test_an_event_that_moves_to_another_calendar_is_removed_here_and_there_it_comes(
    graph: MicrosoftGraph, ana: Client
) -> None:
    side = graph.add_calendar(ANA, "Side")
    made = ana.create()
    known = ana.got("GET", f"/events/{made['id']}", Prefer="")["id"]
    _, here, _ = rounds(ana, DELTA)
    _, there, _ = rounds(ana, f"/calendars/{side}{DELTA}")
    graph.move_event(ANA, "", made["id"], side)
    (told,) = ana.got("GET", here, Prefer="")["value"]
    assert (told["id"], told["@removed"]) == (known, {"reason": "deleted"})
    assert [(e["id"], e["subject"]) for e in rounds(ana, there)[0]] == [(made["id"], "Meeting")]


def test_a_calendar_has_a_delta_of_its_own(graph: MicrosoftGraph, ana: Client) -> None:
    side = graph.add_calendar(ANA, "Side")
    _, link, _ = rounds(ana, f"/calendars/{side}{DELTA}")
    ana.create()
    made = ana.create(f"/calendars/{side}/events")
    assert [e["id"] for e in rounds(ana, link)[0]] == [made["id"]]


@pytest.mark.parametrize("option", ["$select=id", "$filter=x", "$orderby=x", "$expand=x", "$top=5"])
def test_a_delta_takes_no_query_options(ana: Client, option: str) -> None:
    with provoked():
        assert ana.refused("GET", f"{DELTA}&{option}") == (400, "ErrorInvalidUrlQuery")


def test_a_dead_link_leads_to_a_round_over_the_same_window(graph: MicrosoftGraph, ana: Client) -> None:
    made = ana.create()
    _, link, _ = rounds(ana, DELTA)
    graph.expire_cursors()
    answer = ana.ask("GET", link)
    assert answer.status_code == 410
    assert answer.headers["Location"].endswith("$deltatoken=")
    items, fresh, _ = rounds(ana, answer.headers["Location"])
    assert [e["id"] for e in items] == [made["id"]]
    assert rounds(ana, fresh)[0] == []


def test_a_link_may_die_with_400_instead(graph: MicrosoftGraph, ana: Client) -> None:
    _, link, _ = rounds(ana, DELTA)
    graph.faults.add("state-gone")
    graph.faults.add("state-400", value="SyncStateInvalid")
    assert ana.refused("GET", link) == (400, "SyncStateInvalid")
    assert rounds(ana, link)[0] == []


def test_a_link_that_graph_did_not_make_is_dead(ana: Client) -> None:
    assert ana.refused("GET", "/calendarView/delta?$deltatoken=abc")[0] == 410


def test_an_empty_page_may_come_before_the_others(graph: MicrosoftGraph, ana: Client) -> None:
    made = ana.create()
    graph.faults.add("empty-page", path="delta")
    first = ana.got("GET", DELTA)
    assert first["value"] == []
    assert [e["id"] for e in rounds(ana, first["@odata.nextLink"])[0]] == [made["id"]]
    graph.faults.add("empty-page")
    first = ana.got("GET", f"/calendarView?{MARCH}")
    assert first["value"] == []
    assert [e["id"] for e in ana.got("GET", first["@odata.nextLink"])["value"]] == [made["id"]]
