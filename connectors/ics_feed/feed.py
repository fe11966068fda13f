"""What a feed is: its credential, settings, name and cursor, and the text in an answer. Pure.

A feed's URL is its password, so nothing outside the credential may show it: a calendar's id is a digest of the URL, its
name the feed's own or the host. The digest is of the URL as http or https, so `webcal://` in place of `https://` is the
same feed.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from email.message import Message
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field

from syncd.connector import CalendarRead, ConnectionSettings, Credential
from syncd.errors import ParkError, ResyncError, RetryError
from syncd.model.time import Window

SCHEMES = {"http": "http", "https": "https", "webcal": "https", "webcals": "https"}
"""URL scheme -> the one fetched. webcal names no transport; https is what its publishers serve today."""

MAX_FEEDS = 20
ROLL = timedelta(days=1)
"""How far a window may reach beyond what is covered before the content is read again."""

BEGIN = b"BEGIN:VCALENDAR"
END = b"END:VCALENDAR"


def http_url(url: str) -> str:
    """`url` with the scheme that is fetched.

    Raises:
        ValueError: it is no http, https or webcal URL with a host. The text does not repeat it.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        raise ValueError("a feed's URL begins with https://, http:// or webcal://")
    changed = f"{SCHEMES[scheme.lower()]}://{rest}"
    if not _names_a_host(changed):
        raise ValueError("a feed's URL names a host, and if need be a port")
    return changed


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def feed_id(url: str) -> str:
    """The calendar id of the feed at `url`: stable, and telling nothing of it."""
    return f"feed:{sha256(http_url(url).encode()).hexdigest()[:16]}"


def feed_host(url: str) -> str:
    """The host of a feed, the only part of its URL that may be shown."""
    return urlsplit(http_url(url)).hostname or ""


FeedUrl = Annotated[str, AfterValidator(http_url)]


class IcsFeedCredential(Credential):
    """The URLs of the feeds, as Cal.com keeps them (`{urls[], skipWriting?}`). Schemes are made http or https;
    `skipWriting` means nothing here, where nothing is written.
    """

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True, hide_input_in_errors=True)

    urls: tuple[FeedUrl, ...] = Field(min_length=1, max_length=MAX_FEEDS, repr=False)
    skipWriting: bool | None = None


class IcsFeedSettings(ConnectionSettings):
    """How the feeds of a connection are read.

    `transparent_is_busy` makes events marked as not blocking block in every feed, not only in those whose calendar
    says so. `allow_private_addresses` is for the operator: True for loopback and private networks, or the networks by
    name. `max_bytes` is per feed, decompressed; `deadline_s` covers one fetch with its redirects. With
    `min_refresh_minutes` a feed is not asked for changes more often. `ca_file` names certificate authorities to trust
    in place of the usual.
    """

    transparent_is_busy: bool = False
    allow_private_addresses: bool | tuple[IPv4Network | IPv6Network, ...] = False
    max_bytes: int = Field(default=20_000_000, ge=1_000, le=200_000_000)
    deadline_s: float = Field(default=60.0, gt=0, le=600)
    min_refresh_minutes: int = Field(default=0, ge=0, le=24 * 60)
    ca_file: str = ""


def feed_hosts(credential: IcsFeedCredential) -> str:
    """The account a credential stands for, as far as it can be shown: the hosts of its feeds."""
    return ", ".join(dict.fromkeys(feed_host(url) for url in credential.urls))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCursor:
    """Where the next read of a feed starts.

    Validators and digest of the content last read; the window covered with it, and the rules it was read by
    (`rules_key`); when it was last known to be current. Times are ISO 8601.
    """

    etag: str
    modified: str
    digest: str
    start: str
    end: str
    rules: str
    checked: str

    @classmethod
    def load(cls, text: str) -> FeedCursor:
        """A cursor from its text.

        Raises:
            ResyncError: it is none of ours.
        """
        try:
            loaded = cls(**json.loads(text))
            loaded.window, loaded.checked_at  # noqa: B018 - both parse
        except (ValueError, TypeError) as cause:
            raise ResyncError("The feed's cursor cannot be read.") from cause
        return loaded

    def dump(self) -> str:
        """The cursor as text."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @property
    def window(self) -> Window:
        """The window covered."""
        return Window(datetime.fromisoformat(self.start), datetime.fromisoformat(self.end))

    @property
    def checked_at(self) -> datetime:
        """When the content was last known to be current."""
        return datetime.fromisoformat(self.checked)

    def covers(self, wanted: Window) -> bool:
        """Whether what was read then still serves for `wanted`, but for less than a day at its end."""
        return self.window.start <= wanted.start and wanted.end <= self.window.end + ROLL

    def conditions(self) -> dict[str, str]:
        """Headers that ask for the content only when it changed (RFC 9110, 13.1)."""
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in asked.items() if value}

    def validates(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer with `headers` claims to be the content this cursor was made from."""
        if self.etag:
            return headers.get("ETag") == self.etag
        return bool(self.modified) and headers.get("Last-Modified") == self.modified


def rules_key(calendar: CalendarRead, transparent_is_busy: bool) -> str:
    """A short digest of what decides how the same content is read."""
    told = [calendar.zone, sorted(calendar.owner_emails), transparent_is_busy]
    return sha256(json.dumps(told).encode()).hexdigest()[:16]


def digest_of(body: bytes) -> str:
    """The version of a feed: the same for the same bytes."""
    return sha256(body).hexdigest()


def feed_content(body: bytes, content_type: str) -> bytes:
    """The iCalendar text in an answer's body, as UTF-8.

    Raises:
        ParkError: it is something else, such as a log-in page.
        RetryError: it stops before its end.
    """
    content = utf8(body, content_type).lstrip(b"\xef\xbb\xbf \t\r\n")
    if content[: len(BEGIN)].upper() != BEGIN:
        raise _not_a_calendar(content)
    if END not in content[-4096:].upper():
        raise RetryError("The feed stops before its end (no END:VCALENDAR).", code="cut_short")
    return content


def _not_a_calendar(content: bytes) -> ParkError:
    seen = "nothing" if not content else "a web page, perhaps to log in" if content[:1] == b"<" else "something else"
    return ParkError(
        f"The feed's address gives {seen} instead of an iCalendar file.",
        code="not_a_calendar",
        remedy="Open the address in a private browser window: it must download an .ics file without logging in. "
        "Copy the calendar's secret or public iCal address again: syncd connections reconnect ID",
    )


def utf8(body: bytes, content_type: str) -> bytes:
    """`body` as UTF-8: it is that (RFC 5545, 3.1.4), or UTF-16 by its mark, or as declared, or else Latin-1.

    UTF-8 goes before the declared charset: servers declare wrongly, and hardly any text of another 8-bit charset is
    valid UTF-8 by chance. Some producers fold lines inside a character, so validity is judged after unfolding.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace").encode()
    if _decodes(_FOLD.sub(b"", body), "utf-8"):
        return body
    declared = _declared(content_type)
    return body.decode(declared if _decodes(body, declared) else "latin-1").encode()


_FOLD = re.compile(rb"\r?\n[ \t]")


def _decodes(body: bytes, charset: str) -> bool:
    try:
        body.decode(charset)
    except (UnicodeError, LookupError):
        return False
    return True


def _declared(content_type: str) -> str:
    header = Message()
    header["Content-Type"] = content_type
    return header.get_content_charset("utf-8")
