"""base64url (RFC 4648, section 5) without padding, one text for each byte string."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def encode(raw: bytes) -> str:
    """`raw` as base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The bytes of `text`, which must be what `encode` gives: Python's own decoder passes over foreign characters.

    Raises:
        ValueError: a character outside the alphabet, an impossible length, or stray bits in the last character. The
            message holds nothing of `text`.
    """
    if not _ALPHABET.fullmatch(text):
        raise ValueError("holds a character that is not base64url")
    if len(text) % 4 == 1:
        raise ValueError("has a length no base64url text has")
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(raw) != text:
        raise ValueError("ends in stray bits")
    return raw
