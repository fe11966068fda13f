"""Connections by an organization's key: whom it acts for, what stops it, and that everybody sees why."""

from __future__ import annotations

from typing import Any

import pytest
from given import SettableClock
from sqlalchemy import inspect, text

from syncd.engine import delegations as engine
from syncd.engine.overview import overview
from syncd.engine.runtime import Runtime
from syncd.errors import InputError, ParkError, ReconnectError
from syncd.model.connection import ConnectionState
from syncd.rules.delegation import domain_of, is_domain, subject_of
from syncd.store import delegations, directory
from syncd.store.tables import Connection, Delegation
from syncd.vault import Binding, KeyRing, generate_key

from .conftest import ANNA_ID, BEN_ID, GOOGLE, OpenDiary
from .diary import ANNA, BEN, EVE, KEY, Diary

ORGANIZATION, DOMAIN = 500, "example.com"


def delegated(runtime: Runtime, **changed: Any) -> int:
    given = {"organization_id": ORGANIZATION, "domain": DOMAIN, "platform": "google", "key": KEY, **changed}
    return runtime.delegations.add(**given)


def connect(runtime: Runtime, delegation: int, user_id: int = ANNA_ID, email: str = ANNA) -> int:
    subject = runtime.delegations.subject(delegation, email)
    return runtime.accounts.add(user_id, GOOGLE, subject, {}, delegation_id=delegation).connection_id


def row(runtime: Runtime, connection_id: int = 1) -> Connection:
    with runtime.database.read() as session:
        return directory.get_connection(session, connection_id)


def kept(runtime: Runtime, delegation: int = 1) -> Delegation:
    with runtime.database.read() as session:
        return delegations.get(session, delegation)


def failures(runtime: Runtime) -> list[engine.Unusable]:
    """As `syncd status` shows them."""
    with runtime.database.read() as session:
        return overview(session, runtime.clock(), runtime.settings.horizon).delegations


def works(runtime: Runtime, connection_id: int = 1) -> bool:
    runtime.pool.drop(connection_id)
    return bool(runtime.pool.run(connection_id, lambda connector: connector.calendars()))


def test_a_person_is_connected_without_a_credential_of_their_own(office: Runtime) -> None:
    connection = connect(office, delegated(office))
    found = row(office, connection)
    assert (found.account, found.state, found.delegation_id) == (ANNA, "active", 1)
    assert office.accounts.test(connection).account == ANNA
    assert works(office, connection)


def test_neither_the_key_nor_whom_it_acts_for_is_stored_in_clear(office: Runtime) -> None:
    connect(office, delegated(office))
    with office.database.connect() as connection:
        names = ("delegations", "connections")
        stored = "\n".join(str(r) for n in names for r in connection.execute(text(f"SELECT * FROM {n}")))
        assert set(names) <= set(inspect(connection).get_table_names())
    for secret in KEY.values():
        assert secret == "p" or secret not in stored


def test_an_organization_has_one_delegation_for_each_domain(office: Runtime) -> None:
    delegated(office)
    with pytest.raises(InputError) as refusal:
        delegated(office, domain=" Example.COM ", platform="office365", key={**KEY, "tenant_id": "t", "client_id": "c"})
    assert "syncd delegations update 1" in refusal.value.remedy
    assert delegated(office, domain="elsewhere.example") == 2
    assert delegated(office, organization_id=501) == 3


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"platform": "yahoo"}, "unknown_platform"),
        ({"domain": "example"}, "bad_domain"),
        ({"domain": "https://example.com"}, "bad_domain"),
        ({"key": None}, "bad_key"),
        ({"key": []}, "bad_key"),
        ({"key": {**KEY, "private_key": " "}}, "bad_key"),
        ({"key": {**KEY, "client_email": 7}}, "bad_key"),
        ({"platform": "office365"}, "bad_key"),
    ],
)
def test_what_cannot_be_used_is_not_kept(changed: dict[str, Any], code: str, office: Runtime) -> None:
    with pytest.raises(InputError) as refusal:
        delegated(office, **changed)
    assert refusal.value.code == code
    assert "canary" not in f"{refusal.value} {refusal.value.remedy}"
    with pytest.raises(InputError):
        kept(office)


def test_a_person_of_another_domain_is_refused(office: Runtime) -> None:
    with pytest.raises(InputError) as refusal:
        office.delegations.subject(delegated(office), EVE)
    assert refusal.value.code == "other_domain"


def test_a_connection_of_another_domain_or_app_opens_nothing(office: Runtime) -> None:
    delegation = delegated(office)
    for app, subject, code in ((GOOGLE, EVE, "other_domain"), ("diary", ANNA, "other_platform")):
        with pytest.raises(ReconnectError) as refusal:
            office.delegations.complete(delegation, app, {"subject": subject})
        assert refusal.value.code == code


