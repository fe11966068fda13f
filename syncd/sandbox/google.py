"""Google Calendar API v3 with Google's OAuth, from Google's own discovery document and the facts collected about it.

`GoogleCalendar` is the provider: who may call what, its faults, and what its people do outside the API. What a call
does is in the modules `google_*`: calendars, events, writes, freebusy, push, batch, oauth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from syncd.model.clock import Clock, utc_now

from . import google_calendars, google_events, google_writes
from .faults import Fault
from .google_batch import answered, parts
from .google_call import SCOPE, Call, Store
from .google_errors import GoogleError, unnamed
from .google_fields import parse, select
from .google_oauth import GoogleIssuer
from .google_people import People
from .google_push import Pusher
from .issuer import SWITCHES as ISSUER_SWITCHES
from .kernel import Answer, Provider, Request, Route

Operation = Callable[[Call], Any]

API = "/calendar/v3"
BATCH = "/batch/calendar/v3"

LIST_READ = "calendar calendar.calendarlist calendar.calendarlist.readonly calendar.readonly"
LIST_WRITE = "calendar calendar.app.created calendar.calendarlist"
CALENDAR_WRITE = "calendar calendar.app.created calendar.calendars"
EVENT_READ = (
    "calendar calendar.app.created calendar.events calendar.events.freebusy calendar.events.owned "
    "calendar.events.owned.readonly calendar.events.public.readonly calendar.events.readonly calendar.readonly"
)
EVENT_WRITE = "calendar calendar.app.created calendar.events calendar.events.owned"
SETTINGS = "calendar calendar.readonly calendar.settings calendar.settings.readonly"
CHANNELS = (
    "calendar calendar.acls calendar.acls.readonly calendar.app.created calendar.calendarlist "
    "calendar.calendarlist.readonly calendar.events calendar.events.freebusy calendar.events.owned "
    "calendar.events.owned.readonly calendar.events.public.readonly calendar.events.readonly calendar.readonly "
    "calendar.settings calendar.settings.readonly"
)

OPERATIONS: Sequence[tuple[str, str, str, Operation]] = (
    ("GET", "/users/me/calendarList", LIST_READ, google_calendars.list_entries),
    ("POST", "/users/me/calendarList", "calendar calendar.calendarlist", google_calendars.insert_entry),
    ("POST", "/users/me/calendarList/watch", LIST_READ, google_calendars.watch_entries),
    ("GET", "/users/me/calendarList/{calendarId}", f"{LIST_READ} calendar.app.created", google_calendars.get_entry),
    ("PATCH", "/users/me/calendarList/{calendarId}", LIST_WRITE, google_calendars.patch_entry),
    ("DELETE", "/users/me/calendarList/{calendarId}", LIST_WRITE, google_calendars.delete_entry),
    ("GET", "/users/me/settings", SETTINGS, google_calendars.list_settings),
    ("GET", "/users/me/settings/{setting}", SETTINGS, google_calendars.get_setting),
    ("POST", "/calendars", CALENDAR_WRITE, google_calendars.insert_calendar),
    (
        "GET",
        "/calendars/{calendarId}",
        f"{CALENDAR_WRITE} calendar.calendars.readonly calendar.readonly",
        google_calendars.get_calendar,
    ),
    ("PATCH", "/calendars/{calendarId}", CALENDAR_WRITE, google_calendars.patch_calendar),
    ("DELETE", "/calendars/{calendarId}", CALENDAR_WRITE, google_calendars.delete_calendar),
    ("GET", "/calendars/{calendarId}/events", EVENT_READ, google_events.list_events),
    ("POST", "/calendars/{calendarId}/events", EVENT_WRITE, google_writes.insert),
    ("POST", "/calendars/{calendarId}/events/import", EVENT_WRITE, google_writes.import_event),
    ("POST", "/calendars/{calendarId}/events/watch", EVENT_READ, google_events.watch_events),
    ("GET", "/calendars/{calendarId}/events/{eventId}", EVENT_READ, google_events.get),
    ("PATCH", "/calendars/{calendarId}/events/{eventId}", EVENT_WRITE, google_writes.patch),
    ("PUT", "/calendars/{calendarId}/events/{eventId}", EVENT_WRITE, google_writes.update),
    ("DELETE", "/calendars/{calendarId}/events/{eventId}", EVENT_WRITE, google_writes.delete),
    ("GET", "/calendars/{calendarId}/events/{eventId}/instances", EVENT_READ, google_events.list_instances),
    (
        "POST",
        "/calendars/{calendarId}/events/{eventId}/move",
        "calendar calendar.events calendar.events.owned",
        google_writes.move,
    ),
    (
        "POST",
        "/freeBusy",
        "calendar calendar.events.freebusy calendar.freebusy calendar.readonly",
        google_events.query_freebusy,
    ),
    ("POST", "/channels/stop", CHANNELS, google_events.stop),
)
"""Method, path, the scopes of which one is needed, and what is done."""

REFUSING: Mapping[str, tuple[str, int]] = {
    "user-rate": ("userRateLimitExceeded", 0),
    "project-rate": ("rateLimitExceeded", 0),
    "usage-limit": ("quotaExceeded", 0),
    "too-many": ("rateLimitExceeded", 429),
    "scope": ("insufficientPermissions", 0),
    "no-calendar-user": ("notACalendarUser", 0),
    "unauthorized": ("authError", 0),
    "backend-error": ("backendError", 0),
}
"""Switch -> the reason it refuses with, and its status where that is not the reason's own."""

