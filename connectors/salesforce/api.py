"""simple-salesforce over a transport of ours, behind the guard.

simple-salesforce builds the addresses, headers and bodies; its `requests` session is replaced by one exchange over
pools that all threads share. An answer that is no success becomes an error of ours inside it, so that no address, which
holds queries, and no body gets into a text of the library's.
"""

from __future__ import annotations

import json as jsons
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from simple_salesforce.api import Salesforce

from syncd import __version__
from syncd.errors import ProviderError, RefreshError, RetryError, UnclearError, WaitUntilError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import Answer, Pools
from syncd.provider.guard import Guard
from syncd.provider.network import network_failure

from .login import Login
from .refusals import Complaint, complaints, error_of, refusal

MOST_PARTS, MOST_QUERIES = 25, 5
"""Of a composite request (facts: salesforce-rest, composite_subrequests)."""

_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
RESERVE = 0.05
"""What of the day's calls is left to bookings."""

TOLD_FOR = timedelta(minutes=10)
"""How long the org's word about its day's calls holds: they come back hour by hour."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a composite request. `name` is what others refer to it by: `@{name.id}`."""

    name: str
    method: str
    path: str
    body: Json | None = None
    query: bool = False


@dataclass(frozen=True, slots=True)
class PartAnswer:
    """What a part was answered with."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return self.status < 300

    @property
    def complaints(self) -> list[Complaint]:
        """What was wrong with it."""
        return complaints(self.body)

    @property
    def record(self) -> dict[str, Any]:
        """A record; an answer without one is empty."""
        return self.body if isinstance(self.body, dict) else {}


class _Response:
    """An answer as simple-salesforce reads it."""

    def __init__(self, answer: Answer) -> None:
        self.status_code = answer.status
        self.headers = answer.headers
        self.content = answer.body
        self.text = answer.body.decode("utf-8", "replace")

    def json(self, **_: Any) -> Any:
        return jsons.loads(self.content)


class _Session:
    """The shape of a `requests.Session`, as far as simple-salesforce uses it."""

    def __init__(self, pools: Pools, heard: Callable[[Answer], None]) -> None:
        self.proxies: dict[str, str] = {}
        self._pools = pools
        self._heard = heard

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        **_: Any,
    ) -> _Response:
        """Send, and give what was answered. Raises _Refused for what is no success."""
        body = jsons.dumps(json).encode() if json is not None else None
        address = f"{url}?{urlencode(params)}" if params else url
        sent = {**(headers or {}), "Accept": "application/json", "User-Agent": f"syncd/{__version__}"}
        sent.pop("X-PrettyPrint", None)
        answer = self._pools.send(method, address, body, sent)
        self._heard(answer)
        if answer.status >= 300:
            raise _Refused(answer)
        return _Response(answer)


class _Refused(Exception):
    """An answer of 300 or more."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class _SessionEnded(RetryError):
    """The session was refused, and the next one is another."""


