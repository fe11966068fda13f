"""The names a value may have, and what each stands for in a booking.

    name                              stands for
    --------------------------------  ---------------------------------------------------------------------------
    booking_start_date, .._end_date   when the meeting starts, ends; for an all-day one its first and last day
    booking_created_date              when the booking was made
    booking_cancel_date               when it was cancelled
    title, location, uid, status      of the booking; location is the meeting's link where there is one
    description, notes, event_type
    duration_minutes                  from start to end
    cancellation_reason
    organizer.name .email .phone      the host
    organizer.time_zone .crm_id       .crm_id: the host's user in the CRM
    attendee.name .first_name         the attendee whose record is written; the last word of a name is the last name,
    .last_name .email .phone          unless the booker gave both apart
    .time_zone .absent
    account.crm_id                    the account that was found for the attendee
    link.booking .reschedule          addresses of the booking's page, and of changing and cancelling it
    link.cancel .meeting              .meeting: the video room
    utm:source .medium .campaign      how the booker came (utm:source, utm:medium, and so on)
    .term .content
    assignmentReason                  why this host was chosen
    form:ID                           the answer to a routing form's question
    answer:ID                         the answer to a question of the booking
    any other                         the same as answer:ID

The table comes before answers, so that what `{title}` means does not depend on what a booker filled in. Names are
exact. `form:`, `utm:`, `assignmentReason`, bare answers and the dates are Cal.com's spellings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from syncd.model.booking import Attendee, Booking
from syncd.model.calendar import Participant
from syncd.model.schema import closest

ORGANIZER_ZONE, ATTENDEE_ZONE = "organizer", "attendee"
UTM = ("source", "medium", "campaign", "term", "content")
FORM, UTM_PREFIX, ANSWER = "form:", "utm:", "answer:"
OWNED = ("organizer.", "attendee.", "account.", "link.", "booking_")
"""Beginnings of names that are the table's alone; an answer called so is reached by `answer:`."""
INTEGRATION = "integrations:"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingFacts:
    """A booking, and what is known around it.

    Attributes:
        attendee: whose record is written; None: the booking's first attendee.
        form: a routing form's answers by the question's identifier.
        utm: source, medium, campaign, term, content.
        links: booking, reschedule, cancel -> an address.
        organizer_crm_id, account_crm_id: ids in the CRM that is written to; "" for none.
    """

    booking: Booking
    attendee: Attendee | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    utm: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    assignment_reason: str = ""
    organizer_crm_id: str = ""
    account_crm_id: str = ""

    @property
    def person(self) -> Attendee:
        """The attendee whose record is written."""
        return self.attendee or next(iter(self.booking.attendees), Attendee(email=""))

    @property
    def organizer(self) -> Participant:
        """The host."""
        return self.booking.organizer or Participant(email="")


def ask(facts: BookingFacts, name: str) -> Any:
    """What a name stands for; None for nothing, as are empty text and an empty list. 0 and false are values."""
    if name in NAMED:
        value = NAMED[name](facts)
    elif name.startswith(FORM):
        value = plain(facts.form.get(name.removeprefix(FORM)))
    elif name.startswith(UTM_PREFIX):
        value = facts.utm.get(name.removeprefix(UTM_PREFIX))
    else:
        value = plain(facts.booking.answers.get(name.removeprefix(ANSWER)))
    blank = isinstance(value, str) and not value.strip()
    return None if value is None or blank or value == [] else value


def is_known(name: str, questions: frozenset[str] | None = None) -> bool:
    """Whether a name can ever have a value. `questions` are those of the booking and of the form (`form:ID`); None: not
    known, so any may be one.
    """
    if name in NAMED or name in UTM_NAMES:
        return True
    if name.startswith((UTM_PREFIX, *OWNED)):
        return False
    asked = name.removeprefix(ANSWER)
    return bool(asked.removeprefix(FORM)) and (questions is None or asked in questions)


def nearest_name(name: str, questions: frozenset[str] | None = None) -> str:
    """The known name most like one; "" when none is."""
    return closest(name, {*NAMED, *UTM_NAMES, *(questions or ())})


def zone_of(facts: BookingFacts, choice: str) -> tzinfo:
    """The zone that dates are shown in: the organizer's, the attendee's, or the one named. Where the one is not known
    the other is taken, and at last UTC.
    """
    named = {ORGANIZER_ZONE: facts.organizer.zone, ATTENDEE_ZONE: facts.person.zone}
    for name in (named.get(choice, choice), *named.values()):
        if zone := zone_named(name):
            return zone
    return UTC


