"""Office 365 calendars, on Microsoft Graph.

This module only declares; msal and the client are imported when a connection is opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from syncd.connector import Ability, CalendarConnector, ConnectorSpec, Opened
from syncd.connector.consent import ClientSettings, ConsentFlow
from syncd.connector.oauth import OAuthCredential
from syncd.connector.push import PushAnswer, PushRequest, PushRules

if TYPE_CHECKING:
    from syncd.provider.guard import Guard

APP = "office365-calendar"

CLOUDS: Mapping[str, tuple[str, str]] = {
    "global": ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us-gov": ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us-gov-dod": ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn"),
}
"""Cloud -> where its tokens are issued, and its Graph (https://learn.microsoft.com/graph/deployments)."""

SUBSCRIPTION_LIFE = timedelta(minutes=10_070)
"""Graph keeps a subscription to events for at most 10,080 minutes (api/resources/subscription)."""

_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}")


class MicrosoftClient(ClientSettings):
    """The registration with Microsoft Entra ID.

    `cloud` chooses where tokens are issued and which Graph is asked; `authority` and `graph_url` win over it. `tenant`
    is whose accounts may connect: `common`, `organizations`, `consumers`, a tenant's id or domain. `shared` asks for
    calendars that others share with the account, too. `ca_file` holds the authorities of a private proxy.

    `batch` is how many requests a batch holds: Graph takes 20, and carries out four at a time, which is what a mailbox
    takes. Should mailboxes refuse the fifth all the same, as was seen (microsoft-graph-docs issue 8760), set it to 4.
    """

    cloud: Literal["global", "us-gov", "us-gov-dod", "china"] = "global"
    authority: str = ""
    graph_url: str = ""
    tenant: str = "common"
    shared: bool = False
    batch: int = Field(default=20, ge=1, le=20)
    ca_file: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_cloud(cls, given: Any) -> Any:
        """Addresses that are not given are the cloud's."""
        if not isinstance(given, Mapping) or given.get("cloud", "global") not in CLOUDS:
            return given
        authority, graph = CLOUDS[given.get("cloud", "global")]
        told = {name: value for name, value in given.items() if value or name not in ("authority", "graph_url")}
        return {"authority": authority, "graph_url": graph, **told}

    @field_validator("authority")
    @classmethod
    def _encrypted(cls, value: str) -> str:
        if not value.startswith("https://"):
            raise ValueError("must begin with https://: msal sends secrets nowhere else")
        return value.rstrip("/")

    @field_validator("graph_url")
    @classmethod
    def _not_in_clear(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in _THIS_MACHINE:
            raise ValueError("must begin with https://: it is sent access tokens")
        return value.rstrip("/")

    @field_validator("tenant")
    @classmethod
    def _named(cls, value: str) -> str:
        return require_tenant(value)


class Office365Credential(OAuthCredential):
    """The tokens of a person with their `email`; or a tenant's application that acts for the mailbox `subject`, by its
    object id or user principal name: `tenant_id`, `client_id` and `private_key`, the client secret, as Cal.com calls
    it (facts: calcom-calendars, 2.7).
    """

    access_token: str = ""
    email: str = ""
    tenant_id: str = ""
    client_id: str = ""
    private_key: str = ""
    subject: str = ""

    @field_validator("tenant_id")
    @classmethod
    def _is_a_tenant(cls, value: str) -> str:
        return require_tenant(value) if value else value

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        delegated = (self.tenant_id, self.client_id, self.private_key, self.subject)
        if not self.access_token and not all(delegated):
            raise ValueError("give `access_token`, or `tenant_id`, `client_id`, `private_key` and `subject`")
        return self

    @property
    def delegated(self) -> bool:
        """Whether a tenant's application acts for the mailbox."""
        return not self.access_token


def require_tenant(value: str) -> str:
    """The tenant, which becomes a part of a path. Raises ValueError when it could be more than that."""
    if not _TENANT.fullmatch(value):
        raise ValueError("is no tenant: give its id or its domain")
    return value


def _open(opened: Opened) -> CalendarConnector:
    from .connector import open_office365

    return open_office365(opened)


def _refresh(opened: Opened) -> Mapping[str, Any]:
    from .tokens import refreshed

    return refreshed(opened.credential, opened.client, opened.guard)


def _consent(client: MicrosoftClient, guard: Guard) -> ConsentFlow:
    from .consent import MicrosoftFlow

    return MicrosoftFlow(client, guard)


def _read_push(request: PushRequest) -> PushAnswer:
    from .push import read_push

    return read_push(request)


OFFICE365_CALENDAR = ConnectorSpec(
    app=APP,
    title="Office 365 Calendar",
    integration="office365_calendar",
    credential=Office365Credential,
    open=_open,
    abilities=frozenset(
        {
            Ability.WRITE,
            Ability.CHANGES,
            Ability.PUSH,
            Ability.SCHEDULES,
            Ability.CONFERENCE,
            Ability.RECURRENCE,
            Ability.PRIVATE,
            Ability.REMINDERS,
            Ability.ALL_DAY,
            Ability.ETAG,
        }
    ),
    # per app and mailbox: 4 at once and 10,000 in 10 minutes (https://learn.microsoft.com/graph/throttling-limits)
    concurrency=4,
    requests_per_minute=1000,
    secrets=("access_token", "refresh_token", "private_key"),
    account=lambda credential: str(credential.email or credential.subject),
    refresh=_refresh,
    # each refresh gives a new refresh token, and the old one is not revoked at once (entra: refresh-tokens)
    refresh_repeatable=True,
    client=MicrosoftClient,
    consent=_consent,
    scopes=(("Calendars.ReadWrite", "Calendars.ReadWrite.Shared"),),
    push=PushRules(read=_read_push, life=SUBSCRIPTION_LIFE),
)
