"""Opening CalDAV connectors in tests."""

from __future__ import annotations

from typing import Any

from syncd_connectors.caldav import CALDAV
from syncd_connectors.caldav.connector import CalDavConnector

from syncd.connector import Opened
from syncd.provider.guard import Guard

USER = "ada"
PASSWORD = "canary-pa55w0rd"


def opening(url: str, settings: dict[str, Any] | None = None, **fields: Any) -> CalDavConnector:
    """A connector for `url`; `fields` are the credential's. The fixture `caldav` closes what it opens."""
    credential = CALDAV.credential.model_validate({"url": url, "username": USER, "password": PASSWORD, **fields})
    connector = CALDAV.open(
        Opened(
            connection_id=1,
            credential=credential,
            settings=CALDAV.settings.model_validate(settings or {}),
            guard=Guard("caldav-calendar", 1, concurrency=16, timeout_s=10),
        )
    )
    assert isinstance(connector, CalDavConnector)
    return connector
