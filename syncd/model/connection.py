"""Where a connection stands."""

from __future__ import annotations

from enum import StrEnum


class ConnectionState(StrEnum):
    """ACTIVE works or is believed to. PAUSED was stopped by a person. INVALID: the credential is refused; a new one, or
    the same one accepted again, makes it ACTIVE.
    """

    ACTIVE = "active"
    PAUSED = "paused"
    INVALID = "invalid"
