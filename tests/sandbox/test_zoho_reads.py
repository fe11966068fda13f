from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from given import SettableClock
from sandboxed import provoked
from zoho_given import ANA, BEN, EVA, Client, at, path_of, session, ten, zoho_running

from syncd.sandbox.zoho import ZohoCalendar

LARGE = "application/json+large"


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[ZohoCalendar]:
    with zoho_running(ZohoCalendar(clock)) as running:
        yield running


@pytest.fixture
def ana(provider: ZohoCalendar) -> Client:
    return Client(provider)


def calendar(client: Client, uid: str = "primary") -> Any:
    (found,) = client.got("GET", f"/calendars/{uid}")["calendars"]
    return found


# calendars


def test_a_person_has_a_default_calendar(ana: Client) -> None:
    (own,) = ana.got("GET", "/calendars")["calendars"]
    assert own == calendar(ana, "default") == calendar(ana, "primary") == calendar(ana, own["uid"])
    assert (own["isdefault"], own["privilege"], own["category"], own["owner"]) == (True, "owner", "own", ANA)
    assert (own["timezone"], own["include_infreebusy"], own["visibility"]) == ("Europe/Berlin", True, True)


def test_a_calendar_that_is_not_shown_is_listed_on_demand(provider: ZohoCalendar, ana: Client) -> None:
    side = provider.add_calendar(ANA, "Side")
    provider.set_calendar(ANA, side, visible=False)
    assert len(ana.got("GET", "/calendars")["calendars"]) == 1
    assert len(ana.got("GET", "/calendars", {"showhiddencal": "true"})["calendars"]) == 2
    provider.put_event(ANA, side, ten())
    assert len(ana.listed(calendar=side)) == 1
    provider.faults.add("hidden-empty")
    assert ana.listed(calendar=side) == []


def test_calendars_are_listed_by_category(provider: ZohoCalendar, ana: Client) -> None:
    shared = provider.add_calendar(ANA, "Shared", "view")
    assert [c["uid"] for c in ana.got("GET", "/calendars", {"category": "shared"})["calendars"]] == [shared]
    assert calendar(ana, shared)["owner"] != ANA


def test_a_calendar_of_somebody_else_is_not_there(provider: ZohoCalendar, ana: Client) -> None:
    theirs = calendar(Client(provider, BEN))["uid"]
    assert ana.refused("GET", f"/calendars/{theirs}") == (404, "CALENDAR_NOTFOUND")


def test_every_change_raises_the_ctag(provider: ZohoCalendar, ana: Client) -> None:
    ctags = [calendar(ana)["ctag"]]

    def changed() -> None:
        ctags.append(calendar(ana)["ctag"])

    made = ana.create(title="x", attendees=[{"email": BEN}], rrule="FREQ=DAILY;COUNT=3")
    changed()
    provider.change_event(ANA, "primary", made["uid"], title="y")
    changed()
    provider.respond(ANA, "primary", made["uid"], BEN, "DECLINED")
    changed()
    provider.delete_event(ANA, "primary", made["uid"], "20260303T100000Z")
    changed()
    ana.delete(ana.read(made)[0])
    changed()
    assert ctags == sorted(set(ctags))
    ana.listed()
    assert calendar(ana)["ctag"] == ctags[-1]


# the range


def test_the_range_is_due(ana: Client) -> None:
    with provoked():
        refused = ana.refused("GET", "/calendars/primary/events")
    assert refused == (400, "LESS_THAN_MIN_OCCURANCE")


@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        ("20260301", "20260402", "RANGE_EXCEEDED"),
        ("20260301T000000Z", "20260401T000001Z", "RANGE_EXCEEDED"),
        ("20260302", "20260301", "INVALID_DATA"),
        ("2026-03-01", "2026-03-02", "INVALID_DATA"),
    ],
)
def test_a_range_is_at_most_31_days(ana: Client, since: str, until: str, code: str) -> None:
    with provoked():
        refused = ana.refused("GET", "/calendars/primary/events", {"range": {"start": since, "end": until}})
    assert refused == (400, code)


def test_a_range_of_31_days_is_fine_also_over_the_change_of_clocks(ana: Client) -> None:
    assert ana.listed("20260301T000000Z", "20260401T000000Z") == []
    assert ana.listed("20260315", "20260415") == []


