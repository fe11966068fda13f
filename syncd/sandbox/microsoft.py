"""Microsoft Graph's calendars with Entra ID's login, from Microsoft's OpenAPI and the facts collected about them.

`MicrosoftGraph` is the provider: who may call what, its limits and its faults. What a call does is in the modules
`microsoft_*`: calendars, events, delta, subscriptions, batch, login; what its people do outside the API is in people.
Login and Graph are on one address each, plain and over TLS.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote
from uuid import uuid4

from syncd.model.clock import Clock, utc_now

from . import microsoft_calendars as calendars
from . import microsoft_delta, microsoft_events
from . import microsoft_subscriptions as subscriptions
from .faults import Fault
from .issuer import SWITCHES as ISSUER_SWITCHES
from .kernel import Answer, Provider, Request, Route
from .microsoft_batch import FORCED, Part, answered, parts
from .microsoft_call import Call
from .microsoft_errors import GraphError, denied, unauthorized
from .microsoft_login import SWITCHES as LOGIN_SWITCHES
from .microsoft_login import MicrosoftIssuer
from .microsoft_people import People
from .microsoft_push import Pusher
from .microsoft_store import Calendar, Mailbox, Resource, Store
from .microsoft_subscriptions import Caller, Managing

Operation = Callable[[Call], Any]

READ, WRITE, PROFILE, SETTINGS = "Calendars.Read", "Calendars.ReadWrite", "User.Read", "MailboxSettings.Read"
GOOD_FOR: Mapping[str, tuple[str, ...]] = {
    READ: ("Calendars.Read", "Calendars.ReadWrite", "Calendars.Read.Shared", "Calendars.ReadWrite.Shared"),
    WRITE: ("Calendars.ReadWrite", "Calendars.ReadWrite.Shared"),
    PROFILE: ("User.Read", "User.ReadWrite", "User.Read.All"),
    SETTINGS: ("MailboxSettings.Read", "MailboxSettings.ReadWrite"),
}
DEFAULT_SCOPE = ".default"
"""What an application's token is asked for: all that the tenant has allowed it."""

EVENTS = ("/events", "/calendar/events", "/calendars/{calendar}/events")
VIEWS = ("/calendarView", "/calendar/calendarView", "/calendars/{calendar}/calendarView")

OPERATIONS: Sequence[tuple[str, str, str, int, Operation]] = (
    ("GET", "", PROFILE, 200, calendars.user),
    ("GET", "/mailboxSettings", SETTINGS, 200, calendars.mailbox_settings),
    ("GET", "/calendars", READ, 200, calendars.calendars),
    ("GET", "/calendar", READ, 200, calendars.calendar),
    ("GET", "/calendars/{calendar}", READ, 200, calendars.calendar),
    ("POST", "/calendar/getSchedule", READ, 200, calendars.get_schedule),
    ("POST", "/calendars/{calendar}/getSchedule", READ, 200, calendars.get_schedule),
    *(("GET", path, READ, 200, microsoft_events.list_events) for path in EVENTS),
    *(("POST", path, WRITE, 201, microsoft_events.create_event) for path in EVENTS),
    *(("GET", f"{path}/{{event}}", READ, 200, microsoft_events.get_event) for path in EVENTS),
    *(("PATCH", f"{path}/{{event}}", WRITE, 200, microsoft_events.update_event) for path in EVENTS),
    *(("DELETE", f"{path}/{{event}}", WRITE, 204, microsoft_events.delete_event) for path in EVENTS),
    *(("GET", f"{path}/{{event}}/instances", READ, 200, microsoft_events.list_instances) for path in EVENTS),
    *(("GET", path, READ, 200, microsoft_events.calendar_view) for path in VIEWS),
    *(("GET", f"{path}/delta", READ, 200, microsoft_delta.delta) for path in VIEWS),
)
"""Method, path below the mailbox, the scope that does, status, and what is done."""

MANAGING: Sequence[tuple[str, str, int, Managing]] = (
    ("GET", "", 200, subscriptions.list_subscriptions),
    ("POST", "", 201, subscriptions.subscribe),
    ("GET", "/{id}", 200, subscriptions.get_subscription),
    ("PATCH", "/{id}", 200, subscriptions.renew),
    ("DELETE", "/{id}", 204, subscriptions.unsubscribe),
    ("POST", "/{id}/reauthorize", 204, subscriptions.reauthorize),
)
"""Method, path below /subscriptions, status, and what is done."""

MAILBOXES = ("/v1.0/me", "/v1.0/users/{user}")
BATCH = "/v1.0/$batch"

HTML = base64.b64encode(b"<html><title>Sign in</title></html>").decode()
"""A page, as a batch tells what is not JSON."""

