"""Opening Google connectors over the sandbox in tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component
from pydantic import SecretStr
from sandboxed import sandboxed
from syncd_connectors.google_calendar import GOOGLE_CALENDAR, SCOPES, GoogleClient
from syncd_connectors.google_calendar.connector import GoogleConnector

from syncd.connector import Opened
from syncd.provider.guard import Guard
from syncd.sandbox.google import GoogleCalendar
from syncd.testing.cases import OWNER

ROBOT = "robot@sandbox.iam.gserviceaccount.com"


@contextmanager
def google_sandbox() -> Iterator[GoogleCalendar]:
    """The provider on loopback, with OWNER in Berlin."""
    provider = GoogleCalendar()
    provider.add_user(OWNER)
    with sandboxed([provider]):
        yield provider


def client_of(provider: GoogleCalendar) -> GoogleClient:
    """The registration with the sandbox."""
    return GoogleClient(
        client_id="sandbox-client",
        client_secret=SecretStr("sandbox-secret"),
        api_url=provider.url,
        authorize_url=f"{provider.url}/o/oauth2/v2/auth",
        token_url=f"{provider.url}/token",
        device_url=f"{provider.url}/device/code",
    )


def opened(
    provider: GoogleCalendar, credential: dict[str, Any], settings: dict[str, Any] | None = None, **guard: Any
) -> Opened:
    """What a connector is opened with. `guard` has the guard's own arguments."""
    return Opened(
        connection_id=1,
        credential=GOOGLE_CALENDAR.credential.model_validate(credential),
        settings=GOOGLE_CALENDAR.settings.model_validate(settings or {}),
        guard=Guard("google-calendar", 1, **{"concurrency": 8, "timeout_s": 10, **guard}),
        client=client_of(provider),
    )


def tokens(provider: GoogleCalendar, email: str = OWNER, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
    """The credential of a person who consented."""
    return {**provider.issuer.issue(email, scopes), "email": email}


@contextmanager
def google(
    provider: GoogleCalendar,
    credential: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    **guard: Any,
) -> Iterator[GoogleConnector]:
    """A connector, of OWNER by default."""
    connector = GOOGLE_CALENDAR.open(opened(provider, credential or tokens(provider), settings, **guard))
    assert isinstance(connector, GoogleConnector)
    try:
        yield connector
    finally:
        connector.close()


def resources(text: str, uid: str) -> list[dict[str, Any]]:
    """An iCalendar object as another client would have put it into Google Calendar: the series, then its exceptions."""
    events = list(Calendar.from_ical(text).walk("VEVENT"))
    identity = "".join(c for c in uid if c in "abcdefghijklmnopqrstuv0123456789") + "00000"
    return [_resource(event, uid, identity) for event in events]


def _resource(event: Component, uid: str, identity: str) -> dict[str, Any]:
    start = event.decoded("DTSTART")
    end = event.decoded("DTEND") if "DTEND" in event else start + timedelta(hours=1)
    resource: dict[str, Any] = {
        "id": identity,
        "iCalUID": uid,
        "summary": str(event.get("SUMMARY", "")),
        "start": _time(start),
        "end": _time(end),
        "status": str(event.get("STATUS", "CONFIRMED")).lower(),
        "transparency": str(event.get("TRANSP", "OPAQUE")).lower(),
        "attendees": [_attendee(a) for a in _listed(event.get("ATTENDEE"))],
    }
    if "ORGANIZER" in event:
        resource["organizer"] = {"email": _address(event["ORGANIZER"])}
    if "RRULE" in event:
        resource["recurrence"] = [_rule(event["RRULE"]), *_exdates(event)]
    if "RECURRENCE-ID" in event:
        original = event.decoded("RECURRENCE-ID")
        resource["id"] = f"{identity}_{original.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%SZ}"
        resource |= {"recurringEventId": identity, "originalStartTime": _time(original)}
    return resource


def _rule(value: Any) -> str:
    return f"RRULE:{value.to_ical().decode()}"


def _time(value: Any) -> dict[str, str]:
    if not isinstance(value, datetime):
        return {"date": value.isoformat()}
    return {"dateTime": value.isoformat(), "timeZone": getattr(value.tzinfo, "key", "UTC")}


def _exdates(event: Component) -> list[str]:
    return [
        f"EXDATE;TZID={each.dt.tzinfo.key}:{each.dt:%Y%m%dT%H%M%S}"
        for prop in _listed(event.get("EXDATE"))
        for each in prop.dts
    ]


def _attendee(value: Any) -> dict[str, str]:
    answer = str(value.params.get("PARTSTAT", "NEEDS-ACTION")).lower()
    return {"email": _address(value), "responseStatus": {"needs-action": "needsAction"}.get(answer, answer)}


def _address(value: Any) -> str:
    return str(value).removeprefix("mailto:")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