@pytest.mark.parametrize(
    ("since", "until", "there"),
    [
        ("20260302T110000Z", "20260302T120000Z", False),
        ("20260302T105959Z", "20260302T120000Z", True),
        ("20260302T090000Z", "20260302T100000Z", False),
        ("20260302T090000Z", "20260302T100001Z", True),
        ("20260302", "20260303", True),
        ("20260303", "20260304", False),
    ],
)
def test_what_overlaps_the_range_is_listed(ana: Client, since: str, until: str, there: bool) -> None:
    ana.create()
    assert len(ana.listed(since, until)) == there


def test_a_day_of_a_range_begins_at_the_persons_midnight(provider: ZohoCalendar, ana: Client) -> None:
    ana.create(**at("20260301T230000Z", "20260301T233000Z"))
    assert len(ana.listed("20260302", "20260303")) == 1
    assert ana.listed("20260301", "20260302") == []


def test_an_exception_is_listed_where_it_moved_to(ana: Client) -> None:
    made = ana.create(rrule="FREQ=WEEKLY;COUNT=2")
    moved = {"etag": made["etag"], "recurrenceid": "20260309T100000Z", **at("20260420T100000Z", "20260420T110000Z")}
    ana.got("PUT", path_of(made), {"eventdata": moved})
    assert [e["recurrenceid"] for e in ana.listed("20260415", "20260430")] == ["20260309T100000Z"]
    assert ana.listed("20260308", "20260312") == []


def test_descriptions_are_told_on_demand(ana: Client) -> None:
    ana.create(description="About it")
    assert "description" not in ana.listed()[0]
    assert ana.listed(accept=LARGE)[0]["description"] == "About it"
    assert "description" not in ana.listed(accept=LARGE, byinstance=True)[0]


def test_times_are_told_in_the_zone_that_is_asked_for(ana: Client) -> None:
    ana.create()
    (told,) = ana.listed(timezone="Asia/Kolkata")
    assert told["start"] == "20260302T153000"
    assert told["dateandtime"]["start"] == "20260302T153000+0530"


# free/busy


def busy(client: Client, email: str = ANA, kind: str = "eventbased", **params: str) -> Any:
    asked = {"uemail": email, "sdate": "20260301T000000", "edate": "20260401T000000", "ftype": kind, **params}
    return client.got("GET", "/calendars/freebusy", asked)


def period(start: str, end: str) -> dict[str, str]:
    return {"startTime": start, "endTime": end, "fbtype": "busy"}


def test_free_busy_tells_times_in_utc(provider: ZohoCalendar, ana: Client) -> None:
    ana.create()
    ana.create(**at("20260303", "20260304"))
    times = [period("20260302T100000", "20260302T110000"), period("20260302T230000", "20260303T230000")]
    assert busy(ana) == {"fb_not_enabled": False, "freebusy": times}
    provider.rules.zulu = True
    provider.faults.add("fb-dates")
    assert busy(ana)["freebusy"] == [
        period("20260302T100000Z", "20260302T110000Z"),
        period("20260303Z", "20260304Z"),
    ]


def test_free_busy_by_day(ana: Client) -> None:
    ana.create()
    ana.create(**at("20260302T220000Z", "20260303T020000Z"))
    ana.create(**at("20260310", "20260311", "UTC"))
    assert busy(ana, kind="timebased") == {
        "20260302": [None, ["10:00-11:00", "22:00-24:00"]],
        "20260303": [None, ["00:00-02:00"]],
        "20260310": [{"allday": True}, []],
    }


def test_free_busy_joins_the_calendars_that_count_and_expands_series(provider: ZohoCalendar, ana: Client) -> None:
    side, apart = provider.add_calendar(ANA, "Side"), provider.add_calendar(ANA, "Apart")
    provider.set_calendar(ANA, apart, busy=False)
    provider.put_event(ANA, side, {**ten(), "rrule": "FREQ=DAILY;COUNT=2"})
    provider.put_event(ANA, apart, at("20260320T100000Z", "20260320T110000Z"))
    assert [p["startTime"] for p in busy(ana)["freebusy"]] == ["20260302T100000", "20260303T100000"]


