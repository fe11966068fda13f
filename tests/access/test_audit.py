"""What the audit log keeps, and what it never does."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cli.command_line import CommandLine
from given import OpenRuntime, SettableClock

from syncd.engine.audit import Action, Audit, AuditResult
from syncd.engine.sweep import clean_up
from syncd.settings import Settings
from syncd.store import access
from syncd.store.database import Database
from syncd.store.tables import AuditEvent

ADDRESS = "198.51.100.77"


def events(database: Database) -> list[AuditEvent]:
    with database.read() as session:
        return access.listed_events(session)


def failed_login(audit: Audit, source: str) -> None:
    audit.record(action=Action.LOGIN_FAILED, result=AuditResult.REFUSED, source=source)


def test_an_event_says_who_did_what_to_what_when_and_how_it_ended(
    audit: Audit, database: Database, clock: SettableClock
) -> None:
    audit.record(
        action=Action.CREDENTIAL_RECEIVED,
        result=AuditResult.DONE,
        actor="platform",
        source=ADDRESS,
        target="connection 5",
        detail="new",
    )
    (event,) = events(database)
    told = (event.at, event.action, event.result, event.actor, event.target, event.detail)
    assert told == (clock.now, "credential_received", "done", "platform", "connection 5", "new")


def test_an_address_is_kept_as_a_hash_only(audit: Audit, database: Database) -> None:
    failed_login(audit, ADDRESS)
    (event,) = events(database)
    assert len(event.source) == 32
    assert ADDRESS not in json.dumps(event.model_dump(), default=str)


def test_one_address_has_one_hash_in_an_installation(audit: Audit, database: Database, clock: SettableClock) -> None:
    """However it is spelt, and in every process."""
    failed_login(audit, ADDRESS)
    failed_login(Audit(database, clock), f"::ffff:{ADDRESS}")
    for spelling in ("2001:db8::1", "2001:0DB8:0:0::0001", "unknown", "198.51.100.78"):
        failed_login(audit, spelling)
    first, same, six, also_six, unknown, other = [e.source for e in events(database)]
    assert first == same
    assert six == also_six
    assert len({first, six, unknown, other}) == 4


def test_another_installation_hashes_otherwise(tmp_path: Path, clock: SettableClock) -> None:
    from syncd.store.schema import upgrade

    hashes = set()
    for name in ("one", "two"):
        database = Database(f"sqlite:///{tmp_path}/{name}.db")
        upgrade(database)
        failed_login(Audit(database, clock), ADDRESS)
        hashes.add(events(database)[0].source)
        database.close()
    assert len(hashes) == 2


def test_an_event_stays_or_goes_with_the_change_it_tells_of(audit: Audit, database: Database) -> None:
    class GivenUp(Exception):
        pass

    def change_and_give_up() -> None:
        with database.write() as session:
            audit.record_in(session, action=Action.CONFIGURATION_CHANGED, result=AuditResult.DONE, source=ADDRESS)
            raise GivenUp

    with pytest.raises(GivenUp):
        change_and_give_up()
    assert events(database) == []
    failed_login(audit, ADDRESS)
    assert len(events(database)) == 1


def test_old_events_are_forgotten_when_the_configuration_says(
    audit: Audit, database: Database, clock: SettableClock, settings: Settings
) -> None:
    failed_login(audit, ADDRESS)
    clock.advance(days=settings.keep.audit)
    clean_up(database, settings, clock)
    assert len(events(database)) == 1
    clock.advance(seconds=1)
    clean_up(database, settings, clock)
    assert events(database) == []


def test_the_command_filters_by_action_age_and_target(syncd: CommandLine) -> None:
    for name in ("a", "b"):
        syncd.document("api-keys", "create", "--name", name, "--admin", "--scope", "APPS_READ")
    syncd.document("api-keys", "revoke", 1)
    assert [e["action"] for e in syncd.document("audit")] == ["api_key_created", "api_key_created", "api_key_revoked"]
    assert [e["target"] for e in syncd.document("audit", "--action", "api_key_revoked")] == ["api-key 1"]
    assert len(syncd.document("audit", "--target", "api-key 2")) == 1
    assert len(syncd.document("audit", "--since", "1h")) == 3
    assert [e["action"] for e in syncd.document("audit", "--limit", 1)] == ["api_key_revoked"]
    assert "api_key_revoked" in syncd("audit").out
    assert syncd("audit", "--action", "bogus").code == 2


def test_the_commands_actor_is_the_systems_user(syncd: CommandLine) -> None:
    import os
    import pwd

    syncd.document("api-keys", "create", "--name", "n", "--admin", "--scope", "APPS_READ")
    (event,) = syncd.document("audit")
    assert event["actor"] == f"cli:{pwd.getpwuid(os.getuid()).pw_name}"


def test_rotating_the_vaults_keys_is_audited(syncd: CommandLine) -> None:
    syncd.document("keys", "rotate")
    (event,) = syncd.document("audit")
    assert (event["action"], event["result"], event["target"]) == ("credential_rotated", "done", "vault key first")


def test_events_that_are_kept_are_younger_than_asked(
    open_runtime: OpenRuntime, audit: Audit, database: Database, clock: SettableClock
) -> None:
    failed_login(audit, ADDRESS)
    clock.advance(minutes=5)
    failed_login(audit, ADDRESS)
    with database.read() as session:
        assert len(access.listed_events(session, since=clock.now - timedelta(minutes=4))) == 1
