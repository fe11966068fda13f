"""Guests of an event: ours made equal to the wanted ones, a person's left alone. Pure.

- A guest that stays keeps everything, the answer above all. A name is written once: Google shows its own for people who
  have an account.
- Guests whose digest is among our marks are taken away when they are not wanted any more; a person invited the others.
- The calendar's owner is a guest who has accepted, so that they can decline. The organizer goes by the calendar's
  address, because Google's organizer is the calendar. On a calendar that is no person's there is no such guest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.model.calendar import Event, Participant

from .marks import digest, guests_of

Json = Mapping[str, Any]

NOBODYS = ".calendar.google.com"
"""What addresses of calendars end with that are no person's primary one."""


def guests_wanted(current: Json, event: Event, calendar: str, rsvp: str) -> list[Json] | None:
    """The list of attendees to write; None when it is as wanted."""
    there = {_email(a): a for a in current.get("attendees") or ()}
    people = _people(event, calendar)
    ours, owner = guests_of(current), calendar.casefold()
    wanted = []
    for email, person in people.items():
        answer = "accepted" if email == owner else rsvp
        wanted.append(_named(there.get(email) or {"email": person.email, "responseStatus": answer}, person.name))
    kept = [a for email, a in there.items() if email not in people and digest(email) not in ours]
    if all(there.get(_email(a)) == a for a in wanted) and len(there) == len(wanted) + len(kept):
        return None
    return [*wanted, *kept]


def guests_read(resource: Json) -> tuple[Participant, ...]:
    """The guests of ours that are there."""
    ours = guests_of(resource)
    attendees = resource.get("attendees") or ()
    return tuple(
        Participant(email=str(a["email"]), name=str(a.get("displayName", "")))
        for a in attendees
        if a.get("email") and digest(a["email"]) in ours
    )


def _people(event: Event, calendar: str) -> dict[str, Participant]:
    """Who shall be among the attendees, by address in small letters."""
    people = {p.email.casefold(): p for p in event.attendees}
    owner = calendar.casefold()
    if event.organizer is None or owner.endswith(NOBODYS) or "@" not in owner or owner in people:
        return people
    return {owner: Participant(email=calendar, name=event.organizer.name), **people}


def _named(attendee: Json, name: str) -> Json:
    return attendee if attendee.get("displayName") or not name else {**attendee, "displayName": name}


def _email(attendee: Json) -> str:
    return str(attendee.get("email", "")).casefold()
