"""Connecting to a sandboxed Salesforce: consent, refresh, introspection, an org that moves, and servers' own keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import ValidationError
from salesforce_given import HOST, World, activity, put, salesforce
from syncd_connectors.salesforce import SALESFORCE, SalesforceClient, SalesforceCredential, SalesforceSettings
from syncd_connectors.salesforce.connector import SalesforceConnector, open_salesforce
from syncd_connectors.salesforce.consent import SalesforceFlow, refreshed_token, salesforce_flow

from syncd.connector import Opened
from syncd.connector.oauth import missing_scopes, renewed
from syncd.errors import ParkError, ReconnectError, RefreshError
from syncd.model.clock import utc_now
from syncd.provider.guard import Guard

REDIRECT = "http://localhost:1/callback"
LIFE = timedelta(hours=2)


@pytest.fixture
def world() -> Iterator[World]:
    with salesforce() as running:
        yield running


@pytest.fixture
def flow(world: World) -> SalesforceFlow:
    return salesforce_flow(world.client, Guard("salesforce", 0, timeout_s=10))


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """The private key as people give it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(key: rsa.RSAPrivateKey) -> str:
    """The public key as the org has it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def connected(world: World, flow: SalesforceFlow, **changed: str) -> dict[str, Any]:
    """The credential of the host who allows everything."""
    page = flow.begin(REDIRECT, "state")
    back = world.org.issuer.allow(dict(parse_qsl(urlsplit(page.url).query)), HOST)
    return flow.finish(page.memo, {**dict(parse_qsl(urlsplit(back).query)), **changed})


def opened(world: World, credential: Mapping[str, Any], client: SalesforceClient | None = None) -> Opened:
    """What a connector is opened with."""
    return Opened(
        connection_id=1,
        credential=SalesforceCredential.model_validate(credential),
        settings=SalesforceSettings(),
        guard=Guard("salesforce", 1, timeout_s=10),
        client=client or world.client,
    )


def connector(world: World, credential: Mapping[str, Any]) -> SalesforceConnector:
    """A connector with a credential."""
    return open_salesforce(opened(world, credential))


def next_credential(world: World, credential: Mapping[str, Any]) -> dict[str, Any]:
    """The credential after a refresh."""
    answer = refreshed_token(opened(world, credential))
    return renewed(credential, answer, utc_now()).credential


# consent


def test_the_page_asks_for_the_least_and_proves_who_began(world: World, flow: SalesforceFlow) -> None:
    page = flow.begin(REDIRECT, "state")
    asked = dict(parse_qsl(urlsplit(page.url).query))
    assert page.url.startswith(f"{world.client.login_url}/services/oauth2/authorize?")
    assert asked["scope"] == "api refresh_token"
    assert (asked["code_challenge_method"], asked["response_type"], asked["state"]) == ("S256", "code", "state")
    assert asked["code_challenge"] not in page.memo.values()
    assert missing_scopes(SALESFORCE.scopes, asked["scope"]) == []


def test_what_consent_gives_is_a_credential_that_works(world: World, flow: SalesforceFlow) -> None:
    credential = connected(world, flow)
    assert credential["instance_url"] == world.org.issuer.instance()
    assert credential["refresh_token"]
    assert "signature" not in credential
    assert connector(world, credential).probe().account == world.user(HOST)


def test_the_life_of_a_session_comes_from_introspection(world: World, flow: SalesforceFlow) -> None:
    end = datetime.fromtimestamp(connected(world, flow)["expiry_date"] / 1000, UTC)
    assert abs(end - (utc_now() + LIFE)) < timedelta(minutes=1)


def test_a_session_whose_life_nobody_tells_is_used_until_it_is_refused(world: World, flow: SalesforceFlow) -> None:
    world.org.faults.add("answer", path="introspect", status=403, body={}, times=0)
    credential = connected(world, flow)
    assert credential.get("expiry_date") is None
    assert connector(world, credential).probe().account


def test_another_s_code_is_not_exchanged(world: World, flow: SalesforceFlow) -> None:
    page, other = flow.begin(REDIRECT, "state"), flow.begin(REDIRECT, "state")
    back = world.org.issuer.allow(dict(parse_qsl(urlsplit(page.url).query)), HOST)
    with pytest.raises(ReconnectError, match="invalid_grant"):
        flow.finish(other.memo, dict(parse_qsl(urlsplit(back).query)))


@pytest.mark.parametrize(("scopes", "missing"), [(("api",), "refresh_token"), (("refresh_token",), "api")])
def test_consent_to_less_is_refused(world: World, flow: SalesforceFlow, scopes: tuple[str, ...], missing: str) -> None:
    world.org.faults.add("partial-grant", value=scopes)
    with pytest.raises(ReconnectError, match=missing):
        connected(world, flow)


@pytest.mark.parametrize(
    "address",
    ["https://login.salesforce.com", "https://test.salesforce.com", "https://acme--dev.sandbox.my.salesforce.com/"],
)
def test_people_log_in_where_the_configuration_says(address: str) -> None:
    client = SalesforceClient(client_id="x", login_url=address)
    page = salesforce_flow(client, Guard("salesforce", 0)).begin(REDIRECT, "state")
    assert page.url.startswith(f"{address.rstrip('/')}/services/oauth2/authorize?")


@pytest.mark.parametrize("values", [{"login_url": "http://login.example"}, {"api_version": "65"}])
def test_a_registration_that_cannot_work_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SalesforceClient.model_validate({"client_id": "x", **values})


@pytest.mark.parametrize(
    "values",
    [
        {"access_token": "x"},
        {"access_token": "x", "instance_url": "http://acme.example"},
        {"username": "x"},
        {"private_key": "x"},
    ],
)
def test_a_credential_that_cannot_work_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SalesforceCredential.model_validate(values)


# refresh


@pytest.mark.parametrize("rotates", [False, True])
def test_a_refresh_keeps_or_rotates_the_refresh_token(world: World, flow: SalesforceFlow, rotates: bool) -> None:
    world.org.set_rotation(rotates)
    first = connected(world, flow)
    second = next_credential(world, first)
    assert second["access_token"] != first["access_token"]
    assert (second["refresh_token"] != first["refresh_token"]) is rotates
    assert second["expiry_date"] > utc_now().timestamp() * 1000
    third = next_credential(world, second)
    assert connector(world, third).probe().account == world.user(HOST)


def test_an_org_that_moved_is_followed(world: World, flow: SalesforceFlow) -> None:
    first = connected(world, flow)
    there = world.org.move()
    with pytest.raises(RefreshError):
        connector(world, first).probe()
    second = next_credential(world, first)
    assert second["instance_url"] == there != first["instance_url"]
    put(world.writer(connector(world, second)), activity())
    assert len(world.records("Event")) == 1


@pytest.mark.parametrize("how", ["revoke", "deactivate"])
def test_a_consent_that_ended_is_named_as_such(world: World, flow: SalesforceFlow, how: str) -> None:
    credential = connected(world, flow)
    if how == "revoke":
        world.org.revoke(HOST)
    else:
        world.org.set_active(HOST, False)
    with pytest.raises(ReconnectError) as raised:
        next_credential(world, credential)
    assert raised.value.code == "grant_revoked"
    assert credential["refresh_token"] not in str(raised.value)


def test_a_wrong_client_is_named_as_such(world: World, flow: SalesforceFlow) -> None:
    credential = connected(world, flow)
    wrong = world.client.model_copy(update={"client_id": "nobody"})
    with pytest.raises(ParkError) as raised:
        refreshed_token(opened(world, credential, wrong))
    assert raised.value.code == "client_refused"


def test_a_session_that_ended_asks_for_a_refresh(world: World, flow: SalesforceFlow) -> None:
    credential = connected(world, flow)
    world.org.expire_tokens()
    with pytest.raises(RefreshError):
        connector(world, credential).probe()


def test_the_secrets_of_a_credential_are_named(world: World, flow: SalesforceFlow) -> None:
    credential = connected(world, flow)
    assert {"access_token", "refresh_token", "private_key"} == set(SALESFORCE.secrets)
    assert credential["access_token"] not in repr(opened(world, credential).client)


# servers


@pytest.fixture
def server(world: World, key: rsa.RSAPrivateKey) -> Opened:
    """A server that signs for the host."""
    world.org.add_certificate("sandbox-client", public(key), [HOST])
    return opened(world, {"username": HOST, "private_key": pem(key)})


def test_a_server_gets_its_own_sessions(world: World, server: Opened) -> None:
    made = open_salesforce(server)
    assert made.probe().account == world.user(HOST)
    put(world.writer(made), activity())
    assert len(world.records("Event")) == 1


def test_a_server_s_session_that_ends_is_replaced_at_once_in_a_write_too(world: World, server: Opened) -> None:
    writer = world.writer(open_salesforce(server))
    first = put(writer, activity()).receipt
    world.org.expire_tokens()
    put(writer, activity(title="Renamed"), first)
    assert world.event()["Subject"] == "Renamed"


def test_a_server_s_session_that_is_refused_again_is_passing_trouble(world: World, server: Opened) -> None:
    made = open_salesforce(server)
    world.org.faults.add("invalid-session", times=0)
    with pytest.raises(Exception) as raised:
        made.probe()
    assert getattr(raised.value, "code", "") == "session_renewed"


def test_a_server_without_approval_is_told_to_connect_again(world: World, key: rsa.RSAPrivateKey) -> None:
    world.org.add_certificate("sandbox-client", public(key))
    with pytest.raises(ReconnectError, match="invalid_grant"):
        open_salesforce(opened(world, {"username": HOST, "private_key": pem(key)})).probe()


def test_a_key_that_is_none_is_told_without_quoting_it(world: World) -> None:
    with pytest.raises(ReconnectError) as raised:
        open_salesforce(opened(world, {"username": HOST, "private_key": "-----BEGIN geheim"})).probe()
    assert raised.value.code == "key_unusable"
    assert "geheim" not in str(raised.value)


def test_a_server_moves_with_its_org(world: World, server: Opened) -> None:
    made = open_salesforce(server)
    assert made.probe().account
    world.org.move()
    assert made.probe().account == world.user(HOST)


def test_cal_com_s_key_object_is_read(world: World, flow: SalesforceFlow) -> None:
    credential = connected(world, flow)
    given = {**credential, "issued_at": "1700000000000", "token_lifetime": 7200, "signature": "x"}
    assert SalesforceCredential.model_validate(given).user_id == world.user(HOST)
    assert connector(world, given).probe().account == world.user(HOST)
