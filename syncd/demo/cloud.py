"""The providers of the demonstration that cannot be reached from here: Google, Microsoft, Zoho, Salesforce, sandboxed.

Cara consents at each on its consent page, a booking goes into all of them and into a CalDAV calendar, is moved and
cancelled; her busy times are joined from all four. What the providers hold is read from the sandbox itself, not through
syncd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from syncd.engine.runtime import Runtime
from syncd.model.clock import utc_now
from syncd.sandbox import Sandbox
from syncd.store import directory

from . import crm
from .clients import CLIENT_SECRET, client_settings

EMAIL = "cara@example.com"
USER = 3
REDIRECT = "http://127.0.0.1/callback"
APPS = ("google-calendar", "office365-calendar", "zohocalendar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """The sandboxed providers, and Cara's calendar at each: app -> id."""

    sandbox: Sandbox
    calendars: dict[str, str]

    def events(self, app: str) -> list[tuple[str, datetime]]:
        """What a provider holds of Cara's calendar: (title, start)."""
        provider: Any = self.sandbox.providers[app]
        return [READERS[app](event) for event in provider.events(EMAIL, self.calendars[app])]


def _google(event: Mapping[str, Any]) -> tuple[str, datetime]:
    return str(event["summary"]), datetime.fromisoformat(event["start"]["dateTime"]).astimezone(UTC)


def _microsoft(event: Mapping[str, Any]) -> tuple[str, datetime]:
    start = event["start"]
    assert start["timeZone"] == "UTC"
    return str(event["subject"]), datetime.fromisoformat(start["dateTime"][:19]).replace(tzinfo=UTC)


def _zoho(event: Mapping[str, Any]) -> tuple[str, datetime]:
    return str(event["title"]), datetime.strptime(event["dateandtime"]["start"], "%Y%m%dT%H%M%S%z").astimezone(UTC)


READERS: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, datetime]]] = {
    "google-calendar": _google,
    "office365-calendar": _microsoft,
    "zohocalendar": _zoho,
}


def prepared(sandbox: Sandbox) -> Cloud:
    """Cara's accounts, each with a calendar for bookings."""
    calendars = {}
    for app in APPS:
        provider: Any = sandbox.providers[app]
        provider.add_user(EMAIL, name="Cara Lindqvist")
        calendars[app] = provider.add_calendar(EMAIL, "Bookings")
    crm.prepare(sandbox, EMAIL)
    return Cloud(sandbox=sandbox, calendars=calendars)


def configuration(sandbox: Sandbox, folder: Path) -> str:
    """The lines of syncd.toml that send it to the sandbox."""
    secret = folder / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text(CLIENT_SECRET + "\n", encoding="utf-8")
    lines = []
    for app in (*APPS, *crm.CRMS):
        lines.append(f"\n[apps.{app}.client]")
        settings = {**client_settings(sandbox, app), "client_secret_file": str(secret)}
        lines += [f'{key} = "{value}"' for key, value in settings.items()]
    return "\n".join(lines) + "\n" + crm.SETTINGS


def connect(runtime: Runtime, cloud: Cloud) -> None:
    """Cara consents at each provider; every calendar is checked, those for bookings are hers to be written to."""
    with runtime.database.write() as session:
        directory.add_user(session, USER, EMAIL, utc_now(), zone="Europe/Stockholm")
    for app in (*APPS, *crm.CRMS):
        flow = runtime.opener.consent(app)
        page = flow.begin(REDIRECT, "demo")
        provider: Any = cloud.sandbox.providers[app]
        sent_back = provider.issuer.allow(dict(parse_qsl(urlsplit(page.url).query)), EMAIL)
        credential = flow.finish(page.memo, dict(parse_qsl(urlsplit(sent_back).query)))
        runtime.accounts.add(USER, app, credential, {})
    with runtime.database.write() as session:
        for calendar, connection in directory.listed_calendars(session):
            if connection.user_id == USER:
                directory.select_calendar(session, calendar, True, utc_now())


def destinations(runtime: Runtime, names: Sequence[str] = ("Bookings", "Work")) -> list[dict[str, Any]]:
    """Cara's calendars for bookings, as a booking names its destinations."""
    with runtime.database.read() as session:
        return [
            {
                "integration": runtime.registry.spec(connection.app).integration,
                "externalId": calendar.external_id,
                "credentialId": connection.id,
                "userId": USER,
            }
            for calendar, connection in directory.listed_calendars(session)
            if connection.user_id == USER and calendar.name in names
        ]
