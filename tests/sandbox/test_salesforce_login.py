from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from given import SettableClock
from test_salesforce_client import ANA, BEN, SCOPES, Org, org_running

from syncd.sandbox.issuer import challenge
from syncd.sandbox.salesforce import Salesforce

CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
REDIRECT = "http://127.0.0.1:1/callback"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def org(clock: SettableClock) -> Iterator[Org]:
    with org_running(Salesforce(clock)) as running:
        yield running


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def consent(org: Org, account: str = ANA, decision: str = "allow", **query: str) -> dict[str, str]:
    """Go through the consent page as a browser does; what the redirect carries."""
    asked = {
        "client_id": CLIENT["client_id"],
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "state": "s",
        **query,
    }
    url = f"{org.provider.url}/services/oauth2/authorize"
    page = org.session.get(f"{url}?{urlencode(asked)}", timeout=10)
    assert page.status_code == 200
    assert account in page.text
    form = {**asked, "account": account, "decision": decision}
    sent = org.session.post(url, data=form, allow_redirects=False, timeout=10)
    return dict(parse_qsl(urlsplit(sent.headers["Location"]).query))


def token(org: Org, **form: str) -> requests.Response:
    sent = {**CLIENT, **form}
    return org.session.post(f"{org.provider.url}/services/oauth2/token", data=sent, timeout=10)


def exchanged(org: Org, code: str, **form: str) -> Any:
    return token(org, grant_type="authorization_code", code=code, redirect_uri=REDIRECT, **form).json()


def refreshed(org: Org, refresh_token: str) -> requests.Response:
    return token(org, grant_type="refresh_token", refresh_token=refresh_token)


def introspected(org: Org, access: str, **client: str) -> Any:
    form = {**CLIENT, **client, "token": access}
    return org.session.post(f"{org.provider.url}/services/oauth2/introspect", data=form, timeout=10).json()


def status(org: Org, access: str) -> tuple[int, str]:
    """What the API says to a token."""
    url = f"{org.provider.issuer.instance()}/services/data/v59.0/limits"
    answer = org.session.get(url, headers={"Authorization": f"Bearer {access}"}, timeout=10)
    return answer.status_code, "" if answer.ok else answer.json()[0]["errorCode"]


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Org]:
    """An org for requests that change nothing."""
    with org_running(Salesforce(SettableClock())) as running:
        yield running


# consent and codes


def test_a_consent_gives_a_token_without_a_life(org: Org) -> None:
    back = consent(org)
    told = exchanged(org, back["code"])
    assert back["state"] == "s"
    assert told.keys() >= {"access_token", "refresh_token", "signature", "scope", "instance_url", "id", "issued_at"}
    assert "expires_in" not in told
    assert (told["token_type"], told["scope"], told["issued_at"]) == ("Bearer", "api refresh_token", "1767355200000")
    assert told["instance_url"] == org.provider.tls_url
    assert told["access_token"].startswith(f"{org.provider.org.id[:15]}!")
    assert status(org, told["access_token"]) == (200, "")


def test_only_a_scope_for_it_gives_a_refresh_token(org: Org) -> None:
    assert "refresh_token" not in exchanged(org, consent(org, scope="api")["code"])
    assert "refresh_token" in exchanged(org, consent(org, scope="api offline_access")["code"])


