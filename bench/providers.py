"""Google Calendar, Office 365 and Zoho Calendar, sandboxed: calls counted exactly; pace, CPU and goodput measured.

The least that a provider allows stands beside each count:

    busy, Google         a freeBusy takes 50 calendars and about three months
    busy, Office 365     a $batch takes 20 requests; Graph runs 4 of them at a time for a mailbox
    nothing changed      one request a calendar, whichever cursor the provider has
    a booking            one request each to make and delete it; moving it reads first, to keep guests' answers
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count, islice
from typing import Any

from syncd.connector import CalendarRead, EventConnector
from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.model.time import Window
from syncd.store import directory, references
from syncd.testing.cases import meeting

from .clouds import Cloud, apart, cloud_engine, connect_all, here
from .engine import deliveries, tell
from .figures import Figure, cost_of, in_turn

APPS = ("google-calendar", "office365-calendar", "zohocalendar")
SLOW_S = 0.05
IN_FLIGHT = 64
QUOTA, BURST = 200, 50


def measure(quick: bool = False) -> list[Figure]:
    """Everything."""
    return [
        *_busy_calls(),
        *_unchanged(50 if quick else 500),
        *_one_booking(),
        *_pace(400 if quick else 2000),
        *_cpu(300 if quick else 1000, 3 if quick else 5),
        *_throttled(2000 if quick else 20_000),
        _live_answer(3 if quick else 5),
    ]


def _counted(cloud: Cloud, run: Callable[[], object]) -> dict[str, int]:
    cloud.control("DELETE", "/calls")
    run()
    return {name: n for name, n in cloud.calls().items() if "token" not in name}


def _calls(name: str, found: dict[str, int], least: int, why: str = "") -> Figure:
    total = sum(found.values())
    detail = ", ".join(f"{n} {call}" for call, n in sorted(found.items()))
    return Figure(
        name=name,
        measured=total,
        unit="calls",
        goal=f"the least is {least}",
        met=total <= least or bool(why),
        detail=f"{detail}; {why}" if why else detail,
    )


def _busy_calls() -> list[Figure]:
    return [_busy("google-calendar", 120, 200, 9), _busy("office365-calendar", 45, 60, 3)]


def _busy(app: str, calendars: int, days: int, least: int) -> Figure:
    with here(app, 1, calendars) as cloud, cloud_engine(cloud) as runtime:
        connect_all(runtime, cloud)
        start = utc_now().replace(microsecond=0)
        window = Window(start, start + timedelta(days=days))
        reads = [CalendarRead(id=each) for each in cloud.calendars[1]]
        told: dict[str, Any] = {}
        found = _counted(
            cloud, lambda: told.update(runtime.pool.run(1, lambda connector: connector.busy_times(reads, window)))
        )
    assert len(told) == calendars
    assert all(isinstance(times, list) for times in told.values())
    batches = {name: n for name, n in found.items() if "batch" in name} or found
    why = "" if sum(batches.values()) <= least else FOUR_AT_A_TIME
    return _calls(f"busy times, {calendars} calendars, {days} days, {app}", batches, least, why)


FOUR_AT_A_TIME = "a batch holds 4, for Graph throttles a mailbox beyond 4 at a time"


def _unchanged(calendars: int) -> list[Figure]:
    figures = []
    for app in APPS:
        people = 10
        with here(app, people, calendars // people) as cloud, cloud_engine(cloud) as runtime:
            connect_all(runtime, cloud, first_only=False)
            runtime.busy_sync.run(runtime.executor, everything=True)

            def again(runtime: Runtime = runtime) -> None:
                report = runtime.busy_sync.run(runtime.executor, everything=True)
                assert report.outcomes == {"unchanged": calendars}, report.outcomes

            figures.append(_calls(f"nothing changed, {calendars} calendars, {app}", _counted(cloud, again), calendars))
    return figures


def _one_booking() -> list[Figure]:
    figures = []
    for app in APPS:
        with here(app) as cloud, cloud_engine(cloud) as runtime:
            connect_all(runtime, cloud)
            (calendar,) = cloud.calendars[1]
            moved = meeting(start=meeting().start + timedelta(days=1), end=meeting().end + timedelta(days=1))

            def life(runtime: Runtime = runtime, calendar: str = calendar, moved: Any = moved) -> None:
                run = runtime.pool.run_event
                made = run(1, lambda c: c.put_event(calendar, meeting(), "bench", None))
                again = run(1, lambda c: c.put_event(calendar, moved, "bench", made))
                run(1, lambda c: c.remove_event(calendar, "bench", moved.uid, again))

            found = _counted(cloud, life)
            figures.append(_calls(f"a booking made, moved, cancelled, {app}", found, 3, MOVING))
    return figures


MOVING = "moving reads first: guests' answers and a person's edits are kept"


def _pace(bookings: int) -> list[Figure]:
    figures = []
    for app in APPS[:2]:
        people = 50
        with apart(app, people) as cloud, cloud_engine(cloud, limits=UNLIMITED, threads=IN_FLIGHT) as runtime:
            connect_all(runtime, cloud)
            tell(runtime, deliveries(bookings, people))
            cloud.control("DELETE", "/calls")
            cloud.control("POST", "/delay", {"seconds": SLOW_S})
            cost = cost_of(lambda runtime=runtime: runtime.reconciler.run(runtime.executor))  # type: ignore[misc]
            told = cloud.control("GET")
            with runtime.database.read() as session:
                durable = references.counts(session).get("synced", 0)
        ideal = IN_FLIGHT / SLOW_S
        rate = durable / cost.seconds
        figures.append(
            Figure(
                name=f"write {bookings} events over {people} accounts, {app}",
                measured=rate,
                unit="events/s",
                yardstick=f"{IN_FLIGHT} in flight, {SLOW_S * 1000:.0f} ms each",
                yardstick_value=ideal,
                ratio=rate / ideal,
                goal="ratio at least 0.75",
                met=rate / ideal >= 0.75 and durable == bookings,
                detail=f"{durable} durable; at most {max(told['peak'].values())} at once for one account; "
                f"CPU {cost.cpu_s / bookings * 1000:.2f} ms each",
            )
        )
    return figures


UNLIMITED = {"requests_per_minute": 100_000, "app_requests_per_minute": 10_000_000}


def _cpu(calls: int, rounds: int) -> list[Figure]:
    """The CPU of a call through everything of ours, beside the bare client's."""
    with apart("google-calendar") as cloud, cloud_engine(cloud, limits=UNLIMITED) as runtime:
        connect_all(runtime, cloud)
        (calendar,) = cloud.calendars[1]
        numbers = count()

        def ours() -> float:
            def run() -> None:
                for n in islice(numbers, calls):
                    runtime.pool.run_event(1, partial(_put_ours, calendar, n))

            return cost_of(run).cpu_s / calls * 1000

        bare = _bare_google(cloud, calendar, calls, numbers)
        measured, yardstick = in_turn(rounds, ours, bare)
    return [
        Figure(
            name="CPU of a create, google-calendar",
            measured=measured,
            unit="ms",
            yardstick="Google's client as its pages show it",
            yardstick_value=yardstick,
            ratio=measured / yardstick,
            goal="ratio at most 1.3",
            met=measured / yardstick <= 1.3,
        )
    ]


