"""A calendar provider in memory: instant, shared between connectors, with faults on demand.

    provider = MemoryProvider()
    provider.add_calendar("work")
    spec = memory_spec(provider)

It keeps the promises of the interface as its docstrings state them and nothing more, so that a test on it tests the
caller.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from syncd.connector import (
    Ability,
    CalendarConnector,
    CalendarRead,
    ConnectionSettings,
    ConnectorSpec,
    Credential,
    EventConnector,
    KnownVersions,
    Opened,
)
from syncd.connector.push import PushAnswer, PushConnector, PushKind, PushNotice, PushRequest, PushRules
from syncd.errors import InputError, NotFoundError, ProviderError, ReconnectError, ResyncError
from syncd.ical import BusyRules, read_busy
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, Channel, Event, ItemChange, Probe, Receipt, RemoteCalendar
from syncd.model.clock import Clock, utc_now
from syncd.model.time import Window
from syncd.provider.guard import Guard

T = TypeVar("T")

APP = "memory"
CHANNEL_LIFE = timedelta(days=7)
PAGE = 100


class MemoryCredential(Credential):
    """A password, right or wrong."""

    password: str = "right"


@dataclass(slots=True)
class Item:
    """One event as the provider holds it. `event` is None for one that another client stored, as iCalendar `text`."""

    uid: str
    version: str
    event: Event | None = None
    text: str = ""
    declined: bool = False
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryChannel:
    """An open channel, and what the provider would send over it."""

    id: str
    calendar: str
    address: str
    token: str
    expires_at: datetime

    def call(self, kind: PushKind = PushKind.CHANGED) -> PushRequest:
        """A call of the provider."""
        told = {"channel": self.id, "token": self.token, "kind": str(kind)}
        return PushRequest(query={}, headers={}, body=json.dumps(told).encode())


@dataclass(frozen=True, slots=True)
class _Fault:
    error: ProviderError
    after: bool


@dataclass(frozen=True, slots=True)
class _Change:
    revision: int
    calendar: str
    item: str
    removed: bool


class MemoryProvider:
    """What all connections to it share. Safe for several threads.

    `calls` counts operations, refused ones too. `epoch` is part of every cursor: raising it kills them all. `channels`
    are those that are open; `renews` says whether they can be renewed, `now` is the provider's own clock. `restamps`:
    the version that a write is answered with is not the one that is told later.
    """

    def __init__(self, password: str = "right") -> None:
        self.password = password
        self.calls: Counter[str] = Counter()
        self.calendars: dict[str, dict[str, Item]] = {}
        self.read_only: set[str] = set()
        self.epoch = 1
        self.revision = 0
        self.lock = threading.RLock()
        self.channels: dict[str, MemoryChannel] = {}
        self.renews = False
        self.restamps = False
        self.now: Clock = utc_now
        self._changes: list[_Change] = []
        self._faults: dict[str, deque[_Fault]] = {}

    def add_calendar(self, calendar: str, *, read_only: bool = False) -> str:
        """Make an empty calendar and return its id."""
        with self.lock:
            self.calendars[calendar] = {}
            if read_only:
                self.read_only.add(calendar)
        return calendar

    def fail_next(self, operation: str, error: ProviderError, *, after: bool = False, times: int = 1) -> None:
        """Have the next calls of `operation` raise `error`; with `after`, once carried out (a lost answer)."""
        with self.lock:
            self._faults.setdefault(operation, deque()).extend([_Fault(error, after)] * times)

    def expire_cursors(self) -> None:
        """Forget every cursor given so far."""
        with self.lock:
            self.epoch += 1

    def events(self, calendar: str) -> list[Event]:
        """Our events in a calendar, by start."""
        with self.lock:
            found = [item.event for item in self.calendars[calendar].values() if item.event]
        return sorted(found, key=lambda event: (event.start, event.uid))

    def store(self, calendar: str, key: str, item: Item) -> Item:
        """Put an item in, with a new version."""
        with self.lock:
            self.revision += 1
            stored = replace(item, version=f"v{self.revision}")
            self.calendars[calendar][key] = stored
            self._changes.append(_Change(self.revision, calendar, key, removed=False))
            return stored

    def store_text(self, calendar: str, uid: str, text: str) -> str:
        """Another client stores an iCalendar object; its item id is returned."""
        key = f"foreign-{uid}"
        self.store(calendar, key, Item(uid=uid, version="", text=text))
        return key

    def discard(self, calendar: str, key: str) -> None:
        """Take an item out, if it is there."""
        with self.lock:
            if self.calendars[calendar].pop(key, None) is not None:
                self.revision += 1
                self._changes.append(_Change(self.revision, calendar, key, removed=True))

    def edit(self, calendar: str, key: str, **changed: Any) -> None:
        """A person changes fields of one of our events."""
        with self.lock:
            item = self.calendars[calendar][key]
            assert item.event is not None
            self.store(calendar, key, replace(item, event=replace(item.event, **changed)))

    def move(self, calendar: str, key: str, by: timedelta) -> None:
        """A person moves one of our events."""
        with self.lock:
            event = self.calendars[calendar][key].event
            assert event is not None
            self.edit(calendar, key, start=event.start + by, end=event.end + by)

    def decline(self, calendar: str, key: str, declined: bool = True) -> None:
        """The calendar's owner declines one of our events, or accepts it after all."""
        with self.lock:
            self.store(calendar, key, replace(self.calendars[calendar][key], declined=declined))

    def changed_since(self, calendar: str, revision: int) -> dict[str, bool]:
        """Items changed after `revision`, and whether they are gone."""
        with self.lock:
            return {c.item: c.removed for c in self._changes if c.calendar == calendar and c.revision > revision}

    def perform(self, operation: str, run: Callable[[], T]) -> T:
        """Count, and carry out unless a fault says otherwise."""
        with self.lock:
            self.calls[operation] += 1
            waiting = self._faults.get(operation)
            fault = waiting.popleft() if waiting else None
            if fault and not fault.after:
                raise fault.error
            result = run()
            if fault:
                raise fault.error
            return result


