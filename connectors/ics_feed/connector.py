"""Feeds over the network: conditional reads, and each failure as what to do next.

A feed is one item of its calendar, whose version is the digest of the content: a feed tells that it changed, never what
changed. So every page with content is full, and an answer that nothing changed is an empty page with the same coverage.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from syncd.connector import CalendarConnector, CalendarRead, KnownVersions, Opened
from syncd.errors import (
    ForbiddenError,
    InputError,
    NotFoundError,
    ParkError,
    ProviderError,
    ReconnectError,
    WaitUntilError,
)
from syncd.ical import BusyReading, BusyRules, read_busy
from syncd.model.busy import BusyTime
from syncd.model.calendar import ChangePage, ItemChange, Probe, RemoteCalendar
from syncd.model.clock import Clock, utc_now
from syncd.model.time import Window
from syncd.provider.addresses import AddressPolicy
from syncd.provider.fetch import Fetched, Fetcher, FetchLimits
from syncd.provider.http import error_for_status

from .feed import (
    FeedCursor,
    IcsFeedCredential,
    IcsFeedSettings,
    digest_of,
    feed_content,
    feed_host,
    feed_id,
    rules_key,
)

T = TypeVar("T")

ITEM = "feed"
PARALLEL = 4
SHOWN_PROBLEMS = 3
ACCEPT = {"Accept": "text/calendar, */*;q=0.5"}
EVENT = re.compile(rb"^BEGIN:VEVENT\s*$", re.IGNORECASE | re.MULTILINE)


class IcsFeedConnector(CalendarConnector):
    """The feeds of one connection. Read only: there is nothing to write to."""

    def __init__(self, opened: Opened, *, fetcher: Fetcher | None = None, clock: Clock = utc_now) -> None:
        credential: IcsFeedCredential = opened.credential
        settings: IcsFeedSettings = opened.settings
        self._guard = opened.guard
        self._settings = settings
        self._clock = clock
        self._urls = {feed_id(url): url for url in credential.urls}
        self._fetcher = fetcher or _fetcher(settings, self._guard.timeout_s)

    def probe(self) -> Probe:
        """Read every feed, and tell which cannot be read and which have moved for good.

        Raises:
            ProviderError: no feed can be read; that of the first.
        """
        found = self._each(list(self._urls), self._facts)
        failures = [error for error in found.values() if isinstance(error, ProviderError)]
        if len(failures) == len(found):
            raise failures[0]
        facts = {"feeds": f"{len(found) - len(failures)} of {len(found)} can be read"}
        for feed, told in found.items():
            facts |= {feed: f"{self._host(feed)}: {told}"} if isinstance(told, ProviderError) else told
        return Probe(account=", ".join(dict.fromkeys(map(self._host, self._urls))), facts=facts)

    def calendars(self) -> list[RemoteCalendar]:
        """One calendar a feed. A feed that cannot be read now is listed by its host: it was given by a person."""
        found = self._each(list(self._urls), self._calendar)
        return [
            RemoteCalendar(id=feed, name=self._host(feed), read_only=True) if isinstance(told, ProviderError) else told
            for feed, told in found.items()
        ]

    def busy_times(
        self, calendars: Sequence[CalendarRead], window: Window
    ) -> Mapping[str, list[BusyTime] | ProviderError]:
        """Read the feeds now, a few at a time. Each gives its times or its own error."""
        asked = {calendar.id: calendar for calendar in calendars}
        return self._each(list(asked), lambda feed: self._read_now(asked[feed], window))

    def changes(
        self, calendar: CalendarRead, window: Window, cursor: str | None, known: KnownVersions, *, audit: bool = False
    ) -> Iterator[ChangePage]:
        """Ask whether the feed changed; read all of it when it did, or when `window` has moved on by a day.

        Raises:
            WaitUntilError: the connection's `min_refresh_minutes` are not over.
            ReconnectError, NotFoundError, ParkError, RetryError: as the fetch went.
        """
        last = FeedCursor.load(cursor) if cursor else None
        rules = rules_key(calendar, self._transparent_is_busy(calendar))
        current = last if last and not audit and last.rules == rules and last.covers(window) else None
        if current:
            self._respect_refresh(current)
        fetched = self._fetch(calendar.id, current.conditions() if current else {})
        if current and (fetched.status == 304 or digest_of(fetched.body) == current.digest):
            yield ChangePage(cursor=self._renewed(current, fetched), coverage=current.window)
            return
        page = self._page(calendar, window, rules, fetched)
        yield _audited(page, last, fetched, known) if audit else page

    def _page(self, calendar: CalendarRead, window: Window, rules: str, fetched: Fetched) -> ChangePage:
        reading = self._reading(calendar, window, fetched)
        cursor = FeedCursor(
            etag=fetched.headers.get("ETag", ""),
            modified=fetched.headers.get("Last-Modified", ""),
            digest=digest_of(fetched.body),
            start=window.start.isoformat(),
            end=window.end.isoformat(),
            rules=rules,
            checked=self._clock().isoformat(),
        )
        problem = problem_line(reading, fetched.body)
        item = ItemChange(item=ITEM, version=cursor.digest, times=tuple(reading.times), problem=problem)
        return ChangePage(changed=(item,), full=True, cursor=cursor.dump(), coverage=window)

    def _renewed(self, cursor: FeedCursor, fetched: Fetched) -> str:
        """The cursor after an answer that nothing changed. It may leave out validators: then the old ones stay."""
        etag = fetched.headers.get("ETag", cursor.etag)
        modified = fetched.headers.get("Last-Modified", cursor.modified)
        return replace(cursor, etag=etag, modified=modified, checked=self._clock().isoformat()).dump()

    def _respect_refresh(self, last: FeedCursor) -> None:
        due = last.checked_at + timedelta(minutes=self._settings.min_refresh_minutes)
        if due > self._clock():
            raise WaitUntilError("The feed was read a moment ago.", retry_at=due, code="own_limit")

    def _read_now(self, calendar: CalendarRead, window: Window) -> list[BusyTime]:
        return list(self._reading(calendar, window, self._fetch(calendar.id)).times)

    def _reading(self, calendar: CalendarRead, window: Window, fetched: Fetched) -> BusyReading:
        rules = BusyRules(
            zone=calendar.zone,
            owner_emails=calendar.owner_emails,
            transparent_is_busy=self._transparent_is_busy(calendar),
        )
        content = feed_content(fetched.body, fetched.headers.get("Content-Type", ""))
        try:
            return read_busy(content, window, rules)
        except InputError as cause:
            raise ParkError(
                f"The feed cannot be read: {cause}.",
                code="not_a_calendar",
                remedy="Tell the feed's publisher, or give another address: syncd connections reconnect ID",
            ) from cause

    def _transparent_is_busy(self, calendar: CalendarRead) -> bool:
        return calendar.transparent_is_busy or self._settings.transparent_is_busy

    def _calendar(self, feed: str) -> RemoteCalendar:
        reading = self._glance(self._fetch(feed))
        return RemoteCalendar(
            id=feed, name=reading.name or self._host(feed), read_only=True, color=reading.color, zone=reading.zone
        )

    def _facts(self, feed: str) -> dict[str, str]:
        fetched = self._fetch(feed)
        self._glance(fetched)
        if not fetched.moved:
            return {}
        return {feed: f"{self._host(feed)}: moved for good to {fetched.host}; give the new address"}

    def _glance(self, fetched: Fetched) -> BusyReading:
        """Read a feed for what it says of itself, in a window that holds next to no events."""
        now = self._clock()
        return self._reading(CalendarRead(id=""), Window(now, now + timedelta(minutes=1)), fetched)

    def _fetch(self, feed: str, conditions: Mapping[str, str] | None = None) -> Fetched:
        url = self._urls.get(feed)
        if url is None:
            raise NotFoundError(f"The connection has no feed {feed}.")
        return self._guard.call("GET feed", lambda: self._answer(url, conditions or {}), lambda _cause: None, safe=True)

    def _answer(self, url: str, conditions: Mapping[str, str]) -> Fetched:
        fetched = self._fetcher.get(url, {**ACCEPT, **conditions})
        if fetched.status == 200 or (fetched.status == 304 and conditions):
            return fetched
        raise self._status_error(fetched, url)

    def _status_error(self, fetched: Fetched, url: str) -> ProviderError:
        if fetched.status in (401, 403):
            return _revoked(feed_host(url), fetched.status, alone=len(self._urls) == 1)
        if fetched.status < 400:
            return ParkError(f"{feed_host(url)} answers with status {fetched.status}.", status=fetched.status)
        retry_after = fetched.headers.get("Retry-After")
        return error_for_status(fetched.status, f"GET feed at {feed_host(url)}", self._clock(), retry_after=retry_after)

    def _each(self, feeds: Sequence[str], run: Callable[[str], T]) -> dict[str, T | ProviderError]:
        """What `run` gives for each feed, or the error it raises; in threads that count into the caller's tally."""

        def settled(feed: str) -> T | ProviderError:
            try:
                return run(feed)
            except ProviderError as error:
                return error

        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="ics-feed") as pool:
            running = {feed: pool.submit(copy_context().run, settled, feed) for feed in feeds}
            return {feed: future.result() for feed, future in running.items()}

    def _host(self, feed: str) -> str:
        return feed_host(self._urls[feed])


