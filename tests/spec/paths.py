"""From the path of a request to its template."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote


class Paths:
    """Templates such as `/users/{id}/events`. Of two that match, the one with a literal part further left is taken:
    `/users/me` before `/users/{id}`.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        self._patterns = [(template, _pattern(template)) for template in sorted(templates, key=_order)]

    def match(self, path: str) -> tuple[str, dict[str, str]] | None:
        """The template and its values, decoded; None when no template fits. `path` is still percent-encoded."""
        for template, (pattern, names) in self._patterns:
            found = pattern.fullmatch(path)
            if found is not None:
                return template, {name: unquote(v) for name, v in zip(names, found.groups(), strict=True)}
        return None


def _pattern(template: str) -> tuple[re.Pattern[str], list[str]]:
    parts = re.split(r"\{([^}]+)\}", template)
    return re.compile("([^/]+)".join(re.escape(literal) for literal in parts[::2])), parts[1::2]


def _order(template: str) -> list[bool]:
    return ["{" in part for part in template.split("/")]
