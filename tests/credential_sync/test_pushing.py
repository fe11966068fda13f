"""Pushing to a Cal.com instance: what it can decrypt, until it confirms, and never an old credential over a new one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from syncd.engine.accounts import Accounts
from syncd.engine.credential_push import CredentialPusher
from syncd.model.result import Operation
from syncd.source.credential_sync import PlatformAccess
from syncd.source.platform import PlatformClient
from syncd.store import directory
from syncd.vault.calcom import decode_legacy

from .conftest import ACCESS, CALDAV, GOOGLE, HEADER, KEY, LOGIN, SECRET, STORAGE_KEY, TOKEN, World
from .platform_server import PlatformServer

CREATED = {"message": "Credentials created for userId: 7"}
UPDATED = {"message": "Credentials updated for userId: 7"}


def pushed(platform: PlatformServer) -> Any:
    """What Cal.com reads from the last push."""
    body = json.loads(platform.asked[-1].body)
    return json.loads(decode_legacy(KEY, body["keys"]))


@pytest.mark.parametrize(("reply", "detail"), [(CREATED, "created"), (UPDATED, "updated")])
def test_a_credential_arrives_as_calcom_asks_for_it(
    world: World, platform: PlatformServer, pusher: CredentialPusher, reply: dict[str, str], detail: str
) -> None:
    platform.will_answer(reply)
    assert pusher.push(world.add_connection(GOOGLE, TOKEN))
    (asked,) = platform.asked
    body = json.loads(asked.body)
    assert (asked.path, asked.headers[HEADER]) == ("/api/webhook/app-credential", SECRET)
    assert (sorted(body), body["userId"], body["appSlug"]) == (["appSlug", "keys", "userId"], 7, GOOGLE)
    assert pushed(platform) == {"access_token": "ya29.first", "expiry_date": 1767400000000}
    (result,) = world.log(Operation.PUSH_CREDENTIAL)
    assert (result.outcome, result.detail, result.connection_id) == ("done", detail, 1)


def test_apps_that_calcom_encrypts_itself_are_encrypted_twice(
    world: World, platform: PlatformServer, pusher: CredentialPusher
) -> None:
    platform.will_answer(CREATED)
    assert pusher.push(world.add_connection(CALDAV, LOGIN))
    assert json.loads(decode_legacy(STORAGE_KEY, pushed(platform))) == LOGIN


@pytest.mark.parametrize(
    ("app", "field", "value"),
    [("zohocalendar", "expires_in", 1767400000), ("hubspot", "expiryDate", 1767400000000)],
)
def test_the_end_of_a_token_is_told_as_each_app_reads_it(
    world: World, platform: PlatformServer, pusher: CredentialPusher, app: str, field: str, value: int
) -> None:
    platform.will_answer(CREATED)
    assert pusher.push(world.add_connection(app, TOKEN))
    assert pushed(platform)[field] == value


def test_passing_trouble_is_tried_again_with_the_credential_of_then(
    world: World, platform: PlatformServer, pusher: CredentialPusher
) -> None:
    connection = world.add_connection(GOOGLE, TOKEN)

    def replaced_meanwhile(seconds: float) -> bool:
        world.caller().post({**TOKEN, "access_token": "ya29.second"})
        return False

    pusher._pause = replaced_meanwhile
    platform.will_answer({}, 503)
    platform.will_answer(UPDATED)
    assert pusher.push(connection)
    assert pushed(platform)["access_token"] == "ya29.second"
    (result,) = world.log(Operation.PUSH_CREDENTIAL)
    assert (result.outcome, result.attempt) == ("done", 2)


def test_lasting_trouble_ends_in_the_log_with_a_remedy(
    world: World, platform: PlatformServer, pusher: CredentialPusher
) -> None:
    platform.will_answer({"message": "Internal server error"}, 500)
    assert not pusher.push(world.add_connection(GOOGLE, TOKEN))
    (result,) = world.log(Operation.PUSH_CREDENTIAL)
    assert (result.outcome, result.attempt, len(platform.asked)) == ("failed", 5, 5)
    assert "same encryption key" in result.remedy, "Cal.com answers 500 to what it cannot decrypt"


@pytest.mark.parametrize(
    ("status", "content", "code"),
    [
        (200, {"message": "Credentials created for userId: 8"}, "push_unverified"),
        (200, b"<html>", "push_unverified"),
        (403, {"message": "Invalid credential sync secret"}, "calcom_refused"),
        (404, {"message": "User not found"}, "calcom_refused"),
        (307, {}, "calcom_redirects"),
    ],
)
def test_what_calcom_does_not_confirm_has_not_arrived(
    world: World, platform: PlatformServer, pusher: CredentialPusher, status: int, content: Any, code: str
) -> None:
    platform.will_answer(content, status)
    assert not pusher.push(world.add_connection(GOOGLE, TOKEN))
    (result,) = world.log(Operation.PUSH_CREDENTIAL)
    assert (result.outcome, result.code, len(platform.asked)) == ("failed", code, 1)
    assert result.remedy


def test_a_stop_ends_the_waiting(world: World, platform: PlatformServer, pusher: CredentialPusher) -> None:
    pusher._pause = pusher._stopping.wait
    pusher.close()
    platform.will_answer({}, 503)
    assert not pusher.push(world.add_connection(GOOGLE, TOKEN))
    assert len(platform.asked) == 1


def test_without_the_storage_key_a_wrapped_app_is_not_sent_in_a_form_calcom_cannot_read(
    world: World, platform: PlatformServer, client_of: Callable[[PlatformAccess], PlatformClient]
) -> None:
    runtime, access = world.runtime, PlatformAccess(secret=SECRET, key=KEY)
    pusher = CredentialPusher(
        runtime.database,
        runtime.vault,
        client_of(access),
        runtime.results,
        access=access,
        url=platform.url,
        clock=runtime.clock,
        background=world.background,
    )
    assert not pusher.push(world.add_connection(CALDAV, LOGIN))
    assert platform.asked == []
    assert world.log(Operation.PUSH_CREDENTIAL)[0].code == "storage_key_missing"


def test_a_person_who_connects_or_reconnects_pushes_and_a_platform_does_not(
    world: World, platform: PlatformServer, pusher: CredentialPusher
) -> None:
    runtime = world.runtime
    accounts = Accounts(
        runtime.database,
        runtime.vault,
        runtime.pool,
        runtime.results,
        runtime.settings.busy,
        runtime.clock,
        runtime.delegations,
        on_credential=pusher.offer,
    )
    with runtime.database.write() as session:
        directory.add_user(session, 7, "ann@example.com", runtime.clock())
    platform.will_answer(CREATED)
    accounts.add(7, CALDAV, LOGIN, {})
    assert platform.asked == [], "the person does not wait for Cal.com"
    world.run_later()
    accounts.reconnect(1, {**LOGIN, "extra": "new"})
    world.run_later()
    assert len(platform.asked) == 2
    world.caller().post(LOGIN, appSlug=CALDAV)
    world.run_later()
    assert len(platform.asked) == 2


def test_no_secret_of_a_push_is_in_the_store(world: World, platform: PlatformServer, pusher: CredentialPusher) -> None:
    platform.will_answer({"message": SECRET + KEY}, 400)
    pusher.push(world.add_connection(GOOGLE, {"access_token": "canary-token"}))
    shown = world.everything()
    assert "calcom_refused" in shown
    assert not [secret for secret in (SECRET, KEY, "canary-token") if secret in shown]


def test_the_access_hides_its_secrets() -> None:
    assert not [secret for secret in (SECRET, KEY, STORAGE_KEY) if secret in repr(ACCESS)]