SWITCHES: Mapping[str, str] = {
    **ISSUER_SWITCHES,
    **LOGIN_SWITCHES,
    "batch-throttled": "429 TooManyRequests for a batch as a whole; `value` as for unavailable",
    "throttled": "429 ApplicationThrottled with `value` seconds as Retry-After; inside a batch for the part it meets",
    "unavailable": "503 ServiceUnavailable, with `value` seconds as Retry-After (none: without the header)",
    "unauthorized": "401 InvalidAuthenticationToken for a token that is still good",
    "html-in-batch": "a request of a batch, once carried out, is answered with 200 and a page of HTML",
    "empty-page": "a page without items, and with a link to the next",
    "state-gone": "a delta link is refused: 410 with Location; as every one is after `expire_cursors`",
    "state-400": "beside a link that is gone: 400 with the code in `value` (SyncStateNotFound) instead",
    "transaction-409": "a transactionId used before is refused with 409",
    "transaction-ignored": "a transactionId used before makes another event",
    "concurrent-save": "503 ConcurrentItemSave for a create that was carried out",
    "stale-etag": "412 for the etag that is still the event's",
    "custom-zone": "originalStartTimeZone is tzone://Microsoft/Custom in the next answer with events",
    "ids-change": 'all ids of events change that were told without IdType="ImmutableId", as by a move of the mailbox',
    "all-day-shifted": "all-day events are told as moments in the zone that is asked for, not as midnights",
    "capitals-only": "getSchedule knows only names that begin with a capital, as the OpenAPI has them",
    "schedules-20": "getSchedule takes 20 people, as documented, instead of 100",
    "no-mailbox": "404 MailboxNotEnabledForRESTAPI: the account has no mailbox that Graph can use",
    "handshake-unheard": "the address of a subscription is not asked: the handshake fails as for one that is too slow",
    "push-early": "a notification comes before the handshake of its subscription",
    "push-dropped": "a notification is not sent",
    "push-twice": "a notification is sent twice",
}


REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "batch-throttled": (429, "TooManyRequests", "Too many requests."),
    "throttled": (429, "ApplicationThrottled", "Application is over its limit."),
    "unavailable": (503, "ServiceUnavailable", "The service is not available."),
    "no-mailbox": (404, "MailboxNotEnabledForRESTAPI", "The mailbox is inactive, or not one of Exchange Online."),
}
"""Switch -> status, code and message of the refusal."""
OF_A_MAILBOX = ("throttled", "unavailable", "no-mailbox")


