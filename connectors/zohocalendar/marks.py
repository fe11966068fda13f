"""What an event of ours bears, so that it is found again and our fields are told from a person's. Pure.

Zoho takes no id, no iCalendar UID and no properties of a client's (facts: zoho-calendar, idempotency). Of the two
fields that could hold a mark, `url` is documented as taken but not as told; `description` as both. So the mark is the
last line of the description, in letters that no conversion to HTML and back changes. A person who edits the description
and takes the line away makes the event theirs in all but its id: it is still found by that.

The mark counts only where the account itself is the organizer: a description that came with an invitation is a
stranger's.

    field   what it says
    u       our uid
    q, o    sequence; organizer (address, name)
    g, n    the guests that we invited: a digest each; their names, which Zoho does not keep
    z, r    the zone and the rule as we wrote them
    l       the url, for where it is not told
    m       minutes of our reminders; absent where we set none
    p, t    we made it private; it is tentative, which Zoho cannot say
    c, x    ids of the occurrences that we cancelled; this occurrence was moved by us
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.model.calendar import Event, EventStatus, Participant

LONGEST_MARK = 4000
"""What does not fit goes: first the names of guests, then which are ours."""

_UNTOLD = "*"

_LARGEST = 100_000  # bytes that a mark may unpack to
_DIGEST = 5  # letters of 5 bits: enough to tell some hundred guests apart
_MARK = re.compile(r"\[syncd:1:([A-Za-z0-9_-]+)\]")
_PARTED = "\n\n"
_BREAKS = re.compile(r"(?:\s|<br\s*/?>|&nbsp;)+\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mark:
    """What the mark says; nothing of an event that is not ours."""

    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        """Our uid; "" for an event that is not ours."""
        return self.text("u")

    def text(self, name: str) -> str:
        """A text among the fields."""
        value = self.fields.get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def organizer(self) -> Participant | None:
        """Who organizes it by our own account."""
        told = self.fields.get("o")
        if not isinstance(told, list) or len(told) != 2:
            return None
        return Participant(email=str(told[0]), name=str(told[1]))

    @property
    def names(self) -> Mapping[str, str]:
        """The guests that we invited: digest -> name."""
        digests, names = self.text("g"), self.fields.get("n")
        told = [str(name) for name in names] if isinstance(names, list) else []
        found = [digests[at : at + _DIGEST] for at in range(0, len(digests), _DIGEST)]
        return dict(zip(found, [*told, *[""] * len(found)], strict=False))

    @property
    def knows_guests(self) -> bool:
        """Whether it says which guests we invited."""
        return bool(self.uid) and self.text("g") != _UNTOLD

    @property
    def reminders(self) -> tuple[int, ...] | None:
        """The minutes of our own reminders; None where we set none."""
        told = self.fields.get("m")
        return tuple(m for m in told if isinstance(m, int)) if isinstance(told, list) else None

    @property
    def cancelled(self) -> frozenset[str]:
        """The ids of the occurrences that we cancelled."""
        told = self.fields.get("c")
        return frozenset(map(str, told)) if isinstance(told, list) else frozenset()

    @property
    def moved(self) -> bool:
        """Whether it is an occurrence that we moved."""
        return bool(self.fields.get("x"))


def mark_of(item: Mapping[str, Any]) -> Mark:
    """The mark of an event."""
    text = item.get("description")
    found = _MARK.findall(text) if isinstance(text, str) and item.get("role") != "participant" else []
    return Mark(_unpacked(found[-1])) if found else Mark()


def marked(text: str, mark: str) -> str:
    """A description with its mark."""
    return f"{text}{_PARTED}{mark}" if text else mark


def unmarked(text: str) -> str:
    """A description without its mark and what parts it from the rest."""
    for found in reversed(list(_MARK.finditer(text))):
        before, after = text[: found.start()], text[found.end() :]
        before = before.removesuffix(_PARTED) if before.endswith(_PARTED) else _BREAKS.sub("", before)
        text = before + after if after.strip() else before
    return text


def mark_text(event: Event, *, cancelled: Iterable[str] = (), moved: bool = False) -> str:
    """The mark of an event, or of an occurrence of it."""
    whole = fields_of(event, cancelled=cancelled, moved=moved)
    nameless = {name: value for name, value in whole.items() if name != "n"}
    text = ""
    for fields in (whole, nameless, {**nameless, "g": _UNTOLD}):
        text = f"[syncd:1:{_packed(fields)}]"
        if len(text) <= LONGEST_MARK:
            break
    return text


def fields_of(event: Event, *, cancelled: Iterable[str] = (), moved: bool = False) -> dict[str, Any]:
    """What the mark says; only what is not the default."""
    told: dict[str, Any] = {
        "u": event.uid,
        "q": event.sequence,
        "o": [event.organizer.email, event.organizer.name] if event.organizer else None,
        "g": "".join(digest(p.email) for p in event.attendees),
        "n": [p.name for p in event.attendees] if any(p.name for p in event.attendees) else None,
        "z": event.zone,
        "r": event.rrule,
        "l": event.url,
        "p": event.private,
        "t": event.status is EventStatus.TENTATIVE,
        "c": sorted(cancelled),
        "x": moved,
    }
    kept = {name: value for name, value in told.items() if value}
    return kept if event.reminders is None else {**kept, "m": list(event.reminders)}


def digest(email: str) -> str:
    """A guest's digest."""
    return base64.b32hexencode(hashlib.sha256(email.casefold().encode()).digest()).decode()[:_DIGEST].lower()


def _packed(fields: Mapping[str, Any]) -> str:
    plain = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.compress(plain, 9)).decode().rstrip("=")


def _unpacked(text: str) -> Mapping[str, Any]:
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        fields = json.loads(zlib.decompressobj().decompress(packed, _LARGEST))
    except (ValueError, zlib.error, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
