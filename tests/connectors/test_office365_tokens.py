"""Microsoft's tokens: consent in a browser and with a code, refreshes, applications of a tenant; no secret told."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from office365_given import SCOPES, SECRET, World, delegation, office365
from syncd_connectors.office365_calendar import APP, OFFICE365_CALENDAR, MicrosoftClient, Office365Credential
from syncd_connectors.office365_calendar.consent import MicrosoftFlow
from syncd_connectors.office365_calendar.tokens import TenantTokens, refreshed

from syncd.connector import CalendarRead
from syncd.connector.consent import ConsentPage
from syncd.connector.oauth import renewed
from syncd.errors import (
    ForbiddenError,
    ParkError,
    ReconnectError,
    RefreshError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.clock import utc_now
from syncd.provider.guard import Guard
from syncd.testing.cases import KEY, OWNER, WINDOW, meeting

REDIRECT = "http://localhost:8085/callback"


@pytest.fixture
def world() -> Iterator[World]:
    with office365() as running:
        yield running


def guard() -> Guard:
    return Guard(APP, 1, timeout_s=10)


def flow(world: World, **client: Any) -> MicrosoftFlow:
    return MicrosoftFlow(world.client.model_copy(update=client), guard())


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def allowed(world: World, page: ConsentPage, email: str = OWNER) -> dict[str, str]:
    """What the person's browser brings back."""
    return query_of(world.graph.issuer.allow(query_of(page.url), email))


# --- consent in a browser


def test_consent_asks_for_what_is_needed_with_pkce_and_nothing_of_the_provider(world: World):
    page = flow(world).begin(REDIRECT, "st-1")
    asked = query_of(page.url)
    assert page.url.startswith(f"{world.graph.tls_url}/common/oauth2/v2.0/authorize?")
    assert set(asked["scope"].split()) == {*SCOPES, "openid", "profile"}
    assert (asked["state"], asked["redirect_uri"]) == ("st-1", REDIRECT)
    assert (asked["code_challenge_method"], asked["response_mode"]) == ("S256", "query")
    assert page.memo["code_verifier"] not in page.url
    assert world.graph.total() == 0


def test_a_consent_makes_a_credential_that_works(world: World):
    page = flow(world).begin(REDIRECT, "st-1")
    credential = flow(world).finish(json.loads(json.dumps(dict(page.memo))), allowed(world, page))
    assert credential["email"] == OWNER
    assert credential["refresh_token"]
    assert credential["expiry_date"] > utc_now().timestamp() * 1000
    assert credential.keys() == {"access_token", "refresh_token", "expiry_date", "scope", "token_type", "email"}
    with closing(world.connect(credential)) as connector:
        assert connector.probe().account == OWNER


def test_a_tenant_of_its_own_and_shared_calendars_are_asked_for_by_configuration(world: World):
    page = flow(world, tenant="contoso.example", shared=True).begin(REDIRECT, "st")
    assert "/contoso.example/oauth2/" in page.url
    assert "Calendars.ReadWrite.Shared" in query_of(page.url)["scope"].split()


def test_a_denied_consent_says_so(world: World):
    page = flow(world).begin(REDIRECT, "st")
    world.graph.issuer.faults.add("deny")
    with pytest.raises(ReconnectError) as denied:
        flow(world).finish(page.memo, allowed(world, page))
    assert denied.value.code == "consent_denied"


def test_a_partial_consent_is_refused_and_names_what_is_missing(world: World):
    page = flow(world).begin(REDIRECT, "st")
    world.graph.issuer.faults.add("partial-grant", value=["User.Read", "offline_access"])
    with pytest.raises(ReconnectError) as partial:
        flow(world).finish(page.memo, allowed(world, page))
    assert partial.value.code == "scopes_missing"
    assert "Calendars.ReadWrite" in str(partial.value)


def test_a_code_that_is_used_up_is_a_dead_grant(world: World):
    page = flow(world).begin(REDIRECT, "st")
    answer = allowed(world, page)
    flow(world).finish(page.memo, answer)
    with pytest.raises(ReconnectError) as late:
        flow(world).finish(page.memo, answer)
    assert late.value.code == "grant_revoked"


def test_another_verifier_does_not_get_the_tokens(world: World):
    page, other = flow(world).begin(REDIRECT, "st"), flow(world).begin(REDIRECT, "st")
    with pytest.raises(ReconnectError):
        flow(world).finish(other.memo, allowed(world, page))