def test_the_alias_of_a_managed_user_is_not_part_of_their_mailbox() -> None:
    assert subject_of("Anna+clx1234567890abcdefghijkl@Example.com") == ANNA
    for own in ("anna+team@example.com", "anna+clx1234567890abcdefghijklm@example.com"):
        assert subject_of(own) == own
    assert domain_of("no address") == ""
    assert not any(is_domain(name) for name in ("", "example", "-a.example", "a..b", "a_b.example", "example.com\n"))


def test_a_disabled_delegation_stops_its_connections_with_the_reason_and_an_enabled_one_starts_them(
    office: Runtime, clock: SettableClock
) -> None:
    delegation = delegated(office)
    connect(office, delegation)
    assert office.delegations.set_enabled(delegation, False) == 1
    stopped = row(office)
    assert (stopped.state, stopped.reason) == ("invalid", "Delegation 1, for example.com, is disabled.")
    assert stopped.remedy == "syncd delegations enable 1"
    with pytest.raises(ReconnectError, match="disabled"):
        works(office)
    assert failures(office) == []
    clock.advance(minutes=1)
    office.delegations.set_enabled(delegation, True)
    assert (row(office).state, row(office).reason) == ("active", "")
    assert works(office)


def test_what_a_person_paused_stays_paused(office: Runtime) -> None:
    delegation = delegated(office)
    connect(office, delegation)
    office.accounts.set_state(1, ConnectionState.PAUSED)
    for change in (False, True):
        office.delegations.set_enabled(delegation, change)
        assert row(office).state == "paused"


def test_a_removed_delegation_leaves_its_connections_with_their_calendars(office: Runtime) -> None:
    delegation = delegated(office)
    connect(office, delegation)
    assert office.delegations.remove(delegation) == 1
    left = row(office)
    assert (left.state, left.delegation_id) == ("invalid", None)
    assert "example.com, was removed" in left.reason
    assert "syncd connections reconnect 1 --delegation" in left.remedy
    with office.database.read() as session:
        assert len(directory.listed_calendars(session, connection_ids=[1])) == 2
    with pytest.raises(InputError):
        kept(office)


def test_a_connection_goes_from_one_delegation_to_another_and_to_a_credential_of_its_own(
    office: Runtime, diary: Diary
) -> None:
    connect(office, delegated(office))
    office.delegations.remove(1)
    another = delegated(office)
    office.accounts.reconnect(1, office.delegations.subject(another, ANNA), delegation_id=another)
    assert (row(office).state, row(office).delegation_id) == ("active", another)
    office.accounts.reconnect(1, diary.issuer.issue(ANNA))
    assert row(office).delegation_id is None
    office.delegations.set_enabled(another, False)
    assert row(office).state == "active"
    assert works(office)


def test_a_new_key_is_used_by_connections_that_are_open_in_other_processes(
    office: Runtime, open_diary: OpenDiary, clock: SettableClock
) -> None:
    delegation = delegated(office, key={**KEY, "private_key": "wrong"})
    subject = office.delegations.subject(delegation, ANNA)
    with pytest.raises(ReconnectError):
        office.accounts.add(ANNA_ID, GOOGLE, subject, {}, delegation_id=delegation)
    office.delegations.update(delegation, KEY)
    connection = connect(office, delegation)
    other = open_diary()
    assert works(other, connection)
    before = row(office).updated_at
    office.delegations.update(delegation, {**KEY, "private_key": "wrong"})
    assert row(office).updated_at > before
    with other.database.read() as session:
        other.pool.keep_current(session, [connection])
    with pytest.raises(ReconnectError):
        other.pool.run(connection, lambda connector: connector.calendars())


PAYLOAD = {
    "error": {"type": "CalendarAppDelegationCredentialError", "message": "diary refresh: unauthorized_client [401]."},
    "credential": {
        "id": 1,
        "type": "google_calendar",
        "appId": "google-calendar",
        "delegationCredentialId": "1",
    },
    "user": {"id": ANNA_ID, "email": ANNA, "organizationId": ORGANIZATION},
}


