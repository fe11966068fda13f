"""Google's client over a transport of ours, behind the guard.

googleapiclient is not safe for several threads: its httplib2 is not, its `Resource` objects are. So the resources are
built once for the process (building `events()` costs 1.4 ms of a call's 1.65), from the document in its own package,
and each call brings a transport for itself: urllib3, whose pool all threads share. An answer that is no success becomes
an error of ours inside the transport; Google's client, which logs bodies, never sees it.

The document's root address is ours to choose, so that batches go where all else goes: `api_endpoint` would leave them
at googleapis.com.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import httplib2
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import BatchError, HttpError
from googleapiclient.http import HttpRequest

from syncd import __version__
from syncd.errors import ProviderError, RefreshError, RetryError, UnclearError, WaitUntilError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import Pools
from syncd.provider.guard import Guard
from syncd.provider.network import network_failure

from .login import Login
from .refusals import USAGE_WAIT, UsageLimitError, refusal

T = TypeVar("T")

Resource = dict[str, Any]
"""A JSON object of Google's."""

MOST_CALLS = 50
"""Calls in one batch (facts: google-calendar, `batch_max_calls`)."""

_USER_AGENT = f"syncd/{__version__} (gzip)"  # Google compresses only for agents that say so

_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, BatchError)
"""What Google's client raises for an answer that is none of Google's."""


class Resources(NamedTuple):
    """The resources of the API, and what makes a batch. Shared by all threads and connections."""

    calendar_list: Any
    channels: Any
    events: Any
    freebusy: Any
    batch: Callable[..., Any]


class _Nowhere:
    """The transport of requests that bring none: there are no such."""

    def request(self, uri: str, **_: Any) -> Any:
        raise AssertionError("every request brings its own transport")


@cache
def resources(api_url: str) -> Resources:
    """The API at `api_url`. Asks nobody."""
    document = json.loads(get_static_doc("calendar", "v3"))
    service = build_from_document({**document, "rootUrl": f"{api_url}/"}, http=_Nowhere())
    return Resources(
        calendar_list=service.calendarList(),
        channels=service.channels(),
        events=service.events(),
        freebusy=service.freebusy(),
        batch=service.new_batch_http_request,
    )


class _Transport:
    """What Google's client sends one call with; the shape of httplib2's `Http`.

    One call: a batch that was answered with 401 would be sent again, which is for the engine to do.
    """

    def __init__(self, pools: Pools, token: str, operation: str, clock: Clock) -> None:
        self._pools = pools
        self._token = token
        self._operation = operation
        self._clock = clock
        self._sent = False

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """Send, and give what was answered. Raises ProviderError for what is no success."""
        if self._sent:
            raise RefreshError(f"{self._operation}: the access token is not accepted.", status=401)
        self._sent = True
        sent = {name.title(): value for name, value in (headers or {}).items() if name.lower() != "content-length"}
        sent |= {"Authorization": f"Bearer {self._token}", "User-Agent": _USER_AGENT}
        content = body.encode() if isinstance(body, str) else body
        answer = self._pools.send(method, uri, content, sent)
        if answer.status >= 300:
            raise refusal(answer.status, answer.headers, answer.body, self._operation, self._clock())
        return httplib2.Response({**answer.headers, "status": str(answer.status)}), answer.body


