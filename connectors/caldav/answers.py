"""Multistatus and error bodies (RFC 4918 sections 13 and 14), read element by element.

Bodies come from strangers: no entities, no document type, no huge trees. What is not understood is a `RetryError`
with the code `malformed_answer`: most often a proxy's or a login page, and gone the next time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from lxml import etree

from syncd.errors import RetryError

from .origins import path_of

DAV = "{DAV:}"
CALDAV = "{urn:ietf:params:xml:ns:caldav}"
CALENDARSERVER = "{http://calendarserver.org/ns/}"
APPLE = "{http://apple.com/ns/ical/}"

_ERROR_LIMIT = 65_536  # an error body longer than this is a page for people
_OK = 200


@dataclass(slots=True)
class Resource:
    """One response of a multistatus: its path, its own status (200 when only properties have one), properties found.

    `props` holds the elements of propstats with a 2xx status, by tag. `conditions` are the preconditions named.
    """

    path: str
    status: int
    props: dict[str, etree._Element]
    conditions: tuple[str, ...] = ()

    def text(self, tag: str) -> str:
        """The text of property `tag`, "" when it was not found."""
        element = self.props.get(tag)
        return "" if element is None else "".join(map(str, element.itertext())).strip()

    @property
    def etag(self) -> str:
        """The resource's version."""
        return plain_etag(self.text(f"{DAV}getetag"))


@dataclass(slots=True)
class Listing:
    """A multistatus read to its end. `sync_token` is "" when it names none."""

    resources: list[Resource]
    sync_token: str = ""


def plain_etag(value: str | None) -> str:
    """An ETag without weakness mark and quotes, so that header and property forms compare equal.

    Weak tags come from compressing proxies (`W/"x"`, `"x-gzip"`); the latter is left alone, it may be the server's own.
    """
    return (value or "").strip().removeprefix("W/").strip('"')


def quoted_etag(version: str) -> str:
    """A version as If-Match wants it (RFC 9110 section 8.8.3)."""
    return f'"{version}"'


def read_listing(body: bytes) -> Listing:
    """A multistatus, for answers whose elements are kept (discovery, etags). Raises RetryError when it is none."""
    listing = Listing([])
    for element in _elements(body):
        if element.tag == f"{DAV}response":
            listing.resources.append(_resource(element))
        else:
            listing.sync_token = (element.text or "").strip()
    return listing


def iter_resources(body: bytes) -> Iterator[Resource]:
    """The resources of a multistatus, one at a time: each is emptied when the next is asked for."""
    for element in _elements(body):
        if element.tag == f"{DAV}response":
            yield _resource(element)
            element.clear()


def _elements(body: bytes) -> Iterator[etree._Element]:
    if b"<!DOCTYPE" in body[:1024]:
        raise _malformed()
    tags = (f"{DAV}response", f"{DAV}sync-token", f"{DAV}multistatus")
    root = None
    try:
        for _, element in etree.iterparse(
            BytesIO(_clean(body)),
            tag=tags,
            resolve_entities=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
        ):
            parent = element.getparent()
            if parent is None:
                root = element.tag
            elif parent.getparent() is None:
                yield element
    except etree.XMLSyntaxError as error:
        raise _malformed() from error
    if root != f"{DAV}multistatus":
        raise _malformed()


FORBIDDEN = bytes(range(0x20)).translate(None, b"\t\n\r")
FORBIDDEN_REFERENCE = re.compile(rb"&#(?:0*(?:[0-8]|1[124-9]|2[0-9]|3[01])|x0*(?:[0-8bcef]|1[0-9a-f]));", re.IGNORECASE)


def _clean(body: bytes) -> bytes:
    """Without what XML 1.0 does not allow in a document: servers pass on the control characters of an event, and one
    event must not make the whole calendar unreadable.
    """
    cleaned = body.translate(None, FORBIDDEN)
    return FORBIDDEN_REFERENCE.sub(b"", cleaned) if b"&#" in cleaned else cleaned


def _malformed() -> RetryError:
    return RetryError("The server's answer is no multistatus.", code="malformed_answer")


def _resource(element: etree._Element) -> Resource:
    href = (element.findtext(f"{DAV}href") or "").strip()
    own = element.findtext(f"{DAV}status")
    props: dict[str, etree._Element] = {}
    statuses = []
    for propstat in element.iterfind(f"{DAV}propstat"):
        status = _status(propstat.findtext(f"{DAV}status"))
        statuses.append(status)
        if status // 100 == 2:
            props.update({str(prop.tag): prop for prop in propstat.iterfind(f"{DAV}prop/*")})
    # some servers say that a member is gone by its properties alone
    gone = own is None and bool(statuses) and not props and set(statuses) == {404}
    status = _status(own) if own is not None else 404 if gone else _OK
    return Resource(path_of(href), status, props, _conditions(element.find(f"{DAV}error")))


def _status(line: str | None) -> int:
    parts = (line or "").split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdecimal() else _OK


def read_conditions(body: bytes) -> tuple[str, ...]:
    """The preconditions an error body names, as local names; none when it is no DAV error (RFC 4918 section 16)."""
    if not body or len(body) > _ERROR_LIMIT or b"<!DOCTYPE" in body:
        return ()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return ()
    return _conditions(root if root is not None and root.tag == f"{DAV}error" else None)


def _conditions(error: etree._Element | None) -> tuple[str, ...]:
    if error is None:
        return ()
    return tuple(etree.QName(child).localname for child in error.iterchildren("*"))
