"""The demonstration itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.model.time import Window
from syncd.sandbox import Sandbox
from syncd.sandbox.catalog import providers
from syncd.settings import Settings, load
from syncd.store import directory, inbox
from syncd.store.inbox import Arrival
from syncd.vault import generate_key, load_ring

from .cloud import APPS, EMAIL, USER, Cloud, configuration, connect, destinations, prepared
from .crm import CRMS, held
from .reader import FoundEvent, read_calendar
from .servers import CalDavServer, radicale, xandikos

SAMPLE_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
"""The samples' bookings are in the week of this day; their deliveries a few days before it."""

SHIFTED = ("startTime", "endTime", "rescheduleStartTime", "rescheduleEndTime")
TOLD = "createdAt"

PASSWORDS = {"anna": "demo-anna-7f3a", "ben": "demo-ben-91c4"}
CARAS_PASSWORD = "demo-cara-58d2"
REVIEW = "Quarterly review between Cara Lindqvist and Guest User"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One place: what was expected and what was found."""

    step: str
    place: str
    expected: str
    found: str

    @property
    def agrees(self) -> bool:
        """Whether they are the same."""
        return self.expected == self.found


@dataclass(slots=True)
class Demo:
    """The stage: servers, engine, and what was checked so far."""

    runtime: Runtime
    anna: CalDavServer
    ben: CalDavServer
    cloud: Cloud
    folder: Path
    say: Callable[[str], None]
    monday: datetime
    checks: list[Check] = field(default_factory=list)

    def expect(self, step: str, place: str, expected: str, found: str) -> None:
        """Write down a check."""
        self.checks.append(Check(step=step, place=place, expected=expected, found=found))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """How the demonstration went."""

    checks: tuple[Check, ...]
    seconds: float
    provider_calls: int
    folder: Path

    @property
    def agrees(self) -> bool:
        """Whether every place holds what was expected."""
        return all(c.agrees for c in self.checks)


@contextmanager
def stage(folder: Path, say: Callable[[str], None]) -> Iterator[Demo]:
    """Servers, a database and an engine in `folder`; gone when the block ends."""
    with ExitStack() as stack:
        say("Starting two real CalDAV servers on loopback: Radicale for Anna, Xandikos for Ben.")
        passwords = {"anna": PASSWORDS["anna"], "cara": CARAS_PASSWORD}
        anna = stack.enter_context(radicale(folder / "radicale", passwords))
        ben = stack.enter_context(xandikos(folder / "xandikos", {"ben": PASSWORDS["ben"]}))
        say("Starting Google Calendar, Office 365, Zoho Calendar and Salesforce, sandboxed on loopback, for Cara.")
        (folder / "sandbox").mkdir()
        cloud = prepared(stack.enter_context(Sandbox(providers((*APPS, *CRMS)), folder=folder / "sandbox")))
        settings = _settings(folder, configuration(cloud.sandbox, folder))
        runtime = Runtime(settings, load_ring({}, Path(settings.keys.file)))
        stack.callback(runtime.close)
        runtime.upgrade()
        monday = _next_monday(utc_now())
        yield Demo(runtime=runtime, anna=anna, ben=ben, cloud=cloud, folder=folder, say=say, monday=monday)


def _settings(folder: Path, clients: str) -> Settings:
    """A configuration file in `folder`, so that the other commands can be tried on the same data."""
    keys = folder / "keys"
    keys.touch(mode=0o600)
    keys.write_text(generate_key("demo").line() + "\n", encoding="utf-8")
    config = folder / "syncd.toml"
    config.write_text(
        f'database_url = "sqlite:///{folder}/syncd.db"\n\n[keys]\nfile = "{keys}"\n\n[log]\nlevel = "error"\n{clients}',
        encoding="utf-8",
    )
    return load(str(config), {})


def _next_monday(now: datetime) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - midnight.weekday())


def play(demo: Demo) -> DemoReport:
    """Every scene, in order."""
    started = time.monotonic()
    scenes = (_connect, _first_bookings, _changes, _series, _busy, _everywhere, _joined, _gone_everywhere)
    calls = sum(scene(demo) for scene in scenes)
    return DemoReport(
        checks=tuple(demo.checks), seconds=time.monotonic() - started, provider_calls=calls, folder=demo.folder
    )


def _connect(demo: Demo) -> int:
    demo.say("Making their calendars, with appointments of their own in them.")
    private = demo.anna.create_calendar("anna", "private", "Private")
    demo.anna.create_calendar("anna", "work", "Work")
    demo.ben.create_calendar("ben", "work", "Work")
    _appointment(demo, private, "Dentist", 2, 8)
    demo.say("Connecting both: the password is checked with the server, then sealed with AES-256-GCM.")
    people = (
        (1, "anna@example.com", "Europe/Berlin", "anna", demo.anna),
        (2, "ben@example.com", "America/New_York", "ben", demo.ben),
    )
    for user_id, email, zone, login, server in people:
        with demo.runtime.database.write() as session:
            directory.add_user(session, user_id, email, utc_now(), zone=zone)
        credential = {"url": server.url, "username": login, "password": PASSWORDS[login]}
        demo.runtime.accounts.add(user_id, "caldav-calendar", credential, {})
    demo.say("Choosing: every calendar is checked for conflicts, each one's Work calendar is written to.")
    with demo.runtime.database.write() as session:
        for calendar, connection in directory.listed_calendars(session):
            directory.select_calendar(session, calendar, True, utc_now())
            if calendar.name == "Work":
                directory.set_destination(session, calendar, user_id=connection.user_id)
    return _sync(demo)


def _appointment(demo: Demo, calendar: str, title: str, day: int, hour: int) -> None:
    """An appointment a person makes with a client of their own."""
    start = demo.monday + timedelta(days=day, hours=hour)
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//a person//EN",
        "BEGIN:VEVENT",
        f"UID:{title.lower()}@demo",
        f"DTSTAMP:{start:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{title}",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    body = ("\r\n".join(lines) + "\r\n").encode()
    url = f"{calendar}{title.lower()}.ics"
    demo.anna.request("anna", "PUT", url, body, {"Content-Type": "text/calendar; charset=utf-8"})


def _first_bookings(demo: Demo) -> int:
    demo.say("Three deliveries from Cal.com: a booking for each of them, and one that waits for Anna's consent.")
    _deliver(demo, "01-created", "02-created-second-host", "03-requested")
    calls = _sync(demo)
    title = "Strategy Session between Anna Müller and Guest User"
    people = ("additional-guest@example.org", "guest@example.org")
    _expect_event(demo, "booked", "anna", title, demo.monday + timedelta(hours=9), people)
    ben_title = "Strategy Session between Ben Ortiz and Zoë Løvås"
    _expect_event(demo, "booked", "ben", ben_title, demo.monday + timedelta(days=1, hours=15), ("zoe@example.net",))
    _expect_count(demo, "not yet accepted", "anna", "Interview", 0)
    return calls


def _changes(demo: Demo) -> int:
    demo.say("Now the first is moved, the second cancelled, the third accepted: told out of order, some of it twice.")
    _deliver(demo, "06-accepted", "05-cancelled", "04-rescheduled")
    _deliver(demo, "01-created", "05-cancelled", "02-created-second-host")
    calls = _sync(demo)
    title = "Strategy Session between Anna Müller and Guest User"
    people = ("additional-guest@example.org", "guest@example.org")
    _expect_event(demo, "moved", "anna", title, demo.monday + timedelta(days=3, hours=13), people)
    _expect_event(
        demo,
        "accepted",
        "anna",
        "Interview between Anna Müller and Carl",
        demo.monday + timedelta(days=2, hours=10),
        ("carl@example.org",),
    )
    _expect_count(demo, "cancelled", "ben", "Strategy Session", 0)
    return calls


def _series(demo: Demo) -> int:
    demo.say("A weekly series of four is one event with a rule; a guest marked as no-show changes no event.")
    _deliver(demo, "07-recurring", "08-no-show")
    calls = _sync(demo)
    found = [e for e in _events(demo, "ben") if e.summary.startswith("Weekly")]
    start = demo.monday + timedelta(days=4, hours=14)
    told = "; ".join(f"{'weekly' if e.recurring else 'once'} from {_when(e.start)}" for e in found)
    demo.expect("a series", "ben / Work", f"weekly from {_when(start)}", told or "nothing")
    demo.say("And once more with nothing new: no calendar is written to.")
    before = _versions(demo)
    calls += _sync(demo)
    demo.expect("nothing new", "all calendars", "unchanged", "unchanged" if _versions(demo) == before else "changed")
    return calls


def _busy(demo: Demo) -> int:
    demo.say("When is Anna busy that week? Answered from the store, with the age of what is known.")
    window = Window(demo.monday, demo.monday + timedelta(days=7))
    answer = demo.runtime.answers.answer(1, window)
    for calendar in answer.calendars:
        old = (utc_now() - calendar.as_of).total_seconds() if calendar.as_of else None
        demo.say(f"    {calendar.name}: {calendar.state}, {len(calendar.times)} busy, known {old:.0f} s ago")
    expected = [(2, 8, 60), (2, 10, 60), (3, 13, 30)]
    wanted = [
        (demo.monday + timedelta(days=d, hours=h), demo.monday + timedelta(days=d, hours=h, minutes=m))
        for d, h, m in expected
    ]
    demo.expect("busy times", "Anna's two calendars", _intervals(wanted), _intervals(list(answer.busy)))
    left_out = demo.runtime.answers.answer(1, window, leave_out="kT3vWq9pXyMovedUid999")
    found = _intervals(list(left_out.busy))
    demo.expect("busy while rescheduling", "without that booking", _intervals(wanted[:2]), found)
    return 0


def _everywhere(demo: Demo) -> int:
    demo.say("Cara consents at Google, Microsoft, Zoho and Salesforce, and connects a CalDAV calendar.")
    connect(demo.runtime, demo.cloud)
    demo.anna.create_calendar("cara", "work", "Work")
    credential = {"url": demo.anna.url, "username": "cara", "password": CARAS_PASSWORD}
    demo.runtime.accounts.add(USER, "caldav-calendar", credential, {})
    demo.say("One booking that names all four calendars, and whose type is written to Salesforce; then it is moved.")
    named = {"destinationCalendar": destinations(demo.runtime)}
    _deliver(demo, "09-everywhere", payload=named)
    calls = _sync(demo)
    _expect_everywhere(demo, "booked everywhere", demo.monday + timedelta(days=1, hours=13))
    _deliver(demo, "10-everywhere-moved", payload=named)
    calls += _sync(demo)
    _expect_everywhere(demo, "moved everywhere", demo.monday + timedelta(days=2, hours=8, minutes=30))
    return calls


def _joined(demo: Demo) -> int:
    demo.say("When is Cara busy? One answer joined from all her calendars, the primary ones of each account included.")
    google: Any = demo.cloud.sandbox.providers["google-calendar"]
    lunch = demo.monday + timedelta(days=3, hours=11)
    times = {"start": {"dateTime": lunch.isoformat()}, "end": {"dateTime": (lunch + timedelta(hours=1)).isoformat()}}
    google.put_event(EMAIL, EMAIL, {"summary": "Lunch", **times})
    calls = _sync(demo)
    window = Window(demo.monday, demo.monday + timedelta(days=7))
    answer = demo.runtime.answers.answer(USER, window)
    for calendar in answer.calendars:
        demo.say(f"    {calendar.app}, {calendar.name}: {calendar.state}, {len(calendar.times)} busy")
    review = demo.monday + timedelta(days=2, hours=8, minutes=30)
    wanted = [(review, review + timedelta(minutes=45)), (lunch, lunch + timedelta(hours=1))]
    demo.expect("busy, joined", "Cara's calendars", _intervals(wanted), _intervals(list(answer.busy)))
    return calls


def _gone_everywhere(demo: Demo) -> int:
    demo.say("And cancelled: events go, Salesforce keeps its own and says why.")
    _deliver(demo, "11-everywhere-cancelled", payload={"destinationCalendar": destinations(demo.runtime)})
    calls = _sync(demo)
    _expect_everywhere(demo, "cancelled everywhere", None)
    return calls


def _expect_everywhere(demo: Demo, step: str, start: datetime | None) -> None:
    wanted = _when(start) if start else "nothing"
    found = {app: [at for title, at in demo.cloud.events(app) if title == REVIEW] for app in APPS}
    found["caldav-calendar"] = [e.start for e in read_calendar(demo.anna, "cara", "work") if e.summary == REVIEW]
    for app, starts in found.items():
        demo.expect(step, f"cara / {app}", wanted, "; ".join(map(_when, starts)) or "nothing")
    there = held(demo.cloud.sandbox, REVIEW)
    demo.expect(step, "cara / salesforce", _in_crm(demo, start), "; ".join(there) or "nothing")


def _in_crm(demo: Demo, start: datetime | None) -> str:
    """What Salesforce shall hold of the review; once it is cancelled, where it was last."""
    last = start or demo.monday + timedelta(days=2, hours=8, minutes=30)
    outcome = "" if start else ", Cancelled: Postponed"
    return f"{last:%a %H:%MZ} with User (last {last:%Y-%m-%d}){outcome}"


def _deliver(demo: Demo, *names: str, payload: Mapping[str, Any] | None = None) -> None:
    """Samples arrive, with `payload` put into theirs."""
    bodies = [_sample(name, demo.monday - SAMPLE_MONDAY) for name in names]
    for body in bodies:
        body["payload"].update(payload or {})
    arrivals = [Arrival(source="demo", body=body) for body in bodies]
    with demo.runtime.database.write() as session:
        inbox.put(session, arrivals, utc_now())
    demo.runtime.intake.take_in()


def _sample(name: str, shift: timedelta) -> Any:
    """A sample delivery, moved to next week. What it says of when it was told stays in the past."""
    text = (resources.files("syncd.demo.samples") / f"{name}.json").read_text(encoding="utf-8")
    return _shifted(json.loads(text), shift)


def _shifted(value: Any, shift: timedelta) -> Any:
    if isinstance(value, dict):
        return {k: _moved(v, shift) if k in SHIFTED else _shifted(v, shift) for k, v in value.items()}
    if isinstance(value, list):
        return [_shifted(v, shift) for v in value]
    return value


def _moved(text: str, shift: timedelta) -> str:
    moved = (datetime.fromisoformat(text) + shift).isoformat()
    return moved.replace("+00:00", "Z") if text.endswith("Z") else moved


def _sync(demo: Demo) -> int:
    """What `syncd sync` does; the number of provider calls."""
    runtime = demo.runtime
    written = runtime.reconciler.run(runtime.executor)
    read = runtime.busy_sync.run(runtime.executor, everything=True)
    for result in (*written.results, *read.results):
        if result.error:
            demo.say(f"    {result.operation}: {result.error} {result.remedy}")
    return sum(r.calls for r in (*written.results, *read.results))


def _events(demo: Demo, login: str) -> list[FoundEvent]:
    server = demo.anna if login == "anna" else demo.ben
    return read_calendar(server, login, "work")


def _versions(demo: Demo) -> list[FoundEvent]:
    return _events(demo, "anna") + _events(demo, "ben")


def _expect_event(demo: Demo, step: str, login: str, title: str, start: datetime, attendees: tuple[str, ...]) -> None:
    found = [f"{_when(e.start)} {_people(e.attendees)}" for e in _events(demo, login) if e.summary == title]
    demo.expect(step, f"{login} / Work", f"{_when(start)} {_people(attendees)}", "; ".join(found) or "nothing")


def _expect_count(demo: Demo, step: str, login: str, title: str, count: int) -> None:
    found = sum(e.summary.startswith(title) for e in _events(demo, login))
    demo.expect(step, f"{login} / Work", f"{count} events {title!r}", f"{found} events {title!r}")


def _when(moment: datetime) -> str:
    return f"{moment:%a %H:%M}Z"


def _people(addresses: tuple[str, ...]) -> str:
    return "with " + ", ".join(a.partition("@")[0] for a in addresses)


def _intervals(found: list[tuple[datetime, datetime]]) -> str:
    return ", ".join(f"{s:%a %H:%M}-{e:%H:%M}Z" for s, e in found) or "free"
