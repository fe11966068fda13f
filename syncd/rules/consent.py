"""Consent over HTTP: the `state` that goes out and comes back, and where a person may be sent afterwards.

A state is `NONCE.END.MAC`: it names a consent kept on our side and holds nothing of it. END is in epoch seconds; MAC is
the HMAC-SHA256 of both under a key of this installation. So nobody can make one up, and an old one is known without
looking for it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from syncd.errors import InputError

STATE_LIFE = timedelta(minutes=10)
"""From begin to callback."""

STATE = re.compile(r"([A-Za-z0-9_-]{16,64})\.([0-9]{1,12})\.([0-9a-f]{64})")
AGAIN = "Begin connecting anew, and do not leave the provider's page open for long."

UNSAFE = re.compile(r"[\s\\\x00-\x20\x7f]")
"""What browsers read another way than `urlsplit` does."""

PORTS = {"http": 80, "https": 443}


def sign_state(key: bytes, nonce: str, expires_at: datetime) -> str:
    """The state of a consent."""
    end = int(expires_at.timestamp())
    return f"{nonce}.{end}.{_mac(key, nonce, end)}"


def read_state(key: bytes, state: str, now: datetime) -> str:
    """The nonce of a state that came back.

    Raises:
        InputError: code `state_unknown`: it is not one of ours; `state_expired`: it has ended.
    """
    found = STATE.fullmatch(state)
    if found is None or not hmac.compare_digest(_mac(key, found[1], int(found[2])), found[3]):
        raise InputError("This is no answer to a consent that began here.", code="state_unknown", remedy=AGAIN)
    if now.timestamp() >= int(found[2]):
        raise InputError("This consent took too long.", code="state_expired", remedy=AGAIN)
    return found[1]


def _mac(key: bytes, nonce: str, end: int) -> str:
    return hmac.new(key, f"consent {nonce} {end}".encode(), hashlib.sha256).hexdigest()


class _Place(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


def is_allowed(address: str, allowed: Iterable[str]) -> bool:
    """Whether a person may be sent to `address`: it is at or below one of the `allowed`, of the same scheme and host.

    Query and fragment are free. An address that browsers could read another way is not allowed.
    """
    place = _place(address)
    return place is not None and any(_holds(_place(entry), place) for entry in allowed)


def _holds(entry: _Place | None, place: _Place) -> bool:
    if entry is None or entry[:3] != place[:3]:
        return False
    return place.path == entry.path or place.path.startswith(entry.path.rstrip("/") + "/")


def _place(address: str) -> _Place | None:
    if UNSAFE.search(address):
        return None
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    if any(unquote(segment) in (".", "..") for segment in parts.path.split("/")):
        return None
    return _Place(parts.scheme, parts.hostname, port or PORTS[parts.scheme], parts.path or "/")
