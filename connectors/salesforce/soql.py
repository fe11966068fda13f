"""Texts in queries, so that nothing in them is taken for syntax.

Reserved in SOQL are the quote and the backslash, in LIKE the percent sign and the underscore as well (SOQL reference,
"Quoted string escape sequences" and "LIKE").
"""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})
_WILDCARDS = str.maketrans({"%": "\\%", "_": "\\_"})


def quoted(text: str) -> str:
    """A text as a literal."""
    return f"'{text.translate(_ESCAPES)}'"


def quoted_all(texts: Iterable[str]) -> str:
    """A list for IN."""
    return f"({', '.join(map(quoted, texts))})"


def containing(text: str, *, before: str = "%", after: str = "%") -> str:
    """A pattern for LIKE that holds `text` as it is."""
    return f"'{before}{text.translate(_ESCAPES).translate(_WILDCARDS)}{after}'"


def select(fields: Iterable[str], source: str, condition: str, *rest: str) -> str:
    """A query."""
    names = ", ".join(dict.fromkeys(fields))
    return " ".join(("SELECT", names, "FROM", source, "WHERE", condition, *rest))