SWITCHES: Mapping[str, str] = {
    **ISSUER_SWITCHES,
    "user-rate": "403 userRateLimitExceeded: too fast for this person; wait and repeat",
    "project-rate": "403 rateLimitExceeded: too fast for this project; wait and repeat",
    "usage-limit": "403 quotaExceeded: too many invitations; hours pass before it works again",
    "too-many": "429 rateLimitExceeded, with `value` seconds as Retry-After (none: without the header)",
    "non-organizer": "403 forbiddenForNonOrganizer on a change of an event; repeating is of no use",
    "scope": "403 insufficientPermissions: the consent does not reach; repeating is of no use",
    "no-calendar-user": "403 notACalendarUser: the account has no Calendar",
    "unauthorized": "401 authError for a token that is still good",
    "backend-error": "500 backendError, with `after` once it is carried out",
    "gone": "410 fullSyncRequired for a sync token",
    "gone-unnamed": "410 that names no reason, for a sync token",
    "updated-min-gone": "410 updatedMinTooLongAgo for updatedMin",
    "empty-page": "a page with nothing on it, and a nextPageToken",
    "short-page": "a page of `value` items (1), whatever maxResults says",
    "no-sync-token": "a listing with timeMin or timeMax ends without a nextSyncToken",
    "moved-out": "an event that left the first listing's window is told as cancelled",
    "collision": "a taken event id is not noticed: the event is replaced, or with value `second` made with another id",
    "stale-etag": "412 for the ETag that is still the event's",
    "freebusy-error": "a calendar has an error instead of times; `value`: reason, and after a blank the calendar",
    "conference-pending": "the conference is not there yet; `finish_conferences` makes it",
    "push-dropped": "a notification is lost",
    "push-duplicated": "a notification comes twice",
}


