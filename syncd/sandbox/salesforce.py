"""The Salesforce REST API with its login host, from the facts collected about them.

`Salesforce` is the provider: who may call what, what a day's calls are, which operation answers. What an operation does
is in the modules `salesforce_*`, what a query means in `soql_*`. One org is served, its login host at the same address;
clients insist on TLS for the API, so `instance_url` is the address with it. An org that moved is at the machine's other
name, `localhost`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

from syncd.model.clock import Clock, utc_now

from . import salesforce_collections as collections
from . import salesforce_composite as composite
from . import salesforce_reads as reads
from . import salesforce_records as records
from . import salesforce_search as search
from .kernel import Answer, Provider, Request, Route
from .salesforce_call import Call, Org
from .salesforce_errors import SalesforceError, not_found
from .salesforce_ids import numbered
from .salesforce_login import SalesforceIssuer
from .salesforce_objects import standard_schema
from .salesforce_people import People
from .salesforce_reads import Operation
from .salesforce_store import Record, Store
from .salesforce_traps import CALLS, SWITCHES, refuse

DATA = "/services/data"
OBJECT = "/sobjects/{type}"
RECORD = f"{OBJECT}/{{id}}"
EXTERNAL = f"{OBJECT}/{{field}}/{{value}}"
COLLECTION = "/composite/sobjects"

OPERATIONS: Sequence[tuple[str, str, Operation]] = (
    ("GET", "", reads.resources),
    ("GET", "/limits", reads.limits),
    ("GET", "/sobjects", reads.describe_global),
    ("GET", OBJECT, reads.information),
    ("POST", OBJECT, records.create),
    ("GET", f"{OBJECT}/describe", reads.describe),
    ("GET", f"{OBJECT}/updated", reads.updated),
    ("GET", f"{OBJECT}/deleted", reads.deleted),
    ("GET", RECORD, reads.retrieve),
    ("PATCH", RECORD, records.patch),
    ("DELETE", RECORD, records.remove),
    ("GET", EXTERNAL, records.retrieve_external),
    ("PATCH", EXTERNAL, records.upsert),
    ("DELETE", EXTERNAL, records.remove_external),
    ("DELETE", "/sobjects/Event/{id}/fromThisEventOnwards", records.remove_onwards),
    ("GET", "/query", reads.query),
    ("GET", "/queryAll", reads.query_all),
    ("GET", "/query/{locator}", reads.query_more),
    ("GET", "/queryAll/{locator}", reads.query_more),
    ("GET", "/search", search.search),
    ("GET", "/parameterizedSearch", search.parameterized),
    ("POST", "/parameterizedSearch", search.parameterized),
    ("POST", "/composite", composite.composite),
    ("POST", "/composite/graph", composite.graph),
    ("POST", "/composite/batch", composite.batch),
    ("POST", COLLECTION, collections.create_many),
    ("PATCH", COLLECTION, collections.update_many),
    ("DELETE", COLLECTION, collections.delete_many),
    ("POST", f"{COLLECTION}/{{type}}", collections.retrieve_many),
    ("PATCH", f"{COLLECTION}/{{type}}/{{field}}", collections.upsert_many),
)
"""Method, path below the version, and what is done. A path may end with a slash."""

METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT")
OLDEST_VERSION, NEWEST_VERSION, GONE_VERSION = 31, 65, 20
"""Versions that are served; up to GONE_VERSION they are retired with 410."""
LONGEST_URL = 16_384
USABLE = frozenset({"api", "full"})
"""The scopes that reach the REST API."""

_SEASONS = ("Winter", "Spring", "Summer")
_VERSION = re.compile(r"v(\d+)\.0")


class Salesforce(People, Provider):
    """One Salesforce org. `moved_status` is what its old address answers after it moved: 401, or 420 of the edge."""

    name: ClassVar[str] = "salesforce"
    switches: ClassVar[Mapping[str, str]] = SWITCHES
    tls: ClassVar[bool] = True

    def __init__(
        self, clock: Clock = utc_now, *, shared_activities: bool = True, address_picklists: bool = False
    ) -> None:
        super().__init__(clock)
        schema = standard_schema(clock(), shared_activities=shared_activities, address_picklists=address_picklists)
        self.store = Store(clock, schema)
        self.org = Org(
            id=self.store.new_id("Organization"),
            shared_activities=shared_activities,
            address_picklists=address_picklists,
        )
        self.moved = False
        self.moved_status = 401
        self.issuer = SalesforceIssuer(
            clock=clock,
            faults=self.faults,
            org_id=self.org.id,
            own_url=lambda: self.url,
            hosts=lambda: (self.url, self.tls_url),
            instance=self._instance,
            user=self._account_user,
        )
        values = {"Id": self.org.id, "Name": self.org.name, "OrganizationType": "Developer Edition", "IsSandbox": True}
        stamped = self.store.stamped(values, numbered("005", 1), new=True)
        self.store.put(Record("Organization", self.org.id, stamped))
        self._operations = [
            (method, _pattern(path), path, operation)
            for method, path, operation in sorted(OPERATIONS, key=lambda o: o[1].count("{"))
        ]

    def _instance(self) -> str:
        url = self.tls_url or self.url
        return url.replace("127.0.0.1", "localhost") if self.moved else url

    def _account_user(self, account: str) -> Record | None:
        return next((u for u in self.store.rows("User") if u.get("Username") == account), None)

    def routes(self) -> Sequence[Route]:
        """Every route."""
        paths = dict.fromkeys(path for _, path, _ in OPERATIONS)
        data = [
            Route(method, f"{DATA}/{{version}}{path}{end}", self._called)
            for path in paths
            for end in ("", "/")
            for method in METHODS
        ]
        return [
            *self.issuer.routes(),
            Route("GET", DATA, self._versions),
            Route("GET", f"{DATA}/", self._versions),
            *data,
        ]

    def not_found(self, request: Request) -> Answer:
        """Nothing there."""
        return not_found().answer()

    def throttled(self, request: Request, retry_after: float | None, *, concurrent: bool = False) -> Answer:
        """Above a quota: refused without saying how long to wait."""
        code, message = CALLS["concurrent-limit" if concurrent else "daily-limit"]
        return self._limited(SalesforceError(code, message).answer())

    def account_of(self, request: Request) -> str:
        """Whose token it is."""
        grant = self.issuer.access.get(request.bearer)
        return grant.account if grant else ""

    def unlimited(self, request: Request) -> bool:
        """Tokens do not count as calls of the API."""
        return not request.path.startswith(f"{DATA}/")

    def _versions(self, request: Request) -> Answer:
        return Answer(
            body=[
                {
                    "label": f"{_SEASONS[(n - 65) % 3]} '{26 + (n - 65) // 3}",
                    "url": f"{DATA}/v{n}.0",
                    "version": f"{n}.0",
                }
                for n in range(OLDEST_VERSION, NEWEST_VERSION + 1)
            ]
        )

    # one request

    def _called(self, request: Request) -> Answer:
        """A request from outside: it counts, and what it did is settled."""
        self.org.used += 1
        try:
            user = self._caller(request)
            if len(request.url + request.target) > LONGEST_URL:
                raise SalesforceError("URI_TOO_LONG", f"The URI has more than {LONGEST_URL} characters")
            if self.org.used > self.org.daily:
                code, message = CALLS["daily-limit"]
                raise SalesforceError(code, message)
            late = refuse(self._call(request, user))
            answer = self._dispatch(user, request)
            if late is not None:
                answer = late.answer()
        except SalesforceError as error:
            answer = error.answer()
        self.store.settle()
        return self._limited(answer)

    def _dispatch(self, user: Record, request: Request) -> Answer:
        """Carry out one operation, or nothing of it."""
        mark = self.store.mark()
        try:
            operation, params = self._operation(request)
            return operation(self._call(replace(request, params=params), user))
        except SalesforceError as error:
            self.store.roll_back(mark)
            return error.answer()

    def _call(self, request: Request, user: Record) -> Call:
        version = _version(request.path)
        return Call(request, user, self.org, self.store, self.faults, version, partial(self._dispatch, user))

    def _operation(self, request: Request) -> tuple[Operation, dict[str, str]]:
        """What a path and a method stand for. Raises SalesforceError."""
        path = request.path.removeprefix(f"{DATA}/v{_version(request.path)}")
        allowed = False
        for method, pattern, _, operation in self._operations:
            found = pattern.fullmatch(path)
            if found is not None and method == request.method:
                return operation, _decoded(found.groupdict())
            allowed = allowed or found is not None
        if allowed:
            raise SalesforceError("METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.")
        raise not_found()

    def _caller(self, request: Request) -> Record:
        """Whose request it is. Raises SalesforceError."""
        scheme = request.headers.get("authorization", "").partition(" ")[0].lower()
        if scheme not in ("bearer", "oauth"):
            raise SalesforceError("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        if self.moved and not request.headers.get("host", "").startswith("localhost"):
            raise SalesforceError("INVALID_SESSION_ID", "Session expired or invalid", status=self.moved_status)
        account = self.issuer.account(request)
        user = self._account_user(account) if account is not None else None
        if user is None or not user.get("IsActive"):
            raise SalesforceError("INVALID_SESSION_ID", "Session expired or invalid")
        if not USABLE & set(self.issuer.scopes_of(request)):
            raise SalesforceError("INVALID_SESSION_ID", "This session is not valid for use with the REST API")
        return user

    def _limited(self, answer: Answer) -> Answer:
        """With the header that tells the calls of the day."""
        answer.headers["Sforce-Limit-Info"] = f"api-usage={self.org.used}/{self.org.daily}"
        return answer


def _version(path: str) -> str:
    """The version of a path, as `59.0`.

    Raises:
        SalesforceError: there is no such version, or not any more.
    """
    told = path.removeprefix(f"{DATA}/").partition("/")[0] if path.startswith(f"{DATA}/") else ""
    found = _VERSION.fullmatch(told)
    if found is None or int(found[1]) > NEWEST_VERSION:
        raise not_found()
    if int(found[1]) < OLDEST_VERSION:
        message = f"The API version {told} is retired"
        raise SalesforceError("UNSUPPORTED_API_VERSION", message, status=410 if int(found[1]) <= GONE_VERSION else None)
    return told[1:]


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    named = "".join(f"(?P<{p}>[^/]+)" if n % 2 else re.escape(p) for n, p in enumerate(parts))
    return re.compile(f"{named}/?")


def _decoded(params: Mapping[str, Any]) -> dict[str, str]:
    return {name: unquote(value) for name, value in params.items()}
