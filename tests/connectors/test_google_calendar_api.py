"""Google's client over our transport: threads, batches, logs, what it costs."""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import run
from threading import Event
from typing import Any

import pytest
import syncd_connectors.google_calendar as package
from google_calendar_given import google, google_sandbox
from syncd_connectors.google_calendar.api import resources
from syncd_connectors.google_calendar.connector import GoogleConnector

from syncd.connector import CalendarRead
from syncd.errors import NotFoundError, ProviderError, RetryError, WaitUntilError
from syncd.model.calendar import Occurrence
from syncd.provider.guard import Call, tally
from syncd.sandbox.google import GoogleCalendar
from syncd.sandbox.kernel import Quota
from syncd.testing.cases import OWNER, WINDOW, meeting, utc


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_sandbox() as running:
        yield running


@pytest.fixture
def connector(provider: GoogleCalendar) -> Iterator[GoogleConnector]:
    with google(provider) as running:
        yield running


def test_one_connector_serves_many_threads_at_once(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    def work(n: int) -> str:
        event = meeting(f"{n}@x", title=f"Number {n}")
        receipt = connector.put_event(OWNER, event, f"key {n}", None)
        later = meeting(f"{n}@x", title=f"Number {n}, again", sequence=1)
        receipt = connector.put_event(OWNER, later, f"key {n}", receipt)
        found = connector.find_event(OWNER, event.uid, receipt)
        assert found == later
        return receipt.id

    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(work, range(60)))
    assert {e["id"]: e["summary"] for e in provider.events(OWNER, OWNER)} == {
        identity: f"Number {n}, again" for n, identity in enumerate(made)
    }


def test_threads_share_a_few_connections(provider: GoogleCalendar) -> None:
    with google(provider, concurrency=2) as connector:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: connector.probe(), range(40)))
        (pool,) = connector._api._pools._pools.values()
        connections = pool.connection_from_url(provider.url)
        assert connections.num_connections <= 2
        assert connections.num_requests == 40


def test_calls_run_at_the_same_time(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.faults.add("hold", path="primary", times=4)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(connector.probe) for _ in range(4)]
        reached = Event()
        for _ in range(1000):
            if provider.peak and max(provider.peak.values()) >= 4:
                reached.set()
                break
            reached.wait(0.01)
        provider.faults.clear("hold")
        assert [w.result().account for w in waiting] == [OWNER] * 4
    assert reached.is_set()


def test_resources_are_built_once_for_all_connections(provider: GoogleCalendar) -> None:
    with google(provider) as one, google(provider) as other:
        assert one._api.events is other._api.events
        assert resources(provider.url).events is one._api.events


def test_nothing_builds_a_resource_for_a_call() -> None:
    """`service.events()` costs more than all the rest of a call; only `resources` builds."""
    for file in Path(str(package.__file__)).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        built = [
            node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not (node.args or node.keywords)
            if node.func.attr in ("events", "calendarList", "freebusy", "channels", "calendars")
        ]
        assert sorted(built) == (["calendarList", "channels", "events", "freebusy"] if file.name == "api.py" else [])


def test_every_request_passes_the_guard(provider: GoogleCalendar) -> None:
    seen: list[Call] = []
    with google(provider, observe=seen.append) as connector, tally() as counted:
        receipt = connector.put_event(OWNER, meeting(), "key", None)
        connector.put_event(OWNER, meeting(title="Other"), "key", receipt)
        list(connector.changes(CalendarRead(id=OWNER), WINDOW, None, dict))
        connector.remove_event(OWNER, "key", meeting().uid, receipt)
    assert [call.operation for call in seen] == [
        "insert event",
        "get event",
        "patch event",
        "list events",
        "delete event",
    ]
    assert counted.calls == provider.total()


def test_a_batch_takes_a_place_for_each_of_its_calls(provider: GoogleCalendar) -> None:
    class Places:
        taken = 0
        left = 1000

        def reserve(self, *args: Any, **more: Any) -> float:
            self.taken += 1
            return 0.0

    places = Places()
    with google(provider, limits=(places,)) as connector:
        calendars = [provider.add_calendar(OWNER, f"c{n}") for n in range(120)]
        connector.busy_times([CalendarRead(id=c) for c in calendars], WINDOW)
    assert provider.calls == {"POST /batch/calendar/v3": 1, "POST /calendar/v3/freeBusy": 3}
    assert places.taken == 3


MANY = tuple(
    Occurrence(original=utc(2027, 3, d, 9), start=utc(2027, 3, d, 12), end=utc(2027, 3, d, 13)) for d in range(11, 15)
)
DAILY = meeting(zone="UTC", rrule="FREQ=DAILY;COUNT=5", occurrences=MANY)


def test_a_limit_inside_a_batch_closes_the_gate(provider: GoogleCalendar) -> None:
    with google(provider, max_wait_s=0) as connector:
        calendars = [CalendarRead(id=provider.add_calendar(OWNER, f"c{n}")) for n in range(60)]
        provider.faults.add("user-rate", path="freeBusy", skip=1)
        for _ in range(2):
            with pytest.raises(WaitUntilError):
                connector.busy_times(calendars, WINDOW)
    assert provider.calls["POST /batch/calendar/v3"] == 1


def test_a_quota_counts_each_call_of_a_batch(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.quota = Quota(calls=1, seconds=3600, burst=3)
    with pytest.raises(ProviderError):
        connector.put_event(OWNER, DAILY, "key", None)
    assert provider.refused >= 1


@pytest.mark.parametrize("body", ["<html>", b"", "--x\r\n", {"kind": "calendar#freeBusy"}])
def test_a_batch_that_is_answered_by_something_else_is_an_error(
    provider: GoogleCalendar, connector: GoogleConnector, body: Any
) -> None:
    calendars = [CalendarRead(id=provider.add_calendar(OWNER, f"c{n}")) for n in range(60)]
    provider.faults.add("answer", path="/batch", status=200, body=body, times=2)
    with pytest.raises(RetryError) as error:
        connector.busy_times(calendars, WINDOW)
    assert error.value.code == "answer_unusable"


def test_a_refused_batch_is_refused_as_a_whole(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    calendars = [CalendarRead(id=provider.add_calendar(OWNER, f"c{n}")) for n in range(60)]
    provider.faults.add("answer", path="/batch", status=404, times=2)
    with pytest.raises(NotFoundError):
        connector.busy_times(calendars, WINDOW)


def test_redirects_are_not_followed(provider: GoogleCalendar, connector: GoogleConnector) -> None:
    provider.faults.add("answer", status=302, headers={"Location": "http://127.0.0.1:9/"})
    with pytest.raises(ProviderError):
        connector.probe()


def test_addresses_and_queries_are_not_in_the_log(
    provider: GoogleCalendar, connector: GoogleConnector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.faults.add("user-rate", skip=3)
    connector.put_event(OWNER, meeting(), "key", None)
    connector.find_event(OWNER, meeting().uid, None)
    connector.probe()
    with pytest.raises(WaitUntilError):
        connector.probe()
    said = [r.getMessage() for r in caplog.records if not r.name.startswith("uvicorn")]  # the sandbox's server
    told = ("owner", meeting().uid, "iCalUID", "Rate Limit")
    assert not [line for line in said if any(text in line for text in told)]


def test_the_declaration_imports_no_client() -> None:
    """An idle node that has no Google connection does not carry Google's client."""
    code = (
        "import sys, syncd_connectors.google_calendar as g; g.GOOGLE_CALENDAR;"
        "print([m for m in sys.modules if m.startswith(('google', 'httplib2', 'urllib3'))])"
    )
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
