"""Requests to Microsoft Graph for one mailbox: single ones, listings page by page, and batches.

A batch (https://learn.microsoft.com/graph/json-batching) holds at most 20 requests and answers 200 whatever became of
them: each is judged by itself. Graph carries out four of them at a time, and a mailbox takes no more than four at once
(https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits): so a batch takes as many of the guard's
places as it keeps busy, and batches follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode
from uuid import uuid4

from urllib3 import HTTPHeaderDict

from syncd.errors import ProviderError, ReconnectError, RefreshError, RetryError, UnclearError, WaitUntilError
from syncd.model.clock import Clock, utc_now
from syncd.provider.client import Answer, HttpClient
from syncd.provider.guard import Guard

from .refusals import parsed, refusal
from .times import Json

VERSION = "/v1.0"
PAGE = 999
"""Items a page of a listing holds; Graph allows 1000, and gives 10 where nobody asks."""

MOST_PAGES = 10_000

ALWAYS = ('IdType="ImmutableId"', 'outlook.timezone="UTC"')
"""Preferences of every request: ids that outlive a move, times in UTC."""

TEXT = 'outlook.body-content-type="text"'

Query = Mapping[str, str]
NO_QUERY: Query = {}


class Token(Protocol):
    """Where the access token comes from."""

    def __call__(self) -> str:
        """The token to send."""

    def refused(self, token: str) -> None:
        """It was not accepted."""


@dataclass(frozen=True, slots=True)
class Part:
    """A request inside a batch: a GET of `path` (with its query) below the version."""

    path: str
    operation: str


class Graph:
    """One mailbox.

    Args:
        mailbox: `/me` or `/users/{id}`.
        batch: how many requests a batch holds.
    """

    def __init__(
        self,
        url: str,
        mailbox: str,
        token: Token,
        guard: Guard,
        *,
        batch: int = 20,
        ca_file: str = "",
        clock: Clock = utc_now,
    ) -> None:
        self.mailbox = mailbox
        self._root = f"{url}{VERSION}"
        self._token = token
        self._size = batch
        self._guard = guard
        self._clock = clock
        self._http = HttpClient(guard, self._refuse, ca_file=ca_file)

    def now(self) -> datetime:
        """The time."""
        return self._clock()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(
        self, path: str, operation: str, query: Query = NO_QUERY, *, prefer: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """A resource. `path` is below the version, or a link of Graph's own, taken whole."""
        return self.answer("GET", with_query(path, query), operation, prefer=prefer)[0]

    def answer(
        self,
        method: str,
        path: str,
        operation: str,
        *,
        json: Any = None,
        version: str = "",
        prefer: tuple[str, ...] = (),
        safe: bool | None = None,
        parts: int = 1,
    ) -> tuple[dict[str, Any], str]:
        """What a request is answered with, and Graph's id of it. `version` is the etag that must still hold.

        Raises:
            ProviderError: see `refusals`; RefreshError: the token is not accepted.
        """
        token = self._token()
        headers = {
            "Authorization": f"Bearer {token}",
            "Prefer": ", ".join((*ALWAYS, *prefer)),
            "client-request-id": str(uuid4()),
            **({"If-Match": version} if version else {}),
        }
        try:
            told = self._http.request(
                method, self._url(path), operation, json=json, headers=headers, safe=safe, parts=parts
            )
        except RefreshError:
            self._token.refused(token)
            raise
        content = told.json
        if content is None and method != "GET":
            content = {}  # 204, and what else has nothing to say
        if not isinstance(content, dict):
            raise UnclearError(f"{operation}: the answer is not one of Graph.", code="answer_unusable")
        return content, told.headers.get("request-id", "")

    def pages(
        self, path: str, operation: str, query: Query = NO_QUERY, *, prefer: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Any]]:
        """The pages of a listing: its links are followed whole, and never in a circle.

        Raises:
            RetryError: code `paging_loop`, `foreign_link` or `answer_unusable`.
        """
        link: str | None = with_query(path, query)
        seen: set[str] = set()
        while link is not None:
            if link in seen or len(seen) >= MOST_PAGES:
                raise RetryError(f"{operation}: the pages do not end.", code="paging_loop")
            seen.add(link)
            page = self.get(link, operation, prefer=prefer)
            items_of(page, operation)
            yield page
            link = next_link(page)

    def items(self, path: str, operation: str, query: Query = NO_QUERY, *, prefer: tuple[str, ...] = ()) -> list[Json]:
        """Everything a listing has."""
        return [
            item for page in self.pages(path, operation, query, prefer=prefer) for item in items_of(page, operation)
        ]

    def listings(self, parts: Mapping[str, Part]) -> dict[str, list[Json] | ProviderError]:
        """Several listings at once, each whole, or the error that kept it from being read. Names are the caller's.

        Raises:
            RefreshError, ReconnectError: the token is not accepted.
            ProviderError: not one batch was answered.
        """
        found: dict[str, list[Json]] = {name: [] for name in parts}
        failed: dict[str, ProviderError] = {}
        seen: dict[str, set[str]] = {name: set() for name in parts}
        waiting = dict(parts)
        while waiting:
            told = self.batches(waiting)
            following: dict[str, Part] = {}
            for name, answer in told.items():
                try:
                    part = self._listed(waiting[name], answer, found[name], seen[name])
                except ProviderError as error:
                    failed[name] = error
                    continue
                if part is not None:
                    following[name] = part
            waiting = following
        return {name: failed.get(name, items) for name, items in found.items()}

    def _listed(self, part: Part, answer: Json | ProviderError, found: list[Json], seen: set[str]) -> Part | None:
        """Take a page in; the request for the next, None after the last."""
        if isinstance(answer, ProviderError):
            raise answer
        found += items_of(answer, part.operation)
        link = next_link(answer)
        if link is None:
            return None
        if link in seen or len(seen) >= MOST_PAGES:
            raise RetryError(f"{part.operation}: the pages do not end.", code="paging_loop")
        seen.add(link)
        return Part(self._url(link)[len(self._root) :], part.operation)

    def batches(self, parts: Mapping[str, Part]) -> dict[str, Json | ProviderError]:
        """What each request is answered with, or its error. One batch is sent after the other.

        Raises:
            RefreshError, ReconnectError: the token is not accepted.
            ProviderError: not one batch was answered.
        """
        names = list(parts)
        answers: dict[str, Json | ProviderError] = {}
        reached, failed = False, None
        for first in range(0, len(names), self._size):
            some = {name: parts[name] for name in names[first : first + self._size]}
            try:
                answers.update(self._batch(some))
                reached = True
            except (RefreshError, ReconnectError):
                raise
            except ProviderError as error:
                answers.update(dict.fromkeys(some, error))
                failed = error
        if failed is not None and not reached:
            raise failed
        return answers

    def _batch(self, parts: Mapping[str, Part]) -> dict[str, Json | ProviderError]:
        numbered = {str(n): name for n, name in enumerate(parts, 1)}
        requests = [
            {
                "id": n,
                "method": "GET",
                "url": parts[name].path,
                "headers": {"Prefer": ", ".join(ALWAYS)},
            }
            for n, name in numbered.items()
        ]
        told, _ = self.answer(
            "POST", "/$batch", "POST batch", json={"requests": requests}, safe=True, parts=len(requests)
        )
        listed = told.get("responses")
        if not isinstance(listed, list):
            raise RetryError("POST batch: the answer is not one of a batch.", code="answer_unusable")
        by_id = {str(one.get("id")): one for one in listed if isinstance(one, Mapping)}
        answers = {name: self._judged(parts[name], by_id.get(n)) for n, name in numbered.items()}
        waits = [answer for answer in answers.values() if isinstance(answer, WaitUntilError)]
        if waits:
            self._guard.refused(max(waits, key=lambda error: error.retry_at))
        return answers

    def _judged(self, part: Part, told: Mapping[str, Any] | None) -> Json | ProviderError:
        """One answer inside a batch.

        Raises:
            RefreshError: the token is not accepted, which concerns all.
        """
        status = told.get("status") if told else None
        if told is None or not isinstance(status, int):
            return RetryError(f"{part.operation}: the batch has no answer to it.", code="no_answer")
        body = told.get("body")
        if status < 400:
            if status < 300 and isinstance(body, dict):
                return body
            return RetryError(f"{part.operation}: the answer is not one of Graph. [{status}]", code="answer_unusable")
        headers = HTTPHeaderDict({str(k): str(v) for k, v in (told.get("headers") or {}).items()})
        error = refusal(status, headers, body, part.operation, self._clock())
        if isinstance(error, RefreshError):
            self._token.refused(self._token())
            raise error
        return error

    def _refuse(self, answer: Answer, operation: str) -> ProviderError:
        return refusal(answer.status, answer.headers, parsed(answer.body), operation, self._clock())

    def _url(self, path: str) -> str:
        """The address of a path below the version. A link goes nowhere but to Graph: it carries the token."""
        if path.startswith("/"):
            return f"{self._root}{path}"
        if not self.owns(path):
            raise RetryError("A link leads away from Microsoft Graph.", code="foreign_link")
        return path

    def owns(self, link: str) -> bool:
        """Whether a link leads to this Graph."""
        return link.startswith(f"{self._root}/")


