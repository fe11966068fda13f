"""The ics-feed connector against a real HTTP server on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from feed_server import PATH, TOKEN, FeedServer, calendar, event, nine_to_ten
from syncd_connectors.ics_feed.connector import IcsFeedConnector
from syncd_connectors.ics_feed.feed import FeedCursor, IcsFeedCredential, IcsFeedSettings, feed_id

from syncd.connector import CalendarRead, Opened
from syncd.errors import (
    ForbiddenError,
    NotFoundError,
    ParkError,
    ProviderError,
    ReconnectError,
    ResyncError,
    RetryError,
    WaitUntilError,
)
from syncd.model.calendar import ChangePage
from syncd.model.time import Window
from syncd.provider.guard import Guard, tally

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    running = FeedServer()
    yield running
    running.close()


def connect(*urls: str, clock: Callable[[], datetime] = lambda: NOW, **settings: Any) -> IcsFeedConnector:
    opened = Opened(
        connection_id=1,
        credential=IcsFeedCredential(urls=urls),
        settings=IcsFeedSettings(**{"allow_private_addresses": True, **settings}),
        guard=Guard("ics-feed", 1, timeout_s=5, clock=clock),
    )
    return IcsFeedConnector(opened, clock=clock)


def read(
    connector: IcsFeedConnector,
    url: str,
    cursor: str | None = None,
    *,
    window: Window = WINDOW,
    known: Mapping[str, str] | None = None,
    audit: bool = False,
    **calendar_read: Any,
) -> ChangePage:
    asked = CalendarRead(id=feed_id(url), **calendar_read)
    [page] = connector.changes(asked, window, cursor, lambda: known or {}, audit=audit)
    return page


def failure(connector: IcsFeedConnector, url: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        read(connector, url)
    return caught.value


# --- changes --------------------------------------------------------------------------------------------------------


def test_the_first_read_brings_the_whole_feed_as_one_item(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3), event("b", 4)), ETag='"1"')
    page = read(connect(server.url()), server.url())
    assert page.full
    assert page.coverage == WINDOW
    assert [item.times for item in page.changed] == [(nine_to_ten("a", 3), nine_to_ten("b", 4))]
    assert page.changed[0].problem == ""


@pytest.mark.parametrize("validator", [{"ETag": '"1"'}, {"Last_Modified": "Mon, 02 Nov 2026 10:00:00 GMT"}, {}])
def test_an_unchanged_feed_gives_an_empty_page_with_the_same_coverage(
    server: FeedServer, validator: dict[str, str]
) -> None:
    server.serve(calendar(event("a", 3)), PATH, 200, **validator)
    connector = connect(server.url())
    first = read(connector, server.url())
    second = read(connector, server.url(), first.cursor)
    assert (second.changed, second.full, second.coverage) == ((), False, WINDOW)
    third = read(connector, server.url(), second.cursor)
    assert third.changed == ()
    conditional = [name for name in ("If-None-Match", "If-Modified-Since") if name in server.asked[2][1]]
    assert len(conditional) == len(validator)


def test_a_changed_feed_is_read_whole_with_a_new_version(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3)), ETag='"1"')
    connector = connect(server.url())
    first = read(connector, server.url())
    server.serve(calendar(event("b", 4)), ETag='"2"')
    second = read(connector, server.url(), first.cursor)
    assert second.full
    assert second.changed[0].times == (nine_to_ten("b", 4),)
    assert second.changed[0].version != first.changed[0].version


@pytest.mark.parametrize(
    ("start_moved", "end_moved", "full"),
    [(0, 0, False), (1, 1, False), (2, 2, True), (-1, 0, True)],
    ids=["same", "a day on", "two days on", "begins earlier"],
)
def test_a_window_that_rolled_by_more_than_a_day_is_read_without_conditions(
    server: FeedServer, start_moved: int, end_moved: int, full: bool
) -> None:
    server.serve(calendar(event("a", 3)), ETag='"1"')
    connector = connect(server.url())
    first = read(connector, server.url())
    moved = Window(WINDOW.start + timedelta(days=start_moved), WINDOW.end + timedelta(days=end_moved))
    page = read(connector, server.url(), first.cursor, window=moved)
    assert page.full is full
    assert page.coverage == (moved if full else WINDOW)
    assert ("If-None-Match" in server.asked[1][1]) is not full


@pytest.mark.parametrize(
    "changed", [{"transparent_is_busy": True}, {"zone": "Europe/Berlin"}, {"owner_emails": {"a@b.c"}}]
)
def test_other_rules_read_the_same_content_again(server: FeedServer, changed: dict[str, Any]) -> None:
    server.serve(calendar(event("a", 3, "TRANSP:TRANSPARENT")), ETag='"1"')
    connector = connect(server.url())
    first = read(connector, server.url())
    assert read(connector, server.url(), first.cursor, **changed).full


def test_an_audit_finds_a_change_the_server_had_hidden(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3)), ETag='"1"')
    connector = connect(server.url())
    first = read(connector, server.url())
    known = {item.item: item.version for item in first.changed}
    assert read(connector, server.url(), first.cursor, known=known, audit=True).repaired == 0
    server.serve(calendar(event("b", 4)), ETag='"1"')
    audited = read(connector, server.url(), first.cursor, known=known, audit=True)
    assert (audited.repaired, audited.full) == (1, True)
    assert audited.changed[0].times == (nine_to_ten("b", 4),)


def test_an_audit_does_not_count_a_change_the_server_tells(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3)), ETag='"1"')
    connector = connect(server.url())
    first = read(connector, server.url())
    server.serve(calendar(event("b", 4)), ETag='"2"')
    known = {item.item: item.version for item in first.changed}
    assert read(connector, server.url(), first.cursor, known=known, audit=True).repaired == 0


@pytest.mark.parametrize("cursor", ["x", "{}", '{"etag":1}', "[]"])
def test_a_cursor_that_is_none_of_ours_starts_again(server: FeedServer, cursor: str) -> None:
    with pytest.raises(ResyncError):
        read(connect(server.url()), server.url(), cursor)


def test_a_feed_is_not_asked_again_before_its_refresh_interval(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3)))
    times = [NOW]
    connector = connect(server.url(), clock=lambda: times[0], min_refresh_minutes=30)
    first = read(connector, server.url())
    times[0] = NOW + timedelta(minutes=29)
    with pytest.raises(WaitUntilError) as caught:
        read(connector, server.url(), first.cursor)
    assert caught.value.retry_at == NOW + timedelta(minutes=30)
    times[0] = NOW + timedelta(minutes=30)
    assert read(connector, server.url(), first.cursor).coverage == WINDOW
    assert len(server.asked) == 2


# --- content --------------------------------------------------------------------------------------------------------


def test_one_bad_event_does_not_lose_the_feed(server: FeedServer) -> None:
    bad = event("SECRET-UID", 5, "SUMMARY:Secret").replace("DTSTART:20261105T090000Z", "DTSTART:yesterday")
    server.serve(calendar(event("a", 3), bad, event("b", 4)))
    [item] = read(connect(server.url()), server.url()).changed
    assert item.times == (nine_to_ten("a", 3), nine_to_ten("b", 4))
    assert item.problem.startswith("1 of 3 events could not be read: ")
    assert "(line " in item.problem
    assert "secret" not in item.problem.lower()


@pytest.mark.parametrize(
    ("setting", "of_calendar", "busy"), [(False, False, 0), (True, False, 1), (False, True, 1), (True, True, 1)]
)
def test_transparent_events_block_when_the_feed_or_the_connection_says_so(
    server: FeedServer, setting: bool, of_calendar: bool, busy: int
) -> None:
    server.serve(calendar(event("a", 3, "TRANSP:TRANSPARENT")))
    connector = connect(server.url(), transparent_is_busy=setting)
    [item] = read(connector, server.url(), transparent_is_busy=of_calendar).changed
    assert len(item.times) == busy


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (calendar(event("a", 3), name="Bühne").encode(), "text/calendar"),
        (b"\xef\xbb\xbf" + calendar(event("a", 3), name="Bühne").encode(), "text/calendar"),
        (calendar(event("a", 3), name="Bühne").encode("utf-16"), "text/calendar"),
        (calendar(event("a", 3), name="Bühne").encode("latin-1"), "text/calendar"),
        (calendar(event("a", 3), name="Bühne").encode("cp1252"), "text/calendar; charset=windows-1252"),
        (calendar(event("a", 3), name="Bühne").encode(), "text/calendar; charset=ISO-8859-1"),
        (calendar(event("a", 3), name="Bühne").encode("latin-1"), "text/calendar; charset=klingon"),
        (calendar(event("a", 3), name="Bühne").encode().replace(b"\xc3\xbc", b"\xc3\r\n \xbc"), "text/calendar"),
        (b"\r\n \r\n" + calendar(event("a", 3), name="Bühne").encode(), "application/octet-stream"),
    ],
    ids=[
        "utf-8",
        "marked",
        "utf-16",
        "undeclared latin-1",
        "declared",
        "declared wrongly",
        "unknown",
        "folded",
        "space",
    ],
)
def test_a_feed_is_read_in_any_charset(server: FeedServer, body: bytes, content_type: str) -> None:
    server.serve(body, Content_Type=content_type)
    connector = connect(server.url())
    assert connector.calendars()[0].name == "Bühne"
    assert read(connector, server.url()).changed[0].times == (nine_to_ten("a", 3),)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", ParkError, "not_a_calendar"),
        (b"", ParkError, "not_a_calendar"),
        (b'{"error":"x"}', ParkError, "not_a_calendar"),
        (calendar(event("a", 3)).encode()[:-17], RetryError, "cut_short"),
        (calendar(*(event(f"e{n}", 3) for n in range(50))).encode(), ParkError, "too_large"),
    ],
    ids=["web page", "empty", "json", "cut", "large"],
)
def test_what_is_no_whole_calendar_is_an_error_never_an_empty_one(
    server: FeedServer, body: bytes, kind: type[ProviderError], code: str
) -> None:
    server.serve(body, Content_Type="text/calendar")
    error = failure(connect(server.url(), max_bytes=2000), server.url())
    assert (type(error), error.code) == (kind, code)
    assert error.remedy


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ReconnectError),
        (403, ReconnectError),
        (404, NotFoundError),
        (410, NotFoundError),
        (204, ParkError),
        (304, ParkError),
        (429, WaitUntilError),
        (503, RetryError),
        (500, RetryError),
    ],
)
def test_a_status_says_what_to_do_next(server: FeedServer, status: int, kind: type[ProviderError]) -> None:
    server.serve("", status=status)
    error = failure(connect(server.url()), server.url())
    assert isinstance(error, kind)
    assert error.status == status
    assert TOKEN not in f"{error} {error.remedy}"


def test_one_revoked_feed_of_several_does_not_make_the_connection_invalid(server: FeedServer) -> None:
    server.serve("", status=403)
    assert type(failure(connect(server.url(), server.url("/other.ics")), server.url())) is ForbiddenError


def test_a_private_address_is_refused_unless_the_settings_allow_it(server: FeedServer) -> None:
    server.serve(calendar())
    error = failure(connect(server.url(), allow_private_addresses=False), server.url())
    assert (type(error), error.code) == (ParkError, "address_refused")
    assert server.asked == []
    named = connect(server.url(), allow_private_addresses=["127.0.0.0/8", "::1/128"])
    assert read(named, server.url()).full


def test_a_calendar_that_is_no_feed_of_the_connection_is_not_found(server: FeedServer) -> None:
    assert isinstance(failure(connect(server.url()), server.url("/other.ics")), NotFoundError)


def test_busy_times_are_live_and_one_failure_stays_with_its_feed(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3)), "/a.ics", ETag='"1"')
    server.serve("", "/b.ics", status=404)
    urls = [server.url("/a.ics"), server.url("/b.ics")]
    connector = connect(*urls)
    asked = [CalendarRead(id=feed_id(url)) for url in urls]
    with tally() as counted:
        answers = connector.busy_times([*asked, CalendarRead(id="feed:unknown")], WINDOW)
    assert answers[asked[0].id] == [nine_to_ten("a", 3)]
    assert isinstance(answers[asked[1].id], NotFoundError)
    assert isinstance(answers["feed:unknown"], NotFoundError)
    assert counted.calls == 2


# --- listing, probing, secrets --------------------------------------------------------------------------------------


def test_calendars_are_named_by_the_feed_or_its_host_and_never_by_the_url(server: FeedServer) -> None:
    server.serve(calendar(name="Team"), "/a.ics")
    urls = [server.url("/a.ics"), server.url("/gone.ics")]
    listed = connect(*urls).calendars()
    assert [(found.name, found.read_only) for found in listed] == [("Team", True), ("localhost", True)]
    assert [found.id for found in listed] == [feed_id(url) for url in urls]
    assert all(len(found.id) == len("feed:") + 16 for found in listed)


def test_a_probe_tells_which_feeds_moved_or_fail_without_their_urls(server: FeedServer) -> None:
    server.serve(calendar(), "/new.ics")
    server.serve("", PATH, status=301, Location="/new.ics")
    server.serve("", f"/{TOKEN}/temporary.ics", status=302, Location="/new.ics")
    urls = [server.url(), server.url(f"/{TOKEN}/temporary.ics"), server.url(f"/{TOKEN}/gone.ics")]
    probe = connect(*urls).probe()
    assert probe.account == "localhost"
    assert probe.facts["feeds"] == "2 of 3 can be read"
    assert "moved for good" in probe.facts[feed_id(urls[0])]
    assert feed_id(urls[1]) not in probe.facts
    assert "404" in probe.facts[feed_id(urls[2])]
    assert TOKEN not in str(probe)


def test_a_probe_of_feeds_that_all_fail_raises(server: FeedServer) -> None:
    server.serve("", status=401)
    with pytest.raises(ReconnectError):
        connect(server.url()).probe()


def test_a_cursor_holds_nothing_of_the_url(server: FeedServer) -> None:
    server.serve(calendar(event("a", 3)), ETag='"1"')
    cursor = read(connect(server.url()), server.url()).cursor
    assert cursor is not None
    assert TOKEN not in cursor
    assert FeedCursor.load(cursor).window == WINDOW
