"""Receiving: the original's replies to the byte, and nothing changed by what is refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from syncd.api.credentials import TOKEN_PATH, WEBHOOK_PATH
from syncd.errors import ReconnectError, RetryError
from syncd.model.connection import ConnectionState
from syncd.model.result import Operation
from syncd.settings import CredentialSync, Http
from syncd.source.credential_sync import told
from syncd.store import directory
from syncd.testing.memory import MemoryProvider
from syncd.vault.calcom import encode_legacy

from .conftest import ACCESS, CALDAV, GOOGLE, HEADER, KEY, LOGIN, SECRET, STORAGE_KEY, TOKEN, World, encrypted

CREATED = (200, '{"message":"Credentials created for userId: 7"}')
UPDATED = (200, '{"message":"Credentials updated for userId: 7"}')
WRONG_SECRET = (403, '{"message":"Invalid credential sync secret"}')
REPLAY = (403, '{"message":"Invalid credential sync timestamp or nonce"}')
NO_USER = (404, '{"message":"User not found"}')
FAILED = (500, '{"message":"Internal server error"}')
ZOD = json.loads((Path(__file__).parent / "zod_issues.json").read_text())


def test_a_first_credential_is_created_and_a_second_replaces_it(world: World) -> None:
    caller = world.caller()
    assert caller.post() == CREATED
    (row,) = world.connections()
    assert caller.post({**TOKEN, "access_token": "ya29.second"}) == UPDATED
    (after,) = world.connections()
    assert (after.id, after.user_id, after.app, after.state) == (row.id, 7, GOOGLE, "active")
    assert after.updated_at > row.updated_at, "open connectors and other processes must notice"
    assert world.credential(1) == {**TOKEN, "access_token": "ya29.second"}


@pytest.mark.parametrize("missing", [{"secret": ""}, {"key": ""}, {"secret": "", "key": ""}])
def test_nothing_is_received_unless_secret_and_key_are_set(world: World, missing: dict[str, Any]) -> None:
    caller = world.caller(replace(ACCESS, **missing))
    assert caller.post() == (403, '{"message":"Credential sharing is not enabled"}')
    assert caller.post(secret="") == (403, '{"message":"Credential sharing is not enabled"}')


@pytest.mark.parametrize("secret", ["", "wrong", SECRET + "x", SECRET[:-1]])
def test_another_secret_is_refused_and_audited(world: World, secret: str) -> None:
    assert world.caller().post(secret=secret) == WRONG_SECRET
    assert world.connections() == []
    assert world.events() == [("login_failed", "refused", "/api/webhook/app-credential", "secret")]


def test_both_default_headers_are_accepted_and_a_configured_one_alone(world: World) -> None:
    body = {"userId": 7, "appSlug": GOOGLE, "keys": encrypted(TOKEN)}
    assert world.caller().send(body, {"Calcom-Webhook-Secret": SECRET}) == CREATED
    own = world.caller(replace(ACCESS, headers=("x-own",)))
    assert own.send(body, {"X-Own": SECRET}) == UPDATED
    assert own.send(body, {HEADER: SECRET}) == WRONG_SECRET


@pytest.mark.parametrize("case", ZOD, ids=[json.dumps(case["body"]) for case in ZOD])
def test_a_body_of_another_shape_is_answered_with_zods_issues(world: World, case: dict[str, Any]) -> None:
    status, text = world.caller().send(case["body"])
    assert (status, text) == (400, json.dumps({"error": case["issues"]}, separators=(",", ":")))


def test_each_check_comes_in_the_originals_order(world: World) -> None:
    caller = world.caller(settings=CredentialSync(create_users=False))
    assert caller.send(b"no json", {HEADER: "wrong"}) == WRONG_SECRET
    assert caller.send(b"no json") == FAILED
    assert caller.post(userId="7", appSlug="nothing", keys="x")[0] == 400
    assert caller.post(appSlug="nothing", keys="x") == NO_USER
    world.add_connection(GOOGLE, TOKEN)
    assert caller.post(appSlug="nothing", keys="x") == (404, '{"message":"App not found"}')
    misspelt = '{"message":"App not found. Ensure that you have the correct app slug"}'
    assert caller.post(appSlug="google_calendar", keys="x") == (404, misspelt)
    assert caller.post(keys="x") == FAILED
    assert caller.post({"refresh_token": "r"})[0] == 400
    assert caller.post() == UPDATED


@pytest.mark.parametrize("user_id", [0, -1, 2**31, 10**30, 1e300])
def test_an_id_that_no_user_can_have_is_no_user(world: World, user_id: float) -> None:
    assert world.caller().post(userId=user_id) == NO_USER


def test_a_whole_number_written_as_a_fraction_is_a_whole_number(world: World) -> None:
    assert world.caller().post(userId=7.0) == CREATED


def test_unknown_users_are_made_only_where_that_is_allowed(world: World) -> None:
    assert world.caller(settings=CredentialSync(create_users=False)).post() == NO_USER
    assert world.connections() == []
    assert world.caller().post() == CREATED


@pytest.mark.parametrize(
    "keys",
    ["", "nothing", encode_legacy(KEY[::-1], "{}"), encode_legacy(KEY, "no json"), encrypted(TOKEN)[:-32], "\ud800"],
    ids=["empty", "another form", "another key", "not json", "truncated", "half a character"],
)
def test_what_does_not_decrypt_to_json_gets_one_answer(world: World, keys: str) -> None:
    assert world.caller().post(keys=keys) == FAILED
    assert world.connections() == []


@pytest.mark.parametrize(
    ("app", "key_object", "field", "message"),
    [
        (GOOGLE, {}, "access_token", "Required"),
        (GOOGLE, {"access_token": ""}, "access_token", "String must contain at least 1 character(s)"),
        (GOOGLE, {"access_token": None}, "access_token", "Expected string, received null"),
        (GOOGLE, {**TOKEN, "expiry_date": "soon"}, "expiry_date", "Expected number, received string"),
        (GOOGLE, {**TOKEN, "refresh_token": 5}, "refresh_token", "Expected string, received number"),
        ("office365-calendar", {"token": "x"}, "access_token", "Required"),
        ("apple-calendar", {"username": "ann"}, "password", "Required"),
        (CALDAV, {"username": "ann", "password": "right"}, "url", "Required"),
        (CALDAV, {**LOGIN, "password": 5}, "password", "Expected string, received number"),
        ("ics-feed", {"urls": []}, "urls", "Array must contain at least 1 element(s)"),
        ("zohocalendar", {"refresh_token": "r"}, "access_token", "Required"),
        ("salesforce", {"access_token": "00D"}, "instance_url", "Required"),
        ("hubspot", {}, "access_token", "Required"),
        ("zohocrm", {}, "access_token", "Required"),
        ("zoho-bigin", {}, "access_token", "Required"),
    ],
)
def test_a_credential_of_another_shape_is_refused_by_field(
    world: World, app: str, key_object: dict[str, Any], field: str, message: str
) -> None:
    status, text = world.caller().post(key_object, appSlug=app)
    (issue,) = json.loads(text)["error"]
    assert (status, issue["path"], issue["message"]) == (400, ["keys", field], message)
    assert world.connections() == []


@pytest.mark.parametrize("key_object", [[], "text", 5, True])
def test_a_credential_that_is_no_object_is_refused(world: World, key_object: object) -> None:
    status, text = world.caller().post(key_object)
    assert (status, json.loads(text)["error"][0]["path"]) == (400, ["keys"])


def test_a_credential_encrypted_once_more_opens_under_the_storage_key(world: World) -> None:
    inner = encode_legacy(STORAGE_KEY, json.dumps(LOGIN))
    assert world.caller().post(inner, appSlug=CALDAV) == CREATED
    assert world.credential(1) == LOGIN
    assert world.caller().post(encode_legacy(KEY, "{}"), appSlug=CALDAV) == FAILED
    status, text = world.caller(replace(ACCESS, storage_key="")).post(inner, appSlug=CALDAV)
    assert status == 400
    assert "CALENDSO_ENCRYPTION_KEY" in text


def test_an_invalid_connection_becomes_active_again_and_a_paused_one_stays_paused(world: World) -> None:
    broken: dict[str, Any] = {
        "state": "invalid",
        "reason": "revoked",
        "broken_at": world.runtime.clock(),
        "refresh_failures": 3,
    }
    world.add_connection(GOOGLE, TOKEN, **broken)
    world.add_connection("hubspot", TOKEN, state="paused")
    assert world.caller().post() == UPDATED
    assert world.caller().post(appSlug="hubspot") == UPDATED
    google, hubspot = world.connections()
    assert (google.state, google.reason, google.broken_at, google.refresh_failures) == ("active", "", None, 0)
    assert hubspot.state == "paused"


def test_what_the_platform_gives_takes_the_place_of_an_organizations_delegation(world: World) -> None:
    key = {"client_email": "robot@example.com", "private_key": "k"}
    delegation = world.runtime.delegations.add(500, "example.com", "google", key)
    world.add_connection(GOOGLE, {"subject": "ann@example.com"}, "ann@example.com", delegation_id=delegation)
    assert world.caller().post()[0] == 200
    (row,) = world.connections()
    assert row.delegation_id is None
    world.runtime.delegations.remove(delegation)
    assert world.connections()[0].state == "active"


def test_the_platform_owns_a_token_once_it_can_be_asked_for_it(world: World) -> None:
    world.caller().post()
    assert world.connections()[0].token_owner == ""
    owner = world.caller(replace(ACCESS, endpoint="https://platform.example/token"))
    owner.post({"access_token": "t"})
    owner.post(LOGIN, appSlug=CALDAV)
    google, caldav = world.connections()
    assert (google.token_owner, caldav.token_owner) == ("platform", "")
    assert google.token_expires_at is not None
    assert (google.token_expires_at - world.runtime.clock()).total_seconds() == 600, "never a year"
    assert caldav.token_expires_at is None


def test_the_provider_is_asked_after_the_answer_and_its_word_is_shown(world: World, memory: MemoryProvider) -> None:
    assert world.caller().post(LOGIN, appSlug=CALDAV) == CREATED
    assert world.connections()[0].probed_at is None
    world.run_later()
    (row,) = world.connections()
    assert (row.account, row.state, row.probed_at) == ("memory", "active", world.runtime.clock())
    assert [(r.outcome, r.connection_id) for r in world.log(Operation.PROBE)] == [("done", row.id)]
    with world.runtime.database.read() as session:
        assert [c.name for c, _ in directory.listed_calendars(session, selected=True)] == ["work"]


def test_a_credential_that_the_provider_refuses_makes_the_connection_invalid(world: World) -> None:
    world.caller().post({**LOGIN, "password": "wrong"}, appSlug=CALDAV)
    world.run_later()
    (row,) = world.connections()
    assert (row.state, row.reason) == ("invalid", "The password is wrong.")
    assert [r.outcome for r in world.log(Operation.PROBE)] == ["failed"]
    world.caller().post(LOGIN, appSlug=CALDAV)
    assert world.connections()[0].state == ConnectionState.ACTIVE


def test_a_late_refusal_of_the_old_credential_does_not_break_the_new_one(world: World, memory: MemoryProvider) -> None:
    caller = world.caller()
    caller.post(LOGIN, appSlug=CALDAV)
    open_connector = world.runtime.pool.run

    def overtaken(connection_id: int, call: Any) -> Any:
        world.runtime.pool.run = open_connector  # type: ignore[method-assign]
        caller.post({**LOGIN, "extra": "new"}, appSlug=CALDAV)
        raise ReconnectError("The old password is wrong.")

    world.runtime.pool.run = overtaken  # type: ignore[method-assign]
    world.later.pop(0)()
    assert world.connections()[0].state == ConnectionState.ACTIVE


def test_trouble_of_the_provider_leaves_the_credential_in_place(world: World, memory: MemoryProvider) -> None:
    memory.fail_next("probe", RetryError("The provider is down."))
    world.caller().post(LOGIN, appSlug=CALDAV)
    world.run_later()
    assert world.connections()[0].state == ConnectionState.ACTIVE
    assert world.credential(1) == LOGIN


def test_an_app_without_a_connector_is_stored_and_the_log_says_that_nobody_asked(world: World) -> None:
    world.caller().post()
    assert world.later == []
    (result,) = world.log(Operation.RECEIVE_CREDENTIAL)
    assert result.detail == "created; not probed: no connector for this app is installed here"


def test_of_several_connections_the_named_one_the_same_account_or_the_oldest_is_updated(world: World) -> None:
    first = world.add_connection(CALDAV, {**LOGIN, "username": "ann"}, account="https://dav/ann/")
    second = world.add_connection(CALDAV, {**LOGIN, "username": "bob"}, account="https://dav/bob/")
    caller = world.caller()
    assert caller.post({**LOGIN, "username": "bob", "password": "1"}, appSlug=CALDAV, credentialId=second) == UPDATED
    assert caller.post({**LOGIN, "username": "ann", "password": "2"}, appSlug=CALDAV) == UPDATED
    assert (world.credential(first)["password"], world.credential(second)["password"]) == ("2", "1")
    assert caller.post({**LOGIN, "username": "eve", "password": "3"}, appSlug=CALDAV) == UPDATED
    assert world.credential(first)["password"] == "3"
    details = [r.detail for r in world.log(Operation.RECEIVE_CREDENTIAL)]
    assert details[0] == "updated"
    assert "the one of the same account" in details[1]
    assert "ambiguous: it could be any of 1, 2" in details[2]
    unknown = caller.post(LOGIN, appSlug=CALDAV, credentialId=99)
    assert unknown == (404, '{"message":"Credential not found"}')


def test_a_connection_of_another_user_is_never_addressed(world: World) -> None:
    other = world.add_connection(GOOGLE, TOKEN)
    caller = world.caller()
    assert caller.post(userId=8, credentialId=other)[0] == 404
    assert caller.delete(userId=8, credentialId=other).status_code == 404
    assert [row.user_id for row in world.connections()] == [7]


def test_the_same_credential_from_many_at_once_is_one_connection(world: World) -> None:
    world.add_connection("hubspot", TOKEN)
    caller = world.caller()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: caller.post({**TOKEN, "access_token": f"t{n}"}), range(16)))
    assert sorted(answers) == sorted([CREATED] + [UPDATED] * 15)
    assert [row.app for row in world.connections()] == ["hubspot", GOOGLE]


def test_a_user_who_is_new_is_made_once_by_many_at_once(world: World) -> None:
    caller = world.caller()
    apps = ["google-calendar", "office365-calendar", "zohocalendar", "hubspot", "zohocrm", "zoho-bigin"]
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(lambda app: caller.post(appSlug=app), apps)) == {CREATED}
    assert sorted(row.app for row in world.connections()) == sorted(apps)


def stamp(world: World, nonce: str = "nonce-0001", ago: int = 0) -> dict[str, str]:
    moment: datetime = world.runtime.clock()
    return {HEADER: SECRET, "X-Syncd-Timestamp": str(int(moment.timestamp()) - ago), "X-Syncd-Nonce": nonce}


def test_where_timestamps_are_required_a_replay_fails(world: World) -> None:
    caller = world.caller(settings=CredentialSync(require_timestamp=True))
    body = {"userId": 7, "appSlug": GOOGLE, "keys": encrypted(TOKEN)}
    assert caller.send(body) == REPLAY
    assert caller.send(body, stamp(world, ago=301)) == REPLAY
    assert caller.send(body, stamp(world, ago=-301)) == REPLAY
    assert caller.send(body, stamp(world, nonce="short")) == REPLAY
    assert world.connections() == []
    assert world.events() == [("login_failed", "refused", "/api/webhook/app-credential", "timestamp or nonce")] * 4
    assert caller.send(body, stamp(world)) == CREATED
    assert caller.send(body, stamp(world)) == REPLAY
    assert world.events()[-2:] == [
        ("credential_received", "done", "connection 1", GOOGLE),
        ("credential_received", "refused", "user 7", "replay"),
    ]
    assert caller.send(body, stamp(world, nonce="nonce-0002")) == UPDATED


def test_a_timestamp_or_nonce_that_is_there_is_checked_even_where_none_is_required(world: World) -> None:
    body = {"userId": 7, "appSlug": GOOGLE, "keys": encrypted(TOKEN)}
    caller = world.caller()
    assert caller.send(body, stamp(world)) == CREATED
    assert caller.send(body, stamp(world)) == REPLAY
    alone = {HEADER: SECRET, "X-Syncd-Nonce": "nonce-0003"}
    assert caller.send(body, alone) == REPLAY


def test_a_nonce_of_a_refused_request_may_be_used_again(world: World) -> None:
    caller = world.caller()
    assert caller.send({"userId": 7, "appSlug": GOOGLE, "keys": "x"}, stamp(world)) == FAILED
    body = {"userId": 7, "appSlug": GOOGLE, "keys": encrypted(TOKEN), "credentialId": 5}
    assert caller.send(body, stamp(world))[0] == 404
    del body["credentialId"]
    assert caller.send(body, stamp(world)) == CREATED


def test_a_source_that_keeps_failing_is_shut_out_before_it_is_heard(world: World) -> None:
    caller = world.caller(http=Http(failures_per_minute=3))
    answers = [caller.post(secret="wrong")[0], caller.post(keys="x")[0], caller.post(secret="wrong")[0]]
    assert answers == [403, 500, 403]
    assert caller.post() == (429, '{"message":"Too many requests"}')
    assert world.connections() == []


def test_a_body_that_is_too_long_or_too_deep_is_not_looked_at(world: World) -> None:
    caller = world.caller(http=Http(max_body_kb=1))
    assert caller.send({"userId": 7, "appSlug": GOOGLE, "keys": "x" * 2000})[0] == 413
    assert caller.send(b"[" * 100 + b"]" * 100)[0] == 400


def test_connections_are_listed_without_a_secret(world: World) -> None:
    world.add_connection(GOOGLE, TOKEN)
    world.add_connection("hubspot", TOKEN, state="invalid")
    google = {"id": 1, "appId": GOOGLE, "appSlug": GOOGLE, "invalid": False}
    hubspot = {"id": 2, "appId": "hubspot", "appSlug": "hubspot", "invalid": True}
    caller = world.caller()
    assert caller.get(userId=7).json() == {"credentials": [google, hubspot]}
    assert caller.get(userId=7, appSlug="hubspot").json() == {"credentials": [hubspot]}
    assert caller.get(userId=8).json() == {"credentials": []}
    assert caller.get(userId="x").status_code == 400
    assert caller.http.get("/api/webhook/app-credential", params={"userId": 7}).status_code == 403


def test_a_connection_is_removed_by_query_or_body_and_never_by_guess(world: World) -> None:
    for _ in range(2):
        world.add_connection(GOOGLE, TOKEN)
    caller = world.caller()
    several = caller.delete(userId=7, appSlug=GOOGLE)
    assert (several.status_code, several.json()["credentialIds"]) == (409, [1, 2])
    assert caller.delete(userId=7).status_code == 400, "an app or an id is asked for"
    assert caller.delete({"userId": 7, "credentialId": 1}).json() == {"credentialDeleted": {"id": 1, "appId": GOOGLE}}
    assert caller.delete(userId=7, appSlug=GOOGLE).json() == {"credentialDeleted": {"id": 2, "appId": GOOGLE}}
    assert caller.delete(userId=7, appSlug=GOOGLE).status_code == 404
    assert [event[:3] for event in world.events() if event[1] == "done"] == [
        ("credential_removed", "done", "connection 1"),
        ("credential_removed", "done", "connection 2"),
    ]


def test_other_methods_are_not_allowed(world: World) -> None:
    assert world.caller().http.put("/api/webhook/app-credential").status_code == 405


def test_no_secret_is_in_the_store_the_log_or_an_answer(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    caller, canaries = world.caller(), ("canary-token", "canary-refresh", "canary-password", SECRET, KEY, STORAGE_KEY)
    told = [
        caller.post({"access_token": "canary-token", "refresh_token": "canary-refresh"}),
        caller.post({"access_token": ["canary-token"], "expiry_date": "canary-refresh"}),
        caller.post({**LOGIN, "password": "canary-password"}, appSlug=CALDAV),
        caller.post({"username": "a", "password": "canary-password", "url": 5}, appSlug=CALDAV),
        caller.post(keys=encode_legacy(KEY, '{"access_token": "canary-token"')),
        caller.post("canary-token", appSlug=CALDAV),
        caller.post({"access_token": "\ud800canary-token"}),
        caller.post(secret="canary-password"),
    ]
    world.run_later()
    shown = repr(told) + "".join(capfd.readouterr()) + world.everything()
    assert "connection 1" in shown
    assert not [canary for canary in canaries if canary in shown]


@pytest.mark.parametrize("app", ["", "\ud800", "a\0b"])
def test_an_app_that_no_slug_can_be_is_refused_by_field_and_nothing_is_guessed(world: World, app: str) -> None:
    world.add_connection(GOOGLE, TOKEN)
    caller = world.caller()
    asked = json.dumps({"calcomUserId": 7, "appSlug": app})
    refused = [
        caller.delete({"userId": 7, "appSlug": app}),
        caller.http.post(TOKEN_PATH, content=asked, headers={HEADER: SECRET}),
    ]
    assert [(answer.status_code, answer.json()["error"][0]["path"]) for answer in refused] == [(400, ["appSlug"])] * 2
    assert caller.post(appSlug=app) == (404, '{"message":"App not found"}')
    assert len(world.connections()) == 1


def test_a_query_for_an_app_with_nul_is_refused(world: World) -> None:
    assert world.caller().get(userId=7, appSlug="\0").status_code == 400


@pytest.mark.parametrize("email", ["x\0y", "\ud800"])
def test_an_account_that_cannot_be_stored_is_refused_by_field(world: World, email: str) -> None:
    status, text = world.caller().post({**TOKEN, "email": email})
    assert (status, json.loads(text)["error"][0]["path"]) == (400, ["keys", "email"])


def test_an_account_named_by_a_connector_is_stored_without_what_no_database_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(world.runtime.registry.spec(CALDAV), account=lambda _: "an\0n\ud800")
    monkeypatch.setattr(world.runtime.registry, "spec", lambda _app: spec)
    assert world.caller().post(LOGIN, appSlug=CALDAV) == CREATED
    assert world.connections()[0].account == "ann"


@pytest.mark.parametrize("issued", ["1" * 5000, 10**400, "1" * 19])
def test_a_time_of_too_many_digits_is_no_time(world: World, issued: object) -> None:
    key = {"access_token": "00D", "instance_url": "https://x.example", "issued_at": issued, "token_lifetime": 7200}
    assert world.caller().post(key, appSlug="salesforce") == CREATED
    assert world.connections()[0].token_expires_at is None


def test_half_a_character_is_answered_as_javascript_writes_it() -> None:
    assert told(400, "no field \ud800").body == b'{"message":"no field \\ud800"}'


def test_a_refused_removal_is_audited(world: World) -> None:
    for _ in range(2):
        world.add_connection(GOOGLE, TOKEN)
    caller = world.caller()
    caller.delete(userId=7, appSlug="hubspot")
    caller.delete(userId=7, appSlug=GOOGLE)
    assert world.events() == [
        ("credential_removed", "refused", "user 7", "not_found"),
        ("credential_removed", "refused", "user 7", "ambiguous"),
    ]


@pytest.mark.parametrize(("method", "action"), [("GET", "credential_read"), ("DELETE", "credential_removed")])
def test_a_replayed_question_or_removal_is_audited(world: World, method: str, action: str) -> None:
    world.add_connection(GOOGLE, TOKEN)
    caller, query = world.caller(), f"userId=7&appSlug={GOOGLE}"
    for expected in (200, 403):
        answer = caller.http.request(method, WEBHOOK_PATH, params=query, headers=stamp(world))
        assert answer.status_code == expected
    assert world.events()[-1] == (action, "refused", "user 7", "replay")