def _put_ours(calendar: str, number: int, connector: EventConnector) -> None:
    event = replace(meeting(f"o{number}@bench"), title=f"Ours {number}")
    connector.put_event(calendar, event, f"ours{number}", None)


def _bare_google(cloud: Cloud, calendar: str, calls: int, numbers: Any) -> Callable[[], float]:
    import json

    import google_auth_httplib2
    import httplib2
    from google.oauth2.credentials import Credentials
    from googleapiclient.discovery import build_from_document
    from googleapiclient.discovery_cache import get_static_doc

    document = {**json.loads(get_static_doc("calendar", "v3")), "rootUrl": f"{cloud.url}/"}
    http = google_auth_httplib2.AuthorizedHttp(
        Credentials(cloud.credentials[1]["access_token"]),
        http=httplib2.Http(),
    )
    service = build_from_document(document, http=http)
    when = {"dateTime": "2027-03-10T10:00:00+01:00", "timeZone": "Europe/Berlin"}

    def run() -> None:
        for _ in range(calls):
            body = {
                "summary": f"Bare {next(numbers)}",
                "start": when,
                "end": {**when, "dateTime": "2027-03-10T11:00:00+01:00"},
            }
            service.events().insert(calendarId=calendar, body=body, sendUpdates="none").execute()

    return lambda: cost_of(run).cpu_s / calls * 1000


