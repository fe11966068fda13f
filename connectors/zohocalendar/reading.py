"""What is read of an account: its calendars, busy times live, and those of colleagues.

A calendar's events are the truth about it, private ones too. Free/busy is of a mailbox, not of a calendar: added to
events it would make people busy by calendars that they did not choose, and it leaves out those that are not to be
included. So it is asked only for a calendar whose events are not told:

- one that somebody shares as free/busy: their mailbox's;
- one that is hidden and seems to be empty: Zoho may tell the events of shown ones only (an older page of its
  documentation says so). Then the account's own, when the calendar is included in that.

Where that does not say either (`fb_not_enabled`), the calendar has an error. It is not free.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from syncd.connector import CalendarRead
from syncd.errors import ForbiddenError, ProviderError, ReconnectError, RefreshError, RetryError, WaitUntilError
from syncd.model.busy import BusyKind, BusyTime
from syncd.model.calendar import ItemChange, RemoteCalendar
from syncd.model.time import Window

from .api import Api
from .busy import Listing, is_series
from .times import DAY, Json, UnreadableError, instant, moment_of, pieces

WRITING = frozenset({"owner", "edit", "delegate"})
"""Privileges with which events may be written; `owner` is documented, the others are named so by Zoho's pages."""

SPECIAL: Mapping[str, str] = {"holiday": "holidays", "birthday": "birthdays", "app": "app"}
"""A calendar's category or type -> what it is."""

FREE_BUSY_KINDS: Mapping[str, BusyKind | None] = {"free": None, "tentative": BusyKind.TENTATIVE}
"""`fbtype` -> kind; None does not block. Whatever else it is, is busy."""

FREE_BUSY_ITEM = "free-busy"
"""The item that stands for all of a mailbox's busy times, where events are not told."""

_EVERYWHERE = frozenset({"unreachable", "connection_lost", "tls"})
"""Troubles that no calendar is spared."""

_NOT_SHARED = (
    "In Zoho Calendar: have it included in free/busy, or shown (and shared with its details); or do not select it: "
    "syncd calendars deselect"
)


def remote_calendar(entry: Json) -> RemoteCalendar:
    """A calendar as the rest of syncd knows it."""
    kinds = [str(entry.get(name, "")).lower() for name in ("category", "caltype")]
    return RemoteCalendar(
        id=str(entry["uid"]),
        name=str(entry.get("name") or entry["uid"]),
        read_only=str(entry.get("privilege", "")).lower() not in WRITING,
        primary=bool(entry.get("isdefault")),
        color=str(entry.get("color") or ""),
        zone=str(entry.get("timezone") or ""),
        special=next((SPECIAL[kind] for kind in kinds if kind in SPECIAL), ""),
    )


