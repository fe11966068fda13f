"""Zoho Calendar, on a thin client of our own.

This module only declares; the client is imported when a connection is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from syncd.connector import Ability, CalendarConnector, ConnectorSpec, Opened
from syncd.connector.consent import ClientSettings, ConsentFlow
from syncd.connector.oauth import OAuthCredential

if TYPE_CHECKING:
    from syncd.provider.guard import Guard

APP = "zohocalendar"

CALENDARS, EVENTS, FREEBUSY = (f"ZohoCalendar.{part}" for part in ("calendar", "event", "freebusy"))


class ZohoClient(ClientSettings):
    """The registration in Zoho's API console.

    `data_centre` is where it was made: the consent page is there. It must be enabled for the data centres of all whose
    accounts are to be connected. `accounts_url` and `calendar_url` are for a Zoho elsewhere, such as the sandbox; all
    data centres are then below them.
    """

    data_centre: Literal["us", "eu", "in", "au", "jp", "cn", "ca", "sa", "uk"] = "us"
    accounts_url: str = ""
    calendar_url: str = ""

    @field_validator("accounts_url", "calendar_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        """Secrets go there: over TLS, or not off this machine."""
        parts = urlsplit(value)
        if value and parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise ValueError("give an https address, or one on this machine")
        return value.rstrip("/")


class ZohoCredential(OAuthCredential):
    """The tokens of a person, with their `email` and where their account is.

    `server_location` is Cal.com's word for the data centre: `com`, `eu`, `com.au` and so on. `location`,
    `accounts-server` and `api_domain`, as Zoho itself says it, do as well. None is an address to go to: see
    `syncd.provider.zoho`.
    """

    email: str = ""
    server_location: str = ""
    location: str = ""
    api_domain: str = ""


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _open(opened: Opened) -> CalendarConnector:
    from .connector import open_zoho

    return open_zoho(opened)


def _refresh(opened: Opened) -> Mapping[str, Any]:
    from .consent import refreshed_token

    return refreshed_token(opened)


def _consent(client: ZohoClient, guard: Guard) -> ConsentFlow:
    from .consent import calendar_flow

    return calendar_flow(client, guard)


ZOHOCALENDAR = ConnectorSpec(
    app=APP,
    title="Zoho Calendar",
    integration="zoho_calendar",
    credential=ZohoCredential,
    open=_open,
    abilities=frozenset(
        {
            Ability.WRITE,
            Ability.CHANGES,
            Ability.SCHEDULES,
            Ability.RECURRENCE,
            Ability.PRIVATE,
            Ability.REMINDERS,
            Ability.ALL_DAY,
            Ability.ETAG,
        }
    ),
    # Zoho documents no limits of the Calendar API: the guard learns a pace from refusals
    concurrency=4,
    secrets=("access_token", "refresh_token"),
    account=lambda credential: str(credential.email),
    refresh=_refresh,
    # refresh tokens do not rotate (facts: zoho-crm, oauth)
    refresh_repeatable=True,
    client=ZohoClient,
    consent=_consent,
    scopes=(
        (f"{CALENDARS}.READ", f"{CALENDARS}.ALL"),
        *((f"{EVENTS}.{verb}", f"{EVENTS}.ALL") for verb in ("READ", "CREATE", "UPDATE", "DELETE")),
        (f"{FREEBUSY}.READ", f"{FREEBUSY}.ALL"),
    ),
)