class MicrosoftGraph(People, Provider):
    """Graph, for mailboxes of one tenant."""

    name: ClassVar[str] = "office365-calendar"
    switches: ClassVar[Mapping[str, str]] = SWITCHES
    tls: ClassVar[bool] = True
    concurrency: int | None = 4

    def __init__(self, clock: Clock = utc_now) -> None:
        super().__init__(clock)
        self.store = Store()
        self.issuer = MicrosoftIssuer(clock=clock, faults=self.faults, where=lambda: self.tls_url)
        self.pusher = Pusher(self.faults, clock)

    def routes(self) -> Sequence[Route]:
        """Every route."""
        graph = [
            Route(method, root + path, partial(self._called, operation, scope, status))
            for method, path, scope, status, operation in OPERATIONS
            for root in MAILBOXES
        ]
        managing = [
            Route(method, f"/v1.0/subscriptions{path}", partial(self._managed, operation, status))
            for method, path, status, operation in MANAGING
        ]
        return [*self.issuer.routes(), *graph, *managing, Route("POST", BATCH, self._batch)]

    def unlimited(self, request: Request) -> bool:
        """Login and batches; what is in a batch is counted one by one."""
        return not request.path.startswith("/v1.0/") or request.path == BATCH

    def account_of(self, request: Request) -> str:
        """The mailbox: the one that the path names, or the token's."""
        if request.path.startswith("/v1.0/users/"):
            named = unquote(request.path.split("/")[3]).lower()
            known = named in self.store.mailboxes
            return named if known else next((m.email for m in self.store.mailboxes.values() if m.id == named), named)
        return self.issuer.account(request) or ""

    def not_found(self, request: Request) -> Answer:
        """No such resource."""
        return GraphError(400, "BadRequest", "Resource not found for the segment.").answer(self.clock())

    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        """Too many for the mailbox."""
        limit = "MailboxConcurrency" if concurrent else "MailboxRequests"
        headers = {} if retry_after is None else {"Retry-After": f"{max(1, round(retry_after))}"}
        message = f"Application is over its {limit} limit."
        return GraphError(429, "ApplicationThrottled", message, headers=headers).answer(self.clock())

    def _call(self, request: Request, mailbox: Mailbox, base: str) -> Call:
        return Call(request, mailbox, self.store, self.faults, self.clock(), base, self._pushed)

    def _pushed(self, mailbox: Mailbox, calendar: Calendar, event_id: str, kind: str) -> None:
        self.pusher.changed(mailbox, calendar, event_id, kind)

    def _called(self, operation: Operation, scope: str, status: int, request: Request) -> Answer:
        def carry_out() -> Resource | None:
            mailbox = self._mailbox(request, scope)
            self._refuse(request)
            if self.faults.take("ids-change", request.method, request.target):
                self.store.change_ids(mailbox)
            told: Resource | None = operation(self._call(request, mailbox, request.url or self.url))
            return self._with_custom_zone(told, request)

        return self._answered(carry_out, status, request)

    def _managed(self, operation: Managing, status: int, request: Request) -> Answer:
        def carry_out() -> Resource | None:
            account = self._account(request)
            self._refuse(request)
            client_id = self.issuer.access[request.bearer].client_id
            return operation(Caller(request, account, client_id, self.store, self.pusher, self.clock()))

        return self._answered(carry_out, status, request)

    def _answered(self, carry_out: Callable[[], Resource | None], status: int, request: Request) -> Answer:
        """The answer, or the refusal, with the ids by which Microsoft finds a request."""
        own = request.headers.get("client-request-id", "")
        named = {"client-request-id": own} if own else {}
        try:
            told = carry_out()
        except GraphError as error:
            refused = error.answer(self.clock(), own)
            return Answer(refused.status, refused.body, {**refused.headers, **named})
        return Answer(status, told, {"request-id": str(uuid4()), **named})

    def _account(self, request: Request) -> str:
        """Whose token it is; "" for an application's own. Raises GraphError."""
        account = self.issuer.account(request)
        if account is None or self.faults.take("unauthorized", request.method, request.target):
            raise unauthorized()
        return account

    def _mailbox(self, request: Request, scope: str) -> Mailbox:
        """The mailbox of a call that its token allows. Raises GraphError."""
        account = self._account(request)
        granted = {s.rpartition("/")[2] for s in self.issuer.scopes_of(request)}
        if DEFAULT_SCOPE not in granted and not granted & set(GOOD_FOR[scope]):
            raise denied()
        named = request.params.get("user", "")
        if not named and not account:
            raise GraphError(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
        mailbox = self.store.mailbox(named or account)
        if account and mailbox.email != account:
            raise denied()
        return mailbox

    def _refuse(self, request: Request, switches: Sequence[str] = OF_A_MAILBOX) -> None:
        """Raises GraphError where a switch says so, with its value as Retry-After."""
        for switch in switches:
            if fault := self.faults.take(switch, request.method, request.target):
                headers = {} if fault.value is None else {"Retry-After": str(fault.value)}
                raise GraphError(*REFUSALS[switch], headers=headers)

    def _with_custom_zone(self, told: Resource | None, request: Request) -> Resource | None:
        events = [e for e in (told or {}).get("value", [told]) if e and "originalStartTimeZone" in e]
        if events and self.faults.take("custom-zone", request.method, request.target):
            for each in events:
                each["originalStartTimeZone"] = "tzone://Microsoft/Custom"
        return told

    def _batch(self, request: Request) -> Answer:
        """POST $batch. Its requests reach their mailboxes four at a time, beside what is there already."""
        at_once: Counter[tuple[str, int]] = Counter()

        def carry_out() -> Resource | None:
            self._refuse(request, ("batch-throttled",))
            told: Resource = answered(parts(request), lambda part: self._part(request, part, at_once), self._unmet).body
            return told

        return self._answered(carry_out, 200, request)

    def _unmet(self) -> Answer:
        return GraphError(424, "FailedDependency", "A request it depends on failed.").answer(self.clock())

    def _part(self, whole: Request, part: Part, at_once: Counter[tuple[str, int]]) -> Answer:
        """A request of a batch, with the faults that wait for it."""
        request, account = part.request, self.account_of(part.request)
        fault = self.faults.take("answer", request.method, request.target)
        if fault and not fault.after:
            return _forced(fault)
        at_once[account, part.wave] += 1
        outside = self.in_flight[account] - (account == self.account_of(whole))
        together = outside + at_once[account, part.wave]
        self.peak[account] = max(self.peak[account], together)
        if self.concurrency is not None and together > self.concurrency:
            self.refused += 1
            return self.throttled(request, 1.0, concurrent=True)
        answer = self.answer(request)[0]
        if self.faults.take("html-in-batch", request.method, request.target):
            return Answer(200, HTML, {"Content-Type": "text/html", FORCED: "html-in-batch"})
        return _forced(fault) if fault else answer


def _forced(fault: Fault) -> Answer:
    return Answer(fault.status, fault.body, {**fault.headers, FORCED: fault.kind})
