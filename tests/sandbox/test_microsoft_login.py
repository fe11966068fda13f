"""Entra ID's login, with msal itself and bare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
import requests
from microsoft_given import ANA, CLIENT, SCOPES, TENANT, Client, graph_running, session

from syncd.sandbox.microsoft import MicrosoftGraph
from syncd.sandbox.microsoft_login import TENANT_ID

REDIRECT = "http://localhost:1/callback"

pytestmark = pytest.mark.filterwarnings("ignore:response_mode=.form_post.:UserWarning")
ASKED = ["User.Read", "Calendars.ReadWrite"]


class Login:
    """msal's applications against the running sandbox."""

    def __init__(self, graph: MicrosoftGraph, ca_file: str) -> None:
        self.graph = graph
        self.ca_file = ca_file

    def app(self, kind: Any = msal.ConfidentialClientApplication, secret: str | None = "sandbox-secret") -> Any:
        authority = f"{self.graph.tls_url}/{TENANT}"
        given = {"client_credential": secret} if secret else {}
        return kind(CLIENT["client_id"], authority=authority, verify=self.ca_file, instance_discovery=False, **given)

    def consented(self) -> tuple[Any, dict[str, Any]]:
        """An application, and its tokens after Ana has consented in her browser."""
        app = self.app()
        flow = app.initiate_auth_code_flow(ASKED, redirect_uri=REDIRECT)
        back = self.graph.issuer.allow(query_of(flow["auth_uri"]), ANA)
        return app, app.acquire_token_by_auth_code_flow(flow, query_of(back))

    def token(self, **form: str) -> requests.Response:
        """A bare request for a token."""
        url = f"{self.graph.url}/{TENANT}/oauth2/v2.0/token"
        return session().post(url, data={**CLIENT, **form}, timeout=10)

    def refreshed(self, token: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=token)


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


@pytest.fixture
def login() -> Iterator[Login]:
    graph = MicrosoftGraph()
    with graph_running(graph) as sandbox:
        yield Login(graph, sandbox.ca_file)


def test_msal_goes_through_consent_with_pkce_and_knows_who_it_was(login: Login) -> None:
    _, told = login.consented()
    assert (told["expires_in"], told["token_type"]) == (3599, "Bearer")
    assert set(ASKED) < set(told["scope"].split())
    assert "offline_access" not in told["scope"].split()
    claims = told["id_token_claims"]
    assert (claims["preferred_username"], claims["aud"], claims["tid"]) == (ANA, CLIENT["client_id"], TENANT_ID)
    assert claims["iss"].endswith(f"{TENANT_ID}/v2.0")
    assert claims["oid"]


def test_a_wrong_verifier_is_refused(login: Login) -> None:
    app = login.app()
    flow = app.initiate_auth_code_flow(ASKED, redirect_uri=REDIRECT)
    back = login.graph.issuer.allow(query_of(flow["auth_uri"]), ANA)
    told = app.acquire_token_by_auth_code_flow({**flow, "code_verifier": "other"}, query_of(back))
    assert told["error"] == "invalid_grant"


def test_the_consent_page_is_a_form_that_leads_back(login: Login) -> None:
    flow = login.app().initiate_auth_code_flow(ASKED, redirect_uri=REDIRECT)
    browser = session()
    browser.verify = login.ca_file
    page = browser.get(flow["auth_uri"], timeout=10)
    assert (page.status_code, ANA in page.text) == (200, True)
    form = {**query_of(flow["auth_uri"]), "account": ANA, "decision": "allow"}
    sent = browser.post(flow["auth_uri"].partition("?")[0], data=form, allow_redirects=False, timeout=10)
    assert sent.status_code == 302
    assert query_of(sent.headers["Location"])["state"] == flow["state"]


def test_msal_refreshes_and_the_refresh_token_rotates(login: Login) -> None:
    app, first = login.consented()
    second = app.acquire_token_by_refresh_token(first["refresh_token"], ASKED)
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]


def test_a_refresh_token_used_before_works_on_unless_switched(login: Login) -> None:
    old = login.graph.issuer.issue(ANA, SCOPES)["refresh_token"]
    assert login.refreshed(old).status_code == 200
    assert login.refreshed(old).status_code == 200
    login.graph.faults.add("old-refresh-dead")
    assert login.refreshed(old).json()["error_codes"] == [70000]


def test_a_lost_refresh_was_carried_out_and_the_old_token_helps(login: Login) -> None:
    old = login.graph.issuer.issue(ANA, SCOPES)["refresh_token"]
    login.graph.faults.add("lose-refresh")
    assert login.refreshed(old).status_code == 504
    assert old not in login.graph.issuer.refresh
    assert login.refreshed(old).status_code == 200


