"""Connecting by consent over HTTP: begun with an API key, finished by the browser that comes back, once and in time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from access.exchange import Answer, ask
from given import SettableClock
from sqlalchemy import inspect, text
from starlette.applications import Starlette

from syncd.engine.consents import CALLBACK_PATH
from syncd.engine.runtime import Runtime
from syncd.engine.sweep import clean_up
from syncd.store import access, consents, directory
from syncd.store.access import Scope
from syncd.store.tables import Connection, User
from syncd.vault import ConsentBinding

from .conftest import ANNA_ID, BACK, BEN_ID, EVE_ID, PUBLIC, MakeKey, OpenDiary, application
from .diary import ANNA, APP, BEN, CLIENT_SECRET, EVE, READ, Diary

START = f"/v2/connections/{APP}/start"
BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAM = {"accept": "application/json"}


def start(http: Starlette, key: str, path: str = START, **body: Any) -> Answer:
    headers = {"content-type": "application/json"}
    return ask(http, path, key=key, method="POST", headers=headers, body=json.dumps(body).encode())


def begun(http: Starlette, key: str, **body: Any) -> str:
    """The consent page's address."""
    answer = start(http, key, **body)
    assert answer.status == 200, answer.body
    return str(answer.document["data"]["authUrl"])


def come_back(http: Starlette, address: str, accept: Mapping[str, str] = BROWSER, method: str = "GET") -> Answer:
    """What the browser is told that was sent to `address`."""
    assert address.startswith(f"{PUBLIC}{CALLBACK_PATH}?")
    return ask(http, address.removeprefix(PUBLIC), headers=accept, method=method)


def connected(runtime: Runtime) -> list[Connection]:
    with runtime.database.read() as session:
        return directory.listed_connections(session)


def waiting(runtime: Runtime) -> int:
    """How many consents wait for their person."""
    with runtime.database.read() as session:
        return len(session.execute(consents.consents.select()).all())


def audited(runtime: Runtime) -> list[tuple[str, str, str, str, str]]:
    with runtime.database.read() as session:
        return [(e.action, e.result, e.actor, e.target, e.detail) for e in access.listed_events(session)]


def selected(runtime: Runtime) -> list[str]:
    with runtime.database.read() as session:
        return [c.name for c, _ in directory.listed_calendars(session, selected=True)]


