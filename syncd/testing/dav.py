"""A CalDAV server in memory, on loopback: cheap enough to measure a client by, and wrong on demand.

    with DavStub() as stub:
        url = stub.add_calendar("work")
        ...
        assert stub.counts["PUT"] == 1

`python -m syncd.testing.dav --port 0 --delay-ms 50` runs it in a process of its own and prints its URL.

It speaks as much of RFC 4791 and RFC 6578 as a client of calendars needs. A time-range filter lets everything pass:
clients may not rely on it. What servers get wrong is a field of `Quirks`, each observed at some server (packages.md
B, caldav-icloud.facts).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape, unescape

from .http_stub import Connection, Login, Request, Response

__all__ = ["DavStub", "Login", "Quirks", "Request", "Response"]

HOST = "127.0.0.1"
HOME = "/cal/"
PRINCIPAL = "/principal/"

_NAMESPACES = (
    'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" '
    'xmlns:S="http://calendarserver.org/ns/" xmlns:A="http://apple.com/ns/ical/"'
)
_HREF = re.compile(r"<[A-Za-z]*:?href>([^<]*)<")
_TOKEN = re.compile(r"<[A-Za-z]*:?sync-token>([^<]*)<")
_UID_MATCH = re.compile(r"<[A-Za-z]*:?text-match[^>]*>([^<]*)<")


@dataclass(slots=True)
class Quirks:
    """What this server gets wrong, or leaves out.

    lists_itself: a collection is a member of its own sync report (iCloud).
    put_etag: whether a PUT is answered with an ETag. weak_etags: whether they are weak.
    dead_token: how a token is refused: status, and whether the body says valid-sync-token.
    forgets_deletions: an unknown token is answered with everything there is and a new token (DAViCal, SOGo).
    sync, ctag: whether there is a sync report, a ctag. query_data: whether a query answers with data.
    uid_filter: whether a query by UID is answered. page: members in one sync answer, 0 for all of them.
    home: URL of the calendar home as told, "" for the plain path. one_uid: refuse a UID that another calendar has.
    """

    lists_itself: bool = False
    put_etag: bool = True
    weak_etags: bool = False
    dead_token: tuple[int, bool] = (403, True)
    forgets_deletions: bool = False
    sync: bool = True
    ctag: bool = True
    query_data: bool = True
    uid_filter: bool = True
    page: int = 0
    home: str = ""
    one_uid: bool = False


Fault = Callable[[Request], Response | None]
"""Looks at a request and answers instead of the server, or not."""


@dataclass(slots=True)
class _Calendar:
    title: str
    read_only: bool = False
    objects: dict[str, tuple[str, str]] = field(default_factory=dict)
    log: list[tuple[int, str]] = field(default_factory=list)


class DavStub:
    """The server. Its state is changed from any thread between requests; requests run in one thread of its own.

    `counts` counts requests by method, `seen` keeps them. `faults` are asked in order before the server answers; one
    that answered is taken out.
    """

    def __init__(self, *, login: Login | None = None, quirks: Quirks | None = None, delay_s: float = 0.0) -> None:
        self.login = login
        self.quirks = quirks or Quirks()
        self.delay_s = delay_s
        self.counts: Counter[str] = Counter()
        self.seen: deque[Request] = deque(maxlen=10_000)
        self.faults: list[Fault] = []
        self.epoch = 1
        self.port = 0
        self.cpu_s = 0.0
        self._revision = 0
        self._calendars: dict[str, _Calendar] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.connections: set[asyncio.Transport] = set()

    def __enter__(self) -> DavStub:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve(0, started.set)), daemon=True)
        self._thread.start()
        started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    @property
    def url(self) -> str:
        """Where a connection starts."""
        return f"http://{HOST}:{self.port}/"

    async def serve(self, port: int, ready: Callable[[], object]) -> None:
        """Answer until stopped; `ready` is called once the port is open."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        server = await self._loop.create_server(lambda: Connection(self), HOST, port)
        self.port = server.sockets[0].getsockname()[1]
        ready()
        await self._stopped.wait()
        server.close()
        for transport in list(self.connections):
            transport.abort()
        await asyncio.sleep(0)

    def add_calendar(self, name: str, *, read_only: bool = False) -> str:
        """Make an empty calendar and return its URL."""
        self._calendars[f"{HOME}{name}/"] = _Calendar(name.title(), read_only)
        return f"{self.url}{HOME.strip('/')}/{name}/"

    def store(self, calendar: str, name: str, text: str) -> str:
        """Another client stores an object; its path is returned."""
        home = self._path(calendar)
        self._revision += 1
        path = f"{home}{name}"
        self._calendars[home].objects[path] = (f"e{self._revision}", text)
        self._calendars[home].log.append((self._revision, path))
        return path

    def discard(self, calendar: str, path: str) -> None:
        """Another client removes an object."""
        self._revision += 1
        self._calendars[self._path(calendar)].objects.pop(path)
        self._calendars[self._path(calendar)].log.append((self._revision, path))

    def lose(self, calendar: str, path: str) -> None:
        """An object is gone, and no sync report will say so."""
        self._calendars[self._path(calendar)].objects.pop(path)

    def texts(self, calendar: str) -> dict[str, str]:
        """The objects of a calendar by path."""
        return {path: text for path, (_, text) in self._calendars[self._path(calendar)].objects.items()}

    def once(self, method: str, response: Response, *, applied: bool = False) -> None:
        """Answer the next `method` with `response`; `applied` carries the request out first."""

        def fault(request: Request) -> Response | None:
            if request.method != method:
                return None
            if applied:
                self._respond(request)
            return response

        self.faults.append(fault)

    def answer(self, request: Request) -> Response:
        """What the server says."""
        self.counts[request.method] += 1
        self.seen.append(request)
        if self.login and not self.login.accepts(request.method, request.headers.get("authorization", "")):
            return Response(401, headers={"WWW-Authenticate": self.login.challenge})
        for fault in list(self.faults):
            if (response := fault(request)) is not None:
                self.faults.remove(fault)
                return response
        return self._respond(request)

    def _path(self, calendar: str) -> str:
        return urlsplit(calendar).path

    def _respond(self, request: Request) -> Response:
        action = {
            "PROPFIND": self._propfind,
            "REPORT": self._report,
            "PUT": self._put,
            "GET": self._get,
            "DELETE": self._delete,
        }.get(request.method)
        return action(request) if action else Response(405)

    def _home_of(self, path: str) -> str:
        return path[: path.rfind("/") + 1]

    def _etag(self, etag: str) -> str:
        return f'W/"{etag}"' if self.quirks.weak_etags else f'"{etag}"'

    def _put(self, request: Request) -> Response:
        calendar = self._calendars.get(self._home_of(request.path))
        if calendar is None:
            return Response(409)
        if calendar.read_only:
            return Response(403, _error("D:need-privileges"))
        current = calendar.objects.get(request.path)
        if not _condition_holds(request.headers, current[0] if current else None):
            return Response(412)
        if self.quirks.one_uid and current is None and self._uid_elsewhere(request):
            return Response(403, _error("C:no-uid-conflict"))
        self._revision += 1
        etag = f"e{self._revision}"
        calendar.objects[request.path] = (etag, request.body)
        calendar.log.append((self._revision, request.path))
        headers = {"ETag": self._etag(etag)} if self.quirks.put_etag else {}
        return Response(204 if current else 201, headers=headers)

    def _uid_elsewhere(self, request: Request) -> bool:
        uid = re.search(r"^UID:.*$", request.body, re.MULTILINE)
        texts = [text for c in self._calendars.values() for _, text in c.objects.values()]
        return uid is not None and any(uid.group() in text for text in texts)

    def _get(self, request: Request) -> Response:
        calendar = self._calendars.get(self._home_of(request.path))
        found = calendar.objects.get(request.path) if calendar else None
        if found is None:
            return Response(404)
        return Response(200, found[1], {"ETag": self._etag(found[0]), "Content-Type": "text/calendar; charset=utf-8"})

    def _delete(self, request: Request) -> Response:
        calendar = self._calendars.get(self._home_of(request.path))
        current = calendar.objects.get(request.path) if calendar else None
        if calendar is None or current is None:
            return Response(404)
        if not _condition_holds(request.headers, current[0]):
            return Response(412)
        self._revision += 1
        del calendar.objects[request.path]
        calendar.log.append((self._revision, request.path))
        return Response(204)

    def _propfind(self, request: Request) -> Response:
        path = request.path
        if path in ("/", PRINCIPAL):
            home = self.quirks.home or HOME
            told = f"<C:calendar-home-set><D:href>{home}</D:href></C:calendar-home-set>" if path != "/" else ""
            principal = f"<D:current-user-principal><D:href>{PRINCIPAL}</D:href></D:current-user-principal>"
            return _multistatus([_resource(path, principal + told)])
        if path == HOME:
            return _multistatus([_resource(HOME, _type("")), *(self._described(c) for c in self._calendars)])
        if path not in self._calendars:
            return Response(404)
        if request.headers.get("depth") == "0":
            return _multistatus([self._described(path)])
        objects = self._calendars[path].objects.items()
        return _multistatus([self._described(path), *(self._version(p, etag) for p, (etag, _) in objects)])

    def _described(self, path: str) -> str:
        calendar = self._calendars[path]
        privileges = "<D:read/>" if calendar.read_only else "<D:read/><D:write/>"
        privileges = "".join(f"<D:privilege>{p}</D:privilege>" for p in re.findall(r"<[^>]*>", privileges))
        last = calendar.log[-1][0] if calendar.log else 0
        ctag = f"<S:getctag>c{last}</S:getctag>" if self.quirks.ctag else ""
        return _resource(
            path,
            _type("<C:calendar/>")
            + f"<D:displayname>{escape(calendar.title)}</D:displayname><A:calendar-color>#ff2968FF</A:calendar-color>"
            + '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
            + f"<D:current-user-privilege-set>{privileges}</D:current-user-privilege-set>{ctag}",
        )

    def _version(self, path: str, etag: str) -> str:
        return _resource(path, f"<D:getetag>{escape(self._etag(etag))}</D:getetag>")

    def _whole(self, path: str, etag: str, text: str) -> str:
        data = f"<C:calendar-data>{escape(text)}</C:calendar-data>" if text else ""
        return _resource(path, f"<D:getetag>{escape(self._etag(etag))}</D:getetag>{data}")

    def _report(self, request: Request) -> Response:
        calendar = self._calendars.get(request.path)
        if calendar is None:
            return Response(404)
        if "sync-collection" in request.body:
            return self._sync(request, calendar)
        if "calendar-multiget" in request.body:
            paths = [unquote(unescape(href)) for href in _HREF.findall(request.body)]
            return _multistatus([self._named(calendar, path) for path in paths])
        match = _UID_MATCH.search(request.body)
        if match and not self.quirks.uid_filter:
            return Response(403, _error("C:supported-filter"))
        needle = f"UID:{unescape(match.group(1))}" if match else ""
        found = [(p, e, t) for p, (e, t) in calendar.objects.items() if needle in t]
        keep = self.quirks.query_data
        return _multistatus([self._whole(p, e, t if keep else "") for p, e, t in found])

    def _named(self, calendar: _Calendar, path: str) -> str:
        if path not in calendar.objects:
            return _resource(path, "", status=404)
        return self._whole(path, *calendar.objects[path])

    def _sync(self, request: Request, calendar: _Calendar) -> Response:
        if not self.quirks.sync:
            return Response(501)
        match = _TOKEN.search(request.body)
        token = unescape(match.group(1)) if match else ""
        since = self._since(token)
        if since is None:
            status, told = self.quirks.dead_token
            return Response(status, _error("D:valid-sync-token") if told else "")
        changed = list(dict.fromkeys(p for revision, p in calendar.log if revision > since))
        if since == 0:
            changed = [path for path in changed if path in calendar.objects]
        reached = self._revision
        truncated = bool(self.quirks.page) and len(changed) > self.quirks.page
        if truncated:
            changed = changed[: self.quirks.page]
            reached = max(revision for revision, p in calendar.log if p == changed[-1])
        parts = [self._changed(calendar, path) for path in changed]
        if self.quirks.lists_itself:
            parts.append(self._version(request.path, "self"))
        if truncated:
            parts.append(_resource(request.path, "", status=507))
        return _multistatus(parts, f"<D:sync-token>{self._token(reached)}</D:sync-token>")

    def _changed(self, calendar: _Calendar, path: str) -> str:
        if path not in calendar.objects:
            return _resource(path, "", status=404)
        return self._version(path, calendar.objects[path][0])

    def _token(self, revision: int) -> str:
        return f"http://stub/{self.epoch}/{revision}"

    def _since(self, token: str) -> int | None:
        """The revision a token stands for; None when it is dead."""
        if not token:
            return 0
        epoch, _, revision = token.removeprefix("http://stub/").partition("/")
        if epoch == str(self.epoch) and revision.isdecimal():
            return int(revision)
        return 0 if self.quirks.forgets_deletions else None