class MemoryConnector(EventConnector, PushConnector):
    """One connection to a `MemoryProvider`."""

    def __init__(self, provider: MemoryProvider, password: str, guard: Guard) -> None:
        self._provider = provider
        self._password = password
        self._guard = guard

    def probe(self) -> Probe:
        """Nothing but the credential is looked at."""
        return self._call("probe", lambda: Probe(account="memory"))

    def calendars(self) -> list[RemoteCalendar]:
        """Every calendar; the first is the primary one."""
        return self._call("calendars", self._listed)

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """Straight from what is stored."""
        answers: dict[str, list[BusyTime] | ProviderError] = {}
        for calendar in calendars:
            try:
                answers[calendar.id] = self._call("busy_times", partial(self._busy, calendar, window))
            except ReconnectError:
                raise
            except ProviderError as error:
                answers[calendar.id] = error
        return answers

    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """Everything that changed since the revision in the cursor, or everything when the window grew."""
        yield from self._call("changes", lambda: self._pages(calendar, window, cursor, known, audit))

    def put_event(
        self, calendar: str, event: Event, key: str, applied: Receipt | None, *, unclear: bool = False
    ) -> Receipt:
        """Items are named by `key`, so a repeat meets its own."""
        return self._call("put_event", lambda: self._put(calendar, event, key, applied))

    def remove_event(self, calendar: str, key: str, uid: str, applied: Receipt | None) -> None:
        """By receipt, else by `key`."""
        return self._call("remove_event", lambda: self._remove(calendar, applied.id if applied else key))

    def find_event(self, calendar: str, uid: str, applied: Receipt | None) -> Event | None:
        """By receipt, else by UID."""
        return self._call("find_event", lambda: self._found(calendar, uid))

    def watch(self, calendar: str, address: str, channel_id: str, token: str) -> Channel:
        """Under the id that was asked for."""

        def made() -> MemoryChannel:
            self._items(calendar)
            return MemoryChannel(channel_id, calendar, address, token, self._provider.now() + CHANNEL_LIFE)

        return self._call("watch", lambda: self._opened(made()))

    def renew(self, channel: Channel) -> Channel | None:
        """Where the provider can."""

        def renewed() -> Channel | None:
            if channel.id not in self._provider.channels:
                raise NotFoundError("No such channel.", status=404)
            if not self._provider.renews:
                return None
            held = self._provider.channels[channel.id]
            return self._opened(replace(held, expires_at=self._provider.now() + CHANNEL_LIFE))

        return self._call("renew", renewed)

    def unwatch(self, channel: Channel) -> None:
        """Gone or not."""
        self._call("unwatch", lambda: self._provider.channels.pop(channel.id, None))

    def _opened(self, channel: MemoryChannel) -> Channel:
        self._provider.channels[channel.id] = channel
        return Channel(id=channel.id, calendar=channel.calendar, expires_at=channel.expires_at)

    def _call(self, operation: str, run: Callable[[], T]) -> T:
        def checked() -> T:
            if self._password != self._provider.password:
                raise ReconnectError("The password is wrong.", status=401)
            return self._provider.perform(operation, run)

        return self._guard.call(operation, checked, lambda _cause: None)

    def _items(self, calendar: str) -> dict[str, Item]:
        try:
            return self._provider.calendars[calendar]
        except KeyError:
            raise NotFoundError("No such calendar.", status=404) from None

    def _listed(self) -> list[RemoteCalendar]:
        return [
            RemoteCalendar(id=name, name=name, primary=not n, read_only=name in self._provider.read_only)
            for n, name in enumerate(self._provider.calendars)
        ]

    def _busy(self, read: CalendarRead, window: Window) -> list[BusyTime]:
        return sorted(t for item in self._items(read.id).values() for t in _times(item, read, window))

    def _put(self, calendar: str, event: Event, key: str, applied: Receipt | None) -> Receipt:
        items = self._items(calendar)
        key = applied.id if applied else key
        current = items.get(key)
        if applied and current is None:
            raise NotFoundError("The event is not there any more.", code="event_gone", status=404)
        if current is None or current.event != event:
            notes = current.notes if current else {}
            current = self._provider.store(calendar, key, Item(uid=event.uid, version="", event=event, notes=notes))
        stamp = "w" if self._provider.restamps else ""
        return Receipt(id=key, version=stamp + current.version, uid=event.uid)

    def _remove(self, calendar: str, key: str) -> None:
        self._items(calendar)
        self._provider.discard(calendar, key)

    def _found(self, calendar: str, uid: str) -> Event | None:
        return next((item.event for item in self._items(calendar).values() if item.event and item.uid == uid), None)

    def _pages(
        self, read: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, audit: bool
    ) -> list[ChangePage]:
        items = self._items(read.id)
        revision, covered = self._position(cursor)
        full = cursor is None or covered is None or not covered.covers(_core(window))
        changed = dict.fromkeys(items, False) if full else self._provider.changed_since(read.id, revision)
        repaired = 0
        if audit and not full:
            held = known()
            hidden = {k: True for k in held.keys() - items.keys()} | {
                k: False for k, item in items.items() if held.get(k) != item.version
            }
            repaired = len(hidden.keys() - changed.keys())
            changed = {**changed, **hidden}
        covers = window if full or covered is None else Window(max(window.start, covered.start), covered.end)
        live = [_change(key, items[key], read, covers) for key in changed if key in items]
        batches = [tuple(live[n : n + PAGE]) for n in range(0, len(live), PAGE)] or [()]
        pages = [ChangePage(changed=batch, full=full) for batch in batches]
        removed = () if full else tuple(key for key in changed if key not in items)
        pages[-1] = replace(pages[-1], removed=removed, cursor=self._cursor(covers), coverage=covers, repaired=repaired)
        return pages

    def _cursor(self, covers: Window) -> str:
        return f"{self._provider.epoch}|{self._provider.revision}|{covers.start.isoformat()}|{covers.end.isoformat()}"

    def _position(self, cursor: str | None) -> tuple[int, Window | None]:
        if cursor is None:
            return 0, None
        epoch, revision, start, end = cursor.split("|")
        if int(epoch) != self._provider.epoch:
            raise ResyncError("The cursor is forgotten.")
        return int(revision), Window(datetime.fromisoformat(start), datetime.fromisoformat(end))


