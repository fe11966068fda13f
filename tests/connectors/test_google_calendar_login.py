"""Tokens for Google Calendar: consent, refresh, and service accounts that act for a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from google_calendar_given import ROBOT, client_of, google, google_sandbox, opened, tokens
from pydantic import SecretStr, ValidationError
from syncd_connectors.google_calendar import GOOGLE_CALENDAR, SCOPE, SCOPES, GoogleClient, GoogleCredential
from syncd_connectors.google_calendar.connector import GoogleConnector

from syncd.connector import CalendarRead
from syncd.connector.consent import ConsentFlow
from syncd.connector.oauth import expires_at, missing_scopes, renewed
from syncd.errors import (
    ParkError,
    ProviderError,
    ReconnectError,
    RefreshError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.model.clock import utc_now
from syncd.provider.guard import Guard
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import OWNER, WINDOW, meeting

REDIRECT = "http://127.0.0.1:1/callback"
DOMAIN = {OWNER.partition("@")[2]: (SCOPE,)}
TOKENS = "POST /token"


@pytest.fixture
def provider() -> Iterator[GoogleCalendar]:
    with google_sandbox() as running:
        yield running


@pytest.fixture
def flow(provider: GoogleCalendar) -> ConsentFlow:
    return flow_of(client_of(provider))


def flow_of(client: GoogleClient) -> ConsentFlow:
    assert GOOGLE_CALENDAR.consent is not None
    return GOOGLE_CALENDAR.consent(client, Guard("google-calendar", 0, timeout_s=10))


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def consented(provider: GoogleCalendar, flow: ConsentFlow) -> dict[str, Any]:
    """The credential of OWNER, who went through the page."""
    page = flow.begin(REDIRECT, "a state")
    answer = query_of(provider.issuer.allow(query_of(page.url), OWNER))
    assert answer.pop("state") == "a state"
    return flow.finish(page.memo, answer)


# consent


def test_the_page_asks_for_what_is_needed_and_for_a_refresh_token(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    page = flow.begin(REDIRECT, "a state")
    asked = query_of(page.url)
    assert page.url.startswith(f"{provider.url}/o/oauth2/v2/auth?")
    assert asked["scope"].split() == list(SCOPES)
    assert (asked["access_type"], asked["prompt"], asked["code_challenge_method"]) == ("offline", "consent", "S256")
    assert page.memo["verifier"] not in page.url
    assert provider.total() == 0


def test_a_consent_becomes_a_credential_that_works_and_names_its_account(
    provider: GoogleCalendar, flow: ConsentFlow
) -> None:
    credential = consented(provider, flow)
    assert credential["email"] == OWNER
    assert credential["refresh_token"]
    assert "expires_in" not in credential
    end = expires_at(credential)
    assert end is not None
    assert timedelta(minutes=58) < end - utc_now() <= timedelta(minutes=60)
    assert GOOGLE_CALENDAR.account(GoogleCredential.model_validate(credential)) == OWNER
    with google(provider, credential) as connector:
        assert connector.probe().account == OWNER
        connector.put_event(OWNER, meeting(), "key", None)


def test_a_second_consent_gives_a_refresh_token_too(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    assert all(consented(provider, flow)["refresh_token"] for _ in range(2))


def test_a_consent_that_was_denied_says_so(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    provider.faults.add("deny")
    with pytest.raises(ReconnectError) as error:
        consented(provider, flow)
    assert error.value.code == "consent_denied"


@pytest.mark.parametrize("granted", SCOPES)
def test_a_consent_to_a_part_names_what_is_missing(provider: GoogleCalendar, flow: ConsentFlow, granted: str) -> None:
    provider.faults.add("partial-grant", value=[granted])
    with pytest.raises(ReconnectError) as error:
        consented(provider, flow)
    assert error.value.code == "scopes_missing"
    (missing,) = set(SCOPES) - {granted}
    assert missing in str(error.value)


@pytest.mark.parametrize("granted", [" ".join(SCOPES), SCOPE])
def test_the_wider_scope_is_enough(granted: str) -> None:
    assert missing_scopes(GOOGLE_CALENDAR.scopes, granted) == []


def test_a_code_works_once(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    page = flow.begin(REDIRECT, "s")
    answer = query_of(provider.issuer.allow(query_of(page.url), OWNER))
    flow.finish(page.memo, answer)
    with pytest.raises(ReconnectError) as error:
        flow.finish(page.memo, answer)
    assert error.value.code == "grant_revoked"


def test_an_account_without_a_calendar_is_not_connected(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    provider.faults.add("no-calendar-user")
    with pytest.raises(ParkError) as error:
        consented(provider, flow)
    assert error.value.code == "no_calendar"


@pytest.mark.parametrize("client", [GoogleClient(), GoogleClient(client_id="")])
def test_an_installation_that_is_not_registered_says_what_to_do(client: GoogleClient) -> None:
    for ask in (lambda: flow_of(client).begin(REDIRECT, "s"), lambda: flow_of(client).begin_device()):
        with pytest.raises(ParkError) as error:
            ask()
        assert error.value.code == "client_missing"


# device codes


def test_there_are_no_device_codes_where_google_refuses_the_scopes(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    assert flow.begin_device() is None
    assert provider.calls == {"POST /device/code": 1}


def test_a_device_code_that_was_typed_becomes_a_credential(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    provider.issuer.device_scopes = None
    code = flow.begin_device()
    assert code is not None
    assert (code.url, code.expires_in_s, code.interval_s) == (f"{provider.url}/device", 900, 1)
    assert flow.poll_device(code.memo) is None
    provider.allow_device(code.user_code, OWNER)
    credential = flow.poll_device(code.memo)
    assert credential is not None
    assert (credential["email"], bool(credential["refresh_token"])) == (OWNER, True)


def test_a_device_code_that_was_refused_or_is_too_late_says_so(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    provider.issuer.device_scopes = None
    code = flow.begin_device()
    assert code is not None
    provider.issuer.devices[code.memo["device_code"]].grant.expires_at = utc_now() - timedelta(seconds=1)
    with pytest.raises(ReconnectError) as error:
        flow.poll_device(code.memo)
    assert error.value.code == "device_code_expired"
    code = flow.begin_device()
    assert code is not None
    provider.allow_device(code.user_code, OWNER, allowed=False)
    with pytest.raises(ReconnectError) as error:
        flow.poll_device(code.memo)
    assert error.value.code == "consent_denied"


def test_asking_for_a_device_code_too_often_slows_down(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    provider.issuer.device_scopes = None
    code = flow.begin_device()
    assert code is not None
    provider.faults.add("answer", path="/token", status=403, body={"error": "slow_down"})
    with pytest.raises(WaitUntilError):
        flow.poll_device(code.memo)


def test_a_device_consent_to_a_part_is_refused(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    provider.issuer.device_scopes = None
    code = flow.begin_device()
    assert code is not None
    provider.allow_device(code.user_code, OWNER)
    grant = provider.issuer.devices[code.memo["device_code"]].grant
    grant.scopes = SCOPES[:1]
    with pytest.raises(ReconnectError) as error:
        flow.poll_device(code.memo)
    assert error.value.code == "scopes_missing"


# refresh


def refreshed(provider: GoogleCalendar, credential: dict[str, Any]) -> Any:
    assert GOOGLE_CALENDAR.refresh is not None
    return GOOGLE_CALENDAR.refresh(opened(provider, credential))


def test_a_refresh_gives_a_token_that_works_and_keeps_the_refresh_token(provider: GoogleCalendar) -> None:
    old = tokens(provider)
    provider.expire_tokens()
    with google(provider, old) as connector, pytest.raises(RefreshError):
        connector.probe()
    new = renewed(old, refreshed(provider, old), utc_now())
    assert new.credential["refresh_token"] == old["refresh_token"]
    assert new.credential["email"] == OWNER
    with google(provider, new.credential) as connector:
        assert connector.probe().account == OWNER


REFUSED_REFRESHES: list[tuple[str, type[ProviderError], str]] = [
    ("revoked", ReconnectError, "grant_revoked"),
    ("wrong-client", ParkError, "client_refused"),
    ("lose-refresh", UnclearError, "unclear"),
    ("lose", UnclearError, "unclear"),
]


@pytest.mark.parametrize(("fault", "kind", "code"), REFUSED_REFRESHES)
def test_a_refused_refresh_says_whose_it_is(
    provider: GoogleCalendar, fault: str, kind: type[ProviderError], code: str
) -> None:
    credential = tokens(provider)
    provider.faults.add(fault)
    with pytest.raises(kind) as error:
        refreshed(provider, credential)
    assert error.value.code == code
    assert provider.calls == {TOKENS: 1}
    assert credential["refresh_token"] not in f"{error.value!r} {vars(error.value)!r}"


def test_a_refresh_without_a_registered_client_asks_nobody(provider: GoogleCalendar) -> None:
    given = replace(opened(provider, tokens(provider)), client=GoogleClient(token_url=f"{provider.url}/token"))
    assert GOOGLE_CALENDAR.refresh is not None
    with pytest.raises(ParkError) as error:
        GOOGLE_CALENDAR.refresh(given)
    assert (error.value.code, provider.total()) == ("client_missing", 0)


def test_a_persons_refused_token_is_for_the_engine_to_refresh(provider: GoogleCalendar) -> None:
    with google(provider) as connector:
        provider.faults.add("unauthorized")
        with pytest.raises(RefreshError):
            connector.calendars()
    assert provider.calls == {"GET /calendar/v3/users/me/calendarList": 1}


# service accounts


@pytest.fixture
def key(provider: GoogleCalendar) -> dict[str, str]:
    return provider.service_account(ROBOT, domains=DOMAIN)


@pytest.fixture
def robot(provider: GoogleCalendar, key: dict[str, str]) -> Iterator[GoogleConnector]:
    """Acts for OWNER."""
    with google(provider, {**key, "subject": OWNER}) as running:
        yield running


def test_a_service_account_acts_for_its_subject_with_one_token(
    provider: GoogleCalendar, robot: GoogleConnector
) -> None:
    assert robot.probe().account == OWNER
    receipt = robot.put_event(OWNER, meeting(), "key", None)
    assert robot.find_event(OWNER, meeting().uid, receipt) == meeting()
    assert provider.calls[TOKENS] == 1


def test_the_key_may_come_as_it_is_or_under_its_own_name(key: dict[str, str]) -> None:
    flat = GoogleCredential.model_validate({**key, "subject": OWNER})
    nested = GoogleCredential.model_validate({"service_account": key, "subject": OWNER})
    assert flat == nested
    assert flat.delegated
    assert GOOGLE_CALENDAR.account(flat) == OWNER


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"email": OWNER},
        {"access_token": ""},
        {"client_email": ROBOT, "private_key": "x"},
        {"client_email": ROBOT, "subject": OWNER},
        {"private_key": "x", "subject": OWNER},
        {"service_account": {"client_email": ROBOT}, "subject": OWNER},
    ],
)
def test_half_a_credential_is_none(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GoogleCredential.model_validate(given)


def test_the_address_in_a_key_is_not_followed(provider: GoogleCalendar, key: dict[str, str]) -> None:
    elsewhere = {**key, "token_uri": "http://127.0.0.1:9/token", "subject": OWNER}
    with google(provider, elsewhere) as connector:
        assert connector.probe().account == OWNER


@pytest.mark.parametrize(
    ("domains", "subject", "code"),
    [
        ({}, OWNER, "delegation_unauthorized"),
        ({"example.org": (f"{SCOPE}.readonly",)}, OWNER, "delegation_unauthorized"),
        (DOMAIN, "nobody@example.org", "delegation_user_unknown"),
    ],
)
def test_what_a_domain_did_not_delegate_is_told_with_what_to_do(
    provider: GoogleCalendar, domains: dict[str, tuple[str, ...]], subject: str, code: str
) -> None:
    key = provider.service_account(ROBOT, domains=domains)
    with google(provider, {**key, "subject": subject}) as connector, pytest.raises(ReconnectError) as error:
        connector.probe()
    assert error.value.code == code
    assert "Workspace" in error.value.remedy
    assert provider.calls == {TOKENS: 1}


def other_key(provider: GoogleCalendar) -> dict[str, str]:
    return provider.service_account("another@sandbox.iam.gserviceaccount.com")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"client_email": "gone@sandbox.iam.gserviceaccount.com"},
        {"private_key": "no key at all"},
        {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
        {"private_key": None},
        {"private_key_id": "rotated away"},
    ],
)
def test_a_key_that_is_not_accepted_is_told_and_not_shown(
    provider: GoogleCalendar, key: dict[str, str], spoiled: dict[str, str | None]
) -> None:
    given = {**key, **spoiled, "subject": OWNER}
    if spoiled.get("private_key", "") is None:
        given["private_key"] = other_key(provider)["private_key"]
    with google(provider, given) as connector, pytest.raises(ReconnectError) as error:
        connector.probe()
    assert error.value.code == "delegation_key_refused"
    assert error.value.remedy
    shown = f"{error.value!r} {vars(error.value)!r} {error.value.__cause__!r}"
    assert str(given["private_key"]).strip().split("\n")[-2:][0] not in shown


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "answer", "status": 503}, RetryError),
        ({"kind": "answer", "status": 500}, UnclearError),
        ({"kind": "answer", "status": 429, "headers": {"Retry-After": "9"}}, WaitUntilError),
        ({"kind": "answer", "status": 400, "body": {"error": "internal_failure"}}, RetryError),
        ({"kind": "garble"}, UnclearError),
        ({"kind": "answer", "status": 200, "body": {"token_type": "Bearer"}}, UnclearError),
        ({"kind": "cut"}, UnclearError),
    ],
)
def test_passing_trouble_at_the_token_endpoint_is_not_repeated_by_googles_library(
    provider: GoogleCalendar, robot: GoogleConnector, fault: dict[str, Any], kind: type[ProviderError]
) -> None:
    provider.faults.add(**fault, path="/token", times=0)
    with pytest.raises(kind) as error:
        robot.probe()
    assert not isinstance(error.value, ReconnectError)
    assert len(provider.faults.waiting) == 1
    provider.faults.clear()
    if kind is not WaitUntilError:
        assert robot.probe().account == OWNER


def test_a_service_accounts_token_that_ended_early_is_replaced_at_once(
    provider: GoogleCalendar, robot: GoogleConnector
) -> None:
    robot.probe()
    provider.expire_tokens()
    assert robot.probe().account == OWNER
    assert provider.calls[TOKENS] == 2


def test_a_fresh_token_that_is_not_accepted_either_is_passing_trouble(
    provider: GoogleCalendar, robot: GoogleConnector
) -> None:
    provider.faults.add("unauthorized", times=0)
    with pytest.raises(RetryError) as error:
        robot.probe()
    assert error.value.code == "fresh_token_refused"
    assert provider.calls[TOKENS] == 2


def test_a_call_of_a_batch_that_met_an_old_token_is_sent_again_with_a_new_one(
    provider: GoogleCalendar, robot: GoogleConnector
) -> None:
    robot.probe()
    provider.expire_tokens()
    calendars = [provider.add_calendar(OWNER, f"c{n}") for n in range(60)]
    told = robot.busy_times([CalendarRead(id=calendar) for calendar in calendars], WINDOW)
    assert list(told.values()) == [[]] * 60
    assert provider.calls["POST /batch/calendar/v3"] == 2


def test_many_threads_ask_for_one_token(provider: GoogleCalendar, robot: GoogleConnector) -> None:
    together, accounts = Barrier(8), list[str]()

    def run() -> None:
        together.wait()
        accounts.append(robot.probe().account)

    threads = [Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accounts == [OWNER] * 8
    assert provider.calls[TOKENS] == 1


def test_the_secret_is_sent_to_the_token_endpoint_only(provider: GoogleCalendar, flow: ConsentFlow) -> None:
    secret = client_of(provider).client_secret.get_secret_value()
    assert isinstance(client_of(provider).client_secret, SecretStr)
    assert secret not in flow.begin(REDIRECT, "s").url
    assert secret not in repr(client_of(provider))


def test_opening_a_connector_asks_nobody(provider: GoogleCalendar, key: dict[str, str]) -> None:
    for credential in (tokens(provider), {**key, "subject": OWNER}):
        with closing(GOOGLE_CALENDAR.open(opened(provider, credential))):
            assert provider.total() == 0
