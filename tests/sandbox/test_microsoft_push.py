"""Subscriptions: the handshake, notifications, lifecycle, and their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import NOON, SettableClock
from microsoft_given import ANA, BEN, Client, Receiver, graph_running, receiving, ten, weekly
from sandboxed import provoked

from syncd.sandbox.microsoft import MicrosoftGraph
from syncd.sandbox.microsoft_login import TENANT_ID

PATH = "//subscriptions"


@pytest.fixture
def graph(clock: SettableClock) -> Iterator[MicrosoftGraph]:
    provider = MicrosoftGraph(clock)
    with graph_running(provider):
        yield provider


@pytest.fixture
def ana(graph: MicrosoftGraph) -> Client:
    return Client(graph)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as taken:
        yield taken


def asked(receiver: Receiver, **fields: Any) -> dict[str, Any]:
    return {
        "changeType": "created,updated,deleted",
        "notificationUrl": receiver.url,
        "lifecycleNotificationUrl": f"{receiver.url}?life=1",
        "resource": "me/events",
        "expirationDateTime": "2026-01-09T00:00:00Z",
        "clientState": "ours",
        **fields,
    }


def test_a_subscription_is_made_after_each_address_has_echoed(ana: Client, receiver: Receiver) -> None:
    made = ana.got("POST", PATH, asked(receiver))
    assert len(receiver.handshakes) == 2
    assert made["expirationDateTime"] == "2026-01-09T00:00:00.0000000Z"
    assert made["resource"] == "me/events"
    assert ana.got("GET", f"{PATH}/{made['id']}") == made
    assert ana.got("GET", PATH)["value"] == [made]


def test_an_address_that_does_not_echo_gets_no_subscription(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    receiver.echoes = False
    assert ana.refused("POST", PATH, asked(receiver)) == (400, "ValidationError")
    nobody = {"notificationUrl": "http://127.0.0.1:1/", "lifecycleNotificationUrl": None}
    assert ana.refused("POST", PATH, asked(receiver, **nobody)) == (400, "ValidationError")
    assert graph.pusher.subscriptions == {}


def test_each_change_is_told_with_the_secret(graph: MicrosoftGraph, ana: Client, receiver: Receiver) -> None:
    made = ana.got("POST", PATH, asked(receiver))
    event = ana.create()
    ana.got("PATCH", f"/events/{event['id']}", {"subject": "Other"})
    graph.put_event(ANA, "", ten())
    graph.delete_event(ANA, "", event["id"])
    graph.settle()
    assert receiver.kinds() == ["created", "updated", "created", "deleted"]
    notice = receiver.got[0]
    assert (notice["subscriptionId"], notice["clientState"], notice["tenantId"]) == (made["id"], "ours", TENANT_ID)
    assert notice["resourceData"]["id"] == event["id"]


def test_only_what_was_asked_for_is_told(graph: MicrosoftGraph, ana: Client, receiver: Receiver) -> None:
    side = graph.add_calendar(ANA, "Side")
    ana.got("POST", PATH, asked(receiver, resource=f"users/{ANA}/calendars/{side}/events", changeType="deleted"))
    ana.create()
    series = ana.create(f"/calendars/{side}/events", **weekly())
    graph.delete_event(ANA, side, series["id"])
    graph.settle()
    assert receiver.kinds() == ["deleted"]


def test_a_notification_may_be_lost_or_come_twice(graph: MicrosoftGraph, ana: Client, receiver: Receiver) -> None:
    ana.got("POST", PATH, asked(receiver))
    graph.faults.add("push-dropped")
    ana.create()
    graph.faults.add("push-twice")
    second = ana.create()
    graph.settle()
    assert [n["resourceData"]["id"] for n in receiver.got] == [second["id"]] * 2


def test_a_subscription_may_be_told_of_before_its_handshake_which_fails(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    graph.faults.add("push-early")
    graph.faults.add("handshake-unheard")
    with provoked():
        assert ana.refused("POST", PATH, asked(receiver)) == (400, "ValidationError")
    assert [n["clientState"] for n in receiver.got] == ["ours"]
    assert (receiver.handshakes, ana.got("GET", PATH)["value"]) == ([], [])


def test_the_ids_that_are_told_are_of_the_kind_that_was_asked_for(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    ana.got("POST", PATH, asked(receiver), Prefer="")
    made = ana.create()
    graph.settle()
    told = receiver.got[0]["resourceData"]["id"]
    assert told != made["id"]
    assert ana.got("GET", f"/events/{told}")["id"] == made["id"]


def test_an_event_that_moves_is_deleted_here_and_created_there(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    side = graph.add_calendar(ANA, "Side")
    made = ana.create()
    ana.got("POST", PATH, asked(receiver))
    ana.got("POST", PATH, asked(receiver, resource=f"me/calendars/{side}/events"))
    graph.move_event(ANA, "", made["id"], side)
    graph.settle()
    assert receiver.kinds() == ["deleted", "created"]


def test_lifecycle_events_are_told_and_a_removed_subscription_is_gone(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    made = ana.got("POST", PATH, asked(receiver))
    for event in ("missed", "reauthorizationRequired"):
        graph.lifecycle(made["id"], event)
    assert ana.ask("POST", f"{PATH}/{made['id']}/reauthorize").status_code == 204
    graph.lifecycle(made["id"], "subscriptionRemoved")
    graph.settle()
    assert receiver.kinds() == ["missed", "reauthorizationRequired", "subscriptionRemoved"]
    assert {n["clientState"] for n in receiver.got} == {"ours"}
    assert ana.refused("PATCH", f"{PATH}/{made['id']}", renewal("2026-01-09T00:00:00Z")) == (404, "ResourceNotFound")
    with pytest.raises(ValueError, match="no subscription"):
        graph.lifecycle(made["id"], "missed")


def renewal(until: str) -> dict[str, str]:
    return {"expirationDateTime": until}


def test_a_subscription_is_renewed_until_it_has_ended(
    graph: MicrosoftGraph, receiver: Receiver, clock: SettableClock
) -> None:
    clock.now = NOON
    ana = Client(graph)
    made = ana.got("POST", PATH, asked(receiver, expirationDateTime="2026-01-02T12:00:00Z"))
    assert made["expirationDateTime"] == "2026-01-02T12:45:00.0000000Z"
    told = ana.got("PATCH", f"{PATH}/{made['id']}", renewal("2026-01-02T12:50:00Z"))
    assert told["expirationDateTime"] == "2026-01-02T12:50:00.0000000Z"
    clock.advance(minutes=50)
    assert ana.refused("PATCH", f"{PATH}/{made['id']}", renewal("2026-01-03T00:00:00Z")) == (404, "ResourceNotFound")
    ana.create()
    graph.settle()
    assert receiver.got == []


def test_a_subscription_is_its_makers_and_ends_with_a_delete(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    made = ana.got("POST", PATH, asked(receiver))
    ben = Client(graph, BEN)
    assert ben.got("GET", PATH)["value"] == []
    assert ben.refused("DELETE", f"{PATH}/{made['id']}") == (404, "ResourceNotFound")
    assert ben.refused("POST", PATH, asked(receiver, resource=f"users/{ANA}/events")) == (403, "ErrorAccessDenied")
    assert ana.ask("DELETE", f"{PATH}/{made['id']}").status_code == 204
    ana.create()
    graph.settle()
    assert receiver.got == []


REFUSED: list[dict[str, Any]] = [
    {"expirationDateTime": "2026-01-09T12:00:01Z"},
    {"expirationDateTime": "soon"},
    {"changeType": "moved"},
    {"notificationUrl": "http://syncd.example/push"},
    {"resource": "me/messages"},
    {"clientState": "x" * 129},
    {"includeResourceData": True},
]


@pytest.mark.parametrize("fields", REFUSED, ids=lambda fields: next(iter(fields)))
def test_what_cannot_be_watched_is_refused(ana: Client, receiver: Receiver, fields: dict[str, Any]) -> None:
    with provoked():
        assert ana.refused("POST", PATH, asked(receiver, **fields)) == (400, "InvalidRequest")
    assert receiver.handshakes == []


def test_the_state_names_subscriptions_without_their_secret(
    graph: MicrosoftGraph, ana: Client, receiver: Receiver
) -> None:
    ana.got("POST", PATH, asked(receiver, clientState="s3cret"))
    (told,) = graph.state()["subscriptions"]
    assert told["resource"] == "me/events"
    assert "s3cret" not in str(graph.state())
    assert "s3cret" not in repr(graph.pusher.subscriptions)
