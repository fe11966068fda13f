"""Connecting at the sandboxed Zoho: consent, data centres, refresh."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

import pytest
from given import SettableClock
from pydantic import ValidationError
from syncd_connectors.zohocalendar import ZOHOCALENDAR, ZohoClient
from syncd_connectors.zohocalendar.connector import calendar_host, open_zoho
from syncd_connectors.zohocalendar.consent import SCOPES, calendar_flow, refreshed_token
from zoho_calendar_given import SECRET, client_of, opened, tokens, zoho, zoho_sandbox

from syncd.connector import Opened
from syncd.connector.oauth import missing_scopes, renewed, settled
from syncd.errors import (
    ParkError,
    ProviderError,
    ReconnectError,
    RefreshError,
    RetryError,
    UnclearError,
    WaitUntilError,
)
from syncd.provider.guard import Guard
from syncd.provider.zoho import ZOHOS, ZohoFlow
from syncd.sandbox.zoho import ZohoCalendar
from syncd.source.key_objects import SHAPES, shape_issues, to_credential, to_key_object
from syncd.testing.cases import OWNER

EVA = "eva@example.eu"
REDIRECT = "http://127.0.0.1:1/callback"


@pytest.fixture
def provider(clock: SettableClock) -> Iterator[ZohoCalendar]:
    with zoho_sandbox(clock) as running:
        running.add_user(EVA, "Europe/Paris", "eu")
        yield running


@pytest.fixture
def flow(provider: ZohoCalendar, clock: SettableClock) -> ZohoFlow:
    return calendar_flow(client_of(provider), Guard("zohocalendar", 0, timeout_s=10), clock=clock)


def went(provider: ZohoCalendar, url: str, email: str) -> dict[str, str]:
    """What the page sends back of somebody who allows."""
    back = provider.issuer.allow(dict(parse_qsl(urlsplit(url).query)), email)
    return dict(parse_qsl(urlsplit(back).query))


def connected(provider: ZohoCalendar, flow: ZohoFlow, email: str, **changed: str) -> dict[str, Any]:
    page = flow.begin(REDIRECT, "state")
    return flow.finish(page.memo, {**went(provider, page.url, email), **changed})


# consent


def test_the_page_asks_for_all_that_is_needed_and_for_a_refresh_token(provider: ZohoCalendar, flow: ZohoFlow) -> None:
    page = flow.begin(REDIRECT, "state")
    asked = dict(parse_qsl(urlsplit(page.url).query))
    assert page.url.startswith(f"{provider.url}/oauth/v2/auth?")
    assert asked["scope"] == ",".join(SCOPES)
    assert (asked["access_type"], asked["prompt"], asked["state"]) == ("offline", "consent", "state")
    assert missing_scopes(ZOHOCALENDAR.scopes, asked["scope"]) == []
    assert provider.total() == 0


@pytest.mark.parametrize(("email", "location", "cal_com"), [(OWNER, "us", "com"), (EVA, "eu", "eu")])
def test_the_code_is_exchanged_where_the_person_s_account_is(
    provider: ZohoCalendar, flow: ZohoFlow, clock: SettableClock, email: str, location: str, cal_com: str
) -> None:
    credential = connected(provider, flow, email)
    assert (credential["email"], credential["server_location"]) == (email, cal_com)
    assert credential["api_domain"] == provider.data_centre(location)["api_domain"]
    assert credential["refresh_token"]
    assert credential["expiry_date"] == int((clock() + timedelta(hours=1)).timestamp() * 1000)
    with zoho(provider, credential, clock) as connector:
        assert connector.probe().account == email
        assert connector.probe().facts == {"data_centre": location}
    assert provider.total("/eu/api") == (2 if location == "eu" else 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"accounts-server": "https://accounts.example.net"},
        {"accounts-server": "https://accounts.zoho.com"},
        {"location": "mars"},
        {"location": "jp"},
    ],
)
def test_a_redirect_that_names_another_server_gets_no_secret(
    provider: ZohoCalendar, flow: ZohoFlow, changed: Mapping[str, str]
) -> None:
    with pytest.raises(ReconnectError) as refused:
        connected(provider, flow, EVA, **changed)
    assert refused.value.code == "data_centre_unknown"
    assert provider.total() == 0


def test_a_redirect_that_names_no_server_means_that_of_the_registration(provider: ZohoCalendar) -> None:
    flow = calendar_flow(client_of(provider, data_centre="eu"), Guard("zohocalendar", 0, timeout_s=10))
    page = flow.begin(REDIRECT, "state")
    assert page.url.startswith(f"{provider.url}/eu/oauth/v2/auth?")
    back = went(provider, page.url, EVA)
    credential = flow.finish(page.memo, {"code": back["code"]})
    assert credential["server_location"] == "eu"


@pytest.mark.parametrize("lacking", [SCOPES[0], SCOPES[1], SCOPES[2]])
def test_less_than_is_needed_is_refused(provider: ZohoCalendar, flow: ZohoFlow, lacking: str) -> None:
    provider.faults.add("partial-grant", value=[s for s in SCOPES if s != lacking])
    with pytest.raises(ReconnectError) as refused:
        connected(provider, flow, OWNER)
    assert refused.value.code == "scopes_missing"
    assert lacking.rpartition(".")[0] in str(refused.value)


def test_whose_account_it_is_may_stay_untold(provider: ZohoCalendar, flow: ZohoFlow) -> None:
    provider.faults.add("partial-grant", value=list(SCOPES[:3]))
    credential = connected(provider, flow, OWNER)
    assert credential["email"] == ""
    with zoho(provider, credential) as connector:
        assert connector.probe().account == "Owner"


def test_scopes_one_by_one_do_as_well_as_all_of_events() -> None:
    verbs = ",".join(f"ZohoCalendar.event.{verb}" for verb in ("READ", "CREATE", "UPDATE", "DELETE"))
    assert missing_scopes(ZOHOCALENDAR.scopes, f"ZohoCalendar.calendar.ALL,{verbs},ZohoCalendar.freebusy.ALL") == []
    assert missing_scopes(ZOHOCALENDAR.scopes, "ZohoCalendar.calendar.ALL,ZohoCalendar.event.READ") != []


def test_a_person_may_say_no(provider: ZohoCalendar, flow: ZohoFlow) -> None:
    provider.faults.add("deny")
    with pytest.raises(ReconnectError) as refused:
        connected(provider, flow, OWNER)
    assert refused.value.code == "consent_denied"


def test_a_code_that_is_too_old_is_refused_with_status_200(
    provider: ZohoCalendar, flow: ZohoFlow, clock: SettableClock
) -> None:
    page = flow.begin(REDIRECT, "state")
    back = went(provider, page.url, OWNER)
    clock.advance(seconds=61)
    with pytest.raises(ReconnectError) as refused:
        flow.finish(page.memo, back)
    assert (refused.value.code, refused.value.status) == ("grant_revoked", 200)


def test_zoho_may_not_say_whose_account_it_is_for_now(provider: ZohoCalendar, flow: ZohoFlow) -> None:
    provider.faults.add("answer", path="/oauth/user/info", status=500, times=2)
    with pytest.raises(RetryError):
        connected(provider, flow, OWNER)


# refreshing


def refresh(provider: ZohoCalendar, clock: SettableClock, credential: dict[str, Any]) -> dict[str, Any]:
    return refreshed_token(opened(provider, settled(credential, clock()), clock=clock), clock=clock)


def test_a_refresh_keeps_the_refresh_token_and_gives_a_token_that_works(
    provider: ZohoCalendar, clock: SettableClock
) -> None:
    old = settled(tokens(provider, EVA), clock())
    clock.advance(minutes=59)
    fresh = renewed(old, refresh(provider, clock, old), clock())
    assert fresh.credential["refresh_token"] == old["refresh_token"]
    assert fresh.expires_at == clock() + timedelta(hours=1)
    assert provider.calls["POST /eu/oauth/v2/token"] == 1
    clock.advance(minutes=30)
    with zoho(provider, fresh.credential, clock) as connector:
        assert connector.probe().account == EVA


def test_a_token_is_refreshed_at_most_once_in_ten_minutes(provider: ZohoCalendar, clock: SettableClock) -> None:
    credential = settled(tokens(provider), clock())
    with pytest.raises(WaitUntilError) as refused:
        refresh(provider, clock, credential)
    assert refused.value.retry_at == clock() + timedelta(minutes=10)
    assert provider.total("token") == 0
    clock.advance(minutes=10)
    credential = renewed(credential, refresh(provider, clock, credential), clock()).credential
    with pytest.raises(WaitUntilError):
        refresh(provider, clock, credential)
    assert provider.total("token") == 1


@pytest.mark.parametrize(
    ("switch", "kind", "code"),
    [
        ("revoked", ReconnectError, "grant_revoked"),
        ("wrong-client", ParkError, "client_refused"),
        ("too-many-refreshes", WaitUntilError, "throttled"),
        ("lose-refresh", UnclearError, "unclear"),
    ],
)
@pytest.mark.parametrize("bad_request", [False, True])
def test_a_refusal_is_read_whatever_its_status(
    provider: ZohoCalendar, clock: SettableClock, switch: str, kind: type[ProviderError], code: str, bad_request: bool
) -> None:
    credential = settled(tokens(provider), clock())
    clock.advance(hours=1)
    provider.faults.add(switch)
    if bad_request:
        provider.faults.add("oauth-400")
    with pytest.raises(ProviderError) as refused:
        refresh(provider, clock, credential)
    assert (type(refused.value), refused.value.code) == (kind, code)
    assert SECRET not in repr(vars(refused.value))
    assert credential["refresh_token"] not in repr(vars(refused.value))


def test_after_too_many_requests_it_waits_for_ten_minutes(provider: ZohoCalendar, clock: SettableClock) -> None:
    credential = settled(tokens(provider), clock())
    clock.advance(hours=1)
    provider.faults.add("too-many-refreshes")
    with pytest.raises(WaitUntilError) as refused:
        refresh(provider, clock, credential)
    assert refused.value.retry_at == clock() + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_code", ReconnectError),
        ("invalid_token", ReconnectError),
        ("access_denied", ReconnectError),
        ("invalid_client", ParkError),
        ("invalid_client_secret", ParkError),
        ("invalid_redirect_uri", ParkError),
        ("Access Denied", WaitUntilError),
    ],
)
def test_each_error_of_the_facts_means_something(
    provider: ZohoCalendar, clock: SettableClock, error: str, kind: type[ProviderError]
) -> None:
    credential = settled(tokens(provider), clock())
    clock.advance(hours=1)
    provider.faults.add("answer", path="token", status=200, body={"error": error})
    with pytest.raises(kind):
        refresh(provider, clock, credential)


def test_an_answer_that_points_to_another_data_centre_is_refused(provider: ZohoCalendar, clock: SettableClock) -> None:
    credential = settled(tokens(provider), clock())
    clock.advance(hours=1)
    body = {"access_token": "1000.x", "expires_in": 3600, "api_domain": "https://www.example.net"}
    provider.faults.add("answer", path="token", status=200, body=body)
    with pytest.raises(ReconnectError):
        refresh(provider, clock, credential)


def test_a_refresh_without_a_registration_says_so(provider: ZohoCalendar, clock: SettableClock) -> None:
    given = opened(provider)
    bare = Opened(
        connection_id=1, credential=given.credential, settings=given.settings, guard=given.guard, client=ZohoClient()
    )
    with pytest.raises(ParkError) as refused:
        refreshed_token(bare, clock=clock)
    assert refused.value.code == "client_missing"


def test_a_token_that_is_not_accepted_is_to_be_refreshed(provider: ZohoCalendar, clock: SettableClock) -> None:
    with zoho(provider, clock=clock) as connector:
        provider.expire_tokens()
        with pytest.raises(RefreshError):
            connector.calendars()
    assert provider.total("token") == 0


def test_a_token_is_worth_nothing_in_another_data_centre(provider: ZohoCalendar) -> None:
    credential = {**tokens(provider, EVA), "location": "us", "api_domain": ""}
    with zoho(provider, credential) as connector, pytest.raises(RefreshError):
        connector.calendars()


# credentials


@pytest.mark.parametrize("location", ZOHOS)
def test_calendars_are_not_at_the_api_domain(location: str) -> None:
    host = calendar_host(ZOHOS[location], ZohoClient())
    assert host == (
        "https://calendar.zohocloud.ca" if location == "ca" else f"https://calendar.{ZOHOS[location].domain}"
    )
    assert host != ZOHOS[location].api_domain


def test_the_registration_may_be_in_any_data_centre() -> None:
    assert get_args(ZohoClient.model_fields["data_centre"].annotation) == tuple(ZOHOS)


def test_a_credential_that_names_another_server_is_not_opened(provider: ZohoCalendar) -> None:
    for field in ("accounts-server", "api_domain"):
        with pytest.raises(ReconnectError) as refused:
            open_zoho(opened(provider, {**tokens(provider), field: "https://accounts.example.net"}))
        assert refused.value.code == "data_centre_unknown"
    assert provider.total() == 0


def test_cal_coms_key_object_connects_and_comes_back(provider: ZohoCalendar, clock: SettableClock) -> None:
    issued = provider.issuer.issue(EVA, SCOPES)
    end = int((clock() + timedelta(hours=1)).timestamp())
    key = {
        "access_token": issued["access_token"],
        "refresh_token": issued["refresh_token"],
        "expires_in": end,
        "server_location": "eu",
    }
    assert shape_issues(SHAPES["zohocalendar"], key) == []
    credential = to_credential(SHAPES["zohocalendar"], key, clock(), None)
    assert credential["expiry_date"] == end * 1000
    with zoho(provider, credential, clock) as connector:
        assert connector.probe().account == EVA
    told = to_key_object("zohocalendar", credential)
    assert (told["expires_in"], told["server_location"], "refresh_token" in told) == (end, "eu", False)


@pytest.mark.parametrize("name", ["accounts_url", "calendar_url"])
@pytest.mark.parametrize("url", ["http://zoho.example", "ftp://127.0.0.1", "http://127.0.0.1.example.net", "accounts"])
def test_secrets_go_nowhere_in_the_clear_but_on_this_machine(name: str, url: str) -> None:
    with pytest.raises(ValidationError):
        ZohoClient.model_validate({name: url})
    for fine in ("http://127.0.0.1:8080/", "http://localhost:1", "http://[::1]:1", "https://zoho.example/x/"):
        assert getattr(ZohoClient.model_validate({name: fine}), name) == fine.rstrip("/")


def test_declaring_the_connector_loads_no_network_library() -> None:
    script = (
        "import sys; from syncd_connectors.zohocalendar import ZOHOCALENDAR; "
        "print([name for name in ('requests', 'urllib3', 'icalendar', 'dateutil') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
