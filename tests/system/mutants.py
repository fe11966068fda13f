"""Hostile input, the same for the same seed."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

from cli.people import api_booking, envelope

EMAIL = "ada@example.com"

ZONES = (
    "",
    "UTC",
    "Mars/Olympus",
    "../../etc/passwd",
    "Europe/Berlin\x00",
    "GMT+25",
    "/",
    ".",
    "Europe",
    "W. Europe Standard Time",
    "Etc/GMT-14",
    "a" * 5000,
    "\ud800",
    "Europe/Berlin ",
    "localtime",
    "right/UTC",
    "posixrules",
)
TIMES = (
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "2027-02-30T00:00:00Z",
    "2027-03-28T02:30:00",
    "2027-03-01",
    "20270301",
    "2027-W09-1",
    "T",
    "",
    "now",
    "-1",
    "2027-03-01T24:00:00Z",
    "1e400",
    "2027-03-01T09:00:00.123456789Z",
    "２０２７-03-01T09:00:00Z",
)
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    2**64,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\x00",
    "\ud800",
    "\udfff\ud800",
    "\u202e",
    "\\u0000",
    "\x1b]0;x\x07",
    "a" * 30_000,
    "💥" * 400,
    "[/red]",
    "'; DROP TABLE bookings; --",
    "%s%n{0}",
    [],
    {},
    [[]],
    [{}],
    [None],
    {"": ""},
    {"a": {"a": {"a": []}}},
    ["x"] * 2000,
    [1, "a", None, {}],
)
TRIGGERS = (
    "BOOKING_CREATED",
    "BOOKING_RESCHEDULED",
    "BOOKING_CANCELLED",
    "BOOKING_REQUESTED",
    "BOOKING_NO_SHOW_UPDATED",
    "BOOKING_PAID",
    "MEETING_STARTED",
    "NONSENSE",
    "",
)
RICH: dict[str, Any] = {
    "description": "About things",
    "location": "integrations:daily",
    "metadata": {"videoCallUrl": "https://example.com/x"},
    "responses": {"name": {"label": "your_name", "value": "Guest"}},
    "destinationCalendar": {
        "integration": "caldav_calendar",
        "externalId": "/cal/work/",
        "credentialId": 1,
        "userId": 1,
    },
    "recurringEvent": {"freq": 2, "interval": 1, "count": 4},
    "rescheduleUid": "",
    "eventTypeId": 1,
    "seatsPerTimeSlot": 3,
    "attendees": [{"email": f"guest{n}@example.org", "name": "Guest", "timeZone": "UTC"} for n in range(3)],
}


def delivery(seed: int) -> Any:
    """A delivery or an API booking with a few injuries, each somewhere in it."""
    drawn = random.Random(seed)
    uid = f"h{drawn.randrange(400)}"
    make = api_booking if drawn.random() < 0.2 else envelope
    body: Any = json.loads(json.dumps(make(EMAIL, uid, **RICH)))
    if make is envelope:
        body["triggerEvent"] = drawn.choice(TRIGGERS)
        body["createdAt"] = drawn.choice((*TIMES, body["createdAt"], body["createdAt"], body["createdAt"]))
    for _ in range(drawn.randint(1, 4)):
        _injure(body, drawn)
    return body


def text(seed: int) -> bytes:
    """A file that is hardly JSON."""
    drawn = random.Random(seed)
    whole = json.dumps(delivery(seed)).encode()
    at = drawn.randrange(len(whole))
    hostile = (
        b"",
        b"\n\n",
        b"[" * 100_000,
        b"{" * 5000,
        b'{"a":' * 50_000,
        whole[:at],
        whole[:at] + b"\xff\xfe" + whole[at:],
        b"\xff" * 99,
        b"\xef\xbb\xbf" + whole[:at],
        b"[1" + b"0" * 9000 + b"]",
        b"nul",
        b'"' + b"\\ud83d" * 9,
        whole[:at] + b"\x00" + whole[at:],
        b"[,]",
        b"1e999",
        b"[]",
        b"{}",
        b"null",
        b'[null,1,"x",[],{}]',
        whole.replace(b'"uid"', b'"uid":1,"uid"'),
        whole.decode().encode("utf-16"),
    )
    return hostile[seed % len(hostile)]


def _injure(body: Any, drawn: random.Random) -> None:
    """Change, drop or double one field, found by a walk to a random depth."""
    if not body:
        return
    holder, key = body, drawn.choice(list(body))
    while isinstance(holder[key], (dict, list)) and holder[key] and drawn.random() < 0.8:
        holder = holder[key]
        key = drawn.choice(list(holder)) if isinstance(holder, dict) else drawn.randrange(len(holder))
    name = str(key).lower()
    if drawn.random() < 0.15:
        del holder[key]
    elif "zone" in name:
        holder[key] = drawn.choice(ZONES)
    elif "time" in name or name in ("start", "end", "until"):
        holder[key] = deepcopy(drawn.choice((*TIMES, *VALUES)))
    else:
        holder[key] = deepcopy(drawn.choice(VALUES))


_LINES = (
    "DTSTART:00010101T000000",
    "DTSTART:99991231T235959Z",
    "DTSTART;TZID=Mars/Olympus:20270301T090000",
    "DTSTART;VALUE=DATE:20270301",
    "DTSTART;TZID=../../etc/passwd:20270301T090000",
    "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=MINUTELY;COUNT=99999999",
    "RRULE:FREQ=YEARLY;BYDAY=99MO",
    "RRULE:FREQ=DAILY;INTERVAL=0",
    "RRULE:",
    "RDATE:/",
    "EXDATE:,,,",
    "DURATION:P9999999W",
    "DURATION:-P1D",
    "UID:",
    "UID:x\x00y",
    "BEGIN:VEVENT",
    "END:VEVENT",
    "END:VCALENDAR",
    "BEGIN:VTIMEZONE",
    ":",
    ";",
    "X" * 70_000,
    "SUMMARY:" + "é" * 9999,
    "\tfolded",
    "RECURRENCE-ID:20270301",
    'ATTENDEE;PARTSTAT="DECLINED:mailto:ada@example.com',
    "DTEND:20260101T000000Z",
    "SEQUENCE:99999999999999",
    "TRANSP:MAYBE",
)


def calendar_text(seed: int) -> str:
    """An iCalendar object with an event and a few injuries."""
    drawn = random.Random(seed)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//hostile//EN",
        "BEGIN:VEVENT",
        f"UID:hostile-{seed}",
        "DTSTAMP:20260101T000000Z",
        "DTSTART:20270301T090000Z",
        "DTEND:20270301T100000Z",
        "SUMMARY:Hostile",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    for _ in range(drawn.randint(1, 5)):
        at = drawn.randrange(len(lines))
        match drawn.randrange(4):
            case 0:
                lines.insert(at, drawn.choice(_LINES))
            case 1:
                lines[at] = drawn.choice(_LINES)
            case 2 if len(lines) > 2:
                del lines[at]
            case _:
                lines[at] = lines[at][: drawn.randrange(len(lines[at]) + 1)]
    return drawn.choice(("\r\n", "\r\n", "\n", "\r")).join(lines) + drawn.choice(("\r\n", ""))