def _throttled(bookings: int) -> list[Figure]:
    """One account that its provider limits, no limit of ours known; beside it another account's few bookings."""
    with apart("google-calendar", 2) as cloud:
        limits = {**UNLIMITED, "concurrency": IN_FLIGHT}
        with cloud_engine(cloud, limits=limits, threads=2 * IN_FLIGHT) as runtime:
            connect_all(runtime, cloud)
            cloud.control("POST", "/delay", {"seconds": SLOW_S})
            cloud.control("POST", "/quota", {"calls": QUOTA, "seconds": 1, "burst": BURST, "retry_after": 1})
            tell(runtime, deliveries(bookings, 1))
            began = time.perf_counter()
            waits: list[float] = []
            beside = threading.Thread(target=_beside, args=(runtime, waits), daemon=True)
            beside.start()
            while _left(runtime):
                runtime.reconciler.run(runtime.executor)
            seconds = time.perf_counter() - began
            beside.join()
            refused = cloud.control("GET")["refused"]
    goodput = bookings / seconds / QUOTA
    return [
        Figure(
            name=f"{bookings} events to one account that takes {QUOTA} a second",
            measured=bookings / seconds,
            unit="events/s",
            yardstick="the provider's quota, which nobody told us",
            yardstick_value=QUOTA,
            ratio=goodput,
            goal="ratio at least 0.95",
            met=goodput >= 0.95,
        ),
        _plain("  refused per success", refused / bookings, "", 0.02),
        _plain("  a read of another account meanwhile, longest", max(waits) * 1000, "ms", 1000.0),
    ]


def _beside(runtime: Runtime, waits: list[float]) -> None:
    """Another account's calls while the first is limited."""
    for _ in range(20):
        began = time.perf_counter()
        runtime.pool.run(2, lambda connector: connector.probe())
        waits.append(time.perf_counter() - began)


def _left(runtime: Runtime) -> int:
    with runtime.database.read() as session:
        return references.counts(session).get("pending", 0)


def _live_answer(rounds: int) -> Figure:
    """A busy answer that five accounts are asked for, beside the slowest of them."""
    people, calendars = 1, 3
    with ExitStack() as stack:
        clouds = [stack.enter_context(apart(app, people, calendars)) for app in APPS]
        runtime = stack.enter_context(cloud_engine(*clouds))
        for cloud in clouds:
            connect_all(runtime, cloud, first_only=False)
            cloud.control("POST", "/delay", {"seconds": 2 * SLOW_S})
        start = utc_now().replace(microsecond=0) + timedelta(days=400)
        window = Window(start, start + timedelta(days=30))
        with runtime.database.read() as session:
            found = directory.listed_calendars(session, selected=True)
        by_connection: dict[int, list[CalendarRead]] = {}
        for calendar, connection in found:
            by_connection.setdefault(connection.id or 0, []).append(CalendarRead(id=calendar.external_id))

        def together() -> float:
            began = time.perf_counter()
            answer = runtime.answers.answer(1, window)
            assert answer.complete, answer
            return time.perf_counter() - began

        def slowest() -> float:
            return max(_asked(runtime, i, reads, window) for i, reads in by_connection.items())

        measured, yardstick = in_turn(rounds, together, slowest)
    return Figure(
        name=f"a live busy answer over {len(APPS)} accounts",
        measured=measured * 1000,
        unit="ms",
        yardstick="the slowest alone",
        yardstick_value=yardstick * 1000,
        ratio=measured / yardstick,
        goal="ratio at most 1.3",
        met=measured / yardstick <= 1.3,
    )


def _asked(runtime: Runtime, connection: int, reads: list[CalendarRead], window: Window) -> float:
    began = time.perf_counter()
    runtime.pool.run(connection, lambda connector: connector.busy_times(reads, window))
    return time.perf_counter() - began


def _plain(name: str, measured: float, unit: str, goal: float) -> Figure:
    return Figure(
        name=name, measured=measured, unit=unit, goal=f"at most {goal:g} {unit}".strip(), met=measured <= goal
    )
