from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from given import SettableClock
from zoho_given import ANA, CLIENT, EVA, REDIRECT, SCOPES, Client, session, zoho_running

from syncd.sandbox.issuer import challenge
from syncd.sandbox.zoho import ZohoCalendar

SCOPE = ",".join(SCOPES)


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[ZohoCalendar]:
    with zoho_running(ZohoCalendar(clock)) as running:
        yield running


def consent(provider: ZohoCalendar, email: str = ANA, **query: str) -> dict[str, str]:
    """Go through the consent page as a browser does; what the redirect carries."""
    asked = {
        "client_id": CLIENT["client_id"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "state": "s",
        **query,
    }
    browser = session()
    page = browser.get(f"{provider.url}/oauth/v2/auth?{urlencode(asked)}", timeout=10)
    assert page.status_code == 200
    assert email in page.text
    form = {**asked, "account": email, "decision": "allow"}
    sent = browser.post(f"{provider.url}/oauth/v2/auth", data=form, allow_redirects=False, timeout=10)
    return dict(parse_qsl(urlsplit(sent.headers["Location"]).query))


def token(server: str, **params: str) -> requests.Response:
    return session().post(f"{server}/oauth/v2/token", params={**CLIENT, **params}, timeout=10)


def exchanged(server: str, code: str, **params: str) -> Any:
    return token(server, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **params).json()


def refreshed(server: str, refresh_token: str) -> Any:
    return token(server, grant_type="refresh_token", refresh_token=refresh_token).json()


# consent and codes


def test_the_redirect_names_the_accounts_server_of_the_person(provider: ZohoCalendar) -> None:
    back = consent(provider, EVA)
    assert (back["location"], back["accounts-server"], back["state"]) == ("eu", f"{provider.url}/eu", "s")
    assert consent(provider, ANA)["location"] == "us"


def test_a_code_is_worth_a_token_at_the_own_accounts_server_only(provider: ZohoCalendar) -> None:
    back = consent(provider, EVA)
    assert exchanged(provider.url, back["code"]) == {"error": "invalid_code"}
    told = exchanged(back["accounts-server"], back["code"])
    assert told["api_domain"] == provider.data_centre("eu")["api_domain"]
    assert (told["token_type"], told["expires_in"], told["scope"].split()) == ("Bearer", 3600, list(SCOPES))
    assert {"access_token", "refresh_token"} <= told.keys()


def test_parameters_of_the_token_may_be_a_form(provider: ZohoCalendar) -> None:
    code = consent(provider)["code"]
    form = {**CLIENT, "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    answer = session().post(f"{provider.url}/oauth/v2/token", data=form, timeout=10)
    assert "access_token" in answer.json()


def test_a_code_lives_a_minute_and_works_once(provider: ZohoCalendar, clock: SettableClock) -> None:
    late, code = consent(provider)["code"], consent(provider)["code"]
    assert "access_token" in exchanged(provider.url, code)
    assert exchanged(provider.url, code) == {"error": "invalid_code"}
    clock.advance(seconds=61)
    assert exchanged(provider.url, late) == {"error": "invalid_code"}


def test_a_code_is_bound_to_its_challenge(provider: ZohoCalendar) -> None:
    codes = [
        consent(provider, code_challenge=challenge("verifier"), code_challenge_method="S256")["code"] for _ in range(2)
    ]
    assert exchanged(provider.url, codes[0], code_verifier="another") == {"error": "invalid_code"}
    assert "access_token" in exchanged(provider.url, codes[1], code_verifier="verifier")


def test_only_offline_access_gives_a_refresh_token_and_the_second_time_only_when_asked_anew(
    provider: ZohoCalendar,
) -> None:
    def gives(**query: str) -> bool:
        return "refresh_token" in exchanged(provider.url, consent(provider, **query)["code"])

    assert not gives(access_type="online")
    provider.revoke(ANA)
    assert gives()
    assert not gives()
    assert gives(prompt="consent")


def test_a_person_may_say_no(provider: ZohoCalendar) -> None:
    provider.faults.add("deny")
    back = consent(provider)
    assert back == {"error": "access_denied", "state": "s"}


# refusals


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client_secret"),
        ({"redirect_uri": "http://127.0.0.1:2/"}, "invalid_redirect_uri"),
        ({"code": "1000.unknown"}, "invalid_code"),
        ({"grant_type": "password"}, "invalid_request"),
    ],
)
def test_a_refusal_comes_with_status_200(provider: ZohoCalendar, changed: dict[str, str], error: str) -> None:
    code = consent(provider)["code"]
    params = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **changed}
    answer = token(provider.url, **params)
    assert (answer.status_code, answer.json()) == (200, {"error": error})


