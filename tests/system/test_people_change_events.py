"""What people do to events of ours at each provider, in its sandbox: noticed, told apart from our own writes, put back.

With the connectors as they are: it depends on what a provider tells of a change, and of a series.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from engine.deliveries import created, moment
from engine.world import ANNA, World
from given import SettableClock
from sandboxed import sandboxed

from syncd.engine.opening import secret_variable
from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.model.drift import DriftPolicy
from syncd.sandbox import Provider, Sandbox
from syncd.sandbox.google import GoogleCalendar
from syncd.sandbox.microsoft import MicrosoftGraph
from syncd.sandbox.zoho import ZohoCalendar
from syncd.settings import App, EventType, Settings
from syncd.store import directory
from syncd.testing.memory import MemoryProvider
from syncd.vault import KeyRing

OWNER = "anna@example.com"
RULE: dict[str, Any] = {"recurringBookingUid": "a", "recurringEvent": {"freq": 2, "interval": 1, "count": 4}}


@dataclass(frozen=True, slots=True)
class Desk:
    """A provider: how an installation is registered with it, how people get there, and how it writes times."""

    provider: Callable[[], Any]
    scopes: tuple[str, ...]
    client: Callable[[Any, Sandbox], dict[str, Any]]
    times: Callable[[datetime, datetime], dict[str, Any]]
    declined: str


def graph_time(time: datetime) -> dict[str, str]:
    return {"dateTime": f"{time:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"}


DESKS = {
    "google-calendar": Desk(
        provider=GoogleCalendar,
        scopes=("https://www.googleapis.com/auth/calendar",),
        client=lambda google, _: {"api_url": google.url, "token_url": f"{google.url}/token"},
        times=lambda start, end: {"start": {"dateTime": moment(start)}, "end": {"dateTime": moment(end)}},
        declined="declined",
    ),
    "office365-calendar": Desk(
        provider=MicrosoftGraph,
        scopes=("User.Read", "Calendars.ReadWrite", "MailboxSettings.Read", "offline_access"),
        client=lambda graph, sandbox: {
            "authority": graph.tls_url,
            "graph_url": graph.url,
            "ca_file": str(sandbox.ca_file),
        },
        times=lambda start, end: {"start": graph_time(start), "end": graph_time(end)},
        declined="declined",
    ),
    "zohocalendar": Desk(
        provider=ZohoCalendar,
        scopes=(
            *("ZohoCalendar.calendar.ALL", "ZohoCalendar.event.ALL", "ZohoCalendar.freebusy.READ"),
            "AaaServer.profile.READ",
        ),
        client=lambda zoho, _: {"accounts_url": zoho.url, "calendar_url": zoho.url},
        times=lambda start, end: {
            "dateandtime": {
                "start": f"{start:%Y%m%dT%H%M%SZ}",
                "end": f"{end:%Y%m%dT%H%M%SZ}",
                "timezone": "Europe/Berlin",
            }
        },
        declined="DECLINED",
    ),
}


class Office:
    """Anna's calendar at a provider, an engine that writes into it, and what Anna does there."""

    def __init__(self, app: str, world: World, provider: Any) -> None:
        self.desk = DESKS[app]
        self.world = world
        self.provider = provider
        self.start = world.clock().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=7)
        self.calendar = next(c.external_id for c in self._calendars() if c.is_primary)

    def _calendars(self) -> list[Any]:
        with self.world.runtime.database.read() as session:
            return [calendar for calendar, _ in directory.listed_calendars(session)]

    def book(self, uid: str = "a", **more: Any) -> str:
        """The item's id."""
        times = {"startTime": moment(self.start), "endTime": moment(self.start + timedelta(hours=1))}
        self.world.tell(created(uid, **{**times, "destinationCalendar": None, **more}))
        self.later()
        found = self.world.reference(uid).receipt_id
        assert found is not None, self.world.reference(uid).error
        return found

    def later(self) -> None:
        """The calendar's next read, which succeeds."""
        self.world.clock.advance(minutes=6)
        report = self.world.read()
        assert set(report.outcomes) <= {"done", "unchanged"}, report.results

    def move(self, item: str, by: timedelta) -> None:
        times = self.desk.times(self.start + by, self.start + by + timedelta(hours=1))
        self.provider.change_event(OWNER, self.calendar, item, **times)

    def delete(self, item: str) -> None:
        self.provider.delete_event(OWNER, self.calendar, item)

    @property
    def told(self) -> list[str]:
        """What the log tells people did, oldest first."""
        rows = [row for row in self.world.log() if row.operation == "calendar-change"]
        assert {row.outcome for row in rows} <= {"done"}, [row.error for row in rows]
        return [row.code for row in reversed(rows)]


