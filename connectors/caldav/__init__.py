"""CalDAV calendars: `caldav-calendar` for any server, `apple-calendar` for iCloud.

This module only declares; the client and its packages are imported when a connection is opened.
"""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from syncd.connector import Ability, CalendarConnector, ConnectionSettings, ConnectorSpec, Credential, Opened

APPLE_URL = "https://caldav.icloud.com/"
APPLE_REMEDY = (
    "Make an app-specific password at account.apple.com (Sign-In and Security), then: syncd connections reconnect ID. "
    "Changing the Apple Account's password revokes all of them."
)

_ABILITIES = frozenset(
    {
        Ability.WRITE,
        Ability.CHANGES,
        Ability.RECURRENCE,
        Ability.PRIVATE,
        Ability.REMINDERS,
        Ability.ALL_DAY,
        Ability.ETAG,
    }
)


class CalDavCredential(Credential):
    """Where and who: `url`, and `username` with `password`, or a bearer `token`.

    `auth` "auto" takes what the server offers: Basic at once over https, otherwise the server is asked first.
    """

    url: str
    username: str = ""
    password: str = ""
    token: str = ""
    auth: Literal["auto", "basic", "digest", "bearer"] = "auto"

    @field_validator("url")
    @classmethod
    def _is_a_server(cls, url: str) -> str:
        """An address without user info: that would be shown wherever the address is."""
        parts = urlsplit(url if "://" in url else f"https://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("give the server's address, such as https://dav.example.com/")
        if "@" in parts.netloc:
            raise ValueError("give user name and password in their own fields, not in the address")
        return parts._replace(path=parts.path or "/", query="", fragment="").geturl()

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.auth == "bearer" or (self.auth == "auto" and self.token):
            if not self.token:
                raise ValueError("bearer authentication needs `token`")
        elif not (self.username and self.password):
            raise ValueError("give `username` and `password`, or `token`")
        return self


class AppleCredential(Credential):
    """An Apple Account's e-mail and an app-specific password; the account's own password is not accepted by Apple."""

    username: str
    password: str


class CalDavSettings(ConnectionSettings):
    """What is no secret.

    `schedule_agent` says who invites guests: "client" nobody here (the scheduling product does), "server" the CalDAV
    server, "none" nobody at all (RFC 6638 section 7.1). `ca_file` holds a private server's certificate authorities.
    """

    schedule_agent: Literal["client", "server", "none"] = "client"
    ca_file: str = ""


def _open_caldav(opened: Opened) -> CalendarConnector:
    from .connector import open_caldav

    return open_caldav(opened)


def _open_apple(opened: Opened) -> CalendarConnector:
    from .connector import open_apple

    return open_apple(opened)


def _host_account(credential: CalDavCredential) -> str:
    return f"{credential.username or 'token'} at {urlsplit(credential.url).hostname}"


CALDAV = ConnectorSpec(
    app="caldav-calendar",
    title="CalDAV",
    integration="caldav_calendar",
    credential=CalDavCredential,
    settings=CalDavSettings,
    open=_open_caldav,
    abilities=_ABILITIES,
    concurrency=16,
    secrets=("password", "token"),
    account=_host_account,
)

APPLE = ConnectorSpec(
    app="apple-calendar",
    title="Apple iCloud Calendar",
    integration="apple_calendar",
    credential=AppleCredential,
    settings=CalDavSettings,
    open=_open_apple,
    abilities=_ABILITIES,
    # Apple publishes no limit; clients that hold one or two connections are not throttled (reported, not promised).
    concurrency=2,
    requests_per_minute=120,
    secrets=("password",),
    account=lambda credential: str(credential.username),
)