class Api:
    """Calls of one connection. Safe for several threads."""

    def __init__(self, login: Login, guard: Guard, *, version: str, ca_file: str = "", clock: Clock = utc_now) -> None:
        self._login = login
        self._guard = guard
        self._version = version
        self._clock = clock
        self._pools = Pools(guard.timeout_s, ca_file)
        self._session = _Session(self._pools, self._hear)
        self.used, self.allowed = 0, 0
        self._heard_at: datetime | None = None

    @property
    def root(self) -> str:
        """The path of the API's version."""
        return f"/services/data/v{self._version}"

    @property
    def spare(self) -> bool:
        """Whether more of the day's calls are left than bookings may need, as far as the org has told lately."""
        told_lately = self._heard_at is not None and self._heard_at + TOLD_FOR > self._clock()
        return not told_lately or self.used < self.allowed * (1 - RESERVE)

    def now(self) -> Any:
        """The time."""
        return self._clock()

    def call(
        self,
        operation: str,
        path: str,
        *,
        method: str = "GET",
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        safe: bool | None = None,
    ) -> Any:
        """What a request is answered with. `path` is below the version.

        Raises:
            ProviderError: see `refusals`.
        """
        is_safe = method == "GET" if safe is None else safe
        given = {"params": dict(params or {}), "method": method, "json": json}

        def send() -> Any:
            try:
                return self._sent(operation, path, given)
            except _SessionEnded:
                return self._sent(operation, path, given)

        def classify(cause: Exception) -> ProviderError | None:
            return network_failure(cause, operation, writes=not is_safe) or _unreadable(cause, operation, is_safe)

        return self._guard.call(operation, send, classify, safe=is_safe)

    def composite(self, operation: str, parts: Sequence[Part], *, safe: bool) -> dict[str, PartAnswer]:
        """What each part is answered with, by name. Parts beyond what one request holds go with another: of those only
        queries may be so many.

        Raises:
            ProviderError: the request as a whole was refused, or a part says that all must wait or log in.
        """
        answers: dict[str, PartAnswer] = {}
        for some in _chunks(parts):
            answers |= self._together(operation, some, safe)
        return answers

    def records(self, operation: str, first: Json) -> Iterator[dict[str, Any]]:
        """The records of a query's answer, and of its further pages."""
        page: Any = first
        seen: set[str] = set()
        while True:
            yield from records_of(page, operation)
            link = page.get("nextRecordsUrl")
            if page.get("done", True) or not link:
                return
            if link in seen:
                raise RetryError(f"{operation}: the pages do not end.", code="paging_loop")
            seen.add(link)
            page = self.call(operation, str(link).partition(f"{self.root}/")[2] or str(link))

    def close(self) -> None:
        """Close the connections."""
        self._pools.close()
        self._login.close()

    def _sent(self, operation: str, path: str, given: Json) -> Any:
        """What one request is answered with.

        Raises:
            _SessionEnded: nothing was done, so the same may be asked again at once, whatever it is.
        """
        session = self._login.session()
        client = Salesforce(
            instance_url=session.instance_url,
            session_id=session.token,
            version=self._version,
            session=self._session,  # type: ignore[arg-type]  # what it uses of one
        )
        try:
            return client.restful(path, **given)
        except _Refused as refused:
            answer = refused.answer
            error = refusal(answer.status, answer.headers, answer.body, operation, self._clock())
            if isinstance(error, RefreshError) and self._login.renews(session.token):
                raise _SessionEnded(str(error), code="session_renewed") from None
            raise error from None

    def _together(self, operation: str, parts: Sequence[Part], safe: bool) -> dict[str, PartAnswer]:
        asked = [
            {"method": p.method, "url": f"{self.root}{p.path}", "referenceId": p.name}
            | ({"body": p.body} if p.body else {})
            for p in parts
        ]
        told = self.call(
            operation,
            "composite",
            method="POST",
            json={"allOrNone": False, "compositeRequest": asked},
            safe=safe,
        )
        listed = told.get("compositeResponse") if isinstance(told, Mapping) else None
        if not isinstance(listed, list):
            raise (RetryError if safe else UnclearError)(
                f"{operation}: the answer is not one of Salesforce.", code="answer_unusable"
            )
        found = {str(each.get("referenceId")): each for each in listed if isinstance(each, Mapping)}
        answers = {}
        for part in parts:
            each = found.get(part.name, {})
            answers[part.name] = PartAnswer(int(each.get("httpStatusCode") or 500), each.get("body"))
        self._raise_common(operation, answers, safe)
        return answers

    def _raise_common(self, operation: str, answers: Mapping[str, PartAnswer], safe: bool) -> None:
        """Raise what concerns all: a session that ended, limits, a lock, a failing server. Where other parts were
        carried out it is not "nothing happened": whoever repeats must look first.
        """
        done = not safe and any(answer.ok for answer in answers.values())
        for answer in answers.values():
            for complaint in answer.complaints if not answer.ok else ():
                error = error_of(complaint, answer.status, operation, self._clock())
                if isinstance(error, WaitUntilError):
                    self._guard.refused(error)
                if isinstance(error, RetryError) and done:
                    error = UnclearError(str(error), code=error.code)
                if isinstance(error, (RefreshError, RetryError)):
                    raise error

    def _hear(self, answer: Answer) -> None:
        found = _USAGE.search(answer.headers.get("Sforce-Limit-Info") or "")
        if found:
            self.used, self.allowed, self._heard_at = int(found[1]), int(found[2]), self._clock()


def records_of(page: Any, operation: str) -> list[dict[str, Any]]:
    """The records of a page. Raises RetryError for what is none: an answer without records is not an empty one."""
    listed = page.get("records") if isinstance(page, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise RetryError(f"{operation}: the answer is not one of Salesforce.", code="answer_unusable")
    return listed


def _chunks(parts: Sequence[Part]) -> Iterator[list[Part]]:
    some: list[Part] = []
    for part in parts:
        full = len(some) == MOST_PARTS or (part.query and sum(p.query for p in some) == MOST_QUERIES)
        if full:
            yield some
            some = []
        some.append(part)
    if some:
        yield some


def _unreadable(cause: Exception, operation: str, safe: bool) -> ProviderError | None:
    """The error for an answer that simple-salesforce cannot read."""
    if not isinstance(cause, (ValueError, KeyError, TypeError, AttributeError)):
        return None
    return (RetryError if safe else UnclearError)(
        f"{operation}: the answer is not one of Salesforce.", code="answer_unusable"
    )
