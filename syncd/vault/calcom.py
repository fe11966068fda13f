"""Cal.com's two encrypted formats, for the border: credential sync in and out, and import.

**Legacy** (`packages/lib/crypto`; facts/calcom-calendars.md, 3.1): `hex(iv):hex(ciphertext)`, AES-256-CBC with PKCS#7
padding. The key is the environment string's own 32 characters as latin1 bytes, without any decoding. Nothing is
authenticated: a wrong key usually fails on the padding, and rarely gives garbage instead.

**Keyring** (`packages/lib/crypto/keyring`, v1; same page, 3.2): JSON with an AES-256-GCM ciphertext, bound to the
credential's type and to nothing else. `CALCOM_KEYRING_CREDENTIALS_CURRENT` names the current key;
`CALCOM_KEYRING_CREDENTIALS_<ID IN CAPITALS>` holds each, so ids are compared without case.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from syncd.errors import ConfigError, EnvelopeError, InputError, KeyMissingError, KeyWrongError, Problem
from syncd.vault import base64url
from syncd.vault.keys import Key, KeyRing

_BLOCK = 16
_LEGACY_KEY_LENGTH = 32
_LEGACY = re.compile(r"([0-9a-fA-F]{32}):((?:[0-9a-fA-F]{32})+)")
_FIXED = {"v": 1, "alg": "AES-256-GCM", "ring": "CREDENTIALS"}
_NONCE_BYTES, _TAG_BYTES = 12, 16
_VARIABLE = "CALCOM_KEYRING_CREDENTIALS_"
_COPY_KEY = "Copy the key from Cal.com's own environment, character by character and without quotes."


def check_legacy_key(key: str) -> bytes:
    """The bytes of a legacy key, for use at start-up too: better a message then than at the first credential.

    Raises:
        ConfigError: not 32 latin1 characters; the message says what it looks like and never what it is.
    """
    if len(key) != _LEGACY_KEY_LENGTH:
        raise ConfigError(
            f"The Cal.com encryption key has {len(key)} characters, not {_LEGACY_KEY_LENGTH}{_likeness(key)}.",
            remedy=f"{_COPY_KEY} A new one: openssl rand -base64 24",
        )
    if any(ord(character) > 0xFF for character in key):
        raise ConfigError("The Cal.com encryption key holds a character that is not latin1.", remedy=_COPY_KEY)
    return key.encode("latin1")


def _likeness(key: str) -> str:
    """What people set instead of 32 characters (facts/calcom-calendars.md, 3.1)."""
    if len(key) == _LEGACY_KEY_LENGTH + 2 and key[0] == key[-1] and key[0] in "\"'":
        return ": the quotes around it were taken for part of it"
    if len(key) == 44 and key.endswith("="):
        return ": it is base64 of 32 bytes, but Cal.com does not decode it and takes the characters themselves"
    if re.fullmatch(r"[0-9a-fA-F]{64}", key):
        return ": it is hex of 32 bytes, but Cal.com does not decode it and takes the characters themselves"
    return ""


def encode_legacy(key: str, plaintext: str, iv: bytes | None = None) -> str:
    """`plaintext` as `hex(iv):hex(ciphertext)`. `iv` is 16 bytes, random unless a test vector needs one.

    Raises:
        ConfigError: the key is not 32 latin1 characters.
        InputError: the plaintext has no UTF-8 form.
    """
    secret = check_legacy_key(key)
    iv = secrets.token_bytes(_BLOCK) if iv is None else iv
    padder = PKCS7(AES.block_size).padder()
    padded = padder.update(_encode_text(plaintext)) + padder.finalize()
    encryptor = Cipher(AES(secret), CBC(iv)).encryptor()
    return f"{iv.hex()}:{(encryptor.update(padded) + encryptor.finalize()).hex()}"


def decode_legacy(key: str, text: str) -> str:
    """The plaintext of `hex(iv):hex(ciphertext)`. Without authentication: check that what comes out makes sense.

    Raises:
        ConfigError: the key is not 32 latin1 characters.
        EnvelopeError: the text is not of this form.
        KeyWrongError: the key does not fit, or the text was altered or truncated; this format cannot say which.
    """
    secret = check_legacy_key(key)
    match = _LEGACY.fullmatch(text)
    if match is None:
        raise _damaged("not hex(iv):hex(ciphertext) in whole blocks of 16 bytes: truncated, or another format")
    plaintext = _decrypt_cbc(secret, bytes.fromhex(match[1]), bytes.fromhex(match[2]))
    if plaintext is None:
        raise KeyWrongError("Cal.com's text does not open: another key, or altered or truncated.", remedy=_COPY_KEY)
    return plaintext


def _decrypt_cbc(secret: bytes, iv: bytes, ciphertext: bytes) -> str | None:
    """None for padding or UTF-8 that is wrong, alike: telling them apart would help to guess at the plaintext."""
    decryptor = Cipher(AES(secret), CBC(iv)).decryptor()
    unpadder = PKCS7(AES.block_size).unpadder()
    padded = decryptor.update(ciphertext) + decryptor.finalize()
    try:
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:
        return None


def load_keyring(environ: Mapping[str, str]) -> KeyRing:
    """The keyring of Cal.com's own environment variables. The current id keeps its spelling, the others are capitals.

    Raises:
        KeyMissingError: `CALCOM_KEYRING_CREDENTIALS_CURRENT` is not set.
        ConfigError: its key is not set, or `problems` with every variable that holds no key.
    """
    current = environ.get(f"{_VARIABLE}CURRENT", "").strip()
    if not current:
        raise KeyMissingError(f"{_VARIABLE}CURRENT is not set.", remedy=_COPY_KEY)
    keys, problems = [], []
    for name in sorted(environ):
        kid = name.removeprefix(_VARIABLE)
        if name.startswith(_VARIABLE) and kid != "CURRENT":
            try:
                secret = base64url.decode(environ[name].strip().rstrip("="))
                keys.append(Key(current if kid == current.upper() else kid, secret))
            except (ValueError, ConfigError) as error:
                problems.append(Problem(name, f"is not base64url of 32 bytes: {error}", _COPY_KEY))
    if problems:
        raise ConfigError("Cal.com's keyring cannot be used.", problems=tuple(problems))
    return KeyRing(tuple(keys), current, "Cal.com's keyring")


def encode_keyring(ring: KeyRing, plaintext: str, credential_type: str, nonce: bytes | None = None) -> str:
    """`plaintext` as a v1 keyring envelope under the current key.

    `credential_type` is Cal.com's, such as `google_calendar`. `nonce` is 12 bytes, random unless a test vector needs
    one.

    Raises:
        InputError: the plaintext has no UTF-8 form.
    """
    key = ring.current_key
    nonce = secrets.token_bytes(_NONCE_BYTES) if nonce is None else nonce
    sealed = AESGCM(key.secret).encrypt(nonce, _encode_text(plaintext), _associated_data(credential_type))
    binary = {"nonce": nonce, "ct": sealed[:-_TAG_BYTES], "tag": sealed[-_TAG_BYTES:]}
    content = {**_FIXED, "kid": key.id, **{name: base64url.encode(raw) for name, raw in binary.items()}}
    return json.dumps(content, separators=(",", ":"))


def decode_keyring(ring: KeyRing, text: str, credential_type: str) -> str:
    """The plaintext of a v1 keyring envelope made for a credential of `credential_type`.

    Raises:
        EnvelopeError: the text is not such an envelope, or truncated.
        KeyMissingError: the ring has no key of its id.
        KeyWrongError: the key does not fit, the type is another, or it was altered; this format cannot say which.
    """
    content = _read_keyring(text)
    key = _find_key(ring, content["kid"])
    nonce, tag = _bytes(content, "nonce", _NONCE_BYTES), _bytes(content, "tag", _TAG_BYTES)
    try:
        plaintext = AESGCM(key.secret).decrypt(nonce, _bytes(content, "ct") + tag, _associated_data(credential_type))
    except InvalidTag:
        raise KeyWrongError(
            f"Cal.com's envelope does not open: key {key.id!r} is another, it is not of type {credential_type!r}, "
            "or it was altered.",
            remedy=_COPY_KEY,
        ) from None
    return _decode_text(plaintext)


def _associated_data(credential_type: str) -> bytes:
    return json.dumps({"type": credential_type}, separators=(",", ":")).encode("ascii")


def _find_key(ring: KeyRing, kid: str) -> Key:
    return next((key for key in ring.keys if key.id.upper() == kid.upper()), None) or ring.key(kid)


def _read_keyring(text: str) -> Mapping[str, str]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _damaged("not a JSON object: truncated, or another format")
    for name, expected in _FIXED.items():
        if content.get(name) != expected:
            raise _damaged(f"not a keyring envelope of version 1: its {name!r} is not {expected!r}")
    for name in ("kid", "nonce", "ct", "tag"):
        if not isinstance(content.get(name), str):
            raise _damaged(f"not whole: {name!r} is missing or not text")
    return content


def _bytes(content: Mapping[str, str], name: str, size: int | None = None) -> bytes:
    try:
        raw = base64url.decode(content[name])
    except ValueError as error:
        raise _damaged(f"not whole: its {name!r} {error}") from None
    if size is not None and len(raw) != size:
        raise _damaged(f"not whole: its {name!r} has {len(raw)} of {size} bytes")
    return raw


def _encode_text(plaintext: str) -> bytes:
    try:
        return plaintext.encode()
    except UnicodeEncodeError:
        pass
    # raised outside the handler: the encoding error holds the plaintext
    raise InputError("What is to be encrypted for Cal.com holds half a character (a lone surrogate).")


def _decode_text(plaintext: bytes) -> str:
    text: str | None
    try:
        text = plaintext.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:  # raised outside the handler: the decoding error holds the plaintext
        raise _damaged("opened, but what it holds is not text")
    return text


def _damaged(what: str) -> EnvelopeError:
    return EnvelopeError(f"What Cal.com sent is {what}.", remedy="Send the credential again from Cal.com.")