class Reader:
    """Reads of one account.

    Args:
        email: whose it is; "" where the credential does not say.
        ask_email: the same, asked of Zoho where need be.
    """

    def __init__(self, api: Api, email: str, ask_email: Callable[[], str]) -> None:
        self._api = api
        self._email = email.casefold()
        self._ask_email = ask_email

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> dict[str, list[BusyTime] | ProviderError]:
        """Busy times of each calendar, or its error: a request for each and for every 31 days of the window, one more
        where there is a series, and one in all where a calendar seems to be empty.
        """
        reads = {read.id: read for read in calendars}
        told = {name: self._attempt(name, window) for name in reads}
        entries: dict[str, Json] = {}
        if any(_is_doubtful(answer) for answer in told.values()):
            try:
                entries = {entry["uid"]: entry for entry in self._api.calendars()}
            except ProviderError as error:
                lost = _own_error(error)
                told = {name: lost if _is_doubtful(answer) else answer for name, answer in told.items()}
        return {name: self._answer(reads[name], told[name], entries.get(name, {}), window) for name in reads}

    def items(self, read: CalendarRead, entry: Json, window: Window) -> list[ItemChange]:
        """Every event of a calendar with its busy times. `entry` is the calendar.

        Raises:
            ForbiddenError: neither its events nor its free/busy are told.
        """
        try:
            told: Listing | ProviderError = self.listing(read.id, window)
        except ForbiddenError as error:
            told = error
        if not isinstance(told, ProviderError) and not hides(entry, told):
            return list(told.items(read, self._owners(read), window))
        times = self._instead(read, entry, told, window)
        digest = hashlib.sha256(repr(times).encode()).hexdigest()
        return [ItemChange(item=FREE_BUSY_ITEM, version=digest[:32], times=tuple(times))]

    def listing(self, calendar: str, window: Window) -> Listing:
        """The events of a calendar."""
        found = Listing()
        for piece in pieces(window):
            whole = self._api.events(calendar, piece)
            series = any(is_series(item) for item in whole)
            found.add(whole, self._api.events(calendar, piece, by_instance=True) if series else ())
        return found

    def free_busy(self, email: str, zone: str, window: Window) -> list[BusyTime]:
        """When somebody of the same organisation is busy.

        Raises:
            ForbiddenError: they do not share it, or are of another organisation.
        """
        found: set[BusyTime] = set()
        for piece in pieces(window):
            told = self._told_free_busy(email, piece)
            if told.get("fb_not_enabled"):
                raise ForbiddenError("Free/busy is not shared.", code="free_busy_off", remedy=_NOT_SHARED)
            found.update(_busy_times(told, zone))
        return sorted(time for time in found if time.end > window.start and time.start < window.end)

    def _told_free_busy(self, email: str, window: Window) -> Json:
        """A token that is not good for free/busy may be good for all the rest."""
        try:
            return self._api.free_busy(email, window)
        except ReconnectError as error:
            raise ForbiddenError(str(error), code=error.code, status=error.status, remedy=error.remedy) from None

    def schedules(self, emails: Sequence[str], window: Window) -> dict[str, list[BusyTime] | ProviderError]:
        """When people are busy, as far as they share it: a request for each and for every 31 days."""
        answers: dict[str, list[BusyTime] | ProviderError] = {}
        for email in emails:
            try:
                answers[email] = self.free_busy(email, "UTC", window)
            except ProviderError as error:
                answers[email] = _own_error(error)
        return answers

    def _attempt(self, calendar: str, window: Window) -> Listing | ProviderError:
        try:
            return self.listing(calendar, window)
        except ProviderError as error:
            return _own_error(error)

    def _answer(
        self, read: CalendarRead, told: Listing | ProviderError, entry: Json, window: Window
    ) -> list[BusyTime] | ProviderError:
        """The busy times of a calendar, by whatever tells them."""
        try:
            if isinstance(told, ProviderError) or hides(entry, told):
                return self._instead(read, entry, told, window)
        except ProviderError as error:
            return _own_error(error)
        items = list(told.items(read, self._owners(read), window))
        problem = next((item.problem for item in items if item.problem), "")
        if problem:
            return RetryError(f"list events: {problem}.", code="answer_unusable")
        return sorted(time for item in items for time in item.times)

    def _instead(
        self, read: CalendarRead, entry: Json, told: Listing | ProviderError, window: Window
    ) -> list[BusyTime]:
        """The free/busy that says what the events of a calendar do not. Raises the error that there was, without."""
        own = str(entry.get("category", "")).lower() == "own"
        if isinstance(told, ProviderError) and (own or not entry or not isinstance(told, ForbiddenError)):
            raise told
        email = self._ask_email() if own else str(entry.get("owner", ""))
        if "@" not in email or (own and not entry.get("include_infreebusy")):
            raise ForbiddenError(
                "Zoho does not tell the events of this calendar.", code="events_hidden", remedy=_NOT_SHARED
            )
        return self.free_busy(email, read.zone, window)

    def _owners(self, read: CalendarRead) -> frozenset[str]:
        return frozenset(email.casefold() for email in (*read.owner_emails, self._email) if email)


def hides(entry: Json, listing: Listing) -> bool:
    """Whether a calendar may have more events than it tells."""
    return listing.is_empty and entry.get("visibility") is False


def _is_doubtful(answer: Listing | ProviderError) -> bool:
    return isinstance(answer, ForbiddenError) or (isinstance(answer, Listing) and answer.is_empty)


def _own_error(error: ProviderError) -> ProviderError:
    """The error as that of one calendar; raised where it concerns all of them."""
    if isinstance(error, (ReconnectError, RefreshError, WaitUntilError)) or error.code in _EVERYWHERE:
        raise error
    return error


def _busy_times(told: Json, zone: str) -> Iterator[BusyTime]:
    """The times in an answer to free/busy: UTC, with or without `Z`; or days, told so for hours that are not worked
    (calcom/cal.diy pull request 10429). `NODATA` is that there are none.
    """
    periods = [] if told.get("NODATA") else told.get("freebusy")
    if not isinstance(periods, list) or not all(isinstance(period, Mapping) for period in periods):
        raise RetryError("get free/busy: the answer is not one of Zoho Calendar.", code="answer_unusable")
    for period in periods:
        kind = FREE_BUSY_KINDS.get(str(period.get("fbtype", "")).lower(), BusyKind.BUSY)
        try:
            start, end = (moment_of(period.get(name), "UTC") for name in ("startTime", "endTime"))
        except UnreadableError as error:
            raise RetryError(f"get free/busy: {error}.", code="answer_unusable") from None
        first, last = instant(start, zone), instant(end, zone)
        if last <= first and not isinstance(end, datetime):
            last = first + DAY
        if kind is not None and first < last:
            yield BusyTime(first, last, kind)
