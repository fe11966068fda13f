"""What a state says, and where a person may be sent: nothing that was made up, nothing that browsers read otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from syncd.errors import InputError
from syncd.rules.consent import is_allowed, read_state, sign_state

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
NONCE = "nonce-of-a-consent_01"
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
STATE = sign_state(KEY, NONCE, NOW + timedelta(minutes=10))
ALLOWED = ("https://app.example.com/settings", "https://other.example.com", "http://localhost:3000/")


def refusal(state: str, now: datetime = NOW, key: bytes = KEY) -> str:
    with pytest.raises(InputError) as caught:
        read_state(key, state, now)
    assert caught.value.remedy
    return caught.value.code


def test_a_state_names_its_consent_until_it_ends() -> None:
    assert read_state(KEY, STATE, NOW) == NONCE
    assert read_state(KEY, STATE, NOW + timedelta(minutes=10, seconds=-1)) == NONCE
    assert refusal(STATE, NOW + timedelta(minutes=10)) == "state_expired"


def test_the_end_of_a_state_cannot_be_put_off() -> None:
    nonce, end, mac = STATE.split(".")
    assert refusal(f"{nonce}.{int(end) + 1}.{mac}") == "state_unknown"


@pytest.mark.parametrize(
    "state",
    [
        "",
        "x",
        STATE[:-1],
        STATE + "0",
        STATE.replace("nonce", "other"),
        STATE.upper(),
        f" {STATE}",
        f"{STATE}\n",
        STATE.replace(".", "..", 1),
        f"{NONCE}.{'9' * 400}.{'0' * 64}",
        f"{NONCE}.١٢٣.{'0' * 64}",
        "\ud800",
    ],
)
def test_what_is_not_exactly_a_state_of_ours_is_unknown(state: str) -> None:
    assert refusal(state) == "state_unknown"


def test_a_state_of_another_installation_is_unknown() -> None:
    assert refusal(STATE, key=OTHER_KEY) == "state_unknown"


@pytest.mark.parametrize(
    "address",
    [
        "https://app.example.com/settings",
        "https://app.example.com/settings/",
        "https://app.example.com/settings/calendars?tab=2#top",
        "https://APP.example.com:443/settings?back=../..",
        "https://other.example.com",
        "https://other.example.com/anything",
        "http://localhost:3000/a",
    ],
)
def test_an_address_at_or_below_an_allowed_one_is_allowed(address: str) -> None:
    assert is_allowed(address, ALLOWED)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/settings",
        "//app.example.com/settings",
        "http://app.example.com/settings",
        "https://app.example.com",
        "https://app.example.com/settingsx",
        "https://app.example.com:8443/settings",
        "https://app.example.com.evil.example/settings",
        "https://evil.example/https://app.example.com/settings",
        "https://app.example.com@evil.example/settings",
        "https://app.example.com\\@evil.example/settings",
        "https://evil.example\\.other.example.com/",
        "https://app.example.com/settings/../evil",
        "https://app.example.com/settings/%2e%2e/evil",
        "https://app.example.com/settings/..\\evil",
        " https://app.example.com/settings",
        "https://app.example.com/settings\n",
        "https:app.example.com/settings",
        "javascript:alert(1)",
        "https://[::1/settings",
        "https://app.example.com:port/settings",
        "http://localhost:3001/a",
    ],
)
def test_any_other_address_is_not(address: str) -> None:
    assert not is_allowed(address, ALLOWED)
    assert not is_allowed("https://app.example.com/settings", ())
