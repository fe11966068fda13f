from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from sandboxed import provoked
from zoho_given import ANA, BEN, SCOPES, Client, at, path_of, ten, zoho_running

from syncd.sandbox.zoho import ZohoCalendar

WEEKLY = "FREQ=WEEKLY;COUNT=4"
SECOND, THIRD, FOURTH = "20260309T100000Z", "20260316T100000Z", "20260323T100000Z"
"""Occurrences of a weekly series from 2 March, 10:00 UTC."""


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[ZohoCalendar]:
    with zoho_running(ZohoCalendar(clock)) as running:
        yield running


@pytest.fixture
def ana(provider: ZohoCalendar) -> Client:
    return Client(provider)


def starts(events: list[Any]) -> list[str]:
    return [e["start"] for e in events]


# creating


def test_an_event_is_kept_with_all_its_fields(ana: Client, clock: SettableClock) -> None:
    sent: dict[str, Any] = {
        "title": "Talk",
        "location": "Room 5",
        "description": "About it",
        "url": "https://example.com/b/1",
        "isprivate": True,
        "color": "#005DE0",
        "attendees": [{"email": "Ben@example.com"}],
        "reminders": [{"action": "popup", "minutes": "-15"}],
    }
    made = ana.create(**sent)
    assert made == ana.read(made)[0]
    assert {k: made[k] for k in sent if k != "attendees"} == {k: v for k, v in sent.items() if k != "attendees"}
    assert made["attendees"] == [{"email": BEN, "status": "NEEDS-ACTION"}]
    assert (made["role"], made["organizer"], made["createdby"]) == ("organizer", ANA, ANA)
    assert isinstance(made["etag"], int)


def test_times_come_back_local_with_an_offset_beside(ana: Client) -> None:
    made = ana.create()
    assert (made["start"], made["end"], made["isallday"]) == ("20260302T110000", "20260302T120000", False)
    zone = "Europe/Berlin"
    assert made["dateandtime"] == {"start": "20260302T110000+0100", "end": "20260302T120000+0100", "timezone": zone}