class Api:
    """Calls of one connection. Safe for several threads."""

    def __init__(self, api_url: str, login: Login, guard: Guard, *, ca_file: str = "", clock: Clock = utc_now) -> None:
        self._resources = resources(api_url)
        self.calendar_list = self._resources.calendar_list
        self.channels = self._resources.channels
        self.events = self._resources.events
        self.freebusy = self._resources.freebusy
        self.clock = clock
        self._login = login
        self._guard = guard
        self._pools = Pools(guard.timeout_s, ca_file)

    def call(self, operation: str, request: HttpRequest, *, safe: bool = False) -> Resource:
        """Send a request. `operation` names it in messages and metrics; `safe`: repeating it changes nothing.

        Raises:
            ProviderError: what is no success; an answer that is no JSON object.
        """

        def run(transport: _Transport) -> Resource:
            told = request.execute(http=transport)
            if told and not isinstance(told, dict):
                raise ValueError("no object")
            return told or {}

        return self._run(operation, run, safe=safe)

    def every(
        self, operation: str, requests: Sequence[HttpRequest], *, safe: bool = False
    ) -> list[Resource | ProviderError]:
        """Send requests that do not depend on each other, in as few as can be: for each its answer, or its error.

        Raises:
            ProviderError: what concerns them all: the token, a limit, the network.
        """
        told: list[Resource | ProviderError] = []
        for start in range(0, len(requests), MOST_CALLS):
            told += self._together(operation, requests[start : start + MOST_CALLS], safe)
        return told

    def pages(self, operation: str, kind: str, make: Callable[[str | None], HttpRequest]) -> Iterator[Resource]:
        """Every page of a listing. A page may be empty and yet not the last (discovery: `nextPageToken`).

        Raises:
            RetryError: code `paging_loops`: a page token came twice; `answer_unusable`: a page is not of that kind.
        """
        token, seen = None, set[str]()
        while True:
            page = self.call(operation, make(token), safe=True)
            if page.get("kind") != kind:
                raise RetryError(f"{operation}: the answer is not one of Google's.", code="answer_unusable")
            yield page
            token = page.get("nextPageToken")
            if not token:
                return
            if token in seen:
                raise RetryError(f"{operation}: a page points back to an earlier one.", code="paging_loops")
            seen.add(token)

    def close(self) -> None:
        """Close the connections."""
        self._pools.close()
        self._login.close()

    def _together(self, operation: str, requests: Sequence[HttpRequest], safe: bool) -> list[Resource | ProviderError]:
        if len(requests) > 1:
            return self._run(
                operation, lambda transport: self._batch(operation, requests, transport), safe, len(requests)
            )
        try:
            return [self.call(operation, requests[0], safe=safe)]
        except (RefreshError, RetryError):
            raise
        except ProviderError as error:
            return [error]

    def _batch(
        self, operation: str, requests: Sequence[HttpRequest], transport: _Transport
    ) -> list[Resource | ProviderError]:
        """Each call of a batch is judged by itself; but a limit or a refused token is told to the guard as such."""
        told: dict[str, Resource | ProviderError] = {}

        def take(request_id: str, response: Any, exception: HttpError | None) -> None:
            told[request_id] = response or {} if exception is None else self._refusal(exception, operation)

        batch = self._resources.batch(callback=take)
        names = [str(n) for n in range(len(requests))]
        for name, request in zip(names, requests, strict=True):
            batch.add(request, request_id=name)
        batch.execute(http=transport)
        for each in told.values():
            if isinstance(each, (RefreshError, WaitUntilError, UsageLimitError)):
                raise each
        return [told[name] for name in names]

    def _refusal(self, error: Any, operation: str) -> ProviderError:
        return refusal(error.resp.status, error.resp, error.content, operation, self.clock())

    def _run(self, operation: str, run: Callable[[_Transport], T], safe: bool = False, parts: int = 1) -> T:
        """Run behind the guard; once more with another token, where the login has one."""
        token = self._login.token()
        try:
            return self._guarded(operation, run, token, safe, parts)
        except RefreshError:
            if not self._login.renews(token):
                raise
        try:
            return self._guarded(operation, run, self._login.token(), safe, parts)
        except RefreshError as error:
            raise RetryError(
                f"Even a fresh access token is not accepted: {error}", code="fresh_token_refused"
            ) from error

    def _guarded(self, operation: str, run: Callable[[_Transport], T], token: str, safe: bool, parts: int) -> T:
        def classify(cause: Exception) -> ProviderError | None:
            return network_failure(cause, operation, writes=not safe) or _unreadable(cause, operation, safe)

        def send() -> T:
            return run(_Transport(self._pools, token, operation, self.clock))

        try:
            return self._guard.call(operation, send, classify, safe=safe, parts=parts)
        except UsageLimitError as error:
            retry_at = self.clock() + USAGE_WAIT
            raise WaitUntilError(error.message, retry_at=retry_at, status=error.status, code=error.code) from error


def _unreadable(cause: Exception, operation: str, safe: bool) -> ProviderError | None:
    """The error for an answer that Google's client cannot read: a captive portal or a gateway answered for Google."""
    if not isinstance(cause, _UNREADABLE):
        return None
    kind = RetryError if safe else UnclearError
    return kind(f"{operation}: the answer is not one of Google's.", code="answer_unusable")


def _quiet(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


# at debug level it writes addresses with their queries: people's e-mail addresses, iCalendar UIDs, tokens of listings
logging.getLogger("googleapiclient.discovery").addFilter(_quiet)
