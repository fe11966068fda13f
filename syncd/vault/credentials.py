"""Credentials in and out of envelopes, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.errors import EnvelopeError, InputError
from syncd.vault.envelope import RowBinding, open_envelope, seal
from syncd.vault.keys import KeyRing


@dataclass(frozen=True, slots=True)
class CredentialVault:
    """Seals and opens credentials under one ring. Safe to share between threads."""

    ring: KeyRing

    def seal_credential(self, credential: Mapping[str, object], binding: RowBinding) -> str:
        """The credential as an envelope for the row of `binding`.

        Raises:
            InputError: it holds something JSON cannot say.
        """
        text = _to_json(credential)
        if text is None:
            raise InputError(
                f"The credential of {binding} is not a JSON object.",
                code="bad_credential",
                remedy="Give text, finite numbers, true, false, null, lists and objects only.",
            )
        return seal(self.ring, text.encode("ascii"), binding)

    def open_credential(self, envelope: str, binding: RowBinding) -> dict[str, Any]:
        """The credential an envelope holds.

        Raises:
            EnvelopeError: damaged, or what it holds is not a JSON object.
            KeyMissingError: as `open_envelope`.
            KeyWrongError: as `open_envelope`.
        """
        content = _from_json(open_envelope(self.ring, envelope, binding))
        if not isinstance(content, dict):
            raise EnvelopeError(
                f"The envelope of {binding} opens, but what it holds is not a credential.",
                remedy=binding.remedy,
            )
        return content


def _to_json(credential: Mapping[str, object]) -> str | None:
    """None instead of an error, because `json` quotes values in some of its own."""
    try:
        return json.dumps(dict(credential), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _from_json(plaintext: bytes) -> object:
    """None instead of an error, because JSON's and Unicode's errors hold the plaintext."""
    try:
        return json.loads(plaintext)
    except (ValueError, RecursionError):
        return None