def with_query(path: str, query: Query) -> str:
    """`path` with OData's query options, spaces as %20."""
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query, quote_via=quote, safe='$')}"


def segment(identifier: str) -> str:
    """An id as one part of a path, with what ids and addresses have and a path may (RFC 3986, section 3.3) as it is."""
    return quote(identifier, safe="@=")


def items_of(page: Json, operation: str) -> list[Json]:
    """The items of a page. Raises RetryError for what is none: an answer without a listing is not an empty one."""
    listed = page.get("value")
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise RetryError(f"{operation}: the answer has no listing.", code="answer_unusable")
    return listed


def next_link(page: Json) -> str | None:
    """Where the listing goes on."""
    link = page.get("@odata.nextLink")
    return link if isinstance(link, str) and link else None


class FixedToken:
    """A person's access token: the daemon refreshes it, and opens another connector."""

    def __init__(self, token: str) -> None:
        self._told = token

    def __call__(self) -> str:
        """The token."""
        return self._told

    def refused(self, token: str) -> None:
        """Nothing to do: RefreshError says it."""


class SharedToken:
    """An application's token, asked for when it is needed."""

    def __init__(self, ask: Callable[[], str], forget: Callable[[str], None]) -> None:
        self._ask = ask
        self.refused = forget

    def __call__(self) -> str:
        """The token."""
        return self._ask()


def chunked(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size`."""
    some: list[Any] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