def test_a_consent_connects_its_user_and_checks_the_primary_calendar(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    answer = come_back(http, diary.allow(begun(http, make_key())))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert f"{ANNA} is connected" in answer.body.decode()
    (row,) = connected(office)
    assert (row.user_id, row.app, row.account, row.state) == (ANNA_ID, APP, ANNA, "active")
    assert row.token_expires_at is not None
    assert selected(office) == ["work"]
    assert waiting(office) == 0
    assert office.accounts.test(row.id or 0).account == ANNA


def test_a_program_is_told_in_json(http: Starlette, make_key: MakeKey, diary: Diary) -> None:
    answer = come_back(http, diary.allow(begun(http, make_key())), PROGRAM)
    assert answer.document == {"status": "success", "data": {"connectionId": 1, "app": APP, "account": ANNA}}


def test_the_person_is_sent_on_to_an_allowed_address(http: Starlette, make_key: MakeKey, diary: Diary) -> None:
    answer = come_back(http, diary.allow(begun(http, make_key(), redir=f"{BACK}/calendars?tab=2")))
    assert (answer.status, answer.headers["location"]) == (302, f"{BACK}/calendars?tab=2")
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_page_is_asked_for_with_pkce_and_every_scope_and_a_state_without_a_secret(
    office: Runtime, http: Starlette, make_key: MakeKey
) -> None:
    key = make_key()
    url = begun(http, key)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["redirect_uri"] == f"{PUBLIC}{CALLBACK_PATH}"
    assert query["code_challenge_method"] == "S256"
    assert READ in query["scope"]
    with office.database.read() as session:
        (row,) = session.execute(consents.consents.select()).all()
    verifier = office.vault.open_credential(row.envelope, ConsentBinding(row.id, APP, ANNA_ID))["verifier"]
    for secret in (key, key.removeprefix("cal_"), CLIENT_SECRET, verifier):
        assert secret not in url
    assert verifier not in everything(office)


def everything(runtime: Runtime) -> str:
    """Whatever is in the database."""
    with runtime.database.connect() as connection:
        names = inspect(connection).get_table_names()
        return "\n".join(str(row) for name in names for row in connection.execute(text(f'SELECT * FROM "{name}"')))


def test_a_reconnect_keeps_the_connections_id_and_makes_it_work_again(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    key = make_key()
    come_back(http, diary.allow(begun(http, key)))
    diary.issuer.revoke_account(ANNA)
    with pytest.raises(Exception, match="refresh"):
        office.accounts.test(1)
    assert connected(office)[0].state == "invalid"
    assert come_back(http, diary.allow(begun(http, key, connectionId=1))).status == 200
    (row,) = connected(office)
    assert (row.id, row.state) == (1, "active")


def expired(diary: Diary, clock: SettableClock, address: str) -> str:
    clock.advance(minutes=10)
    return address


def without_code(diary: Diary, clock: SettableClock, address: str) -> str:
    return f"{PUBLIC}{CALLBACK_PATH}?state={parse_qs(urlsplit(address).query)['state'][0]}"


def with_made_up_code(diary: Diary, clock: SettableClock, address: str) -> str:
    return f"{without_code(diary, clock, address)}&code=made-up"


def refused_client(diary: Diary, clock: SettableClock, address: str) -> str:
    diary.faults.add("wrong-client")
    return address


def forged(diary: Diary, clock: SettableClock, address: str) -> str:
    return address[:-1] + ("0" if address[-1] != "0" else "1")


def provider_away(diary: Diary, clock: SettableClock, address: str) -> str:
    diary.faults.add("answer", path="/token", status=503)
    return address


def provider_limits(diary: Diary, clock: SettableClock, address: str) -> str:
    diary.faults.add("answer", path="/token", status=429, headers={"Retry-After": "9"})
    return address


def lost_answer(diary: Diary, clock: SettableClock, address: str) -> str:
    diary.faults.add("lose", path="/token")
    return address


def no_probe(diary: Diary, clock: SettableClock, address: str) -> str:
    diary.faults.add("answer", path="/me", status=403)
    return address


Mishap = Callable[[Diary, SettableClock, str], str]
MISHAPS: Mapping[str, tuple[Mishap, int, str]] = {
    "a state that has ended": (expired, 400, "took too long"),
    "a state that was altered": (forged, 400, "no answer to a consent"),
    "no code": (without_code, 400, "consent was not given"),
    "a code that is none": (with_made_up_code, 400, "invalid_grant"),
    "a client that is refused": (refused_client, 400, "invalid_client"),
    "a provider that is away": (provider_away, 502, "not available"),
    "a provider that limits": (provider_limits, 503, "too many requests"),
    "an answer that is lost": (lost_answer, 502, "broke before the answer"),
    "an account that may do nothing": (no_probe, 403, "may not do this"),
}


@pytest.mark.parametrize("what", MISHAPS)
@pytest.mark.parametrize("accept", [BROWSER, PROGRAM], ids=["browser", "program"])
def test_whatever_goes_wrong_is_said_and_nothing_is_stored(
    what: str,
    accept: Mapping[str, str],
    office: Runtime,
    http: Starlette,
    make_key: MakeKey,
    diary: Diary,
    clock: SettableClock,
) -> None:
    mishap, status, said = MISHAPS[what]
    answer = come_back(http, mishap(diary, clock, diary.allow(begun(http, make_key()))), accept)
    assert (answer.status, answer.raised) == (status, None)
    assert said in answer.body.decode()
    assert answer.headers["cache-control"] == "no-store"
    assert connected(office) == []
    if accept is PROGRAM:
        assert answer.document["status"] == "error"
        assert answer.document["error"]["details"]["code"]
    else:
        assert "Nothing was stored." in answer.body.decode()


def test_a_refusal_is_shown_with_a_way_back(office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary) -> None:
    diary.faults.add("deny")
    answer = come_back(http, diary.allow(begun(http, make_key(), redir=BACK)))
    assert answer.status == 400
    assert "consent was not given" in answer.body.decode()
    assert f'href="{BACK}"' in answer.body.decode()
    assert (connected(office), waiting(office)) == ([], 0)


def test_less_than_what_is_needed_is_refused_and_named(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    diary.faults.add("partial-grant", value=[READ])
    answer = come_back(http, diary.allow(begun(http, make_key())))
    assert answer.status == 400
    assert "missing: diary.write" in answer.body.decode()
    assert connected(office) == []


def test_a_consent_is_used_once(office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary) -> None:
    address = diary.allow(begun(http, make_key()))
    assert come_back(http, address).status == 200
    again = come_back(http, address, PROGRAM)
    assert (again.status, again.error["details"]["code"]) == (400, "state_used")
    assert len(connected(office)) == 1


def test_of_many_who_bring_it_at_once_one_finishes_it(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    begun(http, make_key())
    with office.database.read() as session:
        (nonce,) = session.execute(consents.consents.select()).scalars(1)
    at_once = threading.Barrier(6)

    def take(_: int) -> bool:
        at_once.wait(30)
        with office.database.write() as session:
            return consents.take(session, nonce) is not None

    with ThreadPoolExecutor(6) as executor:
        assert sum(executor.map(take, range(6))) == 1


def test_looking_at_the_address_does_not_use_it_up(http: Starlette, make_key: MakeKey, diary: Diary) -> None:
    address = diary.allow(begun(http, make_key()))
    assert come_back(http, address, method="HEAD").status == 405
    assert come_back(http, address).status == 200


def test_another_account_is_refused_at_a_reconnect_and_the_old_credential_stays(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    key = make_key()
    come_back(http, diary.allow(begun(http, key)))
    answer = come_back(http, diary.allow(begun(http, key, connectionId=1), BEN))
    assert answer.status == 409
    assert BEN in answer.body.decode()
    assert office.accounts.test(1).account == ANNA


def test_an_account_that_is_connected_is_not_connected_twice(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    key = make_key()
    come_back(http, diary.allow(begun(http, key)))
    answer = come_back(http, diary.allow(begun(http, key)))
    assert answer.status == 409
    assert "connection 1" in answer.body.decode()
    assert "begin anew for that connection" in answer.body.decode()
    assert "syncd connections" not in answer.body.decode()
    assert len(connected(office)) == 1


def test_another_process_can_finish_what_this_one_began(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary, open_diary: OpenDiary
) -> None:
    other = application(open_diary())
    assert come_back(other, diary.allow(begun(http, make_key()))).status == 200
    assert len(connected(office)) == 1


class TestWhoMayBegin:
    def test_a_key_without_the_scope_may_not(self, office: Runtime, http: Starlette, make_key: MakeKey) -> None:
        answer = start(http, make_key(ANNA_ID, Scope.APPS_READ))
        assert (answer.status, "APPS_WRITE" in answer.error["message"]) == (403, True)
        assert start(http, "cal_unknown").status == 401
        assert waiting(office) == 0

    @pytest.mark.parametrize("body", [{"userId": BEN_ID}, {"userId": 99}])
    def test_a_users_key_connects_nobody_else(
        self, body: Mapping[str, Any], office: Runtime, http: Starlette, make_key: MakeKey
    ) -> None:
        assert start(http, make_key(), **body).status == 404
        assert waiting(office) == 0

    def test_a_users_key_reconnects_nobody_elses_connection(
        self, http: Starlette, make_key: MakeKey, diary: Diary
    ) -> None:
        come_back(http, diary.allow(begun(http, make_key(BEN_ID)), BEN))
        for connection_id in (1, 99):
            assert start(http, make_key(), connectionId=connection_id).status == 404

    def test_a_connection_of_another_app_is_not_there(self, http: Starlette, make_key: MakeKey, diary: Diary) -> None:
        come_back(http, diary.allow(begun(http, make_key())))
        assert start(http, make_key(), "/v2/connections/google-calendar/start", connectionId=1).status == 404

    def test_an_administrator_names_whom_to_connect(self, office: Runtime, http: Starlette, make_key: MakeKey) -> None:
        key = make_key(None)
        assert start(http, key).status == 400
        assert start(http, key, userId=EVE_ID).status == 404
        assert start(http, key, userId=EVE_ID, email="no address").status == 400
        assert start(http, key, userId=BEN_ID).status == 200

    def test_an_administrator_connects_a_new_user_by_their_email(
        self, office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
    ) -> None:
        come_back(http, diary.allow(begun(http, make_key(None), userId=EVE_ID, email=EVE), EVE))
        assert [(c.user_id, c.account) for c in connected(office)] == [(EVE_ID, EVE)]

    def test_an_administrator_reconnects_by_the_connection_alone(
        self, office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
    ) -> None:
        come_back(http, diary.allow(begun(http, make_key())))
        assert come_back(http, diary.allow(begun(http, make_key(None), connectionId=1))).status == 200
        assert [c.id for c in connected(office)] == [1]

    @pytest.mark.parametrize("user_id", [ANNA_ID, None], ids=["own", "administrator"])
    def test_nobody_changes_the_email_of_a_user_that_is_known(
        self, user_id: int | None, office: Runtime, http: Starlette, make_key: MakeKey
    ) -> None:
        begun(http, make_key(user_id), userId=ANNA_ID, email=EVE)
        with office.database.read() as session:
            user = session.get(User, ANNA_ID)
        assert user is not None
        assert user.email == ANNA

    @pytest.mark.parametrize(
        ("path", "body", "status", "code"),
        [
            ("/v2/connections/zoom/start", {}, 404, "not_found"),
            (START, {"redir": "https://evil.example/"}, 400, "redirect_refused"),
            (START, {"settings": {"unknown": 1}}, 400, "bad_settings"),
        ],
    )
    def test_what_cannot_be_begun_is_said(
        self, path: str, body: Mapping[str, Any], status: int, code: str, office: Runtime, http: Starlette,
        make_key: MakeKey,
    ) -> None:  # fmt: skip
        answer = start(http, make_key(), path, **body)
        assert (answer.status, answer.error["details"]["code"]) == (status, code)
        assert waiting(office) == 0

    @pytest.mark.parametrize(
        ("arguments", "code"), [({"public_url": ""}, "no_public_url"), ({"client_id": ""}, "client_missing")]
    )
    def test_what_the_operator_has_to_set_is_said(
        self, arguments: Mapping[str, Any], code: str, office: Runtime, open_diary: OpenDiary, make_key: MakeKey
    ) -> None:
        answer = start(application(open_diary(**arguments)), make_key())
        assert (answer.status, answer.error["details"]["code"]) == (400, code)
        assert answer.error["details"]["remedy"]


def test_made_up_states_are_limited_by_source_and_audited(
    office: Runtime, open_diary: OpenDiary, make_key: MakeKey, diary: Diary
) -> None:
    http = application(open_diary(failures_per_minute=3))
    made_up = f"{PUBLIC}{CALLBACK_PATH}?state=made-up"
    assert [come_back(http, made_up).status for _ in range(5)] == [400, 400, 400, 429, 429]
    limited = come_back(http, made_up)
    assert int(limited.headers["retry-after"]) > 0
    assert [e[:2] for e in audited(office)] == [("login_failed", "refused")] * 3
    real = diary.allow(begun(http, make_key())).removeprefix(PUBLIC)
    assert ask(http, real, headers=BROWSER, source="198.51.100.7").status == 200


def test_a_request_too_many_is_refused(open_diary: OpenDiary) -> None:
    http = application(open_diary(requests_per_minute=1))
    assert [come_back(http, f"{PUBLIC}{CALLBACK_PATH}?state=").status for _ in range(2)] == [400, 429]


def test_an_endless_address_is_refused(http: Starlette) -> None:
    assert come_back(http, f"{PUBLIC}{CALLBACK_PATH}?state={'a' * 9000}").status == 400


def test_who_began_and_how_it_ended_is_audited(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    key = make_key()
    diary.faults.add("deny")
    come_back(http, diary.allow(begun(http, key)))
    come_back(http, diary.allow(begun(http, key)))
    assert audited(office) == [
        ("consent_begun", "done", "api-key:1", "user 1", APP),
        ("credential_received", "refused", "api-key:1", "user 1", f"{APP}: consent_denied"),
        ("consent_begun", "done", "api-key:1", "user 1", APP),
        ("credential_received", "done", "api-key:1", "connection 1", f"{APP}, by consent"),
    ]


def test_a_consent_nobody_came_back_from_is_forgotten(
    office: Runtime, http: Starlette, make_key: MakeKey, clock: SettableClock
) -> None:
    begun(http, make_key())
    clean_up(office.database, office.settings, clock)
    assert waiting(office) == 1
    clock.advance(minutes=11)
    clean_up(office.database, office.settings, clock)
    assert waiting(office) == 0


def test_a_connection_removed_meanwhile_takes_its_consent_along(
    office: Runtime, http: Starlette, make_key: MakeKey, diary: Diary
) -> None:
    key = make_key()
    come_back(http, diary.allow(begun(http, key)))
    address = diary.allow(begun(http, key, connectionId=1))
    office.accounts.remove(1)
    assert come_back(http, address).status == 400
    assert connected(office) == []
