"""`syncd route`, `syncd route replay` and `syncd bookings trace`, with a sandboxed org."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine, configured
from cli.people import envelope
from salesforce_given import BOOKER, HOST, OTHER_HOST, SCOPES, World

from syncd.model.clock import utc_now
from syncd.rules.routing import TieRule

from .org import DOMAIN, EVENT_TYPE

GEO_OFF = 'geo = false\nrules = ["country", "created"]'
GEO_ON = 'rules = ["country", "created"]'
GUEST = {"email": BOOKER, "name": "Ada", "timeZone": "UTC"}


def rules(tiebreaker: str, enabled: str = "true") -> str:
    """The event type's section of a configuration file."""
    crm = f"event_types.{EVENT_TYPE}.crm.1"
    return (
        f'[{crm}.routing]\nenabled = {enabled}\nsource = "account"\ntime_budget_seconds = 25\n'
        f"[{crm}.tiebreaker]\n{tiebreaker}\n"
    )


@pytest.fixture
def syncd(
    world: World, tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The command, connected to an org with two accounts of one website."""
    monkeypatch.delenv("SYNCD_DATABASE_URL", raising=False)
    monkeypatch.setenv("SYNCD_CLIENT_SECRET_SALESFORCE", "sandbox-secret")
    client = f'client_id = "sandbox-client"\nlogin_url = "{world.client.login_url}"\nca_file = "{world.client.ca_file}"'
    text = f"[apps.salesforce.client]\n{client}\n{rules(GEO_OFF)}"
    command = CommandLine(configured(tmp_path, database_url, text), capsys, monkeypatch)
    for owner, country, year in ((HOST, "US", 2020), (OTHER_HOST, "DE", 2021)):
        user = next(u["Id"] for u in world.records("User") if u["Email"] == owner)
        values = {"Website": DOMAIN, "BillingCountry": country, "CreatedDate": f"{year}-01-01T00:00:00Z"}
        world.org.add_record("Account", Name=f"Acme {country}", OwnerId=user, **values)
    told = world.org.issuer.issue(HOST, SCOPES)
    credential = {name: told[name] for name in ("access_token", "refresh_token", "instance_url", "id", "scope")}
    words = ("connections", "add", "salesforce", "--user", 1, "--email", HOST, "--credential-file", "-")
    command.document(*words, stdin=json.dumps(credential))
    return command


def asked(*more: object) -> tuple[object, ...]:
    return ("route", BOOKER, "--event-type", EVENT_TYPE, "--host", HOST, "--host", OTHER_HOST, *more)


def test_it_says_who_and_why(syncd: CommandLine) -> None:
    told = syncd(*asked())
    assert told.code == 0
    assert told.out.splitlines() == [
        f"{HOST} takes the meeting: {HOST} has account Acme US (found by exact-website, tie decided by created)."
    ]


def test_round_robin_has_its_reason(syncd: CommandLine) -> None:
    told = syncd("route", "eve@nowhere.example", "--event-type", EVENT_TYPE)
    assert (told.code, told.out) == (0, "Round robin: no account was found for nowhere.example.\n")


def test_only_hosts_are_chosen(syncd: CommandLine) -> None:
    words = ("route", BOOKER, "--event-type", EVENT_TYPE)
    assert syncd.document(*words, "--host", OTHER_HOST)["owner"]["email"] == OTHER_HOST
    assert syncd.document(*words, "--host", "eve@example.com")["outcome"] == "round-robin"


def test_explained_it_shows_every_step_and_candidate(syncd: CommandLine, world: World) -> None:
    told = syncd(*asked("--country", "DE", "--explain"))
    assert told.code == 0
    lines = told.out.splitlines()
    for account in world.records("Account"):
        assert [line for line in lines if "tiebreak" in line and account["Id"] in line and account["CreatedDate"][:4]]
    decided = next(line for line in lines if "tiebreak" in line and "skipped" in line)
    assert "geo rules are off" in decided
    assert [line for line in lines if line.startswith("look ")]
    assert [line for line in lines if "dropped because" in line]
    document = syncd.document(*asked())
    assert document["rules_version"] in told.out


def test_for_machines_it_tells_the_whole_decision(syncd: CommandLine) -> None:
    document = syncd.document(*asked("--country", "DE", "--region", "BE", "--city", "Berlin"))
    assert (document["event_type_id"], document["app"], document["connection_id"]) == (EVENT_TYPE, "salesforce", 1)
    assert (document["outcome"], document["owner"]["email"], document["recorded"]) == ("owner", HOST, 1)
    assert document["trace"][-1]["step"] == "result"
    assert set(document["calls"]) == {"look"}


def test_the_whole_place_reaches_the_rules(syncd: CommandLine) -> None:
    text = syncd.config.read_text(encoding="utf-8")
    geo = 'rules = ["state", "sub_region", "created"]\nsub_region_field = "BillingCity"'
    syncd.config.write_text(text.replace(GEO_OFF, geo), encoding="utf-8")
    place = ("--country", "US", "--region", "Texas", "--city", "Austin", "--sub-region", "Hill Country")
    steps = {step["rule"]: step for step in syncd.document(*asked(*place))["trace"] if step["step"] == "tiebreak"}
    assert steps["state"]["compared_with"] == "US-TX"
    assert {"austin", "hill country"} <= set(steps[TieRule.SUB_REGION]["compared_with"].split(", "))


def test_an_event_type_without_a_crm_is_round_robin(syncd: CommandLine) -> None:
    told = syncd("route", BOOKER, "--event-type", EVENT_TYPE + 1)
    assert (told.code, told.out) == (0, f"Round robin: no CRM routes event type {EVENT_TYPE + 1}.\n")


# replay


def replayed(syncd: CommandLine, text: str, *more: object) -> Any:
    file = syncd.config.parent / "new.toml"
    file.write_text(text, encoding="utf-8")
    return syncd.document("route", "replay", "--rules", file, *more)


def test_a_replay_says_who_would_have_been_chosen(syncd: CommandLine) -> None:
    syncd.document(*asked("--country", "DE"))
    syncd.document(*asked("--country", "US"))
    told = replayed(syncd, rules(GEO_ON), "--since", "90d")
    (one,) = told["changed"]
    assert (told["decided"], told["unsure"], told["without_rules"], told["unreadable"]) == (2, 0, 0, [])
    assert (one["id"], one["was"]["host"], one["now"]["host"], one["sure"]) == (1, HOST, OTHER_HOST, True)
    assert one["booker"].endswith(f"@{DOMAIN}")
    shown = syncd("route", "replay", "--rules", syncd.config.parent / "new.toml")
    (row,) = (line for line in shown.out.splitlines() if OTHER_HOST in line)
    assert row.index(HOST) < row.index(OTHER_HOST)
    assert "2 decision(s) made again: 1 would have been others" in shown.out
    assert "forecast" not in shown.out


def test_the_rules_in_use_change_nothing(syncd: CommandLine) -> None:
    syncd.document(*asked("--country", "DE"))
    told = replayed(syncd, syncd.config.read_text(encoding="utf-8"))
    assert (told["decided"], told["changed"]) == (1, [])


def test_what_was_not_recorded_is_named(syncd: CommandLine) -> None:
    syncd.document(*asked())
    (one,) = replayed(syncd, rules(GEO_ON).replace('"account"', '"lead"'))["changed"]
    assert (one["sure"], one["missing"], one["now"]["host"]) == (False, ["answer to leads"], None)
    assert "1 of them are a forecast" in syncd("route", "replay", "--rules", syncd.config.parent / "new.toml").out


def test_decisions_that_the_file_has_no_rules_for_are_counted(syncd: CommandLine) -> None:
    syncd.document(*asked())
    told = replayed(syncd, rules(GEO_ON).replace(f"{EVENT_TYPE}.crm", f"{EVENT_TYPE + 1}.crm"))
    assert (told["decided"], told["without_rules"]) == (0, 1)
    assert "1 left alone" in syncd("route", "replay", "--rules", syncd.config.parent / "new.toml").out


BROKEN = {
    "no TOML": "= =",
    "no rules": "[log]\nlevel = 'info'",
    "a setting nobody knows": rules(GEO_ON) + "colour = 1",
    "a section nobody knows": "[event_type.7.crm.1.routing]\nenabled = true",
}


@pytest.mark.parametrize("what", BROKEN)
def test_rules_that_cannot_be_used_are_refused(what: str, syncd: CommandLine) -> None:
    file = syncd.config.parent / "new.toml"
    file.write_text(BROKEN[what], encoding="utf-8")
    told = syncd("route", "replay", "--rules", file)
    assert (told.code, told.out) == (2, "")
    assert "Error: " in told.err


# a booking


def booked(syncd: CommandLine, uid: str, created_at: datetime, **changed: Any) -> None:
    values = {"eventTypeId": EVENT_TYPE, "attendees": [GUEST], "createdAt": created_at.isoformat(), **changed}
    told = syncd("bookings", "import", "-", stdin=json.dumps(envelope(HOST, uid, **values)))
    assert told.code == 0, told


def test_a_booking_tells_why_it_went_to_whom_it_went(syncd: CommandLine) -> None:
    syncd.document(*asked())
    syncd.document(*asked("--country", "DE"))
    booked(syncd, "b1", utc_now())
    document = syncd.document("bookings", "trace", "b1")
    assert [kept["id"] for kept in document["decisions"]] == [2, 1]
    assert {kept["owner"]["email"] for kept in document["decisions"]} == {HOST}
    shown = syncd("bookings", "trace", "b1").out
    assert shown.index("decision 2") < shown.index("decision 1")
    assert f"{HOST} takes the meeting: " in shown
    assert "exact-website" in shown
    assert BOOKER not in shown


def test_a_booking_nobody_was_routed_for_says_so(syncd: CommandLine) -> None:
    syncd.document(*asked())
    booked(syncd, "b1", utc_now() + timedelta(days=2))
    told = syncd("bookings", "trace", "b1")
    assert (told.code, told.out.partition(" for")[0]) == (0, "Nobody was routed")
    assert syncd.document("bookings", "trace", "b1") == {"booking": "b1", "decisions": []}
