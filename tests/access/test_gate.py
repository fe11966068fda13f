"""Who gets in, to what, and what the log says of those who did not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from given import SettableClock

from syncd.api.access import Gate, admit
from syncd.engine.audit import Action, Audit
from syncd.settings import Http
from syncd.store import access
from syncd.store.access import Scope
from syncd.store.database import Database
from syncd.store.tables import AuditEvent

from .conftest import ADA, BEN, MakeKey
from .exchange import ask

UNKNOWN = "cal_" + "x" * 43


def failures(database: Database) -> list[AuditEvent]:
    with database.read() as session:
        return access.listed_events(session, actions=[Action.LOGIN_FAILED])


def changed(database: Database, change: Callable[[Any], object]) -> None:
    with database.write() as session:
        change(session)


def test_a_key_says_whose_it_is(app: FastAPI, make_key: MakeKey) -> None:
    assert ask(app, "/who", key=make_key(ADA)).document["data"] == {"user": ADA, "admin": False}
    assert ask(app, "/who", key=make_key(None)).document["data"] == {"user": None, "admin": True}


@pytest.mark.parametrize(
    "header", ["", "Basic YTpi", "Bearer", "Bearer ", "cal_x", "Bearer x", f"Bearer {UNKNOWN}", "Bearer " + "é" * 500]
)
def test_without_a_valid_key_nobody_gets_in(app: FastAPI, make_key: MakeKey, header: str) -> None:
    make_key()
    answer = ask(app, "/who", headers={"authorization": header})
    assert (answer.status, answer.error["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_at_once(app: FastAPI, make_key: MakeKey, database: Database) -> None:
    key = make_key()
    assert ask(app, "/who", key=key).status == 200
    changed(database, lambda session: access.revoke_key(session, 1, SettableClock()()))
    assert ask(app, "/who", key=key).status == 401
    assert [(e.target, e.detail) for e in failures(database)] == [("api-key 1", "revoked API key")]


def test_a_key_goes_with_its_user(app: FastAPI, make_key: MakeKey, database: Database) -> None:
    from sqlalchemy import text

    key = make_key(BEN)
    changed(database, lambda session: session.execute(text("DELETE FROM users WHERE id = 2")))
    assert ask(app, "/who", key=key).status == 401


def test_the_scheme_is_not_case_sensitive(app: FastAPI, make_key: MakeKey) -> None:
    assert ask(app, "/who", headers={"authorization": f"bearer {make_key()}"}).status == 200


@pytest.mark.parametrize("scope", [s for s in Scope if s is not Scope.APPS_READ])
def test_no_other_scope_opens_a_route(app: FastAPI, make_key: MakeKey, scope: Scope) -> None:
    for user_id in (ADA, None):
        answer = ask(app, "/things/10", key=make_key(user_id, scope))
        assert (answer.status, answer.error["code"]) == (403, "FORBIDDEN")
        assert "APPS_READ" in answer.error["message"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_thing_of_another_user_is_not_there(app: FastAPI, make_key: MakeKey, method: str) -> None:
    key = make_key(ADA)
    assert ask(app, "/things/10", key=key, method=method).status == 200
    theirs = ask(app, "/things/20", key=key, method=method)
    nobodys = ask(app, "/things/30", key=key, method=method)
    assert theirs.status == nobodys.status == 404
    assert theirs.error == nobodys.error


def test_an_administrator_sees_every_users_things(app: FastAPI, make_key: MakeKey) -> None:
    key = make_key(None)
    assert [ask(app, f"/things/{thing}", key=key).status for thing in (10, 20)] == [200, 200]


def test_wrong_keys_are_limited_per_source_and_each_is_audited(
    app: FastAPI, make_key: MakeKey, database: Database
) -> None:
    good = make_key()
    assert [ask(app, "/who", key=UNKNOWN).status for _ in range(5)] == [401, 401, 401, 429, 429]
    limited = ask(app, "/who", key=good)
    assert (limited.status, limited.error["code"]) == (429, "TOO_MANY_REQUESTS")
    assert int(limited.headers["retry-after"]) > 0
    assert ask(app, "/who", key=good, source="198.51.100.1").status == 200
    assert len(failures(database)) == 3


def test_right_keys_are_not_limited_as_failures(app: FastAPI, make_key: MakeKey) -> None:
    key = make_key()
    assert {ask(app, "/who", key=key).status for _ in range(10)} == {200}


def test_a_source_is_told_by_the_trusted_proxys_word_only(
    app: FastAPI, make_key: MakeKey, database: Database, audit: Audit, clock: SettableClock
) -> None:
    make_key()
    http = Http(failures_per_minute=3, trusted_proxies=("10.0.0.0/8",))
    admit(app, Gate(database, audit, http, clock))
    for peer, forwarded in (("10.1.1.1", "198.51.100.1"), ("203.0.113.5", "198.51.100.1"), ("198.51.100.1", "")):
        ask(app, "/who", key=UNKNOWN, source=peer, headers={"x-forwarded-for": forwarded})
    by_proxy, by_stranger, direct = [e.source for e in failures(database)]
    assert by_proxy == direct != by_stranger


def test_a_refused_key_is_nowhere_in_the_store(app: FastAPI, make_key: MakeKey, database: Database) -> None:
    make_key()
    ask(app, "/who", key=UNKNOWN)
    (event,) = failures(database)
    assert UNKNOWN not in str(event.model_dump())
    assert (event.result, event.actor, event.detail) == ("refused", "", "unknown API key")


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(
    app: FastAPI, make_key: MakeKey, database: Database, clock: SettableClock
) -> None:
    def last_used() -> object:
        with database.read() as session:
            return access.listed_keys(session)[0].last_used_at

    key = make_key()
    first = clock.now
    ask(app, "/who", key=key)
    clock.advance(seconds=59)
    ask(app, "/who", key=key)
    assert last_used() == first
    clock.advance(seconds=1)
    ask(app, "/who", key=key)
    assert last_used() == clock.now


def test_who_may_read_gets_in_while_nothing_can_be_written(
    app: FastAPI, make_key: MakeKey, database: Database, clock: SettableClock
) -> None:
    from sqlalchemy import text

    key = make_key()
    if not database.is_sqlite:
        pytest.skip("of SQLite only")
    changed(
        database,
        lambda session: session.execute(
            text("CREATE TRIGGER full BEFORE UPDATE ON api_keys BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        ),
    )
    assert ask(app, "/who", key=key).status == 200
