"""The sandboxed Zoho Calendar, as the tests of its connector use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from icalendar import Calendar, Component
from pydantic import SecretStr
from sandboxed import sandboxed
from syncd_connectors.zohocalendar import ZOHOCALENDAR, ZohoClient
from syncd_connectors.zohocalendar.connector import ZohoConnector, open_zoho
from syncd_connectors.zohocalendar.consent import SCOPES

from syncd.connector import Opened
from syncd.model.clock import Clock, utc_now
from syncd.provider.guard import Guard
from syncd.sandbox import Exchange
from syncd.sandbox.zoho import ZohoCalendar
from syncd.testing.cases import OWNER

SECRET = "sandbox-secret"


@contextmanager
def zoho_sandbox(
    clock: Clock = utc_now, meanwhile: Callable[[Exchange], None] = lambda exchange: None
) -> Iterator[ZohoCalendar]:
    """The provider on loopback, with OWNER in Berlin. `meanwhile` happens after each request, before its answer is
    there.
    """
    provider = ZohoCalendar(clock)
    provider.add_user(OWNER)
    with sandboxed([provider]) as sandbox:
        sandbox.tap(meanwhile)
        yield provider


def client_of(provider: ZohoCalendar, **more: Any) -> ZohoClient:
    """The registration with the sandbox."""
    return ZohoClient(
        client_id="sandbox-client",
        client_secret=SecretStr(SECRET),
        accounts_url=provider.url,
        calendar_url=provider.url,
        **more,
    )


def tokens(provider: ZohoCalendar, email: str = OWNER, scopes: tuple[str, ...] = SCOPES) -> dict[str, Any]:
    """The credential of a person who consented."""
    return {**provider.issuer.issue(email, scopes), "email": email, "location": provider.issuer.home(email)}


def opened(provider: ZohoCalendar, credential: dict[str, Any] | None = None, **guard: Any) -> Opened:
    """What a connector is opened with, OWNER's by default. `guard` has the guard's own arguments."""
    return Opened(
        connection_id=1,
        credential=ZOHOCALENDAR.credential.model_validate(credential or tokens(provider)),
        settings=ZOHOCALENDAR.settings(),
        guard=Guard("zohocalendar", 1, **{"timeout_s": 10, **guard}),
        client=client_of(provider),
    )


@contextmanager
def zoho(
    provider: ZohoCalendar, credential: dict[str, Any] | None = None, clock: Clock = utc_now, **guard: Any
) -> Iterator[ZohoConnector]:
    """A connector, OWNER's by default."""
    connector = open_zoho(opened(provider, credential, clock=clock, **guard), clock)
    try:
        yield connector
    finally:
        connector.close()


# another client's iCalendar objects


def stored(provider: ZohoCalendar, uid: str, text: str, calendar: str = "primary") -> str:
    """Store the object of another client as Zoho has it: the series, its deleted occurrences, its exceptions. An event
    that is cancelled is deleted there.
    """
    series, *exceptions = Calendar.from_ical(text).walk("VEVENT")
    provider.put_event(OWNER, calendar, resource(series, uid))
    for moment in excluded(series):
        provider.delete_event(OWNER, calendar, uid, moment)
    for exception in exceptions:
        original = text_of(exception.decoded("RECURRENCE-ID"))
        provider.put_event(OWNER, calendar, {**resource(exception, uid), "recurrenceid": original})
    if series.get("STATUS") == "CANCELLED":
        provider.delete_event(OWNER, calendar, uid)
    return uid


def resource(event: Component, uid: str) -> dict[str, Any]:
    """A VEVENT as Zoho takes it."""
    start = event.decoded("DTSTART")
    end = event.decoded("DTEND") if "DTEND" in event else start + timedelta(hours=1)
    data: dict[str, Any] = {
        "uid": uid,
        "title": str(event.get("SUMMARY", "")),
        "dateandtime": {"start": text_of(start), "end": text_of(end), "timezone": zone_of(start)},
        "isallday": not isinstance(start, datetime),
    }
    if event.get("TRANSP") == "TRANSPARENT":
        data["transparency"] = 1
    if "RRULE" in event:
        rule: Any = event["RRULE"]
        data["rrule"] = rule.to_ical().decode()
    if "ORGANIZER" in event:
        data["organizer"] = address(event["ORGANIZER"])
    guests = event.get("ATTENDEE", [])
    if guests:
        listed = guests if isinstance(guests, list) else [guests]
        data["attendees"] = [{"email": address(g), "status": str(g.params.get("PARTSTAT", ""))} for g in listed]
    return data


def excluded(event: Component) -> list[str]:
    """The ids of the occurrences that a series leaves out."""
    found = event.get("EXDATE")
    listed = found if isinstance(found, list) else [] if found is None else [found]
    return [text_of(each.dt) for prop in listed for each in prop.dts]


def text_of(value: Any) -> str:
    """A time in UTC, or a day, as Zoho has it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{value:%Y%m%d}"


def zone_of(value: Any) -> str:
    """The zone of a start."""
    if not isinstance(value, datetime):
        return "Europe/Berlin"
    return str(getattr(value.tzinfo, "key", "UTC"))


def address(value: Any) -> str:
    """An address without its scheme."""
    return str(value).removeprefix("mailto:")
