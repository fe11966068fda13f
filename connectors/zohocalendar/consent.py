"""Consent at Zoho, and the refresh of what it gave: `syncd.provider.zoho` for this app."""

from __future__ import annotations

from typing import Any

from syncd.connector import Opened
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Guard
from syncd.provider.zoho import PROFILE_SCOPE, ZohoFlow, data_centres, refreshed

from . import APP, CALENDARS, EVENTS, FREEBUSY, ZOHOCALENDAR, ZohoClient

SCOPES = (f"{CALENDARS}.READ", f"{EVENTS}.ALL", f"{FREEBUSY}.READ", PROFILE_SCOPE)
"""What a person is asked for: the list of calendars, events, when people are busy, and who it is."""


def calendar_flow(client: ZohoClient, guard: Guard, *, clock: Clock = utc_now) -> ZohoFlow:
    """How a person connects."""
    return ZohoFlow(
        APP,
        client,
        data_centres(client.accounts_url),
        guard,
        scopes=SCOPES,
        required=ZOHOCALENDAR.scopes,
        location=client.data_centre,
        clock=clock,
    )


def refreshed_token(opened: Opened, *, clock: Clock = utc_now) -> dict[str, Any]:
    """The token endpoint's answer to the credential's refresh token. Asks once."""
    client: ZohoClient = opened.client
    known = data_centres(client.accounts_url)
    return refreshed(APP, opened.credential, client, known, opened.guard, clock=clock)
