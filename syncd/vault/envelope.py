"""Envelopes: one secret, sealed with AES-256-GCM for one row.

An envelope is ASCII text of seven parts, binary ones as base64url without padding:

    syncd:1:KEY-ID:CHECK:NONCE:CIPHERTEXT:TAG

- `1` is the version of this format. A change of layout, cipher or binding is another version.
- CHECK (6 bytes) is a keyed digest of a constant (`Key.check`). A key of the right id and the wrong content is known by
  it before decrypting, which leaves one reason for a tag that does not match: not this row's envelope as it was sealed.
- NONCE (12 bytes) is random; one key may seal 2**32 envelopes before a repeat is worth a thought.
- TAG (16 bytes) is last and of fixed size, so whatever a truncation takes, it is seen without decrypting.

The associated data is JSON with sorted keys of version, key id and what the binding names.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from syncd.errors import EnvelopeError, KeyWrongError
from syncd.vault import base64url
from syncd.vault.keys import Key, KeyRing

_MAGIC = "syncd"
_VERSION = "1"
_PARTS = 7
_CHECK_BYTES, _NONCE_BYTES, _TAG_BYTES = 6, 12, 16
_RESTORE = "Restore the row from a backup, or give the credential again: syncd connections reconnect ID"


class RowBinding(Protocol):
    """The row an envelope belongs to; `str` names it for people."""

    @property
    def associated(self) -> Mapping[str, object]:
        """What is authenticated, JSON. No two kinds of row have the same names in it."""
        ...

    @property
    def remedy(self) -> str:
        """How what it holds is given anew."""
        ...


@dataclass(frozen=True, slots=True)
class Binding:
    """A connection. `user_id` is None for one that is no one user's (a team's)."""

    connection_id: int
    app: str
    user_id: int | None

    @property
    def associated(self) -> Mapping[str, object]:
        """Connection, app and user."""
        return {"connection": self.connection_id, "app": self.app, "user": self.user_id}

    @property
    def remedy(self) -> str:
        """A person connects again."""
        return f"Give the credential again: syncd connections reconnect {self.connection_id}"

    def __str__(self) -> str:
        owner = "no user" if self.user_id is None else f"user {self.user_id}"
        return f"connection {self.connection_id} ({self.app}, {owner})"


@dataclass(frozen=True, slots=True)
class DelegationBinding:
    """A delegation: whose key it is, and for which domain."""

    delegation_id: int
    organization_id: int
    domain: str
    platform: str

    @property
    def associated(self) -> Mapping[str, object]:
        """Delegation, organization, domain and platform."""
        return {
            "delegation": self.delegation_id,
            "organization": self.organization_id,
            "domain": self.domain,
            "platform": self.platform,
        }

    @property
    def remedy(self) -> str:
        """The key is given again."""
        return f"Give the key again: syncd delegations update {self.delegation_id} --key-file FILE"

    def __str__(self) -> str:
        return f"delegation {self.delegation_id} ({self.platform}, {self.domain})"


@dataclass(frozen=True, slots=True)
class ConsentBinding:
    """A consent that waits for its person."""

    consent_id: int
    app: str
    user_id: int

    @property
    def associated(self) -> Mapping[str, object]:
        """Consent, app and user."""
        return {"consent": self.consent_id, "app": self.app, "user": self.user_id}

    @property
    def remedy(self) -> str:
        """The person begins anew."""
        return "Start connecting anew."

    def __str__(self) -> str:
        return f"consent {self.consent_id} ({self.app}, user {self.user_id})"


@dataclass(frozen=True, slots=True)
class _Parts:
    key_id: str
    check: bytes
    nonce: bytes
    ciphertext: bytes
    tag: bytes


def seal(ring: KeyRing, plaintext: bytes, binding: RowBinding) -> str:
    """`plaintext` under the ring's current key, for the row of `binding` only. Never the same text twice."""
    key = ring.current_key
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key.secret).encrypt(nonce, plaintext, _associated_data(key.id, binding))
    binary = (key.check, nonce, sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:])
    return ":".join((_MAGIC, _VERSION, key.id, *map(base64url.encode, binary)))


