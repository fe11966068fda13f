"""What can be asked of one calendar collection: etags, changes, objects. Says what the server said, decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple
from urllib.parse import urljoin

from syncd.errors import NotFoundError, ProviderError, RefusedError, ResyncError, RetryError
from syncd.model.time import Window

from . import queries
from .answers import CALDAV, CALENDARSERVER, DAV, Listing, Resource, iter_resources, plain_etag, read_listing
from .client import DavClient
from .origins import collection_path, path_of

MULTIGET = 100  # hrefs in one request: iCloud and others are known to take 50 to 100

_ETAG = queries.propfind("D:getetag", "D:resourcetype", "S:getctag")
_CTAG = queries.propfind("S:getctag")
_MAX_PAGES = 1_000
_DEAD_TOKEN = frozenset({400, 403, 409, 410, 412, 507})
_NO_SYNC = _DEAD_TOKEN | {405, 415, 501}
_GONE = frozenset({404, 410})


class UnsupportedError(RefusedError):
    """The collection does not offer sync-collection."""

    code = "unsupported"


class Stored(NamedTuple):
    """An object as the server holds it. `text` is None when the answer had its version only."""

    path: str
    version: str
    text: str | None


@dataclass(slots=True)
class Delta:
    """What a sync-collection report brought: versions by path, paths gone, and where to go on."""

    changed: dict[str, str] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    token: str = ""


class Collection:
    """One calendar at `url`."""

    def __init__(self, client: DavClient, url: str) -> None:
        self._client = client
        self.url = url.rstrip("/") + "/"
        self.path = collection_path(url)

    def address(self, path: str) -> str:
        """The URL of an object: its path, on the calendar's own host whatever host an href named."""
        return urljoin(self.url, path)

    def since(self, token: str) -> Delta:
        """What changed since `token`, "" for everything there is.

        A truncated answer (507 on the collection itself, RFC 6578 section 3.6) is continued.

        Raises:
            ResyncError: the token is dead.
            UnsupportedError: no such report here (only for token "").
        """
        delta = Delta(token=token)
        for _ in range(_MAX_PAGES):
            listing = self._sync(delta.token)
            truncated = self._merge(listing, delta)
            if not listing.sync_token:
                raise UnsupportedError("The calendar gives no sync token.")
            stuck = listing.sync_token == delta.token
            delta.token = listing.sync_token
            if not truncated:
                return delta
            if stuck:
                break
        raise RetryError("The server's listing does not end.", code="malformed_answer")

    def etags(self) -> tuple[dict[str, str], str]:
        """Versions of all objects, and the collection's ctag as it was when they were listed ("" without)."""
        answer = self._client.propfind(self.url, "calendar versions", _ETAG, depth=1)
        versions, ctag = {}, ""
        for resource in read_listing(answer.body).resources:
            if collection_path(resource.path) == self.path:
                self._require_found(resource)
                ctag = resource.text(f"{CALENDARSERVER}getctag")
            elif resource.status not in _GONE and not _is_collection(resource):
                versions[resource.path] = resource.etag
        return versions, ctag

    def ctag(self) -> str:
        """The collection's ctag, "" without."""
        answer = self._client.propfind(self.url, "calendar version", _CTAG)
        for resource in read_listing(answer.body).resources:
            self._require_found(resource)
            return resource.text(f"{CALENDARSERVER}getctag")
        return ""

    def objects(self, paths: Iterable[str]) -> Iterator[list[Stored]]:
        """The named objects in batches, as far as they exist."""
        waiting = iter(paths)
        while batch := list(islice(waiting, MULTIGET)):
            answer = self._client.report(self.url, "events by name", queries.objects(batch), depth=None)
            yield [stored for stored in self._stored(answer.body) if stored.text is not None]

    def between(self, window: Window) -> list[Stored]:
        """Objects with an event in `window`, as the server sees it; data is fetched where the answer left it out."""
        return self._complete(self._client.report(self.url, "events by time", queries.events_between(window)).body)

    def with_uid(self, uid: str) -> list[Stored]:
        """Objects the server thinks have that UID: compare, the match may be by substring or ignored.

        Raises:
            RefusedError: the server does not filter by UID.
        """
        return self._complete(self._client.report(self.url, "events by UID", queries.events_with_uid(uid)).body)

    def get(self, path: str) -> Stored | None:
        """One object, None when it is not there."""
        try:
            answer = self._client.request("GET", self.address(path), "event")
        except NotFoundError:
            return None
        return Stored(path, plain_etag(answer.headers.get("ETag")), answer.body.decode("utf-8", "replace"))

    def _sync(self, token: str) -> Listing:
        body = queries.sync_collection(token)
        try:
            # Depth 0: RFC 6578 section 3.2 wants it, the level is in the body
            return read_listing(self._client.report(self.url, "calendar changes", body, depth=0).body)
        except ProviderError as error:
            if token and error.status in _DEAD_TOKEN:
                raise ResyncError(f"The server does not know the sync token. [{error.status}]") from error
            if not token and error.status in _NO_SYNC:
                raise UnsupportedError(f"The calendar has no sync report. [{error.status}]") from error
            raise

    def _merge(self, listing: Listing, delta: Delta) -> bool:
        """Take a page in; True when the server says that there is more. A path's last word counts."""
        truncated = False
        for resource in listing.resources:
            if collection_path(resource.path) == self.path:  # its own member, as iCloud lists it
                truncated = truncated or resource.status == 507
            elif resource.status in _GONE:
                delta.changed.pop(resource.path, None)
                delta.removed.add(resource.path)
            elif not resource.path.endswith("/"):
                delta.removed.discard(resource.path)
                delta.changed[resource.path] = resource.etag
        return truncated

    def _complete(self, body: bytes) -> list[Stored]:
        stored = list(self._stored(body))
        bare = [item.path for item in stored if item.text is None]
        found = [item for item in stored if item.text is not None]
        for batch in self.objects(bare):
            found += batch
        return found

    def _stored(self, body: bytes) -> Iterator[Stored]:
        for resource in iter_resources(body):
            if resource.status // 100 != 2 or collection_path(resource.path) == self.path:
                continue
            data = resource.props.get(f"{CALDAV}calendar-data")
            yield Stored(resource.path, resource.etag, data.text if data is not None else None)

    def _require_found(self, resource: Resource) -> None:
        """A missing collection can be a 404 inside a 207 (Xandikos)."""
        if resource.status in _GONE:
            raise NotFoundError("The calendar is not there. [404]", status=404)


def object_path(collection: str, name: str) -> str:
    """The path of object `name` in the collection with that path."""
    return path_of(collection) + name


def paths_of(stored: Sequence[Stored]) -> set[str]:
    """The paths of some objects."""
    return {item.path for item in stored}


def _is_collection(resource: Resource) -> bool:
    kind = resource.props.get(f"{DAV}resourcetype")
    return resource.path.endswith("/") or (kind is not None and kind.find(f"{DAV}collection") is not None)
