"""Google's partial answers: `fields=items(id,start/dateTime),nextPageToken` (the common query parameter `fields`)."""

from __future__ import annotations

import re
from typing import Any

from .google_errors import GoogleError

Selector = dict[str, "Selector"]
"""Name -> what is selected below it; nothing below means all of it. `*` is any name."""

_TOKEN = re.compile(r"[(),/]|[^(),/\s]+")


def parse(text: str) -> Selector:
    """What `fields` selects. Raises GoogleError (invalid)."""
    tokens = _TOKEN.findall(text)
    selector, rest = _list(tokens, text)
    if rest:
        raise _invalid(text)
    return selector


def select(value: Any, selector: Selector) -> Any:
    """The selected part of a JSON value; a list's elements are selected from, one by one."""
    if isinstance(value, list):
        return [select(each, selector) for each in value]
    if not isinstance(value, dict) or not selector:
        return value
    picked = {}
    for name, each in value.items():
        below = selector.get(name, selector.get("*"))
        if below is not None:
            picked[name] = select(each, below)
    return picked


def _list(tokens: list[str], text: str) -> tuple[Selector, list[str]]:
    found: Selector = {}
    while True:
        tokens = _path(tokens, found, text)
        if not tokens or tokens[0] != ",":
            return found, tokens
        tokens = tokens[1:]


def _path(tokens: list[str], into: Selector, text: str) -> list[str]:
    """Read `name`, `name/path` or `name(list)`; the tokens that are left."""
    if not tokens or tokens[0] in "(),/":
        raise _invalid(text)
    name, tokens = tokens[0], tokens[1:]
    below = into.setdefault(name, {})
    if tokens and tokens[0] == "/":
        return _path(tokens[1:], below, text)
    if tokens and tokens[0] == "(":
        inner, tokens = _list(tokens[1:], text)
        below.update(inner)
        if not tokens or tokens[0] != ")":
            raise _invalid(text)
        return tokens[1:]
    return tokens


def _invalid(text: str) -> GoogleError:
    return GoogleError("invalid", f"Invalid field selection {text}", location="fields")