def test_openid_gives_an_id_token(org: Org) -> None:
    told = exchanged(org, consent(org, scope="api openid")["code"])
    claims = jwt.decode(told["id_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (org.ana, CLIENT["client_id"])


def test_a_code_is_bound_to_its_challenge_and_works_once(org: Org) -> None:
    ask = {"code_challenge": challenge("verifier"), "code_challenge_method": "S256"}
    wrong, right = (consent(org, **ask)["code"] for _ in range(2))
    assert exchanged(org, wrong, code_verifier="another")["error_description"] == "invalid code verifier"
    assert "access_token" in exchanged(org, right, code_verifier="verifier")
    assert exchanged(org, right, code_verifier="verifier") == {
        "error": "invalid_grant",
        "error_description": "invalid authorization code",
    }


def test_a_person_may_say_no(org: Org) -> None:
    assert consent(org, decision="deny") == {"error": "access_denied", "state": "s"}


def test_a_token_without_the_scope_api_does_not_reach_the_api(org: Org) -> None:
    told = exchanged(org, consent(org, scope="openid")["code"])
    assert status(org, told["access_token"]) == (401, "INVALID_SESSION_ID")


# refusals

WRONG: dict[str, tuple[dict[str, str], str, str]] = {
    "client": ({"client_id": "x"}, "invalid_client_id", "client identifier invalid"),
    "secret": ({"client_secret": "x"}, "invalid_client", "invalid client credentials"),
    "grant type": ({"grant_type": "password"}, "unsupported_grant_type", "grant type not supported"),
    "token": ({"refresh_token": "x"}, "invalid_grant", "expired access/refresh token"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_refusal_is_a_400_with_a_description(unchanged: Org, case: str) -> None:
    changed, error, description = WRONG[case]
    form = {"grant_type": "refresh_token", "refresh_token": unchanged.tokens["refresh_token"], **changed}
    answer = token(unchanged, **form)
    assert (answer.status_code, answer.json()) == (400, {"error": error, "error_description": description})


# sessions


def test_a_session_lives_on_by_use_and_ends_without(org: Org, clock: SettableClock) -> None:
    access = org.tokens["access_token"]
    for _ in range(3):
        clock.advance(minutes=119)
        assert status(org, access) == (200, "")
    clock.advance(minutes=121)
    assert status(org, access) == (401, "INVALID_SESSION_ID")
    again = refreshed(org, org.tokens["refresh_token"]).json()
    assert status(org, again["access_token"]) == (200, "")
    assert "refresh_token" not in again


def test_introspection_tells_until_when(org: Org, clock: SettableClock) -> None:
    told = introspected(org, org.tokens["access_token"])
    assert (told["active"], told["exp"] - told["iat"], told["username"]) == (True, 7200, ANA)
    assert introspected(org, "x") == {"active": False}
    assert introspected(org, org.tokens["access_token"], client_secret="x")["error"] == "invalid_client"
    clock.advance(hours=3)
    assert introspected(org, org.tokens["access_token"]) == {"active": False}


def test_a_refresh_may_rotate_and_reuse_ends_all(org: Org) -> None:
    org.provider.set_rotation(True)
    first = org.tokens["refresh_token"]
    second = refreshed(org, first).json()
    assert second["refresh_token"] != first
    assert refreshed(org, first).json()["error"] == "invalid_grant"
    assert refreshed(org, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert status(org, second["access_token"]) == (401, "INVALID_SESSION_ID")


def test_five_approvals_live(org: Org) -> None:
    tokens = [org.tokens, *(org.provider.issuer.issue(ANA, SCOPES) for _ in range(5))]
    answers = [refreshed(org, each["refresh_token"]).status_code for each in tokens]
    assert answers == [400, 200, 200, 200, 200, 200]


def test_revoking_a_refresh_token_ends_its_sessions_and_a_session_only_itself(org: Org) -> None:
    url = f"{org.provider.url}/services/oauth2/revoke"
    again = refreshed(org, org.tokens["refresh_token"]).json()["access_token"]
    assert org.session.post(url, data={"token": org.tokens["access_token"]}, timeout=10).status_code == 200
    assert status(org, org.tokens["access_token"])[0] == 401
    assert status(org, again)[0] == 200
    assert org.session.post(url, data={"token": org.tokens["refresh_token"]}, timeout=10).status_code == 200
    assert status(org, again)[0] == 401
    assert refreshed(org, org.tokens["refresh_token"]).json()["error_description"] == "expired access/refresh token"
    assert org.session.post(url, data={"token": "x"}, timeout=10).status_code == 400


def test_revoking_a_rotated_token_ends_the_sessions_before_it(org: Org) -> None:
    org.provider.set_rotation(True)
    second = refreshed(org, org.tokens["refresh_token"]).json()
    url = f"{org.provider.url}/services/oauth2/revoke"
    assert status(org, org.tokens["access_token"])[0] == 200
    org.session.post(url, data={"token": second["refresh_token"]}, timeout=10)
    assert [status(org, each["access_token"])[0] for each in (org.tokens, second)] == [401, 401]


def test_a_person_who_left_gets_no_token_and_has_no_session(org: Org) -> None:
    org.provider.set_active(ANA, False)
    assert refreshed(org, org.tokens["refresh_token"]).json() == {
        "error": "invalid_grant",
        "error_description": "inactive user",
    }
    assert status(org, org.tokens["access_token"]) == (401, "INVALID_SESSION_ID")


def test_the_switches_of_tokens(org: Org) -> None:
    refresh = org.tokens["refresh_token"]
    org.provider.faults.add("inactive-user")
    assert refreshed(org, refresh).json()["error_description"] == "inactive user"
    org.provider.faults.add("revoked")
    assert refreshed(org, refresh).json()["error_description"] == "expired access/refresh token"
    org.provider.set_rotation(True)
    org.provider.faults.add("lose-refresh")
    assert refreshed(org, refresh).status_code == 504
    assert refreshed(org, refresh).json()["error"] == "invalid_grant"


def test_an_org_that_moved_is_found_by_a_refresh(org: Org) -> None:
    old = org.tokens["instance_url"]
    assert org.provider.move() == old.replace("127.0.0.1", "localhost")
    told = refreshed(org, org.tokens["refresh_token"]).json()
    assert told["instance_url"] == org.provider.issuer.instance()
    assert told["instance_url"] != old
    headers = {"Authorization": f"Bearer {told['access_token']}"}
    path = "/services/data/v59.0/limits"
    assert org.session.get(f"{old}{path}", headers=headers, timeout=10).status_code == 401
    assert org.session.get(f"{told['instance_url']}{path}", headers=headers, timeout=10).status_code == 200
    org.provider.moved_status = 420
    assert org.session.get(f"{old}{path}", headers=headers, timeout=10).status_code == 420


# who it is


@pytest.mark.parametrize("where", ["userinfo", "identity"])
def test_a_token_says_whose_it_is(unchanged: Org, where: str) -> None:
    org = unchanged
    url = org.tokens["id"] if where == "identity" else f"{org.provider.url}/services/oauth2/userinfo"
    headers = {"Authorization": f"Bearer {org.tokens['access_token']}"}
    told = org.session.get(url, headers=headers, timeout=10).json()
    assert (told["user_id"], told["organization_id"], told["email"]) == (org.ana, org.provider.org.id, ANA)
    assert told["urls"]["rest"] == f"{org.tokens['instance_url']}/services/data/v{{version}}/"
    bad = org.session.get(url, headers={"Authorization": "Bearer x"}, timeout=10)
    assert (bad.status_code, bad.text) == (403, "Bad_OAuth_Token")


# JWT bearer


def assertion(org: Org, key: rsa.RSAPrivateKey, **changed: Any) -> dict[str, str]:
    until = int(org.provider.clock().timestamp()) + 180
    claims = {"iss": "server", "sub": BEN, "aud": "https://login.salesforce.com", "exp": until, **changed}
    return {"grant_type": JWT_BEARER, "assertion": jwt.encode(claims, key, algorithm="RS256")}


def trusted(org: Org, key: rsa.RSAPrivateKey) -> None:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    org.provider.add_certificate("server", key.public_key().public_bytes(encoding, form).decode(), approve=[BEN])


def test_a_signed_assertion_gives_a_session_and_no_refresh_token(org: Org, key: rsa.RSAPrivateKey) -> None:
    trusted(org, key)
    told = token(org, **assertion(org, key)).json()
    assert "refresh_token" not in told
    assert told["id"].endswith(org.ben)
    assert status(org, told["access_token"]) == (200, "")


ASSERTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another audience": ({"aud": "https://example.org"}, "audience is invalid"),
    "late": ({"exp": 1}, "expired assertion"),
    "not approved": ({"sub": ANA}, "user hasn't approved this consumer"),
    "nobody": ({"sub": "nobody@example.com"}, "user hasn't approved this consumer"),
    "unknown client": ({"iss": "x"}, "client identifier invalid"),
}


@pytest.mark.parametrize("case", ASSERTIONS)
def test_an_assertion_that_does_not_hold_is_refused(unchanged: Org, key: rsa.RSAPrivateKey, case: str) -> None:
    trusted(unchanged, key)
    changed, description = ASSERTIONS[case]
    answer = token(unchanged, **assertion(unchanged, key, **changed))
    assert (answer.status_code, answer.json()["error_description"]) == (400, description)


def test_an_assertion_of_another_key_is_refused(org: Org, key: rsa.RSAPrivateKey) -> None:
    trusted(org, key)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert token(org, **assertion(org, other)).json()["error_description"] == "invalid assertion"
    assert token(org, grant_type=JWT_BEARER, assertion="x").json()["error_description"] == "invalid assertion"
