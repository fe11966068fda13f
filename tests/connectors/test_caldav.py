"""What CalDAV servers do, and what becomes of it: each case is a fact about some server, played by the stub."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from caldav_opening import PASSWORD, USER
from pydantic import ValidationError
from syncd_connectors.caldav import APPLE, CalDavCredential, CalDavSettings
from syncd_connectors.caldav import client as dav_client
from syncd_connectors.caldav.answers import read_conditions, read_listing
from syncd_connectors.caldav.connector import CalDavConnector
from syncd_connectors.caldav.origins import origin_of, trust_given, trust_icloud
from syncd_connectors.caldav.sync import Cursor

from syncd.connector import CalendarRead
from syncd.demo.servers import free_port
from syncd.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ReconnectError,
    RefusedError,
    ResyncError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.clock import utc_now
from syncd.provider.guard import Guard
from syncd.testing.contract import Mirror, ics, meeting
from syncd.testing.dav import HOME, DavStub, Login, Response

OpenCalDav = Callable[..., CalDavConnector]
A_MORNING = ("DTSTART:20270310T090000Z", "DTEND:20270310T100000Z", "SUMMARY:x")


@pytest.fixture
def calendar(stub: DavStub) -> str:
    return stub.add_calendar("work")


@pytest.fixture
def connector(stub: DavStub, caldav: OpenCalDav) -> CalDavConnector:
    return caldav(stub.url)


@pytest.fixture
def mirror(connector: CalDavConnector, calendar: str) -> Mirror:
    return Mirror(connector, CalendarRead(id=calendar))


def trusting(stub: DavStub, everywhere: Callable[[Any], bool]) -> CalDavConnector:
    login = dav_client.Login(kind="basic", username=USER, secret=PASSWORD)
    client = dav_client.DavClient(stub.url, login, everywhere, Guard("caldav-calendar", 1, timeout_s=10))
    return CalDavConnector(client, CalDavSettings())


def fill(stub: DavStub, calendar: str, count: int) -> list[str]:
    return [stub.store(calendar, f"{n}.ics", ics(f"{n}@x", *A_MORNING)) for n in range(count)]


class TestRequests:
    """How many requests an operation may cost."""

    def test_a_create_is_one_put_that_only_succeeds_where_nothing_is(self, stub, connector, calendar):
        connector.put_event(calendar, meeting(), "k", None)
        assert stub.counts == {"PUT": 1}
        assert stub.seen[-1].headers["if-none-match"] == "*"

    def test_an_update_is_a_get_and_a_put_of_that_version(self, stub, connector, calendar):
        receipt = connector.put_event(calendar, meeting(), "k", None)
        stub.counts.clear()
        connector.put_event(calendar, meeting(title="Later"), "k", receipt)
        assert stub.counts == {"GET": 1, "PUT": 1}
        assert stub.seen[-1].headers["if-match"] == f'"{receipt.version}"'

    def test_a_removal_is_one_delete_of_that_version(self, stub, connector, calendar):
        receipt = connector.put_event(calendar, meeting(), "k", None)
        stub.counts.clear()
        connector.remove_event(calendar, "k", meeting().uid, receipt)
        assert stub.counts == {"DELETE": 1}
        assert stub.seen[-1].headers["if-match"] == f'"{receipt.version}"'

    def test_nothing_changed_is_one_request_and_no_question_to_the_store(self, stub, mirror, calendar):
        fill(stub, calendar, 3)
        mirror.sync()
        stub.counts.clear()

        def known():
            raise AssertionError("asked the store")

        pages = list(mirror.connector.changes(mirror.read, mirror.window, mirror.cursor, known))
        assert [page.changed for page in pages] == [()]
        assert stub.counts == {"REPORT": 1}

    def test_ten_changed_of_many_are_two_requests(self, stub, mirror, calendar):
        fill(stub, calendar, 300)
        mirror.sync()
        stub.counts.clear()
        fill(stub, calendar, 10)
        assert len(mirror.sync().touched) == 10
        assert stub.counts == {"REPORT": 2}

    def test_every_request_has_an_end(self, connector):
        assert connector._client._dav.timeout == 10


class TestCredentials:
    """Passwords go where they were given for, and nowhere else."""

    @pytest.mark.parametrize(
        ("given", "target", "trusted"),
        [
            ("https://dav.example.com/", "https://dav.example.com/x", True),
            ("https://dav.example.com/", "https://dav.example.com:443/x", True),
            ("http://dav.example.com/", "https://dav.example.com/x", True),
            ("https://example.com/", "https://p7.dav.example.com/x", True),
            ("https://dav.example.com:8443/", "https://dav.example.com:8443/x", True),
            ("https://dav.example.com/", "http://dav.example.com/x", False),
            ("https://dav.example.com/", "https://dav.example.com:8443/x", False),
            ("https://dav.example.com/", "https://example.com/x", False),
            ("https://dav.example.com/", "https://cal.example.com/x", False),
            ("https://example.com/", "https://badexample.com/x", False),
            ("https://example.com/", "https://example.com.evil.net/x", False),
            ("https://com/", "https://example.com/x", False),
        ],
    )
    def test_a_given_address_trusts_itself_and_what_is_below_it(self, given, target, trusted):
        assert trust_given(given)(origin_of(target)) is trusted

    @pytest.mark.parametrize(
        ("target", "trusted"),
        [
            ("https://caldav.icloud.com/", True),
            ("https://p42-caldav.icloud.com:443/123/calendars/", True),
            ("http://p42-caldav.icloud.com/", False),
            ("https://p42-caldav.icloud.com:8443/", False),
            ("https://icloud.com.evil.net/", False),
            ("https://evilicloud.com/", False),
        ],
    )
    def test_apple_passwords_stay_with_icloud(self, target, trusted):
        assert trust_icloud(origin_of(target)) is trusted

    def test_a_home_on_another_host_is_refused_before_anything_is_sent_there(self, stub, calendar, connector):
        with DavStub() as other:
            stub.quirks.home = f"{other.url}cal/"
            with pytest.raises(ForbiddenError) as refused:
                connector.calendars()
            assert not other.seen
        assert refused.value.code == "foreign_host"
        assert str(other.port) in refused.value.remedy

    def test_a_redirect_to_another_host_is_not_followed(self, stub, calendar, connector):
        with DavStub() as other:
            there = other.add_calendar("work")
            stub.once("PUT", Response(302, headers={"Location": f"{there}x.ics"}))
            with pytest.raises(ForbiddenError):
                connector.put_event(calendar, meeting(), "k", None)
            assert not other.seen

    def test_a_calendar_id_on_another_host_gets_no_credential(self, connector):
        with DavStub() as other:
            with pytest.raises(ForbiddenError):
                connector.put_event(other.add_calendar("work"), meeting(), "k", None)
            assert not other.seen

    def test_the_home_on_a_partition_host_is_used_with_its_port(self, stub, calendar):
        partition = f"http://localhost:{stub.port}"
        stub.quirks.home = f"{partition}{HOME}"
        with closing(trusting(stub, lambda origin: origin.host in ("127.0.0.1", "localhost"))) as connector:
            (listed,) = connector.calendars()
            assert listed.id == f"{partition}{HOME}work/"
            connector.put_event(calendar, meeting(), "k", None)
        assert stub.seen[-1].headers["host"] == f"localhost:{stub.port}"

    def test_a_host_that_redirects_is_asked_once(self, stub, calendar):
        with DavStub(login=stub.login) as new, closing(trusting(stub, lambda _: True)) as connector:
            new.add_calendar("work")
            there = calendar.replace(f":{stub.port}/", f":{new.port}/")
            stub.once("PUT", Response(301, headers={"Location": f"{there}contract-1@syncd.ics"}))
            receipt = connector.put_event(calendar, meeting(), "k", None)
            connector.put_event(calendar, meeting(title="Later"), "k", receipt)
            assert stub.counts == {"PUT": 1}
            assert new.counts == {"PUT": 2, "GET": 1}

    @pytest.mark.parametrize("kind", ["basic", "digest"])
    @pytest.mark.parametrize("auth", ["auto", "own"])
    def test_basic_and_digest_are_spoken_and_found_out(self, kind, auth, caldav):
        with DavStub(login=Login(kind, USER, PASSWORD)) as stub:
            calendar = stub.add_calendar("work")
            connector = caldav(stub.url, auth=kind if auth == "own" else "auto")
            receipt = connector.put_event(calendar, meeting(), "k", None)
            assert connector.find_event(calendar, meeting().uid, receipt) == meeting()

    def test_a_bearer_token_is_sent_as_such(self, caldav):
        with DavStub(login=Login("bearer", "", "t0ken")) as stub:
            stub.add_calendar("work")
            assert caldav(stub.url, username="", password="", token="t0ken").calendars()
            assert stub.seen[-1].headers["authorization"] == "Bearer t0ken"

    def test_a_wrong_digest_password_asks_a_person(self, caldav):
        with DavStub(login=Login("digest", USER, PASSWORD)) as stub, pytest.raises(ReconnectError):
            caldav(stub.url, password="wrong").probe()

    def test_the_remedy_for_apple_is_an_app_specific_password(self):
        from syncd.connector import Opened

        credential = APPLE.credential(username="a@icloud.com", password="x")
        guard = Guard("apple-calendar", 1)
        opened = Opened(connection_id=1, credential=credential, settings=APPLE.settings(), guard=guard)
        connector: Any
        with closing(APPLE.open(opened)) as connector:
            assert connector._client.url == "https://caldav.icloud.com/"
            assert connector._client._trust is trust_icloud
            assert "app-specific password" in connector._client._login.remedy

    @pytest.mark.parametrize("url", ["ftp://x.example/", "https://a:b@x.example/", "https:///path"])
    def test_an_address_that_is_none_or_carries_a_password_is_refused(self, url):
        with pytest.raises(ValidationError):
            CalDavCredential(url=url, username="a", password="b")

    def test_credentials_as_the_platform_stores_them_are_taken(self):
        assert CalDavCredential(url="dav.example.com", username="a", password="b").url == "https://dav.example.com/"
        assert APPLE.credential(username="a", password="b")
        for missing in ({"username": "a"}, {"auth": "bearer"}):
            with pytest.raises(ValidationError):
                CalDavCredential(url="https://dav.example.com/", **missing)


class TestReading:
    """Servers without a sync report, with one that lies, and the rest of the zoo."""

    @pytest.mark.parametrize("told", [True, False])
    @pytest.mark.parametrize("status", [403, 409, 410, 412, 507])
    def test_a_dead_token_is_known_by_any_of_its_answers(self, stub, mirror, status, told):
        mirror.sync()
        stub.epoch += 1
        stub.quirks.dead_token = (status, told)
        with pytest.raises(ResyncError):
            mirror.sync()

    @pytest.mark.parametrize("cursor", ["", "{}", "[]", "null", '{"v":2}', "not json"])
    def test_a_cursor_of_another_version_is_dead(self, cursor):
        with pytest.raises(ResyncError):
            Cursor.load(cursor)

    def test_a_made_up_token_is_dead_at_real_servers(self, radicale_server, xandikos_server, caldav, calendar_names):
        for server in (radicale_server, xandikos_server):
            url = server.create_calendar(USER, next(calendar_names), "x")
            mirror = Mirror(caldav(server.url), CalendarRead(id=url)).sync()
            mirror.cursor = (mirror.cursor or "").replace('"value":"', '"value":"http://no-such-token/')
            with pytest.raises(ResyncError):
                mirror.sync()

    def test_a_collection_that_lists_itself_is_not_an_event(self, stub, calendar, mirror):
        stub.quirks.lists_itself = True
        (path,) = fill(stub, calendar, 1)
        assert mirror.sync().versions.keys() == {path}
        assert mirror.sync().touched == set()

    def test_deletions_a_server_forgot_to_mention_are_seen_in_its_full_answer(self, stub, calendar, mirror):
        paths = fill(stub, calendar, 3)
        mirror.sync()
        stub.discard(calendar, paths[0])
        stub.quirks.forgets_deletions = True
        stub.epoch += 1
        assert mirror.sync().versions.keys() == set(paths[1:])
        assert mirror.repaired == 1

    def test_an_event_lost_without_a_word_is_found_by_the_audit(self, stub, calendar, mirror):
        paths = fill(stub, calendar, 3)
        mirror.sync()
        stub.lose(calendar, paths[0])
        assert mirror.sync().versions.keys() == set(paths)
        assert mirror.sync(audit=True).versions.keys() == set(paths[1:])
        assert mirror.repaired == 1

    def test_a_truncated_answer_is_read_to_its_end(self, stub, calendar, mirror):
        stub.quirks.page = 4
        assert mirror.sync().versions.keys() == set()
        paths = fill(stub, calendar, 11)
        assert mirror.sync().versions.keys() == set(paths)

    @pytest.mark.parametrize("ctag", [True, False])
    def test_without_a_sync_report_versions_are_compared(self, stub, calendar, mirror, ctag):
        stub.quirks.sync, stub.quirks.ctag = False, ctag
        paths = fill(stub, calendar, 3)
        mirror.sync()
        stub.discard(calendar, paths[0])
        fill(stub, calendar, 1)
        stub.discard(calendar, paths[2])
        assert mirror.sync().versions.keys() == set(paths[:2])
        assert mirror.touched == {paths[0], paths[2]}
        stub.counts.clear()
        assert mirror.sync().touched == set()
        assert stub.counts == {"PROPFIND": 1}
        assert stub.seen[-1].headers["depth"] == ("0" if ctag else "1")

    def test_a_query_answered_without_data_is_completed(self, stub, calendar, mirror):
        stub.quirks.query_data = False
        fill(stub, calendar, 2)
        assert len(mirror.sync().busy) == 2

    def test_weak_and_strong_versions_are_the_same(self, stub, calendar, mirror):
        fill(stub, calendar, 1)
        before = dict(mirror.sync().versions)
        stub.quirks.weak_etags = True
        assert mirror.sync(audit=True).versions == before
        assert mirror.repaired == 0

    def test_an_event_that_cannot_be_read_is_a_problem_of_its_own(self, stub, calendar, mirror):
        fill(stub, calendar, 1)
        stub.store(calendar, "bad.ics", "no calendar")
        (page,) = mirror.connector.changes(mirror.read, mirror.window, None, dict)
        assert sorted(bool(change.problem) for change in page.changed) == [False, True]

    def test_a_window_that_moved_a_little_costs_no_request(self, stub, mirror):
        mirror.sync()
        stub.counts.clear()
        window = mirror.window
        mirror.window = type(window)(window.start + timedelta(hours=1), window.end + timedelta(hours=1))
        mirror.sync()
        assert stub.counts == {"REPORT": 1}

    def test_colours_names_and_read_only_calendars_are_listed(self, stub, connector):
        stub.add_calendar("work")
        stub.add_calendar("shared", read_only=True)
        listed = {c.name: (c.color, c.read_only) for c in connector.calendars()}
        assert listed == {"Work": ("#FF2968", False), "Shared": ("#FF2968", True)}

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html></html>",
            b'<!DOCTYPE x [<!ENTITY a "b">]><D:multistatus xmlns:D="DAV:"/>',
            b'<D:multistatus xmlns:D="DAV:"><D:response>',
        ],
    )
    def test_a_body_that_is_no_multistatus_is_refused(self, body):
        with pytest.raises(RetryError) as refused:
            read_listing(body)
        assert refused.value.code == "malformed_answer"

    def test_preconditions_are_read_from_error_bodies_only(self):
        assert read_conditions(b'<error xmlns="DAV:"><valid-sync-token/></error>') == ("valid-sync-token",)
        assert read_conditions(b"<html><b>no</b></html>") == read_conditions(b"") == read_conditions(b"<x") == ()


class TestWriting:
    """Conflicts, refusals, lost answers."""

    def test_a_change_between_our_read_and_our_write_is_planned_again(self, stub, connector, calendar):
        receipt = connector.put_event(calendar, meeting(), "k", None)

        def meddle(request):
            if request.method != "PUT":
                return None
            text = stub.texts(calendar)[receipt.id].replace("END:VEVENT", "X-PERSON:1\r\nEND:VEVENT")
            stub.store(calendar, receipt.id.rpartition("/")[2], text)
            return Response(412)

        stub.faults.append(meddle)
        connector.put_event(calendar, meeting(title="Later"), "k", receipt)
        text = stub.texts(calendar)[receipt.id]
        assert "X-PERSON:1" in text
        assert "SUMMARY:Later" in text

    def test_an_event_that_keeps_changing_is_a_conflict(self, stub, connector, calendar):
        receipt = connector.put_event(calendar, meeting(), "k", None)
        for _ in range(2):
            stub.once("PUT", Response(412))
        with pytest.raises(ConflictError):
            connector.put_event(calendar, meeting(title="Later"), "k", receipt)

    def test_a_put_answered_without_a_version_is_read_back(self, stub, connector, calendar):
        stub.quirks.put_etag = False
        receipt = connector.put_event(calendar, meeting(), "k", None)
        assert receipt.version
        assert receipt.dropped == ()
        assert stub.counts == {"PUT": 1, "GET": 1}

    def test_fields_a_server_did_not_keep_are_named(self, stub, connector, calendar):
        stub.quirks.put_etag = False

        def strip(request):
            if request.method != "PUT":
                return None
            text = "\r\n".join(line for line in request.body.split("\r\n") if not line.startswith("LOCATION"))
            stub.store(calendar, request.path.rpartition("/")[2], text)
            return Response(201)

        stub.faults.append(strip)
        assert connector.put_event(calendar, meeting(), "k", None).dropped == ("location",)

    @pytest.mark.parametrize("uid_filter", [True, False])
    def test_a_retried_create_meets_its_own_event(self, stub, connector, calendar, uid_filter):
        stub.quirks.uid_filter = uid_filter
        connector.put_event(calendar, meeting(), "k", None)
        connector.put_event(calendar, meeting(title="Later"), "k", None, unclear=True)
        (text,) = stub.texts(calendar).values()
        assert "SUMMARY:Later" in text

    def test_an_event_under_another_file_name_is_found_by_its_uid(self, stub, connector, calendar):
        receipt = connector.put_event(calendar, meeting(), "k", None)
        text = stub.texts(calendar)[receipt.id]
        stub.discard(calendar, receipt.id)
        moved = stub.store(calendar, "renamed-by-a-client.ics", text)
        updated = connector.put_event(calendar, meeting(title="Later"), "k", receipt)
        assert updated.id == moved
        connector.remove_event(calendar, "k", meeting().uid, receipt)
        assert stub.texts(calendar) == {}

    def test_an_event_whose_uid_only_begins_alike_is_left_alone(self, stub, connector, calendar):
        connector.put_event(calendar, meeting("abc@x"), "k", None)
        connector.remove_event(calendar, "j", "abc", None)
        assert len(stub.texts(calendar)) == 1

    def test_a_uid_held_by_another_calendar_is_refused_with_a_remedy(self, stub, connector, calendar):
        stub.quirks.one_uid = True
        connector.put_event(stub.add_calendar("other"), meeting(), "k", None)
        with pytest.raises(RefusedError) as refused:
            connector.put_event(calendar, meeting(), "k", None)
        assert refused.value.code == "uid_conflict"
        assert "another calendar" in refused.value.message

    def test_a_calendar_that_may_not_be_written_is_forbidden(self, stub, connector):
        with pytest.raises(ForbiddenError):
            connector.put_event(stub.add_calendar("shared", read_only=True), meeting(), "k", None)

    @pytest.mark.parametrize(
        ("response", "error"),
        [
            (Response(429, headers={"Retry-After": "120"}), WaitUntilError),
            (Response(503, headers={"Retry-After": "120"}), WaitUntilError),
            (Response(503), RetryError),
            (Response(500), UnclearError),
            (Response(504), UnclearError),
            (Response(201, drop=True), UnclearError),
            (Response(421), RetryError),
            (Response(413), RefusedError),
            (Response(507), ForbiddenError),
            (Response(404), NotFoundError),
            (Response(403, '<error xmlns="DAV:"><quota-not-exceeded/></error>'), ForbiddenError),
            (
                Response(
                    403, '<error xmlns="DAV:"><x:max-resource-size xmlns:x="urn:ietf:params:xml:ns:caldav"/></error>'
                ),
                RefusedError,
            ),
        ],
    )
    def test_a_refusal_says_what_to_do_next(self, stub, connector, calendar, response, error):
        stub.once("PUT", response)
        with pytest.raises(error) as refused:
            connector.put_event(calendar, meeting(), "k", None)
        assert type(refused.value) is error

    def test_the_servers_own_time_to_wait_is_kept(self, stub, connector, calendar):
        stub.once("PUT", Response(429, headers={"Retry-After": "120"}))
        before = utc_now()
        with pytest.raises(WaitUntilError) as told:
            connector.put_event(calendar, meeting(), "k", None)
        assert told.value.retry_at - before >= timedelta(seconds=119)

    def test_a_write_that_was_never_sent_is_not_unclear(self, caldav):
        url = f"http://127.0.0.1:{free_port()}/"
        with pytest.raises(RetryError) as failed:
            caldav(url).put_event(f"{url}work/", meeting(), "k", None)
        assert not isinstance(failed.value, UnclearError)
        assert failed.value.code == "unreachable"

    def test_a_broken_read_is_repeated_once(self, stub, connector, calendar):
        stub.once("REPORT", Response(207, drop=True))
        assert connector.busy_times([CalendarRead(id=calendar)], Mirror(connector, CalendarRead(id=calendar)).window)
        assert stub.counts["REPORT"] == 2

    def test_a_misdirected_request_starts_discovery_again(self, stub, calendar):
        with DavStub(login=stub.login) as new, closing(trusting(stub, lambda _: True)) as connector:
            connector.calendars()
            new.add_calendar("work")
            stub.quirks.home = f"{new.url.rstrip('/')}{HOME}"
            stub.once("PUT", Response(421))
            connector.put_event(calendar, meeting(), "k", None)
            assert new.counts == {"PUT": 1}


class TestSchedule:
    """Who invites the guests."""

    @pytest.mark.parametrize(
        ("agent", "expected"),
        [
            (None, "SCHEDULE-AGENT=CLIENT"),
            ("client", "SCHEDULE-AGENT=CLIENT"),
            ("none", "SCHEDULE-AGENT=NONE"),
            ("server", None),
        ],
    )
    def test_the_setting_decides_who_invites(self, stub, caldav, calendar, agent, expected):
        connector = caldav(stub.url, settings={"schedule_agent": agent} if agent else {})
        connector.put_event(calendar, meeting(), "k", None)
        (text,) = stub.texts(calendar).values()
        assert ("SCHEDULE-AGENT" in text) is (expected is not None)
        assert (expected or "BEGIN") in text


def test_declaring_a_connector_imports_no_client():
    heavy = "{'caldav', 'icalendar', 'lxml', 'niquests', 'requests'}"
    code = f"import sys, syncd_connectors.caldav; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
