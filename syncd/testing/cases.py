"""What the contract's tests are made of: moments, events, iCalendar objects, and the hooks its users give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from syncd.connector import CalendarConnector
from syncd.model.calendar import Event, Participant, Receipt
from syncd.model.time import Window

OWNER = "owner@example.org"
WINDOW = Window(datetime(2027, 3, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC))
KEY = "contract-key"
BERLIN = "Europe/Berlin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What a connector's author gives besides the connector. None where it is not given.

    store: another client stores an iCalendar object under a UID; its item id is returned. discard: another client
    removes the item. annotate: a person adds to the event of a receipt something that is not ours; the function
    returned says if it is there. lose_answer: the next write is carried out and its answer lost. expire_cursors:
    every cursor given so far is dead. garble: the next answer of the provider is not what its protocol says.
    rejected: a connector whose credential is not accepted. missing: the id of a calendar that does not exist.
    secrets: what must not show up in errors or logs.
    """

    store: Callable[[str, str], str] | None = None
    discard: Callable[[str], None] | None = None
    annotate: Callable[[Receipt], Callable[[], bool]] | None = None
    lose_answer: Callable[[], None] | None = None
    expire_cursors: Callable[[], None] | None = None
    garble: Callable[[], None] | None = None
    rejected: CalendarConnector | None = None
    missing: str | None = None
    secrets: tuple[str, ...] = ()


def utc(*parts: int) -> datetime:
    """A moment in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


def ics(uid: str, *lines: str, more: Sequence[Sequence[str]] = ()) -> str:
    """An iCalendar object of one or more VEVENTs, as another client would store it."""
    blocks = [lines, *more]
    body = [
        line
        for block in blocks
        for line in ("BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", *block, "END:VEVENT")
    ]
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//another client//EN"]
    return "\r\n".join([*head, *body, "END:VCALENDAR", ""])


def meeting(uid: str = "contract-1@syncd", **changes: Any) -> Event:
    """A plain booking."""
    event = Event(
        uid=uid,
        title="Intro call",
        start=utc(2027, 3, 10, 9),
        end=utc(2027, 3, 10, 10),
        zone=BERLIN,
        description="First line\nsecond line",
        location="Room 1; second floor, left",
        organizer=Participant(email="host@example.org", name="Hanna Host"),
        attendees=(Participant(email="guest@example.net", name="Gus Guest"),),
    )
    return replace(event, **changes)
