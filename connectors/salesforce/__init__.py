"""Salesforce, on simple-salesforce.

This module only declares; the client is imported when a connection is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from syncd.connector import Ability, Connector, ConnectorSpec, Opened
from syncd.connector.consent import ClientSettings, ConsentFlow
from syncd.connector.crm import CrmConnectionSettings
from syncd.connector.oauth import OAuthCredential

if TYPE_CHECKING:
    from syncd.provider.guard import Guard

APP = "salesforce"

SCOPES = ("api", "refresh_token")
"""Least that does: the REST API, and staying connected (facts: salesforce-rest, oauth)."""


class SalesforceClient(ClientSettings):
    """The connected app.

    `login_url` is where people log in: https://login.salesforce.com, https://test.salesforce.com for a sandbox org, or
    the org's own My Domain. `api_version` is pinned: a newer one may answer otherwise. `ca_file` is for a Salesforce
    elsewhere, such as the sandbox.
    """

    login_url: str = "https://login.salesforce.com"
    api_version: str = Field("65.0", pattern=r"^\d+\.0$")
    ca_file: str = ""

    @field_validator("login_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        if urlsplit(value).scheme != "https":
            raise ValueError("give an https address")
        return value.rstrip("/")


class SalesforceCredential(OAuthCredential):
    """The tokens of a person; or `username` and `private_key` of a server (JWT bearer), which makes its own.

    `instance_url` is the org's address, told with every token, and may change. `id` is the identity URL, which ends
    with the ids of org and user.
    """

    access_token: str = ""
    instance_url: str = ""
    id: str = ""
    username: str = ""
    private_key: str = ""

    @field_validator("access_token")
    @classmethod
    def _not_empty(cls, value: str) -> str:
        return value

    @field_validator("instance_url")
    @classmethod
    def _is_https(cls, value: str) -> str:
        """The token goes there."""
        if value and urlsplit(value).scheme != "https":
            raise ValueError("give an https address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if not (self.access_token and self.instance_url) and not (self.username and self.private_key):
            raise ValueError("give access_token and instance_url, or username and private_key")
        return self

    @property
    def user_id(self) -> str:
        """The user of the connection; "" when nobody told."""
        return self.id.rstrip("/").rpartition("/")[2]


class SalesforceSettings(CrmConnectionSettings):
    """Settings of a connection."""


def _open(opened: Opened) -> Connector:
    from .connector import open_salesforce

    return open_salesforce(opened)


def _refresh(opened: Opened) -> Mapping[str, Any]:
    from .consent import refreshed_token

    return refreshed_token(opened)


def _consent(client: SalesforceClient, guard: Guard) -> ConsentFlow:
    from .consent import salesforce_flow

    return salesforce_flow(client, guard)


SALESFORCE = ConnectorSpec(
    app=APP,
    title="Salesforce",
    integration="salesforce_other_calendar",
    credential=SalesforceCredential,
    open=_open,
    settings=SalesforceSettings,
    abilities=frozenset({Ability.ACTIVITIES, Ability.ROUTING, Ability.RECURRENCE, Ability.PRIVATE, Ability.ALL_DAY}),
    # 25 long-running requests at once for an org, 5 for a developer edition (facts: salesforce-rest, limits)
    concurrency=5,
    secrets=("access_token", "refresh_token", "private_key"),
    account=lambda credential: str(credential.username or credential.id),
    refresh=_refresh,
    # an app may rotate refresh tokens, and takes a used one for theft (facts: salesforce-rest, oauth)
    refresh_repeatable=False,
    client=SalesforceClient,
    consent=_consent,
    scopes=(("api", "full"), ("refresh_token", "offline_access", "full")),
)
