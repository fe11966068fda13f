"""Cal.com's two formats, by the vectors of facts/calcom-calendars.md, 3.1 and 3.2."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import ConfigError, EnvelopeError, InputError, KeyMissingError, KeyWrongError, SyncdError
from syncd.vault import Key, KeyRing, calcom

from .canary import assert_silent

PLAINTEXT = '{"access_token":"ya29.test","refresh_token":"1//r","expiry_date":1767225600000}'
LEGACY_KEY = "0123456789abcdef0123456789ABCDEF"
LEGACY = (
    "000102030405060708090a0b0c0d0e0f:"
    "92f67a8b7545e2d2e45921f0fc8e8ef5dee7b777bcb45faa8db3d1b51a780bac28504d0bc37be7cf69317b65e3b67fd0"
    "ca0d7a962c49ac9afff843fe8bc1538845d0cdab39a0515ec74258e7422c3991"
)
KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
RING = KeyRing((Key("k1", bytes(range(32))),), "k1")
KEYRING = {
    "v": 1,
    "alg": "AES-256-GCM",
    "ring": "CREDENTIALS",
    "kid": "k1",
    "nonce": "AAECAwQFBgcICQoL",
    "ct": "PCC3eKaAsWjSNfjg1IdaV6Gv5gbJVSsZSxPHqT8bZdRzdd2U8LV98xHKXdeqtgcXnHtMrz-u07NN7nV9eZeQzMoN8Uzk4xRUKmSaXt-_cw",
    "tag": "wysZ7LOLGrv2h0nQSKTYgQ",
}


def legacy_failure(text: str, key: str = LEGACY_KEY) -> SyncdError:
    with pytest.raises(SyncdError) as caught:
        calcom.decode_legacy(key, text)
    assert_silent(caught.value, key.encode(), PLAINTEXT.encode())
    assert caught.value.remedy
    return caught.value


def keyring_failure(text: str, ring: KeyRing = RING, credential_type: str = "google_calendar") -> SyncdError:
    with pytest.raises(SyncdError) as caught:
        calcom.decode_keyring(ring, text, credential_type)
    assert_silent(caught.value, ring.current_key.secret, PLAINTEXT.encode())
    assert caught.value.remedy
    return caught.value


def test_the_legacy_vector_encodes_and_decodes() -> None:
    assert calcom.encode_legacy(LEGACY_KEY, PLAINTEXT, bytes(range(16))) == LEGACY
    assert calcom.decode_legacy(LEGACY_KEY, LEGACY) == PLAINTEXT
    assert calcom.decode_legacy(LEGACY_KEY, LEGACY.upper()) == PLAINTEXT


@given(st.text(), st.text(st.characters(max_codepoint=0xFF), min_size=32, max_size=32))
def test_legacy_text_comes_back_under_any_latin1_key(plaintext: str, key: str) -> None:
    assert calcom.decode_legacy(key, calcom.encode_legacy(key, plaintext)) == plaintext


def test_a_legacy_iv_is_never_used_twice() -> None:
    assert len({calcom.encode_legacy(LEGACY_KEY, "x") for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "0 characters, not 32."),
        (KEY_TEXT + "=", "44 characters, not 32: it is base64 of 32 bytes"),
        (f'"{LEGACY_KEY}"', "34 characters, not 32: the quotes"),
        (LEGACY_KEY * 2, "64 characters, not 32: it is hex"),
        ("x" * 31, "31 characters, not 32."),
        ("\u20ac" * 32, "not latin1"),
    ],
)
def test_a_legacy_key_that_cannot_be_one_is_told_what_it_looks_like(key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        calcom.check_legacy_key(key)
    assert words in caught.value.message
    assert caught.value.remedy
    assert key[:9] not in caught.value.message or not key


@pytest.mark.parametrize(
    "text", ["", PLAINTEXT, LEGACY[:-1], LEGACY[:-2], LEGACY[1:], LEGACY.replace(":", ""), LEGACY[:33], LEGACY + "\n"]
)
def test_what_is_not_legacy_text_is_damage(text: str) -> None:
    assert isinstance(legacy_failure(text), EnvelopeError)


@pytest.mark.parametrize("text", [LEGACY[:-32], LEGACY[:-1] + "0"])
def test_legacy_text_that_does_not_open_is_a_wrong_key_or_altered(text: str) -> None:
    assert isinstance(legacy_failure(text), KeyWrongError)


def test_another_legacy_key_is_told() -> None:
    assert isinstance(legacy_failure(LEGACY, LEGACY_KEY[::-1]), KeyWrongError)


def test_legacy_plaintext_that_is_not_text_is_told_in_silence() -> None:
    # flipping a bit of the iv flips the same bit of the first block: padding holds, UTF-8 does not
    assert isinstance(legacy_failure("80" + LEGACY[2:]), KeyWrongError)


@pytest.mark.parametrize(
    "encode",
    [
        partial(calcom.encode_legacy, LEGACY_KEY),
        partial(calcom.encode_keyring, RING, credential_type="google_calendar"),
    ],
    ids=["legacy", "keyring"],
)
def test_text_without_a_utf8_form_is_refused_in_silence(encode: Callable[..., str]) -> None:
    with pytest.raises(InputError, match="lone surrogate") as caught:
        encode(plaintext="canary-token\ud800")
    assert_silent(caught.value, b"canary-token")


def test_the_keyring_vector_encodes_and_decodes() -> None:
    encoded = calcom.encode_keyring(RING, PLAINTEXT, "google_calendar", bytes(range(12)))
    assert json.loads(encoded) == KEYRING
    assert list(json.loads(encoded)) == list(KEYRING)
    assert calcom.decode_keyring(RING, json.dumps(KEYRING), "google_calendar") == PLAINTEXT


@given(st.text(), st.text())
def test_a_keyring_envelope_opens_for_its_own_type_only(plaintext: str, credential_type: str) -> None:
    envelope = calcom.encode_keyring(RING, plaintext, credential_type)
    assert calcom.decode_keyring(RING, envelope, credential_type) == plaintext
    assert isinstance(keyring_failure(envelope, credential_type=credential_type + "x"), KeyWrongError)


def test_a_keyring_key_that_is_missing_or_another_is_told() -> None:
    text = json.dumps(KEYRING)
    assert isinstance(keyring_failure(text, KeyRing((Key("k2", bytes(32)),), "k2")), KeyMissingError)
    assert isinstance(keyring_failure(text, KeyRing((Key("k1", b"\1" * 32),), "k1")), KeyWrongError)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("v", 2, "'v' is not 1"),
        ("alg", "none", "'alg' is not"),
        ("ring", "OTHER", "'ring' is not"),
        ("kid", None, "'kid' is missing"),
        ("nonce", "AAEC", "'nonce' has 3 of 12 bytes"),
        ("ct", "A+A/", "'ct' holds a character"),
        ("tag", KEYRING["tag"][:-2], "'tag'"),  # type: ignore[index]
    ],
)
def test_a_keyring_envelope_that_is_not_whole_is_damage(name: str, value: object, words: str) -> None:
    error = keyring_failure(json.dumps(KEYRING | {name: value}))
    assert isinstance(error, EnvelopeError)
    assert words in error.message


@pytest.mark.parametrize("text", ["", PLAINTEXT, LEGACY, "[]", json.dumps(KEYRING)[:-1]])
def test_what_is_not_a_keyring_envelope_is_damage(text: str) -> None:
    assert isinstance(keyring_failure(text), EnvelopeError)


def test_calcoms_environment_gives_a_ring_that_opens_its_envelopes_whatever_the_case_of_the_id() -> None:
    environ = {
        "CALCOM_KEYRING_CREDENTIALS_CURRENT": "k2",
        "CALCOM_KEYRING_CREDENTIALS_K1": KEY_TEXT,
        "CALCOM_KEYRING_CREDENTIALS_K2": KEY_TEXT.replace("AAEC", "AQEC"),
        "PATH": "/bin",
    }
    ring = calcom.load_keyring(environ)
    assert calcom.decode_keyring(ring, json.dumps(KEYRING), "google_calendar") == PLAINTEXT
    assert json.loads(calcom.encode_keyring(ring, PLAINTEXT, "google_calendar"))["kid"] == "k2"


def test_calcoms_environment_without_a_usable_key_is_told_in_silence() -> None:
    with pytest.raises(KeyMissingError, match="CURRENT is not set"):
        calcom.load_keyring({})
    with pytest.raises(ConfigError) as caught:
        calcom.load_keyring(
            {"CALCOM_KEYRING_CREDENTIALS_CURRENT": "k1", "CALCOM_KEYRING_CREDENTIALS_K1": KEY_TEXT[:-4]}
        )
    assert caught.value.problems[0].where == "CALCOM_KEYRING_CREDENTIALS_K1"
    assert_silent(caught.value, bytes(range(29)))