def _fetcher(settings: IcsFeedSettings, timeout_s: float) -> Fetcher:
    allowed = settings.allow_private_addresses
    return Fetcher(
        AddressPolicy.of(allowed) if isinstance(allowed, bool) else AddressPolicy(allowed),
        FetchLimits(max_bytes=settings.max_bytes, timeout_s=timeout_s, deadline_s=settings.deadline_s),
        verify=settings.ca_file or True,
    )


def _revoked(host: str, status: int, *, alone: bool) -> ProviderError:
    """A feed that is refused needs a new URL. Among several it must not make the others' connection invalid."""
    kind = ReconnectError if alone else ForbiddenError
    return kind(
        f"{host} does not accept the feed's address any more. [{status}]",
        code="feed_refused",
        status=status,
        remedy="Copy the calendar's iCal address again and give it: syncd connections reconnect ID",
    )


def _audited(page: ChangePage, last: FeedCursor | None, fetched: Fetched, known: KnownVersions) -> ChangePage:
    """`page`, telling whether the feed had claimed not to have changed when it had."""
    held = known().get(ITEM)
    hidden = (
        held is not None and held != page.changed[0].version and last is not None and last.validates(fetched.headers)
    )
    return replace(page, repaired=int(hidden))


def problem_line(reading: BusyReading, body: bytes) -> str:
    """What could not be read, in one line without anything private: counts, reasons and line numbers."""
    problems = reading.problems
    if not problems:
        return ""
    shown = "; ".join(f"{problem.reason} (line {problem.line})" for problem in problems[:SHOWN_PROBLEMS])
    more = "; ..." if len(problems) > SHOWN_PROBLEMS else ""
    return f"{len(problems)} of {len(EVENT.findall(body))} events could not be read: {shown}{more}"
