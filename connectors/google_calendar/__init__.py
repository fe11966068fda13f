"""Google Calendar, on google-api-python-client.

This module only declares; Google's client and what it brings are imported when a connection is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import field_validator, model_validator

from syncd.connector import Ability, CalendarConnector, ConnectionSettings, ConnectorSpec, Opened
from syncd.connector.consent import ClientSettings, ConsentFlow
from syncd.connector.oauth import OAuthCredential
from syncd.connector.push import PushAnswer, PushRequest, PushRules

if TYPE_CHECKING:
    from syncd.provider.guard import Guard

APP = "google-calendar"

SCOPE = "https://www.googleapis.com/auth/calendar"
SCOPES = (f"{SCOPE}.events", f"{SCOPE}.readonly")
"""What a person is asked for: to read and write events, and to read the list of calendars and free/busy."""

CHANNEL_LIFE = timedelta(days=7)
"""How long Google keeps a channel (facts: google-calendar, `channel.ttl_default_seconds`)."""


class GoogleClient(ClientSettings):
    """The registration in Google's Cloud console, and Google's addresses.

    Service accounts ask at `token_url`, too: the address in their key is not followed. `ca_file` holds the authorities
    of a private proxy.
    """

    api_url: str = "https://www.googleapis.com"
    authorize_url: str = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    device_url: str = "https://oauth2.googleapis.com/device/code"
    ca_file: str = ""

    @field_validator("api_url")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.rstrip("/")


class GoogleCredential(OAuthCredential):
    """The tokens of a person, with their `email`; or a service account's key and the person it acts for, `subject`.

    The key's fields are those of the file that Google gives out: `client_email`, `private_key` and more. They may also
    come together as `service_account`.
    """

    access_token: str = ""
    email: str = ""
    client_email: str = ""
    private_key: str = ""
    subject: str = ""

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, given: Any) -> Any:
        """The key's fields beside the others."""
        if not isinstance(given, Mapping) or not isinstance(given.get("service_account"), Mapping):
            return given
        others = {name: value for name, value in given.items() if name != "service_account"}
        return {**given["service_account"], **others}

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if not self.access_token and not (self.client_email and self.private_key and self.subject):
            raise ValueError("give `access_token`, or `client_email`, `private_key` and `subject`")
        return self

    @property
    def delegated(self) -> bool:
        """Whether a service account acts for the person."""
        return not self.access_token


class GoogleSettings(ConnectionSettings):
    """What is no secret.

    `send_updates`: to which guests Google writes about our events; by default to none, because the scheduling product
    does. `rsvp`: what a guest that we add has answered. Google recommends `needsAction`: another answer keeps the event
    out of the calendars of guests who want to see only what they have answered (discovery: EventAttendee).
    """

    send_updates: Literal["none", "externalOnly", "all"] = "none"
    rsvp: Literal["needsAction", "accepted"] = "needsAction"


def _open(opened: Opened) -> CalendarConnector:
    from .connector import open_google

    return open_google(opened)


def _refresh(opened: Opened) -> Mapping[str, Any]:
    from .consent import refreshed

    return refreshed(opened)


def _consent(client: GoogleClient, guard: Guard) -> ConsentFlow:
    from .consent import GoogleFlow

    return GoogleFlow(client, guard)


def _read_push(request: PushRequest) -> PushAnswer:
    from .push import read_push

    return read_push(request)


GOOGLE_CALENDAR = ConnectorSpec(
    app=APP,
    title="Google Calendar",
    integration="google_calendar",
    credential=GoogleCredential,
    settings=GoogleSettings,
    open=_open,
    abilities=frozenset(
        {
            Ability.WRITE,
            Ability.CHANGES,
            Ability.PUSH,
            Ability.CONFERENCE,
            Ability.RECURRENCE,
            Ability.RSVP,
            Ability.PRIVATE,
            Ability.REMINDERS,
            Ability.ALL_DAY,
            Ability.ETAG,
        }
    ),
    concurrency=8,
    # per user and per project; Google's console shows and changes them (facts: provider-limits section 1, from memory)
    requests_per_minute=600,
    app_requests_per_minute=10_000,
    secrets=("access_token", "refresh_token", "private_key"),
    account=lambda credential: str(credential.email or credential.subject),
    refresh=_refresh,
    # Google's refresh tokens do not rotate (facts: google-calendar, oauth)
    refresh_repeatable=True,
    client=GoogleClient,
    consent=_consent,
    scopes=((f"{SCOPE}.events", SCOPE), (f"{SCOPE}.readonly", SCOPE)),
    push=PushRules(read=_read_push, life=CHANNEL_LIFE),
)
