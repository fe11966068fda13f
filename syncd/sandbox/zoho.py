"""Zoho Calendar API v1 with Zoho's OAuth, from the facts collected about them.

`ZohoCalendar` is the provider: who may call what, its faults, and what its people do outside the API. What a call does
is in the modules `zoho_*`. Each data centre has the whole API below its prefix (`/eu/api/v1`), for its own accounts
only; what the token answer calls `api_domain` is another address, where no calendar is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from syncd.model.clock import Clock, utc_now

from . import zoho_reads, zoho_writes
from .kernel import Answer, Provider, Request, Route
from .zoho_accounts import SWITCHES as ACCOUNT_SWITCHES
from .zoho_accounts import ZohoIssuer, everywhere, prefix
from .zoho_call import Call, Rules
from .zoho_errors import ZohoError
from .zoho_people import People
from .zoho_store import Store

Operation = Callable[[Call], Any]

API = "/api/v1"
CALENDARS = "/calendars"
EVENTS = "/calendars/{calendar}/events"

OPERATIONS: Sequence[tuple[str, str, str, Operation]] = (
    ("GET", CALENDARS, "calendar.READ", zoho_reads.list_calendars),
    ("GET", "/calendars/{calendar}", "calendar.READ", zoho_reads.get_calendar),
    ("GET", "/calendars/freebusy", "freebusy.READ", zoho_reads.freebusy),
    ("GET", EVENTS, "event.READ", zoho_reads.list_events),
    ("POST", EVENTS, "event.CREATE", zoho_writes.create),
    ("GET", f"{EVENTS}/{{event}}", "event.READ", zoho_reads.get_event),
    ("PUT", f"{EVENTS}/{{event}}", "event.UPDATE", zoho_writes.update),
    ("DELETE", f"{EVENTS}/{{event}}", "event.DELETE", zoho_writes.delete),
    ("PUT", f"{EVENTS}/{{event}}/move", "event.UPDATE", zoho_writes.move),
)
"""Method, path, the scope that does (or the same with ALL), and what is done."""

REFUSING: Mapping[str, str] = {
    "unauthorized": "INVALID_OAUTHTOKEN",
    "scope": "INVALID_OAUTHSCOPE",
    "too-many": "TOO_MANY_REQUESTS",
    "forbidden": "OPERATION_NOT_PERMITTED",
    "server-error": "INTERNAL_SERVER_ERROR",
}
"""Switch -> the code it refuses with."""

SWITCHES: Mapping[str, str] = {
    **ACCOUNT_SWITCHES,
    "unauthorized": "401 INVALID_OAUTHTOKEN for a token that is still good",
    "scope": "401 INVALID_OAUTHSCOPE: the consent does not reach; repeating is of no use",
    "too-many": "429 TOO_MANY_REQUESTS, with `value` seconds as Retry-After (none: without the header)",
    "forbidden": "403 OPERATION_NOT_PERMITTED",
    "server-error": "500 INTERNAL_SERVER_ERROR, with `after` once it is carried out",
    "coded-errors": "a refusal has its code in `error_code`, and prose in `message`",
    "stale-etag": "412 ETAG_MISMATCH for the etag that is still the event's",
    "stale-400": "a stale etag is refused with 400 instead of 412",
    "text-etag": "etags are told as text instead of numbers",
    "no-offset": "`dateandtime` is local time without offset",
    "deleted-first": "a series is told with its deleted occurrences first, which have no etag",
    "hidden-empty": "a calendar that is not shown has no events, whatever it holds",
    "fb-not-enabled": "free/busy is not enabled for the mailbox: no times, and no error",
    "fb-no-data": "free/busy answers NODATA: no times, and no error",
    "fb-dates": "free/busy tells all-day times as dates",
}


class ZohoCalendar(People, Provider):
    """Zoho Calendar. `rules` holds what is not documented."""

    name: ClassVar[str] = "zohocalendar"
    switches: ClassVar[Mapping[str, str]] = SWITCHES

    def __init__(self, clock: Clock = utc_now) -> None:
        super().__init__(clock)
        self.rules = Rules()
        self.store = Store(clock)
        self.issuer = ZohoIssuer(
            clock=clock,
            faults=self.faults,
            own_url=lambda: self.url,
            api_domain=lambda d: self.data_centre(d)["api_domain"],
        )

    def data_centre(self, name: str) -> dict[str, str]:
        """Where a data centre's parts are: `accounts_server`, `api_domain`, and `calendar`, the API's base."""
        own = self.url + prefix(name)
        return {"accounts_server": own, "api_domain": f"{own}/zohoapis", "calendar": own + API}

    def routes(self) -> Sequence[Route]:
        """Every route, in every data centre."""
        calendar = [
            route
            for method, path, scope, operation in OPERATIONS
            for route in everywhere(method, API + path, partial(self._called, operation, scope))
        ]
        return [*self.issuer.routes(), *calendar]

    def not_found(self, request: Request) -> Answer:
        """Nothing there."""
        return ZohoError("URL_RULE_NOT_CONFIGURED").answer()

    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        """Above a quota; how Zoho Calendar says so is not documented."""
        return ZohoError("TOO_MANY_REQUESTS", headers=_retry_after(retry_after)).answer()

    def account_of(self, request: Request) -> str:
        """Whose token it is."""
        grant = self.issuer.access.get(request.bearer)
        return grant.account if grant else ""

    def _called(self, operation: Operation, scope: str, data_centre: str, request: Request) -> Answer:
        """Carry out a call of the API: who calls, may they, what goes wrong, what they get."""
        try:
            call = self._call(request, data_centre, scope)
            late = self._refused(call)
            told = operation(call)
            if late is not None:
                raise late
            return Answer(200, told)
        except ZohoError as error:
            answer = error.answer(coded=self._strikes("coded-errors", request))
            if error.code == "ETAG_MISMATCH" and self._strikes("stale-400", request):
                answer.status = 400
            return answer

    def _call(self, request: Request, data_centre: str, scope: str) -> Call:
        account = self.issuer.account_at(data_centre, request)
        if account is None or account not in self.store.users:
            raise ZohoError("INVALID_OAUTHTOKEN")
        group = scope.partition(".")[0]
        if not {f"ZohoCalendar.{scope}", f"ZohoCalendar.{group}.ALL"} & set(self.issuer.scopes_of(request)):
            raise ZohoError("INVALID_OAUTHSCOPE")
        return Call(request, self.store.users[account], self.store, self.faults, self.rules)

    def _refused(self, call: Call) -> ZohoError | None:
        """Refuse where a switch says so; what is returned is to be raised once the call is carried out."""
        for kind, code in REFUSING.items():
            fault = call.switch(kind)
            if fault is not None:
                error = ZohoError(code, headers=_retry_after(fault.value if kind == "too-many" else None))
                if not fault.after:
                    raise error
                return error
        return None

    def _strikes(self, kind: str, request: Request) -> bool:
        return self.faults.take(kind, request.method, request.target) is not None


def _retry_after(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": f"{float(seconds):g}"}
