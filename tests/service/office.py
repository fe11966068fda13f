"""People whose bookings go to a calendar at a CalDAV stub."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cli.command_line import finished
from cli.people import envelope

from syncd.testing.dav import DavStub

UID = re.compile(r"^UID:(.*?)@Cal\.com\s*$", re.MULTILINE)


class Desk:
    """User `number`, connected to a stub with the calendar `work` as destination."""

    def __init__(self, config: Path, stub: DavStub, number: int = 1) -> None:
        self.email = f"person{number}@example.com"
        self._organizer = {"id": number, "email": self.email, "name": "Ada", "timeZone": "Europe/Berlin"}
        self.stub = stub
        self.calendar = stub.add_calendar("work")
        credential = json.dumps({"url": stub.url, "username": "ada", "password": "sesame"})
        who = ("--user", number, "--email", self.email)
        words = ("connections", "add", "caldav-calendar", *who, "--credential-file", "-")
        for told in (
            finished(config, *words, stdin=credential),
            finished(config, "calendars", "destination", number),
        ):
            assert told.code == 0, (told.out, told.err)

    def booking(self, uid: str, **changed: Any) -> Mapping[str, Any]:
        """A delivery that tells of a new booking."""
        return envelope(self.email, uid, organizer=self._organizer, **changed)

    def written(self) -> Counter[str]:
        """Booking uid -> how often it is in the calendar."""
        texts = self.stub.texts(self.calendar).values()
        return Counter(uid for text in texts for uid in UID.findall(text))


def reference_states(config: Path) -> Counter[str]:
    """How many references are in each state."""
    told = finished(config, "status", "--json")
    return Counter(json.loads(told.out)["references"])