def _condition_holds(headers: dict[str, str], etag: str | None) -> bool:
    if headers.get("if-none-match") == "*" and etag is not None:
        return False
    wanted = headers.get("if-match")
    return wanted is None or wanted.removeprefix("W/").strip('"') == etag


def _multistatus(resources: list[str], extra: str = "") -> Response:
    return Response(
        207, f'<?xml version="1.0"?><D:multistatus {_NAMESPACES}>{"".join(resources)}{extra}</D:multistatus>'
    )


def _resource(path: str, props: str, status: int = 200) -> str:
    href = f"<D:href>{escape(path)}</D:href>"
    if status != 200:
        return f"<D:response>{href}<D:status>HTTP/1.1 {status} x</D:status></D:response>"
    found = f"<D:propstat><D:prop>{props}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
    return f"<D:response>{href}{found}</D:response>"


def _type(kind: str) -> str:
    return f"<D:resourcetype><D:collection/>{kind}</D:resourcetype>"


def _error(condition: str) -> str:
    return f'<?xml version="1.0"?><D:error {_NAMESPACES}><{condition}/></D:error>'


def main() -> None:
    """Serve in this process until interrupted: an empty calendar `work`, `--events` of them filled in beforehand."""
    parser = argparse.ArgumentParser(description="CalDAV stub on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--events", type=int, default=0)
    options = parser.parse_args()
    stub = DavStub(delay_s=options.delay_ms / 1000)
    calendar = stub.add_calendar("work")
    for n in range(options.events):
        stub.store(calendar, f"{n}.ics", _event(n))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(stub.serve(options.port, lambda: print(stub.url, flush=True)))


def _event(n: int) -> str:
    day, hour = 1 + n // 24 % 28, n % 24
    times = f"DTSTART:202703{day:02}T{hour:02}0000Z\r\nDTEND:202703{day:02}T{hour:02}3000Z"
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//stub//EN\r\nBEGIN:VEVENT\r\n"
    return f"{head}UID:stub-{n}\r\nDTSTAMP:20260101T000000Z\r\n{times}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


if __name__ == "__main__":
    main()
