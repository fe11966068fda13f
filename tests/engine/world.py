"""An engine with people, a provider in memory and a clock set by hand: what the engine tests act on and look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select

from syncd.engine.busysync import BusySyncReport
from syncd.engine.intake import IntakeReport
from syncd.engine.reconcile import ReconcileReport
from syncd.engine.runtime import Runtime
from syncd.model.booking import Booking
from syncd.model.busy import BusyAnswer
from syncd.model.calendar import Event
from syncd.model.time import Window
from syncd.store import bookings, directory, inbox, references
from syncd.store import log as sync_log
from syncd.store.inbox import Arrival
from syncd.store.tables import Calendar, Connection, Delivery, LoggedResult, StoredBooking, StoredReference
from syncd.testing.memory import MemoryProvider

ANNA, BEN = 1, 2
EMAILS = {ANNA: "anna@example.com", BEN: "ben@example.com"}
WORK = "work"


class MovableClock(Protocol):
    """A clock that tests set."""

    now: datetime

    def __call__(self) -> datetime: ...

    def advance(self, **span: float) -> datetime: ...


@dataclass(slots=True)
class World:
    """One store, one engine over it, one provider."""

    runtime: Runtime
    provider: MemoryProvider
    clock: MovableClock

    def person(self, user_id: int = ANNA, *, destination: str = WORK, app: str = "memory") -> int:
        """A user connected to the provider, whose bookings go to calendar `destination` ("": none is chosen)."""
        if app == "memory" and destination and destination not in self.provider.calendars:
            self.provider.add_calendar(destination)
        with self.runtime.database.write() as session:
            directory.add_user(session, user_id, EMAILS.get(user_id, f"user{user_id}@example.com"), self.clock())
        connection_id = self.runtime.accounts.add(user_id, app, {"password": "right"}, {}).connection_id
        if destination:
            self.choose(destination, user_id=user_id, connection_id=connection_id)
        return connection_id

    def choose(
        self,
        calendar: str,
        *,
        user_id: int | None = None,
        event_type_id: int | None = None,
        connection_id: int | None = None,
    ) -> None:
        """Make a calendar a destination."""
        row = self.calendar(calendar, connection_id)
        with self.runtime.database.write() as session:
            directory.set_destination(session, row, user_id=user_id, event_type_id=event_type_id)

    def select(self, calendar: str, connection_id: int | None = None, **changed: Any) -> Calendar:
        """Check a calendar for conflicts."""
        row = self.calendar(calendar, connection_id)
        with self.runtime.database.write() as session:
            mine = directory.get_calendar(session, row.id or 0)
            for name, value in changed.items():
                setattr(mine, name, value)
            directory.select_calendar(session, mine, True, self.clock())
        return mine

    def deliver(self, *bodies: Mapping[str, Any]) -> IntakeReport:
        """Put deliveries into the inbox and take them in."""
        with self.runtime.database.write() as session:
            inbox.put(session, [Arrival(source="test", body=body) for body in bodies], self.clock())
        return self.runtime.intake.take_in()

    def work(self, **arguments: Any) -> ReconcileReport:
        """Reconcile what is due now."""
        return self.runtime.reconciler.run(self.runtime.executor, **arguments)

    def read(self, **arguments: Any) -> BusySyncReport:
        """Read the busy times that are due now."""
        return self.runtime.busy_sync.run(self.runtime.executor, **arguments)

    def tell(self, *bodies: Mapping[str, Any]) -> None:
        """Deliver and reconcile."""
        self.deliver(*bodies)
        self.work()

    def ask(self, window: Window, user_id: int = ANNA, **arguments: Any) -> BusyAnswer:
        return self.runtime.answers.answer(user_id, window, **arguments)

    def events(self, calendar: str = WORK) -> list[Event]:
        return self.provider.events(calendar)

    def event(self, calendar: str = WORK) -> Event:
        """The only event there."""
        (found,) = self.events(calendar)
        return found

    def booking(self, uid: str = "a") -> Booking | None:
        with self.runtime.database.read() as session:
            return bookings.get(session, uid)

    def booking_row(self, uid: str = "a") -> StoredBooking:
        with self.runtime.database.read() as session:
            (row,) = [row for row in bookings.listed(session, uids=[uid]) if row.uid == uid]
            return row

    def references(self, *subjects: str) -> list[StoredReference]:
        with self.runtime.database.read() as session:
            return references.rows(session, subjects=subjects)

    def reference(self, *subjects: str) -> StoredReference:
        """The only reference (of the subjects)."""
        (found,) = self.references(*subjects)
        return found

    def calendar(self, name: str, connection_id: int | None = None) -> Calendar:
        ids = [connection_id] if connection_id is not None else []
        with self.runtime.database.read() as session:
            found = [c for c, _ in directory.listed_calendars(session, connection_ids=ids) if c.external_id == name]
        return found[0]

    def connection(self, connection_id: int) -> Connection:
        with self.runtime.database.read() as session:
            return directory.get_connection(session, connection_id)

    def deliveries(self) -> list[Delivery]:
        with self.runtime.database.read() as session:
            return list(session.execute(select(Delivery).order_by(inbox.deliveries.c.id)).scalars())

    def log(self, **arguments: Any) -> list[LoggedResult]:
        with self.runtime.database.read() as session:
            return sync_log.listed(session, **arguments)

    def window(self, first_hour: float = 0, hours: float = 24, day: int = 0) -> Window:
        """A window on the clock's day plus `day`."""
        midnight = self.clock().replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight + timedelta(days=day, hours=first_hour)
        return Window(start, start + timedelta(hours=hours))


def foreign(uid: str, start: datetime, end: datetime, *lines: str) -> str:
    """An event another client made, as iCalendar."""
    return "\r\n".join(
        [
            *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//other//EN", "BEGIN:VEVENT"),
            *(f"UID:{uid}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}", *lines),
            *("END:VEVENT", "END:VCALENDAR", ""),
        ]
    )


def starts(events: Sequence[Event]) -> list[datetime]:
    return [event.start for event in events]