def test_a_wrong_secret_is_the_installations_to_mend(world: World):
    page = flow(world).begin(REDIRECT, "st")
    answer = allowed(world, page)
    world.graph.issuer.faults.add("wrong-client")
    with pytest.raises(ParkError) as refused:
        flow(world).finish(page.memo, answer)
    assert refused.value.code == "client_refused"


def test_an_installation_that_is_not_registered_says_where_to():
    with pytest.raises(ParkError) as refused:
        MicrosoftFlow(MicrosoftClient(), guard()).begin(REDIRECT, "st")
    assert refused.value.code == "client_missing"


# --- device codes


def test_a_device_code_waits_for_its_person(world: World):
    asked = flow(world)
    device = asked.begin_device()
    assert device is not None
    assert device.url.startswith("http")
    memo = json.loads(json.dumps(dict(device.memo)))
    assert asked.poll_device(memo) is None
    world.graph.issuer.allow_device(device.user_code, OWNER)
    credential = asked.poll_device(memo)
    assert credential is not None
    assert credential["email"] == OWNER
    assert credential["refresh_token"]


def test_a_device_code_that_is_declined_or_late_says_so(world: World):
    asked = flow(world)
    device = asked.begin_device()
    assert device is not None
    world.graph.issuer.allow_device(device.user_code, OWNER, allowed=False)
    with pytest.raises(ReconnectError) as declined:
        asked.poll_device(device.memo)
    assert declined.value.code == "consent_denied"
    late = asked.begin_device()
    assert late is not None
    world.graph.issuer.devices[late.memo["device_code"]].grant.expires_at = utc_now()
    with pytest.raises(ReconnectError) as expired:
        asked.poll_device(late.memo)
    assert expired.value.code == "device_code_expired"


# --- refreshes


def refresh(world: World, credential: dict[str, Any]) -> dict[str, Any]:
    told = refreshed(Office365Credential.model_validate(credential), world.client, guard())
    return renewed(credential, told, utc_now()).credential


def test_a_refresh_keeps_the_new_refresh_token_and_is_one_request(world: World):
    credential = world.tokens()
    fresh = refresh(world, credential)
    assert fresh["access_token"] != credential["access_token"]
    assert fresh["refresh_token"] != credential["refresh_token"]
    assert fresh["email"] == OWNER
    assert "expires_in" not in fresh
    assert "id_token" not in fresh
    assert world.graph.total() == 1


def test_a_refresh_whose_answer_was_lost_may_be_repeated(world: World):
    """The old token is not revoked at once."""
    credential = world.tokens()
    world.graph.faults.add("lose", path="oauth2/v2.0/token")
    with pytest.raises(UnclearError):
        refresh(world, credential)
    assert refresh(world, credential)["access_token"]
    assert OFFICE365_CALENDAR.refresh_repeatable


def test_a_refresh_asks_for_what_was_granted_and_no_more(world: World):
    """One scope more is refused as invalid_grant (AADSTS65001)."""
    seen: list[bytes] = []
    world.sandbox.tap(lambda exchange: seen.append(exchange.request.body))
    refresh(world, world.tokens(scopes=("User.Read", "Calendars.ReadWrite", "offline_access")))
    (sent,) = [dict(parse_qsl(body.decode())) for body in seen]
    assert {"User.Read", "Calendars.ReadWrite"} <= set(sent["scope"].split())
    assert "MailboxSettings.Read" not in sent["scope"]


REFUSALS = [
    (400, {"error": "invalid_grant", "error_codes": [700082]}, ReconnectError, "grant_revoked"),
    (400, {"error": "interaction_required", "error_codes": [50076]}, ReconnectError, "grant_revoked"),
    (400, {"error": "consent_required", "error_codes": [65001]}, ReconnectError, "grant_revoked"),
    (401, {"error": "invalid_client", "error_codes": [7000215]}, ParkError, "client_refused"),
    (400, {"error": "invalid_scope"}, ParkError, "refresh_refused"),
    (503, {"error": "temporarily_unavailable"}, RetryError, "unavailable"),
    (429, {}, WaitUntilError, "throttled"),
    (500, "<html>", UnclearError, "unclear"),
]