def open_envelope(ring: KeyRing, envelope: str, binding: RowBinding) -> bytes:
    """The plaintext of an envelope sealed for the row of `binding`.

    Raises:
        EnvelopeError: truncated, of an unknown version, or not an envelope (`envelope_damaged`).
        KeyMissingError: the ring has no key of its id (`key_missing`).
        KeyWrongError: the ring's key of its id is not the one that sealed it (`key_wrong`), or it was sealed for
            another row or altered since (`envelope_moved`).
    """
    parts = _split(envelope)
    key = ring.key(parts.key_id)
    _verify_check(parts, key, ring.source)
    try:
        return AESGCM(key.secret).decrypt(parts.nonce, parts.ciphertext + parts.tag, _associated_data(key.id, binding))
    except InvalidTag:
        raise KeyWrongError(
            f"The envelope of {binding} was sealed for another row, or altered since.",
            code="envelope_moved",
            remedy=f"Restore the row from a backup. If there is none: {binding.remedy}",
        ) from None


def key_id_of(envelope: str) -> str:
    """The id of the key that sealed it, whether or not any ring has it.

    Raises:
        EnvelopeError: truncated, of an unknown version, or not an envelope.
    """
    return _split(envelope).key_id


def is_current(ring: KeyRing, envelope: str) -> bool:
    """Whether the ring's current key sealed it, by id and check, without decrypting.

    Raises:
        EnvelopeError: truncated, of an unknown version, or not an envelope.
        KeyWrongError: it bears the current key's id and another key's check.
    """
    parts = _split(envelope)
    if parts.key_id != ring.current:
        return False
    _verify_check(parts, ring.current_key, ring.source)
    return True


def _verify_check(parts: _Parts, key: Key, source: str) -> None:
    if not hmac.compare_digest(parts.check, key.check):
        raise KeyWrongError(
            f"The key {key.id!r} in {source} is not the key of that id that sealed the envelope.",
            code="key_wrong",
            remedy=f"Put the original key {key.id!r} back; give a new key a new id.",
        )


def _associated_data(key_id: str, binding: RowBinding) -> bytes:
    content = {"version": _VERSION, "key": key_id, **binding.associated}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")


def _split(envelope: str) -> _Parts:
    parts = envelope.split(":")
    if parts[0] != _MAGIC:
        raise _damaged("is not an envelope of syncd")
    if len(parts) > 2 and parts[1] != _VERSION:
        # only a number is worth repeating: anything else may be something that was never encrypted
        version = parts[1] if re.fullmatch(r"[0-9]{1,4}", parts[1]) else "unknown"
        raise _damaged(f"has version {version}; this syncd reads version {_VERSION}", "Run the syncd that wrote it.")
    if len(parts) != _PARTS:
        raise _damaged(f"is truncated: it has {len(parts)} of {_PARTS} parts")
    return _Parts(
        _key_id(parts[2]),
        _bytes("key check", parts[3], _CHECK_BYTES),
        _bytes("nonce", parts[4], _NONCE_BYTES),
        _bytes("ciphertext", parts[5]),
        _bytes("tag", parts[6], _TAG_BYTES),
    )


def _key_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,32}", text):
        raise _damaged("names no valid key id")
    return text


def _bytes(name: str, text: str, size: int | None = None) -> bytes:
    try:
        raw = base64url.decode(text)
    except ValueError as error:
        raise _damaged(f"is truncated or altered: its {name} {error}") from None
    if size is not None and len(raw) != size:
        raise _damaged(f"is truncated or altered: its {name} has {len(raw)} of {size} bytes")
    return raw


def _damaged(what: str, remedy: str = _RESTORE) -> EnvelopeError:
    return EnvelopeError(f"The stored text {what}.", code="envelope_damaged", remedy=remedy)