def test_what_leaves_free_is_not_busy(provider: ZohoCalendar, ana: Client) -> None:
    provider.put_event(ANA, "primary", {**ten(), "transparency": 1})
    invited = [{"email": ANA, "status": "DECLINED"}]
    provider.put_event(ANA, "primary", {**ten(), "organizer": BEN, "attendees": invited})
    assert busy(ana)["freebusy"] == []


@pytest.mark.parametrize(("switch", "told"), [("fb-not-enabled", "fb_not_enabled"), ("fb-no-data", "NODATA")])
def test_free_busy_may_know_nothing_without_an_error(
    provider: ZohoCalendar, ana: Client, switch: str, told: str
) -> None:
    ana.create()
    provider.faults.add(switch)
    assert busy(ana) == {told: True}
    assert len(busy(ana)["freebusy"]) == 1


def test_a_person_may_keep_free_busy_to_themselves(provider: ZohoCalendar, ana: Client) -> None:
    assert busy(ana, BEN)["fb_not_enabled"] is False
    provider.set_freebusy(BEN, False)
    assert busy(ana, BEN) == {"fb_not_enabled": True}


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"uemail": EVA}, (403, "OPERATION_NOT_PERMITTED")),
        ({"uemail": "nobody@example.com"}, (403, "OPERATION_NOT_PERMITTED")),
        ({"edate": "20260401T000001"}, (400, "RANGE_EXCEEDED")),
        ({"edate": "2026-04-01"}, (400, "INVALID_DATA")),
        ({"ftype": "other"}, (400, "INVALID_DATA")),
    ],
)
def test_free_busy_is_for_colleagues_and_31_days(
    ana: Client, changed: dict[str, str], refusal: tuple[int, str]
) -> None:
    params = {"uemail": ANA, "sdate": "20260301T000000", "edate": "20260401T000000", "ftype": "eventbased", **changed}
    with provoked():
        assert ana.refused("GET", "/calendars/freebusy", params) == refusal


# what people do, and the control endpoint


def test_what_another_client_does_is_seen(provider: ZohoCalendar, ana: Client) -> None:
    made = provider.put_event(ANA, "primary", {**ten(), "title": "x", "location": "Room 5"})
    assert ana.read(made) == [made] == provider.events(ANA)
    changed = provider.change_event(ANA, "primary", made["uid"], **at("20260305T100000Z", "20260305T110000Z"))
    assert (changed["start"], changed["location"]) == ("20260305T110000", "Room 5")
    provider.delete_event(ANA, "primary", made["uid"])
    assert ana.listed() == [] == provider.events(ANA)


def test_a_person_changes_one_occurrence(provider: ZohoCalendar, ana: Client) -> None:
    made = ana.create(title="x", rrule="FREQ=DAILY;COUNT=2")
    provider.change_event(ANA, "primary", made["uid"], "20260303T100000Z", title="y")
    assert [(e["title"], e["start"]) for e in ana.listed(byinstance=True)] == [
        ("x", "20260302T110000"),
        ("y", "20260303T110000"),
    ]
    assert [e.get("recurrenceid") for e in provider.events(ANA)] == [None, "20260303T100000Z"]


def test_people_act_over_the_control_endpoint(provider: ZohoCalendar, ana: Client) -> None:
    control = f"{provider.url}/_sandbox"
    given = {"email": ANA, "calendar": "primary", "resource": {**ten(), "title": "x"}}
    made = session().post(f"{control}/do/put_event", json=given, timeout=10).json()["result"]
    assert ana.read(made)[0]["title"] == "x"
    state = session().get(f"{control}/state", timeout=10).json()
    (told,) = state[ANA]["calendars"].values()
    assert told["events"] == [made]
    given["resource"] = {"title": "no times"}
    assert session().post(f"{control}/do/put_event", json=given, timeout=10).status_code == 400


def test_a_quota_is_kept_per_person(provider: ZohoCalendar, ana: Client) -> None:
    ben = Client(provider, BEN)
    session().post(f"{provider.url}/_sandbox/quota", json={"calls": 1, "seconds": 3600}, timeout=10)
    assert ana.ask("GET", "/calendars").status_code == 200
    answer = ana.ask("GET", "/calendars")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert ben.ask("GET", "/calendars").status_code == 200
