"""Request bodies (RFC 4791, RFC 4918, RFC 6578)."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from syncd.model.time import Window

_NAMESPACES = (
    'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" '
    'xmlns:S="http://calendarserver.org/ns/" xmlns:A="http://apple.com/ns/ical/"'
)
_HEAD = '<?xml version="1.0" encoding="utf-8"?>'


def propfind(*properties: str) -> bytes:
    """Named properties, prefixed D, C, S or A. Never allprop: iCloud leaves resourcetype out of it (observed)."""
    names = "".join(f"<{name}/>" for name in properties)
    return f"{_HEAD}<D:propfind {_NAMESPACES}><D:prop>{names}</D:prop></D:propfind>".encode()


def sync_collection(token: str) -> bytes:
    """What changed since `token`, "" for everything. No limit: servers ignore it or fail (RFC 6578 section 3.7)."""
    return (
        f"{_HEAD}<D:sync-collection {_NAMESPACES}><D:sync-token>{escape(token)}</D:sync-token>"
        "<D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>"
    ).encode()


def events_between(window: Window) -> bytes:
    """Objects with an event in `window`, whole. No expand: servers differ on it, and drop the rule."""
    times = f'start="{window.start:%Y%m%dT%H%M%SZ}" end="{window.end:%Y%m%dT%H%M%SZ}"'
    return _query(f"<C:time-range {times}/>")


def events_with_uid(uid: str) -> bytes:
    """Objects with an event of that UID. A substring match on some servers: compare what comes back."""
    match = f'<C:text-match collation="i;octet">{escape(uid)}</C:text-match>'
    return _query(f'<C:prop-filter name="UID">{match}</C:prop-filter>')


def objects(paths: Sequence[str]) -> bytes:
    """The named objects, whole (calendar-multiget)."""
    hrefs = "".join(f"<D:href>{escape(path)}</D:href>" for path in paths)
    return f"{_HEAD}<C:calendar-multiget {_NAMESPACES}>{_DATA}{hrefs}</C:calendar-multiget>".encode()


_DATA = "<D:prop><D:getetag/><C:calendar-data/></D:prop>"


def _query(condition: str) -> bytes:
    return (
        f'{_HEAD}<C:calendar-query {_NAMESPACES}>{_DATA}<C:filter><C:comp-filter name="VCALENDAR">'
        f'<C:comp-filter name="VEVENT">{condition}</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>'
    ).encode()
