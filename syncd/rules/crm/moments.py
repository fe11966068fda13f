"""What happened to a booking since a CRM was last told of it: the moments whose mappings are written.

    the CRM was told        and the activity wanted                      moments
    ----------------------  -------------------------------------------  --------------------------
    nothing                 is scheduled                                 booking
    of it                   starts at another time, or has another host  reschedule
    of it                   is cancelled, and was not                    cancellation
    it was cancelled        is scheduled again                           booking
    of it                   has others marked as absent                  no show
    it was cancelled        is cancelled                                 none
    of it                   differs in anything else                     none: the event alone is written

What was told is kept with the receipt (`Told`), for the CRM itself may have been changed by people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.model.activity import Activity, ActivityState

from .mapping import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a CRM was told of a booking. `people`: the id of each attendee's record, by casefolded e-mail, the first
    being whom the activity is about; `kinds` what these are. `absent`: who was marked. `occurrences`: of a series, the
    id of each record by where the rule puts it, "" for a cancelled one.
    """

    start: str = ""
    host: str = ""
    state: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    account_id: str = ""
    owner_id: str = ""
    occurrences: Mapping[str, str] = field(default_factory=dict)


def moments(activity: Activity, told: Told | None) -> tuple[Moment, ...]:
    """What has happened, in the order it is written."""
    if told is None:
        return (Moment.BOOKING,) + ((Moment.NO_SHOW,) if absent(activity) else ())
    if activity.state is ActivityState.CANCELLED:
        return () if told.state == ActivityState.CANCELLED else (Moment.CANCELLATION,)
    found: list[Moment] = []
    if told.state == ActivityState.CANCELLED:
        found.append(Moment.BOOKING)
    elif (told.start, told.host) != (start_of(activity), host_of(activity)):
        found.append(Moment.RESCHEDULE)
    if absent(activity) != told.absent:
        found.append(Moment.NO_SHOW)
    return tuple(found)


def start_of(activity: Activity) -> str:
    """When it starts, as it is kept."""
    return activity.event.start.isoformat()


def host_of(activity: Activity) -> str:
    """Whose meeting it is."""
    return activity.booking.organizer.email.strip().casefold() if activity.booking.organizer else ""


def absent(activity: Activity) -> tuple[str, ...]:
    """Who was marked as absent, by casefolded e-mail."""
    return tuple(sorted(a.email.strip().casefold() for a in activity.booking.attendees if a.absent and not a.left))


def to_notes(told: Told) -> dict[str, str]:
    """As the notes of a receipt."""
    return {
        "start": told.start,
        "host": told.host,
        "state": told.state,
        "people": json.dumps(dict(told.people)),
        "kinds": json.dumps(dict(told.kinds)),
        "absent": json.dumps(told.absent),
        "account_id": told.account_id,
        "owner_id": told.owner_id,
        "occurrences": json.dumps(dict(told.occurrences)),
    }


def from_notes(notes: Mapping[str, str]) -> Told:
    """What `to_notes` wrote down."""
    return Told(
        start=notes.get("start", ""),
        host=notes.get("host", ""),
        state=notes.get("state", ""),
        people=json.loads(notes.get("people", "{}")),
        kinds=json.loads(notes.get("kinds", "{}")),
        absent=tuple(json.loads(notes.get("absent", "[]"))),
        account_id=notes.get("account_id", ""),
        owner_id=notes.get("owner_id", ""),
        occurrences=json.loads(notes.get("occurrences", "{}")),
    )
