"""Zoho's data centres: what names one, and what is refused. Tokens and consent: tests/connectors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from given import NOON
from spec.exchanges import spec

from syncd.connector.oauth import OAuthCredential, to_ms
from syncd.errors import ReconnectError, WaitUntilError
from syncd.provider.zoho import ZOHOS, data_centre_of, data_centres, require_rest


def test_the_list_is_that_of_the_facts() -> None:
    facts = spec("zoho-crm/zoho-crm.facts.json")
    if facts is None:
        pytest.skip("the collected facts are not beside this checkout")
    for location, told in facts["data_centres"].items():
        assert {"accounts_server": ZOHOS[location].accounts, "api_domain": ZOHOS[location].api_domain} == told


NAMED: list[tuple[dict[str, Any], str]] = [
    ({}, "us"),
    ({"server_location": "com"}, "us"),
    ({"location": "us"}, "us"),
    ({"server_location": "eu"}, "eu"),
    ({"server_location": "com.au"}, "au"),
    ({"location": "au"}, "au"),
    ({"server_location": "cn"}, "cn"),
    ({"server_location": "com.cn"}, "cn"),
    ({"server_location": "zohocloud.ca"}, "ca"),
    ({"server_location": "ca"}, "ca"),
    ({"location": "sa", "server_location": ""}, "sa"),
    ({"accounts-server": "https://accounts.zoho.in"}, "in"),
    ({"accounts-server": "https://accounts.zohocloud.ca/"}, "ca"),
    ({"accountServer": "https://accounts.zoho.jp"}, "jp"),
    ({"api_domain": "https://www.zohoapis.eu"}, "eu"),
    ({"api_domain": "HTTPS://www.zohoapis.com.au", "location": "au", "server_location": None}, "au"),
]


@pytest.mark.parametrize(("told", "location"), NAMED)
def test_a_data_centre_goes_by_many_names(told: dict[str, Any], location: str) -> None:
    assert data_centre_of(told, data_centres()).location == location


REFUSED: list[dict[str, Any]] = [
    {"accounts-server": "https://accounts.example.net"},
    {"accounts-server": "http://accounts.zoho.eu"},
    {"accounts-server": "https://accounts.zoho.eu.example.net"},
    {"accounts-server": "https://accounts.zoho.eu@example.net"},
    {"accounts-server": "https://accounts.zoho.eu/../x"},
    {"accounts-server": "https://accounts.zoho.eu:8443"},
    {"accounts-server": "https://www.zohoapis.evil"},
    {"accounts_server": "accounts.zoho.eu"},
    {"api_domain": "https://www.zohoapis.example"},
    {"server_location": "eu.example.net/"},
    {"server_location": "../x"},
    {"location": "mars"},
    {"location": ["eu"]},
    {"location": "eu", "api_domain": "https://www.zohoapis.com"},
    {"server_location": "com", "accounts-server": "https://accounts.zoho.eu"},
]


@pytest.mark.parametrize("told", REFUSED)
def test_what_is_not_on_the_list_or_two_of_it_is_refused_and_not_repeated(told: dict[str, Any]) -> None:
    with pytest.raises(ReconnectError) as refused:
        data_centre_of(told, data_centres())
    assert refused.value.code == "data_centre_unknown"
    assert refused.value.remedy
    assert "example" not in str(refused.value)


def test_a_zoho_elsewhere_has_the_same_data_centres_below_its_address() -> None:
    known = data_centres("http://127.0.0.1:1")
    assert known.keys() == ZOHOS.keys()
    assert data_centre_of({"accounts-server": "http://127.0.0.1:1/eu"}, known).location == "eu"
    assert data_centre_of({"accounts-server": "http://127.0.0.1:1"}, known).location == "us"
    with pytest.raises(ReconnectError):
        data_centre_of({"accounts-server": "https://accounts.zoho.eu"}, known)


@pytest.mark.parametrize(
    ("left", "waits"),
    [
        ({"minutes": 60}, 10),
        ({"minutes": 60, "seconds": 20}, 10 + 1 / 3),
        ({"minutes": 55}, 5),
        ({"minutes": 50}, None),
        ({"minutes": 1}, None),
        ({"minutes": -1}, None),
        ({"days": 365}, None),
        (None, None),
    ],
)
def test_a_token_rests_for_ten_minutes(left: dict[str, float] | None, waits: float | None) -> None:
    end = to_ms(NOON + timedelta(**left)) if left else None
    credential = OAuthCredential(access_token="t", expiry_date=end)
    if waits is None:
        require_rest(credential, NOON, "zohocalendar")
        return
    with pytest.raises(WaitUntilError) as refused:
        require_rest(credential, NOON, "zohocalendar")
    assert refused.value.retry_at == NOON + timedelta(minutes=waits)