def memory_spec(provider: MemoryProvider, app: str = APP) -> ConnectorSpec:
    """A declaration whose connectors all talk to `provider`."""

    def open_memory(opened: Opened) -> CalendarConnector:
        return MemoryConnector(provider, opened.credential.password, opened.guard)

    return ConnectorSpec(
        app=app,
        title="Memory",
        integration=f"{app}_calendar",
        credential=MemoryCredential,
        settings=ConnectionSettings,
        open=open_memory,
        abilities=frozenset({Ability.WRITE, Ability.CHANGES, Ability.PUSH, *_FIELDS}),
        push=PushRules(read=_read_push, life=CHANNEL_LIFE),
        concurrency=64,
        secrets=("password",),
    )


def _read_push(request: PushRequest) -> PushAnswer:
    try:
        told = json.loads(request.body)
        notice = PushNotice(channel_id=told["channel"], token=told["token"], kind=PushKind(told["kind"]))
    except (ValueError, KeyError, TypeError):
        raise InputError("No call of this provider.", code="no_call") from None
    return PushAnswer(notices=(notice,))


_FIELDS = (Ability.RECURRENCE, Ability.PRIVATE, Ability.REMINDERS, Ability.ALL_DAY, Ability.ETAG)


def _core(window: Window) -> Window:
    """What must be covered for a cursor to do: windows move with the clock, a day more is not worth a full read."""
    return Window(window.start, max(window.end - timedelta(days=1), window.start + timedelta(seconds=1)))


