"""The body of an event: our description, and below it what Teams put there. Pure.

Graph adds the text with the join link ("meeting blob") to the body of an online meeting, and a body written without it
takes the meeting away (https://learn.microsoft.com/graph/outlook-calendar-online-meetings). So a description is changed
by replacing what stands above the blob. It begins with a line of underscores, and holds the join link.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

_RULE = re.compile(r"_{20,}")
_SPACE = re.compile(r"\s+")
_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3"})
_HIDDEN = frozenset({"head", "style", "script", "title"})
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})


def join_url(item: Mapping[str, Any]) -> str:
    """Where an online meeting is joined, "" for none."""
    meeting = item.get("onlineMeeting")
    return str(meeting.get("joinUrl") or "") if isinstance(meeting, Mapping) else ""


def description_of(item: Mapping[str, Any]) -> str:
    """Our text in the body, without the meeting blob. Where the blob begins is sure in HTML only."""
    body, online = item.get("body"), bool(item.get("isOnlineMeeting"))
    if not isinstance(body, Mapping):
        return ""
    content = str(body.get("content") or "")
    if body.get("contentType") == "html":
        first, blob = _parted(content, join_url(item)) if online else (0, None)
        return text_of(content[first:blob])
    text = content.replace("\r\n", "\n")
    return (_above_blob(text, join_url(item)) if online else text).rstrip("\n")


def same_text(one: str, other: str) -> bool:
    """Whether they read the same: Exchange breaks lines and ends texts in its own way."""
    return _SPACE.sub(" ", one).strip() == _SPACE.sub(" ", other).strip()


def text_body(description: str) -> dict[str, str]:
    """The body of an event without a blob."""
    return {"contentType": "text", "content": description}


def html_above_blob(description: str, content: str, url: str) -> str | None:
    """`content` with everything above the meeting blob replaced by `description`; None where no blob is found in it."""
    first, blob = _parted(content, url)
    if blob is None:
        return None
    ours = html.escape(description, quote=False).replace("\n", "<br>")
    return f"{content[:first]}<div>{ours}</div>{content[blob:]}"


def _parted(content: str, url: str) -> tuple[int, int | None]:
    """Where the body begins, and where the blob does; None where there is none."""
    found = _BODY.search(content)
    first = found.end() if found else 0
    blob = _Blob(url).start(content[first:])
    return first, None if blob is None else first + blob


def _above_blob(text: str, url: str) -> str:
    places = [match.start() for match in _RULE.finditer(text)]
    if url and url in text:
        places.append(text.rfind("\n", 0, text.index(url)) + 1)
    return text[: min(places)] if places else text


class _Blob(HTMLParser):
    """Finds where the blob begins: at the outermost element that holds a sign of it, and no text before the sign."""

    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=False)
        self._url = url
        self._open: list[tuple[str, int]] = []
        self._begun = 0
        self._found: int | None = None
        self._lines = [0]

    def start(self, content: str) -> int | None:
        """Where in `content` the blob begins; None where there is no sign of it."""
        self._lines += [match.end() for match in re.finditer("\n", content)]
        self.feed(content)
        self.close()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins. A link to the meeting is a sign."""
        if tag not in _VOID:
            self._open.append((tag, self._offset()))
        if self._url and any(value == self._url for _, value in attrs):
            self._sign()

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and with it those inside that nobody closed."""
        names = [name for name, _ in self._open]
        if tag in names:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]
            self._begun = min(self._begun, len(self._open))

    def handle_data(self, data: str) -> None:
        """Text: a sign, or something that stands above the blob in every element open now."""
        if _RULE.search(data):
            self._sign()
        elif data.strip():
            self._begun = len(self._open)

    def handle_entityref(self, name: str) -> None:
        """Text, too."""
        if name != "nbsp":
            self._begun = len(self._open)

    def _sign(self) -> None:
        if self._found is None:
            free = self._open[self._begun :]
            self._found = free[0][1] if free else self._offset()

    def _offset(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column


class _Text(HTMLParser):
    """What a person reads of HTML: lines broken where elements do, white space as one space."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A break, or something nobody reads."""
        self._hidden += tag in _HIDDEN
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """The end of a block breaks the line."""
        self._hidden -= tag in _HIDDEN and self._hidden > 0
        if tag in _BREAKS and self.parts and not self.parts[-1].endswith("\n"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._hidden:
            return
        line = re.sub(r"[ \t\r\n]+", " ", data)
        if line.strip() or (self.parts and not self.parts[-1].endswith("\n")):
            self.parts.append(line.lstrip() if not self.parts or self.parts[-1].endswith("\n") else line)


def text_of(content: str) -> str:
    """HTML as text."""
    reader = _Text()
    reader.feed(content)
    reader.close()
    return "".join(reader.parts).replace("\xa0", " ").strip("\n")