@pytest.fixture(params=sorted(DESKS))
def app(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def provider(app: str) -> Iterator[tuple[Provider, Sandbox]]:
    made = DESKS[app].provider()
    made.add_user(OWNER)
    with sandboxed([made]) as sandbox:
        yield made, sandbox


OpenOffice = Callable[[DriftPolicy], Office]


@pytest.fixture
def open_office(
    app: str,
    provider: tuple[Any, Sandbox],
    settings: Settings,
    ring: KeyRing,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[OpenOffice]:
    made, sandbox = provider
    monkeypatch.setenv(secret_variable(app), "sandbox-secret")
    opened: list[Runtime] = []

    def open_one(policy: DriftPolicy) -> Office:
        client = {"client_id": "sandbox-client", **DESKS[app].client(made, sandbox)}
        changed = {"apps": {app: App(client=client)}, "event_types": {"123": EventType(calendar_changes=policy)}}
        clock = SettableClock(utc_now())
        opened.append(Runtime(settings.model_copy(update=changed), ring, clock=clock))
        world = World(opened[-1], MemoryProvider(), clock)
        with world.runtime.database.write() as session:
            directory.add_user(session, ANNA, OWNER, clock())
        credential = {**made.issuer.issue(OWNER, DESKS[app].scopes), "email": OWNER}
        if app == "zohocalendar":
            credential["location"] = made.issuer.home(OWNER)
        world.runtime.accounts.add(ANNA, app, credential, {})
        office = Office(app, world, made)
        world.choose(office.calendar, user_id=ANNA)
        world.select(office.calendar)
        office.later()
        return office

    yield open_one
    for runtime in opened:
        runtime.close()


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """One will do: what is stored is tested with the provider in memory."""
    return str(request.param)


@pytest.fixture
def reporting(open_office: OpenOffice) -> Office:
    return open_office(DriftPolicy.REPORT)


@pytest.fixture
def restoring(open_office: OpenOffice) -> Office:
    return open_office(DriftPolicy.RESTORE)


@pytest.mark.parametrize("rule", [{}, RULE], ids=["once", "series"])
def test_our_own_writes_are_no_change(restoring: Office, app: str, rule: dict[str, Any]) -> None:
    restoring.book(**rule)
    more = {"startTime": moment(restoring.start + timedelta(hours=3)), "location": "Elsewhere", **rule}
    restoring.book(told=50, endTime=moment(restoring.start + timedelta(hours=4)), **more)
    if app != "zohocalendar":  # it has none
        restoring.provider.expire_cursors()
    restoring.later()
    restoring.later()
    assert restoring.told == []
    assert restoring.world.work().outcomes == {}


@pytest.mark.parametrize("rule", [{}, RULE], ids=["once", "series"])
def test_a_moved_event_is_reported_and_stays(reporting: Office, rule: dict[str, Any]) -> None:
    item = reporting.book(**rule)
    reporting.move(item, timedelta(hours=2))
    reporting.later()
    reporting.later()
    assert reporting.told == ["moved"]
    assert f"{reporting.start + timedelta(hours=2):%Y-%m-%d %H:%MZ}" in reporting.world.reference().drift_detail
    reporting.move(item, timedelta(0))
    reporting.later()
    assert reporting.world.reference().drift == ""


@pytest.mark.parametrize("rule", [{}, RULE], ids=["once", "series"])
def test_a_deleted_event_is_reported_and_stays(reporting: Office, rule: dict[str, Any]) -> None:
    reporting.delete(reporting.book(**rule))
    reporting.later()
    reporting.later()
    assert reporting.told == ["deleted"]
    assert reporting.world.work().outcomes == {}


@pytest.mark.parametrize("rule", [{}, RULE], ids=["once", "series"])
@pytest.mark.parametrize("deed", ["moved", "deleted"])
def test_what_was_done_is_put_back_once(restoring: Office, rule: dict[str, Any], deed: str) -> None:
    item = restoring.book(**rule)
    if deed == "moved":
        restoring.move(item, timedelta(hours=2))
    else:
        restoring.delete(item)
    restoring.later()
    assert restoring.world.work().outcomes == {"done": 1}
    restoring.later()
    restoring.later()
    assert restoring.told == [deed]
    assert restoring.world.work().outcomes == {}
    assert restoring.world.reference().drift == ""


def test_an_event_moved_far_away_is_moved_not_deleted(reporting: Office) -> None:
    reporting.move(reporting.book(), timedelta(days=2000))
    reporting.later()
    assert reporting.told == ["moved"]


def test_a_declined_event_is_reported(reporting: Office, app: str) -> None:
    """The owner is invited to it: what of that a calendar tells is its connector's to know."""
    item = reporting.book()
    if app != "office365-calendar":
        guests = [{"email": OWNER, **({"self": True} if app == "google-calendar" else {})}]
        reporting.provider.change_event(OWNER, reporting.calendar, item, attendees=guests)
    reporting.provider.respond(OWNER, reporting.calendar, item, OWNER, reporting.desk.declined)
    reporting.later()
    assert reporting.told == ["declined"]


OCCURRENCES: dict[str, Callable[[str, datetime], tuple[str, ...]]] = {
    "google-calendar": lambda series, original: (f"{series}_{original:%Y%m%dT%H%M%SZ}",),
    "zohocalendar": lambda series, original: (series, f"{original:%Y%m%dT%H%M%SZ}"),
}
"""What an occurrence is called."""


@pytest.mark.parametrize("app", sorted(OCCURRENCES))
def test_an_occurrence_that_a_person_moves_is_theirs(restoring: Office, app: str) -> None:
    item = restoring.book(**RULE)
    original = restoring.start + timedelta(days=7)
    times = restoring.desk.times(original + timedelta(hours=2), original + timedelta(hours=3))
    restoring.provider.change_event(OWNER, restoring.calendar, *OCCURRENCES[app](item, original), **times)
    restoring.later()
    restoring.later()
    assert restoring.told == []
    assert restoring.world.work().outcomes == {}