def zone_named(name: str) -> tzinfo | None:
    """The zone of an IANA name; None when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError, LookupError):
        return None


def plain(answer: Any) -> Any:
    """An answer without its wrapping: Cal.com wraps some as `{value, optionValue}`, `{label, value}` or name parts."""
    if not isinstance(answer, Mapping):
        return answer
    if "firstName" in answer or "lastName" in answer:
        return " ".join(str(answer[part]) for part in ("firstName", "lastName") if answer.get(part))
    for part in ("optionValue", "value", "label"):
        if answer.get(part) not in (None, ""):
            return plain(answer[part])
    return None if not answer or "value" in answer else answer


def shown(value: Any, zone: tzinfo) -> str:
    """A value as text: lists by commas, moments in ISO 8601 with the zone's offset, truth as true and false."""
    if isinstance(value, str):
        # A lone surrogate has no UTF-8, and so cannot be sent.
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return in_zone(value, zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ", ".join(shown(plain(each), zone) for each in value if each is not None)
    if isinstance(value, Mapping):
        return shown(json.dumps(value, ensure_ascii=False, default=str), zone)
    return str(value)


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """A moment in a zone; in UTC where the calendar ends."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def place(booking: Booking) -> str:
    """Where a meeting is: its link, else a place in words, else what was told."""
    if booking.meeting_url or not booking.location.startswith(INTEGRATION):
        return booking.meeting_url or booking.location
    words = booking.location.removeprefix(INTEGRATION).replace(":", " ").replace("_", " ").replace("-", " ")
    return words.title().strip()


def links_of(booking: Booking) -> dict[str, str]:
    """The product's pages for the booker: of the booking, of changing and of cancelling it; none where it is not told
    where they are. Paths as Cal.com has them.
    """
    if not booking.booker_url:
        return {}
    uid = quote(booking.uid, safe="")
    page = f"{booking.booker_url}/booking/{uid}"
    return {"booking": page, "reschedule": f"{booking.booker_url}/reschedule/{uid}", "cancel": f"{page}?cancel=true"}


def name_parts(facts: BookingFacts) -> tuple[str, str]:
    """First and last name of the attendee: as the booker gave them apart, else split before the last word."""
    given = facts.booking.answers.get("name") if facts.person == next(iter(facts.booking.attendees), None) else None
    if isinstance(given, Mapping) and (given.get("firstName") or given.get("lastName")):
        return str(given.get("firstName") or ""), str(given.get("lastName") or "")
    *first, last = facts.person.name.split() or [""]
    return " ".join(first), last


def _last_day(booking: Booking) -> date | datetime:
    return booking.end_date - timedelta(days=1) if booking.end_date else booking.end


def _minutes(booking: Booking) -> int:
    return int((booking.end - booking.start).total_seconds() // 60)


NAMED: dict[str, Callable[[BookingFacts], Any]] = {
    "booking_start_date": lambda f: f.booking.start_date or f.booking.start,
    "booking_end_date": lambda f: _last_day(f.booking),
    "booking_created_date": lambda f: f.booking.created_at,
    "booking_cancel_date": lambda f: f.booking.cancelled_at,
    "title": lambda f: f.booking.title,
    "location": lambda f: place(f.booking),
    "uid": lambda f: f.booking.uid,
    "status": lambda f: f.booking.status.value,
    "description": lambda f: f.booking.description,
    "notes": lambda f: f.booking.notes,
    "event_type": lambda f: f.booking.event_type,
    "duration_minutes": lambda f: _minutes(f.booking),
    "cancellation_reason": lambda f: f.booking.cancellation_reason,
    "organizer.name": lambda f: f.organizer.name,
    "organizer.email": lambda f: f.organizer.email,
    "organizer.phone": lambda f: f.organizer.phone,
    "organizer.time_zone": lambda f: f.organizer.zone,
    "organizer.crm_id": lambda f: f.organizer_crm_id,
    "attendee.name": lambda f: f.person.name,
    "attendee.first_name": lambda f: name_parts(f)[0],
    "attendee.last_name": lambda f: name_parts(f)[1],
    "attendee.email": lambda f: f.person.email,
    "attendee.phone": lambda f: f.person.phone,
    "attendee.time_zone": lambda f: f.person.zone,
    "attendee.absent": lambda f: f.person.absent,
    "account.crm_id": lambda f: f.account_crm_id,
    "link.booking": lambda f: f.links.get("booking"),
    "link.reschedule": lambda f: f.links.get("reschedule"),
    "link.cancel": lambda f: f.links.get("cancel"),
    "link.meeting": lambda f: f.booking.meeting_url,
    "assignmentReason": lambda f: f.assignment_reason,
}
"""Names -> what they stand for. Answers, form answers and UTM parameters are looked up by `ask`."""

UTM_NAMES = tuple(UTM_PREFIX + name for name in UTM)