class TestUnusable:
    def test_a_key_that_is_not_authorized_is_told_with_the_documented_fields(
        self, office: Runtime, diary: Diary, clock: SettableClock
    ) -> None:
        connect(office, delegated(office))
        diary.delegated.clear()
        clock.advance(hours=2)  # the token that the key was exchanged for has ended
        with pytest.raises(ReconnectError) as refusal:
            office.accounts.test(1)
        assert "syncd connections reconnect" not in refusal.value.remedy
        assert row(office).state == "invalid"
        (failure,) = failures(office)
        assert failure.payload == PAYLOAD
        assert (failure.code, failure.failed_at) == ("client_refused", clock())
        assert failure.remedy == refusal.value.remedy == row(office).remedy
        assert "syncd connections test 1" in failure.remedy

    def test_it_is_told_until_the_connection_works_again(
        self, office: Runtime, diary: Diary, clock: SettableClock
    ) -> None:
        delegation = delegated(office)
        connect(office, delegation)
        connect(office, delegation, BEN_ID, BEN)
        diary.issuer.accounts.remove(BEN)
        clock.advance(hours=2)
        for connection in (1, 2):
            if connection == 2:
                with pytest.raises(ReconnectError, match="invalid_grant"):
                    office.accounts.test(connection)
            else:
                office.accounts.test(connection)
        office.accounts.test(1)  # that another one works says nothing about this one
        assert [f.payload["user"]["email"] for f in failures(office)] == [BEN]
        diary.issuer.accounts.append(BEN)
        office.accounts.test(2)
        assert failures(office) == []
        assert row(office, 2).state == "active"

    def test_it_is_forgotten_with_its_connection(self, office: Runtime, diary: Diary, clock: SettableClock) -> None:
        connect(office, delegated(office))
        diary.delegated.clear()
        clock.advance(hours=2)
        with pytest.raises(ReconnectError):
            office.accounts.test(1)
        office.accounts.remove(1)
        assert failures(office) == []

    def test_a_person_who_could_not_be_connected_is_told_too(self, office: Runtime, diary: Diary) -> None:
        diary.delegated.clear()
        delegation = delegated(office)
        with pytest.raises(ReconnectError):
            connect(office, delegation)
        (failure,) = failures(office)
        assert failure.payload["credential"]["id"] is None
        assert failure.payload["user"] == PAYLOAD["user"]
        diary.delegated.add(DOMAIN)
        connect(office, delegation)
        assert failures(office) == []

    def test_a_key_the_vault_cannot_open_is_told(
        self, office: Runtime, open_diary: OpenDiary, open_runtime: Any
    ) -> None:
        connect(office, delegated(office))
        lost = open_runtime(
            settings=office.settings, registry=office.registry, ring=KeyRing((generate_key("other"),), "other")
        )
        with pytest.raises(ParkError):
            lost.pool.run(1, lambda connector: connector.calendars())
        with office.database.write() as session:
            found = directory.get_connection(session, 1)
            found.envelope = lost.vault.seal_credential({"subject": ANNA}, _binding(found))
            session.add(found)
        with pytest.raises(ParkError):
            lost.pool.run(1, lambda connector: connector.calendars())
        (failure,) = failures(office)
        assert failure.code == "key_missing"

    def test_trouble_that_passes_is_not_the_keys(self, office: Runtime, diary: Diary, clock: SettableClock) -> None:
        connect(office, delegated(office))
        diary.faults.add("answer", path="/me", status=503, times=0)
        with pytest.raises(Exception, match="not available"):
            works(office)
        assert failures(office) == []

    def test_a_refusal_of_somebodys_own_credential_is_not_the_keys(self, office: Runtime, diary: Diary) -> None:
        delegated(office)
        office.accounts.add(BEN_ID, "diary", diary.issuer.issue(BEN), {})
        diary.issuer.revoke_account(BEN)
        with pytest.raises(ReconnectError):
            office.accounts.test(1)
        assert failures(office) == []

    @pytest.mark.parametrize("mend", ["key", "enable"])
    def test_a_new_key_or_enabling_it_ends_it_and_tries_the_connections_again(
        self, mend: str, office: Runtime, diary: Diary, clock: SettableClock
    ) -> None:
        connect(office, delegated(office))
        diary.delegated.clear()
        clock.advance(hours=2)
        with pytest.raises(ReconnectError):
            office.accounts.test(1)
        diary.delegated.add(DOMAIN)
        if mend == "key":
            office.delegations.update(1, KEY)
        else:
            office.delegations.set_enabled(1, True)
        assert failures(office) == []
        assert row(office).state == "active"
        assert works(office)


def _binding(found: Connection) -> Binding:
    return Binding(found.id or 0, found.app, found.user_id)


def test_nothing_is_pushed_of_a_delegations_connection(office: Runtime) -> None:
    told: list[int] = []
    office.accounts.on_credential = told.append
    connect(office, delegated(office))
    assert told == []


def test_a_token_that_ends_is_exchanged_anew(office: Runtime, diary: Diary) -> None:
    connect(office, delegated(office))
    assert works(office)
    diary.issuer.expire()
    assert office.pool.run(1, lambda connector: connector.calendars())


def test_an_unknown_delegation_is_named(office: Runtime) -> None:
    for act in (
        lambda: office.delegations.update(9, KEY),
        lambda: office.delegations.set_enabled(9, True),
        lambda: office.delegations.remove(9),
        lambda: office.delegations.subject(9, ANNA),
    ):
        with pytest.raises(InputError, match="No delegation 9"):
            act()