@pytest.mark.parametrize(("status", "body", "kind", "code"), REFUSALS, ids=[str(case[1]) for case in REFUSALS])
def test_a_refused_refresh_says_what_to_do(world: World, status: int, body: Any, kind: type[Exception], code: str):
    told = {**body, "error_description": "AADSTS: hint canary-description"} if isinstance(body, dict) else body
    world.graph.faults.add("answer", path="oauth2/v2.0/token", status=status, body=told)
    with pytest.raises(kind) as refused:
        refresh(world, world.tokens())
    assert getattr(refused.value, "code", "") == code
    assert "canary-description" not in str(refused.value)
    for number in told.get("error_codes", []) if isinstance(told, dict) else []:
        assert f"AADSTS{number}" in str(refused.value)


def test_an_answer_that_is_not_json_is_unclear_and_in_no_log(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    world.graph.faults.add("garble", path="oauth2/v2.0/token")
    with pytest.raises(UnclearError):
        refresh(world, world.tokens())
    assert "hotel" not in caplog.text


def test_a_credential_without_refresh_token_asks_for_a_person(world: World):
    credential = {name: value for name, value in world.tokens().items() if name != "refresh_token"}
    with pytest.raises(ReconnectError):
        refreshed(Office365Credential.model_validate(credential), world.client, guard())


# --- a tenant's application


def test_an_application_acts_for_a_mailbox_it_names(world: World):
    with closing(world.delegated()) as connector:
        assert connector.probe().account == OWNER
        (calendar, *_) = [c.id for c in connector.calendars() if c.primary]
        connector.put_event(calendar, meeting(), KEY, None)
        answers = connector.busy_times([CalendarRead(id=calendar)], WINDOW)
    assert answers[calendar]
    assert world.graph.total("/v1.0/me") == 0
    assert world.graph.total("token") == 1


def test_mailboxes_of_one_application_share_its_token(world: World):
    for n in range(3):
        world.graph.add_user(f"person{n}@example.org")
        with closing(world.delegated(f"person{n}@example.org")) as connector:
            connector.probe()
    assert world.graph.total("token") == 1


def test_a_token_is_asked_for_again_before_its_end_and_when_graph_refuses_it(world: World):
    now = [utc_now()]
    tokens = TenantTokens(clock=lambda: now[0])
    credential = Office365Credential.model_validate(delegation())

    def token() -> str:
        return tokens.token(credential, world.client, guard())

    first = token()
    assert token() == first
    tokens.forget("another")
    assert token() == first
    tokens.forget(first)
    second = token()
    assert second != first
    now[0] = now[0].fromtimestamp(now[0].timestamp() + 3590, now[0].tzinfo)
    assert token() != second


def test_a_token_that_graph_refuses_is_not_sent_again(world: World):
    with closing(world.delegated()) as connector:
        connector.probe()
        world.graph.issuer.expire()
        with pytest.raises(RefreshError):
            connector.probe()
        assert connector.probe().account == OWNER


def test_an_application_that_entra_refuses_asks_for_its_administrator(world: World):
    with closing(world.delegated(secret="wrong")) as connector, pytest.raises(ReconnectError) as refused:
        connector.probe()
    assert refused.value.code == "client_refused"
    assert "Entra" in refused.value.remedy


def test_a_mailbox_that_the_application_may_not_use_is_forbidden(world: World):
    body = {"error": {"code": "ErrorAccessDenied", "message": "x", "innerError": {}}}
    world.graph.faults.add("answer", path="/users/", status=403, body=body)
    with closing(world.delegated()) as connector, pytest.raises(ForbiddenError):
        connector.probe()


# --- secrets


def test_no_secret_is_logged_or_told_at_any_level(world: World, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    page = flow(world).begin(REDIRECT, "st")
    answer = allowed(world, page)
    credential = flow(world).finish(page.memo, answer)
    fresh = refresh(world, credential)
    with closing(world.delegated()) as connector:
        connector.probe()
        application = str(connector._graph._token())
    world.graph.issuer.faults.add("revoked")
    with pytest.raises(ReconnectError) as refused:
        refresh(world, fresh)
    secrets = [SECRET, page.memo["code_verifier"], answer["code"], application]
    secrets += [tokens[name] for tokens in (credential, fresh) for name in ("access_token", "refresh_token")]
    told = f"{caplog.text} {refused.value!r} {refused.value} {vars(refused.value)} {page!r}"
    assert not [secret for secret in secrets if secret in told]