def test_a_refusal_may_come_with_status_400(provider: ZohoCalendar) -> None:
    provider.faults.add("oauth-400")
    answer = token(provider.url, grant_type="refresh_token", refresh_token="1000.unknown")
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_code"})


# refreshing


def test_a_refresh_token_stays_the_same(provider: ZohoCalendar) -> None:
    client = Client(provider)
    told = refreshed(provider.url, client.refresh_token)
    assert "refresh_token" not in told
    assert "access_token" in refreshed(provider.url, client.refresh_token)


def test_a_refresh_at_another_data_centre_is_refused(provider: ZohoCalendar) -> None:
    eva = Client(provider, EVA)
    assert refreshed(provider.url, eva.refresh_token) == {"error": "invalid_code"}
    assert "access_token" in refreshed(f"{provider.url}/eu", eva.refresh_token)


def test_the_eleventh_refresh_within_ten_minutes_is_refused(provider: ZohoCalendar, clock: SettableClock) -> None:
    client = Client(provider)
    for _ in range(10):
        assert "access_token" in refreshed(provider.url, client.refresh_token)
        clock.advance(seconds=10)
    assert refreshed(provider.url, client.refresh_token)["error"] == "Access Denied"
    clock.advance(minutes=10)
    assert "access_token" in refreshed(provider.url, client.refresh_token)


def test_a_switch_says_that_requests_were_too_many(provider: ZohoCalendar) -> None:
    provider.faults.add("too-many-refreshes")
    client = Client(provider)
    assert "too many requests continuously" in refreshed(provider.url, client.refresh_token)["error_description"]
    assert "access_token" in refreshed(provider.url, client.refresh_token)


def test_the_21st_refresh_token_deletes_the_oldest(provider: ZohoCalendar) -> None:
    first, second, *_ = [Client(provider) for _ in range(21)]
    assert refreshed(provider.url, first.refresh_token) == {"error": "invalid_code"}
    assert "access_token" in refreshed(provider.url, second.refresh_token)
    assert first.refused("GET", "/calendars") == (401, "INVALID_OAUTHTOKEN")


def test_the_31st_access_token_deletes_the_oldest(provider: ZohoCalendar, clock: SettableClock) -> None:
    client = Client(provider)
    for _ in range(3):
        for _ in range(10):
            refreshed(provider.url, client.refresh_token)
        clock.advance(minutes=11)
    assert client.refused("GET", "/calendars") == (401, "INVALID_OAUTHTOKEN")


def test_a_refresh_whose_answer_is_lost_costs_nothing(provider: ZohoCalendar) -> None:
    client = Client(provider)
    provider.faults.add("lose-refresh")
    assert token(provider.url, grant_type="refresh_token", refresh_token=client.refresh_token).status_code == 504
    assert "access_token" in refreshed(provider.url, client.refresh_token)


def test_a_revoked_refresh_token_is_dead_and_with_it_its_access_tokens(provider: ZohoCalendar) -> None:
    client, other = Client(provider), Client(provider)
    url = f"{provider.url}/oauth/v2/token/revoke"
    assert session().post(url, params={"token": client.refresh_token}, timeout=10).json() == {"status": "success"}
    assert session().post(url, params={"token": client.refresh_token}, timeout=10).json() == {"error": "invalid_token"}
    assert refreshed(provider.url, client.refresh_token) == {"error": "invalid_code"}
    assert client.refused("GET", "/calendars") == (401, "INVALID_OAUTHTOKEN")
    assert "calendars" in other.got("GET", "/calendars")


# using tokens


def test_a_token_ends_after_an_hour(provider: ZohoCalendar, clock: SettableClock) -> None:
    client = Client(provider)
    clock.advance(seconds=3599)
    assert "calendars" in client.got("GET", "/calendars")
    clock.advance(seconds=1)
    assert client.refused("GET", "/calendars") == (401, "INVALID_OAUTHTOKEN")


def test_a_token_is_good_in_its_own_data_centre_only(provider: ZohoCalendar) -> None:
    eva = Client(provider, EVA)
    assert "calendars" in eva.got("GET", "/calendars")
    eva.base = provider.data_centre("us")["calendar"]
    assert eva.refused("GET", "/calendars") == (401, "INVALID_OAUTHTOKEN")


def test_the_person_of_a_token_is_told_to_those_with_the_scope(provider: ZohoCalendar) -> None:
    for email, scopes, status in ((ANA, SCOPES, 200), (ANA, SCOPES[:-1], 401)):
        headers = Client(provider, email, scopes).headers
        answer = session().get(f"{provider.url}/oauth/user/info", headers=headers, timeout=10)
        assert answer.status_code == status
        assert answer.json().get("Email") == (ANA if status == 200 else None)