DEAD = [
    ("revoked", None, 400, "invalid_grant", 50173, "bad_token"),
    ("grant-expired", None, 400, "invalid_grant", 700082, "bad_token"),
    ("no-consent", None, 400, "invalid_grant", 65001, "consent_required"),
    ("interaction", None, 400, "interaction_required", 50076, "basic_action"),
    ("interaction", 50079, 400, "interaction_required", 50079, "basic_action"),
    ("wrong-client", None, 401, "invalid_client", 7000215, None),
]


@pytest.mark.parametrize(("switch", "value", "status", "error", "number", "suberror"), DEAD)
def test_a_refresh_that_is_refused_says_so_in_microsofts_dialect(
    login: Login, switch: str, value: int | None, status: int, error: str, number: int, suberror: str | None
) -> None:
    token = login.graph.issuer.issue(ANA, SCOPES)["refresh_token"]
    login.graph.faults.add(switch, value=value)
    answer = login.refreshed(token)
    told = answer.json()
    assert (answer.status_code, told["error"], told["error_codes"]) == (status, error, [number])
    assert told["error_description"].startswith(f"AADSTS{number}: ")
    assert told.pop("suberror", None) == suberror
    assert told.keys() == {
        "error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri",
    }  # fmt: skip
    assert told["trace_id"] in told["error_description"]
    assert login.refreshed(token).status_code == 200


def test_an_unknown_grant_type_and_an_unknown_token_are_refused(login: Login) -> None:
    assert login.token(grant_type="password").json()["error"] == "unsupported_grant_type"
    assert login.refreshed("rt-other").json()["error"] == "invalid_grant"


def test_msal_waits_for_a_device_and_a_public_client_needs_no_secret(login: Login) -> None:
    app = login.app(msal.PublicClientApplication, None)
    flow = app.initiate_device_flow(ASKED)
    assert flow["user_code"] in flow["message"]
    once = {"exit_condition": lambda _flow: True}
    assert app.acquire_token_by_device_flow(flow, **once)["error"] == "authorization_pending"
    login.graph.allow_device(flow["user_code"], ANA)
    told = app.acquire_token_by_device_flow(flow, **once)
    assert told["id_token_claims"]["preferred_username"] == ANA


@pytest.mark.parametrize(("decision", "error"), [("allow", None), ("deny", "authorization_declined")])
def test_the_code_of_a_device_is_typed_into_a_page(login: Login, decision: str, error: str | None) -> None:
    app = login.app(msal.PublicClientApplication, None)
    flow = app.initiate_device_flow(ASKED)
    browser = session()
    browser.verify = login.ca_file
    page = browser.get(flow["verification_uri"], timeout=10)
    assert (page.status_code, ANA in page.text) == (200, True)
    form = {"account": ANA, "decision": decision}
    assert browser.post(flow["verification_uri"], data={**form, "user_code": "other"}, timeout=10).status_code == 400
    typed = {**form, "user_code": f" {flow['user_code'].lower()} "}
    assert browser.post(flow["verification_uri"], data=typed, timeout=10).status_code == 200
    told = app.acquire_token_by_device_flow(flow, exit_condition=lambda _flow: True)
    assert told.get("error") == error


def test_scopes_are_told_as_they_were_asked_for_and_are_good_either_way(login: Login) -> None:
    scope = "https://graph.microsoft.com/Calendars.ReadWrite"
    tokens = login.graph.issuer.issue(ANA, (scope, "offline_access"))
    assert tokens["scope"] == scope
    client = Client(login.graph)
    client.token = tokens["access_token"]
    assert client.got("GET", "/calendars")["value"]


def test_an_application_of_the_tenant_reaches_mailboxes_by_name_but_has_none_itself(login: Login) -> None:
    told = login.app().acquire_token_for_client(["https://graph.microsoft.com/.default"])
    assert "refresh_token" not in told
    client = Client(login.graph)
    client.token = told["access_token"]
    assert client.refused("GET", "/calendars")[0] == 400
    client.root = f"/users/{ANA}"
    assert client.got("GET", "/calendars")["value"][0]["isDefaultCalendar"]


def test_a_wrong_secret_is_refused(login: Login) -> None:
    told = login.app(secret="other").acquire_token_for_client(["https://graph.microsoft.com/.default"])
    assert (told["error"], told["error_codes"]) == ("invalid_client", [7000215])


def test_the_state_tells_no_secret(login: Login) -> None:
    tokens = login.graph.issuer.issue(ANA, SCOPES)
    text = session().get(f"{login.graph.url}/_sandbox/state", timeout=10).text
    assert ANA in text
    assert not [name for name in ("access_token", "refresh_token") if tokens[name] in text]