def test_times_may_come_without_an_offset(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create()
    provider.faults.add("no-offset")
    assert ana.read(made)[0]["dateandtime"]["start"] == "20260302T110000"


@pytest.mark.parametrize(
    ("advanced", "text"),
    [({}, "20260102T12Z"), ({"minutes": 30}, "20260102T1230Z"), ({"seconds": 5}, "20260102T120005Z")],
)
def test_createdtime_lacks_what_is_zero(
    ana: Client, clock: SettableClock, advanced: dict[str, float], text: str
) -> None:
    clock.advance(**advanced)
    assert ana.create()["createdtime"] == text


def test_an_all_day_event_has_dates(ana: Client) -> None:
    made = ana.create(**at("20260302", "20260304"))
    assert (made["isallday"], made["start"], made["end"]) == (True, "20260302", "20260304")
    assert ana.create(**at("20260302", "20260302"))["end"] == "20260303"


def test_an_all_day_event_may_end_on_its_last_day(provider: ZohoCalendar, ana: Client) -> None:
    provider.rules.inclusive = True
    made = ana.create(**at("20260302", "20260304"))
    assert made["end"] == "20260304"
    assert ana.listed("20260304T120000Z", "20260305") == ana.read(made)
    assert ana.listed("20260305", "20260306") == []


def test_eventdata_is_taken_from_a_form_but_not_as_a_body_of_json(ana: Client) -> None:
    form = ana._session.post(
        f"{ana.base}/calendars/primary/events",
        data={"eventdata": '{"title": "x", "dateandtime": {"start": "20260302T100000Z", "end": "20260302T110000Z"}}'},
        headers=ana.headers,
        timeout=10,
    )
    assert form.json()["events"][0]["title"] == "x"
    with provoked():
        body = ana._session.post(f"{ana.base}/calendars/primary/events", json=ten(), headers=ana.headers, timeout=10)
    assert (body.status_code, body.json()["error"][0]["message"]) == (400, "LESS_THAN_MIN_OCCURANCE")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no times": ({"dateandtime": None}, "LESS_THAN_MIN_OCCURANCE"),
    "no end": ({"dateandtime": {"start": "20260302T100000Z"}}, "LESS_THAN_MIN_OCCURANCE"),
    "end before start": (at("20260302T100000Z", "20260302T090000Z"), "INVALID_DATA"),
    "dates without isallday": ({**at("20260302", "20260303"), "isallday": False}, "INVALID_DATA"),
    "no date": (at("20260230", "20260301"), "INVALID_DATA"),
    "another format": (at("2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"), "INVALID_DATA"),
    "no zone": (at("20260302T100000Z", "20260302T110000Z", "Mars/Base"), "INVALID_DATA"),
    "long title": ({"title": "x" * 256}, "MORE_THAN_MAX_LENGTH"),
    "long location": ({"location": "x" * 256}, "MORE_THAN_MAX_LENGTH"),
    "long description": ({"description": "x" * 10_001}, "MORE_THAN_MAX_LENGTH"),
    "unknown key": ({"summary": "x"}, "EXTRA_KEY_FOUND_IN_JSON"),
    "no attendee": ({"attendees": []}, "LESS_THAN_MIN_OCCURANCE"),
    "no address": ({"attendees": [{"email": "nobody"}]}, "INVALID_DATA"),
    "no rule": ({"rrule": "FREQ=SOMETIMES"}, "INVALID_DATA"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_event_is_refused(ana: Client, case: str) -> None:
    changed, code = REFUSED[case]
    with provoked():
        refused = ana.refused("POST", "/calendars/primary/events", {"eventdata": {**ten(), **changed}})
    assert refused == (400, code)


def test_a_refusal_may_have_its_code_elsewhere(provider: ZohoCalendar, ana: Client) -> None:
    provider.faults.add("coded-errors")
    (error,) = ana.ask("GET", "/calendars/unknown").json()["error"]
    assert error["error_code"] == "CALENDAR_NOTFOUND"
    assert error["message"] != "CALENDAR_NOTFOUND"


def test_an_unknown_parameter_is_refused(ana: Client) -> None:
    with provoked():
        assert ana.refused("GET", "/calendars", {"action": "1"}) == (400, "EXTRA_PARAM_FOUND")


# changing


def test_an_update_needs_the_current_etag(ana: Client) -> None:
    made = ana.create(title="x")
    with provoked():
        missing = ana.refused("PUT", path_of(made), {"eventdata": ten()})
    assert missing == (400, "ETAG_MISSING")
    changed = ana.update(made, title="y")
    assert changed["etag"] > made["etag"]
    stale = {"eventdata": {**ten(), "title": "z", "etag": made["etag"]}}
    assert ana.refused("PUT", path_of(made), stale) == (412, "ETAG_MISMATCH")
    assert ana.read(made)[0]["title"] == "y"


def test_a_stale_etag_may_be_refused_with_400_and_a_good_one_too(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create()
    provider.faults.add("stale-etag", method="PUT")
    provider.faults.add("stale-400")
    data = {"eventdata": {**ten(), "etag": made["etag"]}}
    assert ana.refused("PUT", path_of(made), data) == (400, "ETAG_MISMATCH")
    assert ana.ask("PUT", path_of(made), data).status_code == 200


def test_etags_may_be_text(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create()
    provider.faults.add("text-etag")
    read = ana.read(made)[0]
    assert read["etag"] == str(made["etag"])
    assert ana.update(read, title="y")["title"] == "y"


def test_an_update_replaces_the_whole_event_but_answers_of_attendees(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create(title="x", location="Room 5", attendees=[{"email": BEN}])
    answered = provider.respond(ANA, "primary", made["uid"], BEN, "ACCEPTED")
    changed = ana.update(answered, title="y", attendees=[{"email": BEN}, {"email": "pat@elsewhere.org"}])
    assert "location" not in changed
    assert [(a["email"], a["status"]) for a in changed["attendees"]] == [
        (BEN, "ACCEPTED"),
        ("pat@elsewhere.org", "NEEDS-ACTION"),
    ]


def test_an_update_may_keep_what_is_not_sent(provider: ZohoCalendar, ana: Client) -> None:
    provider.rules.replaces = False
    made = ana.create(title="x", location="Room 5", **at("20260302", "20260304"))
    changed = ana.got("PUT", path_of(made), {"eventdata": {"etag": made["etag"], "title": "y"}})["events"][0]
    assert (changed["title"], changed["location"], changed["start"]) == ("y", "Room 5", "20260302")


def test_the_invited_cannot_change_an_event(provider: ZohoCalendar, ana: Client) -> None:
    given = {**ten(), "organizer": BEN, "attendees": [{"email": ANA, "status": "ACCEPTED"}]}
    event = provider.put_event(ANA, "primary", given)
    assert ana.read(event)[0]["role"] == "participant"
    data = {"eventdata": {**ten(), "etag": event["etag"]}}
    assert ana.refused("PUT", path_of(event), data) == (403, "OPERATION_NOT_PERMITTED")


def test_a_deletion_needs_the_current_etag_as_a_header_or_inside(ana: Client) -> None:
    one, two = ana.create(), ana.create()
    with provoked():
        assert ana.refused("DELETE", path_of(one)) == (400, "ETAG_MISSING")
    assert ana.refused("DELETE", path_of(one), etag="1") == (412, "ETAG_MISMATCH")
    assert ana.delete(one)["estatus"] == "deleted"
    assert ana.got("DELETE", path_of(two), {"eventdata": {"uid": two["uid"], "etag": two["etag"]}})
    assert ana.listed() == []
    assert ana.refused("DELETE", path_of(one), etag=str(one["etag"])) == (404, "EVENT_NOTFOUND")
    assert ana.refused("GET", path_of(one)) == (404, "EVENT_NOTFOUND")


def test_a_moved_event_is_in_the_other_calendar(provider: ZohoCalendar, ana: Client) -> None:
    side = provider.add_calendar(ANA, "Side")
    made = ana.create()
    moved = ana.got("PUT", f"{path_of(made)}/move", {"destinationcaluid": side})["events"][0]
    assert (moved["uid"], moved["caluid"]) == (made["uid"], side)
    assert ana.listed() == []
    assert ana.listed(calendar=side) == [moved]


@pytest.mark.parametrize(
    ("privilege", "reads", "writes"), [("edit", True, True), ("view", True, False), ("freebusy", False, False)]
)
def test_a_shared_calendar_allows_what_the_privilege_says(
    provider: ZohoCalendar, ana: Client, privilege: str, reads: bool, writes: bool
) -> None:
    shared = provider.add_calendar(ANA, "Shared", privilege)
    path = f"/calendars/{shared}/events"
    read = ana.ask("GET", path, {"range": {"start": "20260301", "end": "20260302"}})
    written = ana.ask("POST", path, {"eventdata": ten()})
    assert [read.status_code, written.status_code] == [200 if reads else 403, 200 if writes else 403]


def test_a_private_event_of_a_shared_calendar_has_no_details(provider: ZohoCalendar, ana: Client) -> None:
    shared = provider.add_calendar(ANA, "Shared", "view")
    provider.put_event(ANA, shared, {**ten(), "title": "Secret", "location": "Room 5", "isprivate": True})
    (told,) = ana.listed(calendar=shared)
    assert (told["title"], told["isprivate"], told["start"]) == ("", True, "20260302T110000")
    assert "location" not in told


# series


def test_a_series_is_told_whole_or_by_instance(ana: Client) -> None:
    made = ana.create(title="Weekly", rrule=WEEKLY, description="x", attendees=[{"email": BEN}])
    (whole,) = ana.listed()
    assert (whole["uid"], whole["rrule"], whole["start"]) == (made["uid"], WEEKLY, "20260302T110000")
    instances = ana.listed(byinstance=True)
    assert [i["recurrenceid"] for i in instances] == ["20260302T100000Z", SECOND, THIRD, FOURTH]
    assert {i["uid"] for i in instances} == {made["uid"]}
    assert not {"attendees", "description", "rrule"} & instances[0].keys()


def test_a_series_keeps_its_local_time_over_the_change_of_clocks(ana: Client) -> None:
    ana.create(rrule="FREQ=WEEKLY;COUNT=6")
    late = ana.listed("20260320", "20260410", byinstance=True)
    assert [i["dateandtime"]["start"] for i in late] == [
        "20260323T110000+0100",
        "20260330T110000+0200",
        "20260406T110000+0200",
    ]
    assert late[1]["recurrenceid"] == "20260330T090000Z"


@pytest.mark.parametrize("until", ["20260316T100000Z", "20260316T110000", "20260316"])
def test_a_series_may_end_by_date_or_time(ana: Client, until: str) -> None:
    ana.create(rrule=f"FREQ=WEEKLY;UNTIL={until}")
    assert [i["recurrenceid"] for i in ana.listed(byinstance=True)] == ["20260302T100000Z", SECOND, THIRD]


def test_a_series_of_days_has_days_as_ids(ana: Client) -> None:
    made = ana.create(rrule="FREQ=DAILY;UNTIL=20260304T000000Z", **at("20260302", "20260303"))
    assert [i["recurrenceid"] for i in ana.listed(byinstance=True)] == ["20260302", "20260303", "20260304"]
    assert ana.got("DELETE", path_of(made), {"eventdata": {"recurrenceid": "20260303", "etag": made["etag"]}})
    assert starts(ana.listed(byinstance=True)) == ["20260302", "20260304"]


def test_one_occurrence_can_be_changed(ana: Client) -> None:
    made = ana.create(title="Weekly", rrule=WEEKLY)
    moved = at("20260310T140000Z", "20260310T150000Z")
    data = {"etag": made["etag"], "title": "Moved", "recurrenceid": SECOND, "recurrence_edittype": "only", **moved}
    changed = ana.got("PUT", path_of(made), {"eventdata": data})["events"][0]
    assert (changed["uid"], changed["recurrenceid"], changed["start"]) == (made["uid"], SECOND, "20260310T150000")
    assert "rrule" not in changed
    master, exception = ana.read(made)
    assert (master["rrule"], exception["recurrenceid"]) == (WEEKLY, SECOND)
    assert master["etag"] > made["etag"]
    assert [e.get("recurrenceid") for e in ana.listed()] == [None, SECOND]
    assert sorted(starts(ana.listed(byinstance=True))) == [
        "20260302T110000",
        "20260310T150000",
        "20260316T110000",
        "20260323T110000",
    ]
    again = {"etag": exception["etag"], "recurrenceid": SECOND, **ten()}
    assert ana.got("PUT", path_of(made), {"eventdata": again})["events"][0]["start"] == "20260302T110000"


def test_one_occurrence_can_be_deleted_and_then_has_no_etag(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create(rrule=WEEKLY)
    ana.got("DELETE", path_of(made), {"eventdata": {"recurrenceid": SECOND}}, etag=str(made["etag"]))
    assert [i["recurrenceid"] for i in ana.listed(byinstance=True)] == ["20260302T100000Z", THIRD, FOURTH]
    master, gone = ana.read(made)
    assert (gone["recurrenceid"], gone["estatus"], "etag" in gone) == (SECOND, "deleted", False)
    provider.faults.add("deleted-first")
    assert ana.read(made) == [gone, master]
    again = {"eventdata": {"recurrenceid": SECOND}}
    assert ana.refused("DELETE", path_of(made), again, etag=str(master["etag"])) == (404, "EVENT_NOTFOUND")


def test_all_from_an_occurrence_on_can_be_deleted(ana: Client) -> None:
    made = ana.create(rrule=WEEKLY)
    data = {"etag": made["etag"], "recurrenceid": THIRD, "recurrence_edittype": "following"}
    ana.got("DELETE", path_of(made), {"eventdata": data})
    assert [i["recurrenceid"] for i in ana.listed(byinstance=True)] == ["20260302T100000Z", SECOND]
    master = ana.read(made)[0]
    first = {"etag": master["etag"], "recurrenceid": "20260302T100000Z", "recurrence_edittype": "following"}
    ana.got("DELETE", path_of(made), {"eventdata": first})
    assert ana.listed() == []
    assert ana.refused("GET", path_of(made)) == (404, "EVENT_NOTFOUND")


def test_all_from_an_occurrence_on_can_become_a_series_of_their_own(ana: Client) -> None:
    made = ana.create(rrule=WEEKLY)
    later = at("20260316T140000Z", "20260316T150000Z")
    data = {"etag": made["etag"], "recurrenceid": THIRD, "recurrence_edittype": "following", **later}
    other = ana.got("PUT", path_of(made), {"eventdata": {**data, "rrule": "FREQ=WEEKLY;COUNT=2"}})["events"][0]
    assert other["uid"] != made["uid"]
    assert starts(ana.listed(byinstance=True)) == [
        "20260302T110000",
        "20260309T110000",
        "20260316T150000",
        "20260323T150000",
    ]


def test_a_series_whose_rule_changes_loses_its_exceptions(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create(title="Weekly", rrule=WEEKLY)
    provider.delete_event(ANA, "primary", made["uid"], SECOND)
    provider.change_event(ANA, "primary", made["uid"], THIRD, title="Third")

    def titles() -> list[str]:
        return [i["title"] for i in ana.listed(byinstance=True)]

    named = ana.update(ana.read(made)[0], title="Named", rrule=WEEKLY)
    assert sorted(titles()) == ["Named", "Named", "Third"]
    ana.update(named, title="Named", rrule="FREQ=WEEKLY;COUNT=5")
    assert titles() == ["Named"] * 5


@pytest.mark.parametrize("wanted", ["20260310T100000Z", "someday", "20270101T100000Z"])
def test_what_is_no_occurrence_cannot_be_changed(ana: Client, wanted: str) -> None:
    made = ana.create(rrule=WEEKLY)
    data = {"etag": made["etag"], "recurrenceid": wanted, **ten()}
    assert ana.refused("PUT", path_of(made), {"eventdata": data}) == (404, "EVENT_NOTFOUND")


@pytest.mark.parametrize(
    "edit", [{"recurrence_edittype": "only"}, {"recurrence_edittype": "some", "recurrenceid": SECOND}]
)
def test_an_edit_of_part_of_a_series_says_which(ana: Client, edit: dict[str, str]) -> None:
    made = ana.create(rrule=WEEKLY)
    with provoked():
        refused = ana.refused("PUT", path_of(made), {"eventdata": {"etag": made["etag"], **edit, **ten()}})
    assert refused == (400, "INVALID_DATA")


# who may, and what goes wrong


@pytest.mark.parametrize(
    ("left", "method", "path"),
    [
        ("calendar", "GET", "/calendars"),
        ("event", "GET", "/calendars/primary/events"),
        ("freebusy", "GET", "/calendars/freebusy"),
    ],
)
def test_each_part_needs_its_scope(provider: ZohoCalendar, left: str, method: str, path: str) -> None:
    client = Client(provider, ANA, tuple(s for s in SCOPES if f".{left}." not in s))
    with provoked():
        assert client.refused(method, path) == (401, "INVALID_OAUTHSCOPE")


def test_reading_events_is_no_leave_to_write_them(provider: ZohoCalendar) -> None:
    client = Client(provider, ANA, ("ZohoCalendar.event.READ",))
    assert client.listed() == []
    assert client.refused("POST", "/calendars/primary/events", {"eventdata": ten()}) == (401, "INVALID_OAUTHSCOPE")


def test_the_scheme_of_the_authorization_is_zohos(ana: Client) -> None:
    ana.headers["Authorization"] = ana.headers["Authorization"].replace("Zoho-oauthtoken", "Bearer")
    with provoked():
        assert ana.refused("GET", "/calendars") == (401, "INVALID_OAUTHTOKEN")


@pytest.mark.parametrize(
    ("switch", "refusal"),
    [
        ("unauthorized", (401, "INVALID_OAUTHTOKEN")),
        ("scope", (401, "INVALID_OAUTHSCOPE")),
        ("too-many", (429, "TOO_MANY_REQUESTS")),
        ("forbidden", (403, "OPERATION_NOT_PERMITTED")),
        ("server-error", (500, "INTERNAL_SERVER_ERROR")),
    ],
)
def test_a_switch_refuses_once(provider: ZohoCalendar, ana: Client, switch: str, refusal: tuple[int, str]) -> None:
    provider.faults.add(switch)
    assert ana.refused("GET", "/calendars") == refusal
    assert ana.ask("GET", "/calendars").status_code == 200


def test_a_call_may_be_carried_out_and_then_refused(provider: ZohoCalendar, ana: Client) -> None:
    provider.faults.add("server-error", after=True)
    assert ana.refused("POST", "/calendars/primary/events", {"eventdata": ten()}) == (500, "INTERNAL_SERVER_ERROR")
    assert len(ana.listed()) == 1


def test_too_many_calls_may_name_a_time(provider: ZohoCalendar, ana: Client) -> None:
    provider.faults.add("too-many", value=7)
    assert ana.ask("GET", "/calendars").headers["Retry-After"] == "7"


def test_nothing_is_where_the_token_answer_points_to(provider: ZohoCalendar, ana: Client) -> None:
    ana.base = provider.data_centre("us")["api_domain"] + "/api/v1"
    with provoked():
        assert ana.refused("GET", "/calendars") == (404, "URL_RULE_NOT_CONFIGURED")
