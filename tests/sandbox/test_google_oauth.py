from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
import requests
from given import SettableClock
from google.auth.exceptions import RefreshError
from google.oauth2 import service_account
from google_given import (
    ANA,
    BEN,
    CALENDAR,
    CLIENT,
    REDIRECT,
    SCOPE,
    Bare,
    credentials,
    document,
    google_running,
    refused,
    service,
    ten_o_clock,
    transport,
)
from googleapiclient.errors import HttpError

from syncd.sandbox.google import GoogleCalendar
from syncd.sandbox.issuer import challenge

READ = f"{SCOPE}calendar.readonly"
ROBOT = "robot@project.iam.gserviceaccount.com"


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[GoogleCalendar]:
    with google_running(GoogleCalendar(clock)) as provider:
        yield provider


def consent(provider: GoogleCalendar, email: str = ANA, **query: str) -> dict[str, str]:
    """Go through the consent page as a browser does; what the redirect carries."""
    asked = {
        "client_id": CLIENT["client_id"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": CALENDAR,
        "state": "s",
        **query,
    }
    page = requests.get(f"{provider.url}/o/oauth2/v2/auth?{urlencode(asked)}", timeout=10)
    assert page.status_code == 200
    assert email in page.text
    form = {**asked, "account": email, "decision": "allow"}
    sent = requests.post(f"{provider.url}/o/oauth2/v2/auth", data=form, allow_redirects=False, timeout=10)
    return dict(parse_qsl(urlsplit(sent.headers["Location"]).query))


def exchanged(provider: GoogleCalendar, code: str, **form: str) -> requests.Response:
    given = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **CLIENT, **form}
    return requests.post(f"{provider.url}/token", data=given, timeout=10)


def test_a_consent_gives_tokens_for_3599_seconds(provider: GoogleCalendar) -> None:
    back = consent(provider, access_type="offline", code_challenge=challenge("v" * 50), code_challenge_method="S256")
    told = exchanged(provider, back["code"], code_verifier="v" * 50).json()
    assert back["state"] == "s"
    assert (told["expires_in"], told["token_type"], told["scope"]) == (3599, "Bearer", CALENDAR)
    assert told["refresh_token"]


def test_a_refresh_token_comes_only_when_it_is_asked_for(provider: GoogleCalendar) -> None:
    online = exchanged(provider, consent(provider, BEN)["code"]).json()
    first = exchanged(provider, consent(provider, access_type="offline")["code"]).json()
    second = exchanged(provider, consent(provider, access_type="offline")["code"]).json()
    asked_again = exchanged(provider, consent(provider, access_type="offline", prompt="consent")["code"]).json()
    assert ["refresh_token" in told for told in (online, first, second, asked_again)] == [False, True, False, True]


def test_googles_client_refreshes_an_old_token_and_keeps_the_refresh_token(provider: GoogleCalendar) -> None:
    held = credentials(provider)
    old, kept = held.token, held.refresh_token
    held.refresh(transport())
    assert held.token in provider.issuer.access
    assert held.token != old
    assert held.refresh_token == kept


def test_googles_client_goes_on_by_itself_when_its_token_ends(provider: GoogleCalendar) -> None:
    api = service(provider)
    provider.expire_tokens()
    assert api.calendarList().list().execute()["items"][0]["id"] == ANA
    assert provider.issuer.refreshes == 1


def test_a_token_that_ended_is_refused_until_it_is_refreshed(provider: GoogleCalendar, clock: SettableClock) -> None:
    ask = Bare(provider)
    assert ask("GET", "/users/me/calendarList").status_code == 200
    clock.advance(seconds=3600)
    refusal = ask("GET", "/users/me/calendarList")
    assert refusal.status_code == 401
    assert refusal.json()["error"]["errors"] == [
        {
            "domain": "global",
            "reason": "authError",
            "message": "Invalid Credentials",
            "locationType": "header",
            "location": "Authorization",
        }
    ]
    assert "invalid_token" in refusal.headers["WWW-Authenticate"]


