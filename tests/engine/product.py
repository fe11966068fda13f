"""A scheduling product as the convergence test sees it: what happens to its bookings, and what it tells of that."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .deliveries import LEFT_OUT, START, Body, cancelled, created, no_show, rejected, requested, rescheduled

STANDING, WAITING, GONE = "standing", "waiting", "gone"


@dataclass(slots=True)
class Meeting:
    """A booking through all its moves; `uid` is its latest. `destinations` empty: where its organizer chose."""

    title: str
    uid: str
    organizer: int
    at: int
    place: str
    destinations: tuple[str, ...]
    state: str
    moves: int = 0

    @property
    def start(self) -> datetime:
        return START + timedelta(hours=self.at)

    @property
    def latest(self) -> tuple[str, datetime, str]:
        """What its event must show."""
        return self.title, self.start, self.place


@dataclass(slots=True)
class Product:
    """Its meetings and everything it ever told, in the order in which it happened."""

    meetings: list[Meeting] = field(default_factory=list)
    told: list[Body] = field(default_factory=list)

    @property
    def standing(self) -> list[Meeting]:
        return [m for m in self.meetings if m.state == STANDING]

    def book(self, organizer: int, at: int, destinations: tuple[str, ...], *, asks: bool) -> None:
        """A new booking; with `asks` it waits for consent."""
        name = f"m{len(self.meetings)}"
        state = WAITING if asks else STANDING
        meeting = Meeting(name, f"{name}-0", organizer, at, "Room 0", destinations, state)
        self.meetings.append(meeting)
        self._tell(requested if asks else created, meeting)

    def accept(self, meeting: Meeting) -> None:
        meeting.state = STANDING
        self._tell(created, meeting)

    def reject(self, meeting: Meeting) -> None:
        meeting.state = GONE
        self._tell(rejected, meeting)

    def change(self, meeting: Meeting, place: str, destinations: tuple[str, ...]) -> None:
        """Another location; other destinations, when any are named."""
        meeting.place = place
        meeting.destinations = destinations or meeting.destinations
        self._tell(created, meeting, destinations)

    def move(self, meeting: Meeting, at: int) -> None:
        """Another time: a new booking in place of the old one."""
        before, meeting.moves, meeting.at = meeting.uid, meeting.moves + 1, at
        meeting.uid = f"{meeting.title}-{meeting.moves}"
        self.told.append(rescheduled(meeting.uid, before, len(self.told), **self._fields(meeting, ())))

    def cancel(self, meeting: Meeting) -> None:
        meeting.state = GONE
        self._tell(cancelled, meeting)

    def miss(self, meeting: Meeting) -> None:
        """A guest does not come."""
        self.told.append(no_show(meeting.uid, told=len(self.told)))

    def _tell(self, make: object, meeting: Meeting, destinations: tuple[str, ...] | None = None) -> None:
        assert callable(make)
        fields = self._fields(meeting, meeting.destinations if destinations is None else destinations)
        uid = {"iCalUID": LEFT_OUT} if meeting.moves else {}
        self.told.append(make(meeting.uid, len(self.told), **fields, **uid))

    @staticmethod
    def _fields(meeting: Meeting, destinations: tuple[str, ...]) -> Body:
        email = "anna@example.com" if meeting.organizer == 1 else "ben@example.com"
        return {
            "title": meeting.title,
            "at": meeting.at,
            "location": meeting.place,
            "organizer": {"id": meeting.organizer, "email": email, "timeZone": "UTC", "language": {"locale": "en"}},
            "destinationCalendar": [{"integration": "memory_calendar", "externalId": d} for d in destinations],
        }