class GoogleCalendar(People, Provider):
    """Google Calendar. `throttles_with` is the status above a quota: 403, or 429."""

    name: ClassVar[str] = "google-calendar"
    switches: ClassVar[Mapping[str, str]] = SWITCHES

    def __init__(self, clock: Clock = utc_now) -> None:
        super().__init__(clock)
        self.throttles_with = 403
        self.pusher = Pusher()
        self.store = Store(clock=clock, faults=self.faults, pusher=self.pusher)
        self.issuer = GoogleIssuer(clock=clock, faults=self.faults, users=self.store.users, own_url=lambda: self.url)

    def routes(self) -> Sequence[Route]:
        """Every route."""
        issuer, calendar = self.issuer, []
        for method, path, scopes, operation in OPERATIONS:
            needed = frozenset(SCOPE + name for name in scopes.split())
            calendar.append(Route(method, API + path, partial(self._called, operation, needed)))
        return (
            Route("GET", "/o/oauth2/v2/auth", issuer.page),
            Route("POST", "/o/oauth2/v2/auth", issuer.decide),
            Route("POST", "/token", issuer.token),
            Route("POST", "/revoke", issuer.revoke),
            Route("POST", "/device/code", lambda request: issuer.device(request, f"{self.url}/device")),
            Route("GET", "/v1/userinfo", issuer.userinfo),
            *calendar,
        )

    def answer(self, request: Request) -> tuple[Answer, str]:
        """Answer a request. A batch is no call of its own: each of its calls is counted and limited by itself."""
        if (request.method, request.path) != ("POST", BATCH):
            return super().answer(request)
        self.calls[f"POST {BATCH}"] += 1
        try:
            return answered(parts(request), self._part), BATCH
        except GoogleError as error:
            return error.answer(), BATCH

    def not_found(self, request: Request) -> Answer:
        """Nothing there."""
        return GoogleError("notFound").answer()

    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        """Above a quota. Google documents no Retry-After; it comes with 429 only."""
        if self.throttles_with == 403:
            return GoogleError("userRateLimitExceeded").answer()
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        return GoogleError("rateLimitExceeded", status=self.throttles_with, headers=headers).answer()

    def account_of(self, request: Request) -> str:
        """Whose token it is."""
        grant = self.issuer.access.get(request.bearer)
        return grant.account if grant else ""

    def unlimited(self, request: Request) -> bool:
        """The quotas are the Calendar API's; Google's OAuth has its own."""
        return not request.path.startswith(API)

    def _part(self, request: Request) -> Answer:
        """A call of a batch, with the faults that wait for it."""
        fault = self.faults.take("answer", request.method, request.target)
        forced = Answer(fault.status, fault.body, dict(fault.headers)) if fault else None
        if fault and forced and not fault.after:
            return forced
        answer = super().answer(request)[0]
        return forced or answer

    def _called(self, operation: Operation, needed: frozenset[str], request: Request) -> Answer:
        """Carry out a call of the API: who calls, may they, what goes wrong, what they get."""
        try:
            call = self._call(request, needed)
            if "syncToken" in request.query and call.switch("gone-unnamed"):
                return unnamed(410, "Gone")
            late = self._refused(call)
            told = operation(call)
            if late is not None:
                raise late
            return self._told(told, request)
        except GoogleError as error:
            return error.answer()

    def _call(self, request: Request, needed: frozenset[str]) -> Call:
        account = self.issuer.account(request)
        if account is None:
            raise GoogleError("authError")
        scopes = self.issuer.scopes_of(request)
        if not needed & set(scopes):
            raise GoogleError("insufficientPermissions", "Request had insufficient authentication scopes.")
        if account not in self.store.users:
            raise GoogleError("notACalendarUser")
        return Call(request, self.store.users[account], self.store, tuple(needed & set(scopes)))

    def _refused(self, call: Call) -> GoogleError | None:
        """Refuse where a switch says so; what is returned is to be raised once the call is carried out."""
        for kind, (reason, status) in REFUSING.items():
            fault = call.switch(kind)
            if fault is not None:
                error = GoogleError(reason, status=status, headers=_retry_after(fault))
                if not fault.after:
                    raise error
                return error
        return None

    def _told(self, told: Any, request: Request) -> Answer:
        if told is None:
            return Answer(204)
        headers = {"ETag": told["etag"]} if "etag" in told else {}
        selected = select(told, parse(request.query["fields"])) if request.query.get("fields") else told
        return Answer(200, selected, headers)


def _retry_after(fault: Fault) -> dict[str, str]:
    return {"Retry-After": str(fault.value)} if fault.kind == "too-many" and fault.value is not None else {}