def test_a_withdrawn_consent_is_told_as_such(provider: GoogleCalendar) -> None:
    held = credentials(provider)
    provider.revoke(ANA)
    with pytest.raises(RefreshError) as caught:
        held.refresh(transport())
    assert caught.value.args[1] == {
        "error": "invalid_grant",
        "error_description": "Token has been expired or revoked.",
    }


def test_a_client_revokes_its_token(provider: GoogleCalendar) -> None:
    told = provider.issuer.issue(ANA, (CALENDAR,))
    first = requests.post(f"{provider.url}/revoke", data={"token": told["refresh_token"]}, timeout=10)
    again = requests.post(f"{provider.url}/revoke", data={"token": told["refresh_token"]}, timeout=10)
    assert (first.status_code, again.status_code, again.json()["error"]) == (200, 400, "invalid_token")
    assert told["access_token"] not in provider.issuer.access


def test_the_oldest_of_more_than_a_hundred_refresh_tokens_goes(provider: GoogleCalendar) -> None:
    tokens = [provider.issuer.issue(ANA, (CALENDAR,))["refresh_token"] for _ in range(101)]
    others = provider.issuer.issue(BEN, (CALENDAR,))["refresh_token"]
    assert tokens[0] not in provider.issuer.refresh
    assert {*tokens[1:], others} == set(provider.issuer.refresh)


def test_a_consent_may_grant_less_than_was_asked(provider: GoogleCalendar) -> None:
    provider.faults.add("partial-grant", value=[READ])
    told = exchanged(provider, consent(provider, scope=f"{CALENDAR} {READ}")["code"]).json()
    assert told["scope"] == READ


def test_who_somebody_is_is_told_for_openid_only(provider: GoogleCalendar) -> None:
    def asked(*scopes: str) -> requests.Response:
        token = provider.issuer.issue(ANA, scopes)["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{provider.url}/v1/userinfo", headers=headers, timeout=10)

    told = asked("openid", "email", "profile").json()
    assert {k: told[k] for k in ("email", "email_verified", "name")} == {
        "email": ANA,
        "email_verified": True,
        "name": "Ana",
    }
    assert told["sub"].isdecimal()
    assert asked("openid").json().keys() == {"sub"}
    assert asked(CALENDAR).status_code == 401


def test_a_device_gets_no_calendar_unless_that_is_allowed(provider: GoogleCalendar) -> None:
    form = {"client_id": CLIENT["client_id"], "scope": CALENDAR}
    refusal = requests.post(f"{provider.url}/device/code", data=form, timeout=10)
    assert (refusal.status_code, refusal.json()["error"]) == (400, "invalid_scope")
    provider.issuer.device_scopes = None
    told = requests.post(f"{provider.url}/device/code", data=form, timeout=10).json()
    poll = {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": told["device_code"],
        **CLIENT,
    }
    waiting = requests.post(f"{provider.url}/token", data=poll, timeout=10)
    provider.issuer.allow_device(told["user_code"], ANA)
    granted = requests.post(f"{provider.url}/token", data=poll, timeout=10)
    assert (waiting.status_code, waiting.json()["error"]) == (428, "authorization_pending")
    assert (granted.status_code, granted.json()["scope"]) == (200, CALENDAR)


# service accounts


def delegated(provider: GoogleCalendar, subject: str | None, scopes: tuple[str, ...] = (READ,)) -> Any:
    key_file = provider.service_account(ROBOT, domains={"example.com": (READ,)})
    return service_account.Credentials.from_service_account_info(key_file, scopes=list(scopes), subject=subject)


def test_a_service_account_acts_for_a_person_of_a_domain_that_delegated_to_it(provider: GoogleCalendar) -> None:
    held = delegated(provider, ANA)
    held.refresh(transport())
    grant = provider.issuer.access[held.token]
    assert (grant.account, grant.scopes) == (ANA, (READ,))
    assert not provider.issuer.refresh