def _change(key: str, item: Item, read: CalendarRead, window: Window) -> ItemChange:
    times = () if item.declined else tuple(_times(item, read, window))
    return ItemChange(item=key, version=item.version, times=times, declined=item.declined)


def _times(item: Item, read: CalendarRead, window: Window) -> list[BusyTime]:
    rules = BusyRules(zone=read.zone, owner_emails=read.owner_emails, transparent_is_busy=read.transparent_is_busy)
    return read_busy(_text(item.event) if item.event else item.text, window, rules).times


def _text(event: Event) -> str:
    """As much iCalendar as busy times need."""
    cancelled = [f"EXDATE:{_utc(o.original)}" for o in event.occurrences if o.start is None]
    lines = [*_span(event, event.start, event.end), *([f"RRULE:{event.rrule}"] if event.rrule else []), *cancelled]
    blocks = [lines]
    for occurrence in event.occurrences:
        if occurrence.start and occurrence.end:
            blocks.append(
                [f"RECURRENCE-ID:{_utc(occurrence.original)}", *_span(event, occurrence.start, occurrence.end)]
            )
    events = [line for block in blocks for line in ("BEGIN:VEVENT", f"UID:{event.uid}", *block, "END:VEVENT")]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *events, "END:VCALENDAR", ""])


def _span(event: Event, start: datetime, end: datetime) -> list[str]:
    if event.start_date and event.end_date:
        return [f"DTSTART;VALUE=DATE:{event.start_date:%Y%m%d}", f"DTEND;VALUE=DATE:{event.end_date:%Y%m%d}"]
    if event.zone == "UTC" or not event.rrule:
        return [f"DTSTART:{_utc(start)}", f"DTEND:{_utc(end)}"]
    zone = f"TZID={event.zone}"
    first, last = (moment.astimezone(ZoneInfo(event.zone)) for moment in (start, end))
    return [f"DTSTART;{zone}:{first:%Y%m%dT%H%M%S}", f"DTEND;{zone}:{last:%Y%m%dT%H%M%S}"]


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
