"""Envelopes open for their own row and key only; each kind of damage has its own error; secrets stay silent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import EnvelopeError, InputError, KeyMissingError, KeyWrongError, VaultError
from syncd.vault import Binding, CredentialVault, Key, KeyRing, key_id_of, open_envelope, seal

from .canary import assert_silent

SECRET = b"canary-key-0123456789-0123456789"
PLAINTEXT = b'{"refresh_token":"canary-token-1//r"}'
RING = KeyRing((Key("2026-01", SECRET),), "2026-01")
ROW = Binding(7, "google-calendar", 3)
ENVELOPE = seal(RING, PLAINTEXT, ROW)

# sealed once by this format's first implementation: stored envelopes must open for ever
FIXED_RING = KeyRing((Key("k1", bytes(range(32))),), "k1")
FIXED = "syncd:1:k1:RQr33jly:wM5pUQTSkI2jlAkt:gQQDppLkd46BSyGWmVY5ymBuVwPF7Q2w7bNo:gYAGdIDieRvLkrQwZxEixA"

BINDINGS = st.builds(Binding, st.integers(), st.text(), st.none() | st.integers())


def failure(envelope: str, ring: KeyRing = RING, binding: Binding = ROW) -> VaultError:
    with pytest.raises(VaultError) as caught:
        open_envelope(ring, envelope, binding)
    assert_silent(caught.value, SECRET, PLAINTEXT)
    assert caught.value.remedy
    return caught.value


def with_part(index: int, text: str) -> str:
    parts = ENVELOPE.split(":")
    parts[index] = text
    return ":".join(parts)


@given(st.binary(), BINDINGS)
def test_what_was_sealed_opens_for_the_same_row(plaintext: bytes, binding: Binding) -> None:
    assert open_envelope(RING, seal(RING, plaintext, binding), binding) == plaintext


@given(BINDINGS, BINDINGS)
def test_an_envelope_opens_for_its_own_row_only(sealed_for: Binding, opened_for: Binding) -> None:
    envelope = seal(RING, PLAINTEXT, sealed_for)
    if sealed_for == opened_for:
        assert open_envelope(RING, envelope, opened_for) == PLAINTEXT
    else:
        assert failure(envelope, binding=opened_for).code == "envelope_moved"


@pytest.mark.parametrize(
    "other",
    [
        Binding(8, "google-calendar", 3),
        Binding(7, "office365-calendar", 3),
        Binding(7, "google-calendar", 4),
        Binding(7, "google-calendar", None),
    ],
)
def test_every_part_of_the_binding_counts(other: Binding) -> None:
    error = failure(ENVELOPE, binding=other)
    assert isinstance(error, KeyWrongError)
    assert error.code == "envelope_moved"
    assert "connection 7" in error.message or "connection 8" in error.message


def test_an_envelope_written_by_an_earlier_syncd_still_opens() -> None:
    assert open_envelope(FIXED_RING, FIXED, ROW) == b"written once, read for ever"


def test_the_same_credential_never_gives_the_same_envelope_twice() -> None:
    assert len({seal(RING, PLAINTEXT, ROW) for _ in range(50)}) == 50


def test_an_envelope_shows_its_key_id_and_nothing_of_the_secret() -> None:
    assert key_id_of(ENVELOPE) == "2026-01"
    assert "canary" not in ENVELOPE


def test_a_missing_key_is_named_with_those_there_are() -> None:
    error = failure(ENVELOPE, KeyRing((Key("2026-02", bytes(32)),), "2026-02", "key file /etc/syncd/keys"))
    assert isinstance(error, KeyMissingError)
    assert error.code == "key_missing"
    assert "'2026-01'" in error.message
    assert "2026-02" in error.message
    assert "/etc/syncd/keys" in error.message
    assert "'2026-01'" in error.remedy


def test_another_key_under_the_same_id_is_told_apart_from_a_moved_row() -> None:
    error = failure(ENVELOPE, KeyRing((Key("2026-01", bytes(32)),), "2026-01"))
    assert isinstance(error, KeyWrongError)
    assert error.code == "key_wrong"


@pytest.mark.parametrize("length", range(len(ENVELOPE)))
def test_every_truncation_is_damage(length: int) -> None:
    error = failure(ENVELOPE[:length])
    assert isinstance(error, EnvelopeError)
    assert error.code == "envelope_damaged"


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        ("", "not an envelope"),
        ('{"access_token":"canary-token"}', "not an envelope"),
        (ENVELOPE.replace("syncd:1:", "syncd:2:"), "version 2"),
        (ENVELOPE.replace("syncd:1:", "syncd:canary-token:"), "version unknown"),
        (ENVELOPE + ":", "8 of 7 parts"),
        (ENVELOPE + "\n", "tag holds a character"),
        (with_part(2, "no id!"), "no valid key id"),
        (with_part(3, "AAAA"), "key check has 3 of 6 bytes"),
        (with_part(4, "AAAA"), "nonce has 3 of 12 bytes"),
        (with_part(5, "AA=="), "ciphertext holds a character"),
        (with_part(5, "AAAAA"), "ciphertext has a length"),
        (with_part(6, "AAAAAAAAAAAAAAAAAAAAAB"), "tag ends in stray bits"),
    ],
    ids=lambda value: "-" if value.startswith("syncd:") else None,  # envelopes differ from process to process
)
def test_damage_is_described(envelope: str, words: str) -> None:
    error = failure(envelope)
    assert isinstance(error, EnvelopeError)
    assert words in error.message
    assert "canary" not in error.message


@pytest.mark.parametrize("index", [4, 5, 6])
def test_an_altered_nonce_ciphertext_or_tag_does_not_open(index: int) -> None:
    part = ENVELOPE.split(":")[index]
    altered = with_part(index, ("A" if part[0] != "A" else "B") + part[1:])
    assert failure(altered).code == "envelope_moved"


@given(st.integers(0, len(ENVELOPE) - 1), st.characters(max_codepoint=0x7F))
def test_no_altered_character_goes_unnoticed(position: int, character: str) -> None:
    altered = ENVELOPE[:position] + character + ENVELOPE[position + 1 :]
    if altered != ENVELOPE:
        failure(altered)


@given(st.text())
def test_no_text_whatever_raises_anything_but_a_vault_error(text: str) -> None:
    failure(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_a_credential_comes_back_as_it_went_in(credential: dict[str, object]) -> None:
    vault = CredentialVault(RING)
    assert vault.open_credential(vault.seal_credential(credential, ROW), ROW) == credential


@pytest.mark.parametrize("value", [b"canary-token-1//r", float("nan"), {1, 2}, object()])
def test_a_credential_json_cannot_say_is_refused_in_silence(value: object) -> None:
    with pytest.raises(InputError) as caught:
        CredentialVault(RING).seal_credential({"token": "canary-token-1//r", "value": value}, ROW)
    assert_silent(caught.value, SECRET, b"canary-token-1//r")


@pytest.mark.parametrize("plaintext", [b"canary-token", b"\xffcanary-token", b'["canary-token"]', b"[" * 100_000])
def test_an_envelope_without_a_credential_is_damage_told_in_silence(plaintext: bytes) -> None:
    with pytest.raises(EnvelopeError) as caught:
        CredentialVault(RING).open_credential(seal(RING, plaintext, ROW), ROW)
    assert_silent(caught.value, SECRET, b"canary-token")


def test_no_repr_shows_a_key() -> None:
    assert "canary" not in repr((RING, CredentialVault(RING), RING.current_key)) + f"{RING} {RING.current_key}"