@pytest.mark.parametrize(
    ("subject", "scopes", "error"),
    [
        ("nobody@example.com", (READ,), "invalid_grant"),
        (ANA, (CALENDAR,), "unauthorized_client"),
        ("eve@elsewhere.org", (READ,), "unauthorized_client"),
    ],
)
def test_delegation_is_refused_for_others_and_for_more(
    provider: GoogleCalendar, subject: str, scopes: tuple[str, ...], error: str
) -> None:
    provider.add_user("eve@elsewhere.org")
    with pytest.raises(RefreshError) as caught:
        delegated(provider, subject, scopes).refresh(transport())
    assert caught.value.args[1]["error"] == error


def test_an_assertion_of_another_key_is_refused(provider: GoogleCalendar) -> None:
    held = delegated(provider, ANA)
    provider.service_account("other@project.iam.gserviceaccount.com")
    stolen = provider.issuer.service_accounts["other@project.iam.gserviceaccount.com"].keys.popitem()[1]
    provider.issuer.service_accounts[ROBOT].keys = dict.fromkeys(provider.issuer.service_accounts[ROBOT].keys, stolen)
    with pytest.raises(RefreshError) as caught:
        held.refresh(transport())
    assert caught.value.args[1] == {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}


def test_an_assertion_that_is_too_old_is_refused(provider: GoogleCalendar, clock: SettableClock) -> None:
    key_file = provider.service_account(ROBOT, domains={"example.com": (READ,)})
    ended = clock() - timedelta(days=400)
    claims = {"iss": ROBOT, "sub": ANA, "scope": READ, "aud": key_file["token_uri"], "exp": ended, "iat": ended}
    assertion = jwt.encode(claims, key_file["private_key"], "RS256", headers={"kid": key_file["private_key_id"]})
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    told = requests.post(f"{provider.url}/token", data=form, timeout=10)
    assert (told.status_code, told.json()["error"]) == (400, "invalid_grant")


def test_a_service_account_of_its_own_is_no_calendar_user(provider: GoogleCalendar) -> None:
    held = delegated(provider, None)
    held.refresh(transport())
    ask = Bare(provider)
    ask.token = held.token
    refusal = ask("GET", "/users/me/calendarList")
    assert (refusal.status_code, refusal.json()["error"]["errors"][0]["reason"]) == (403, "notACalendarUser")


# scopes


def test_every_method_takes_the_scopes_of_the_discovery_document(provider: GoogleCalendar) -> None:
    def walk(resources: Any) -> Iterator[Any]:
        for resource in resources.values():
            yield from resource.get("methods", {}).values()
            yield from walk(resource.get("resources", {}))

    documented = {
        (m["httpMethod"], f"/calendar/v3/{m['path']}"): set(m["scopes"]) for m in walk(document(provider)["resources"])
    }
    ours = {
        (r.method, r.template): set(r.handler.args[1])  # type: ignore[attr-defined]
        for r in provider.routes()
        if r.template.startswith("/calendar/v3")
    }
    assert len(ours) == 24
    assert ours == {key: documented[key] for key in ours}


def test_a_token_of_too_little_scope_is_refused(provider: GoogleCalendar) -> None:
    ask = Bare(provider, scopes=(READ,))
    assert ask("GET", "/calendars/primary/events").status_code == 200
    refusal = ask("DELETE", "/calendars/primary/events/abcde")
    assert (refusal.status_code, refusal.json()["error"]["errors"][0]["reason"]) == (403, "insufficientPermissions")


def test_the_scope_for_owned_calendars_does_not_reach_a_shared_one(provider: GoogleCalendar) -> None:
    shared = provider.add_calendar(BEN, "Team")
    provider.share(BEN, shared, ANA, "writer")
    events = service(provider, scopes=(f"{SCOPE}calendar.events.owned",)).events()
    with pytest.raises(HttpError) as caught:
        events.insert(calendarId=shared, body=ten_o_clock()).execute()
    assert refused(caught.value) == (403, "global", "insufficientPermissions")
