r"""The words of SOQL.

A text stands in single quotes; in it a backslash comes before n, r, t, b, f, a quote, a backslash, and, for LIKE,
before `_` and `%`; before anything else it is refused. A quote is never doubled.

Source: the SOQL reference's section on quoted strings, from memory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from .salesforce_errors import SalesforceError
from .soql_nodes import Literal, place

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "_": "_", "%": "%"}
WILDCARDS = {"%": ".*", "_": "."}

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:?\d\d))(?![\w:])
    |(?P<date>\d{4}-\d\d-\d\d)(?![\w-])
    |(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
    |(?P<name>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)
    |(?P<sign><=|>=|!=|<>|[=<>(),:])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the query, where it is, and of a value what it is."""

    kind: str
    text: str
    at: int
    literal: Literal | None = None

    @property
    def word(self) -> str:
        """In capitals, as keywords are compared."""
        return self.text.upper()


def tokens(query: str) -> Sequence[Token]:
    """The words of a query, and an `end`.

    Raises:
        SalesforceError: it has what is no word (MALFORMED_QUERY).
    """
    found: list[Token] = []
    at = 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            raise malformed(query, at, f"unexpected char: '{query[at]}'")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match.group(), at, _literal(query, kind, match.group(), at)))
        at = match.end()
    return [*found, Token("end", "<EOF>", len(query))]


def malformed(query: str, at: int, why: str) -> SalesforceError:
    """A query that is none."""
    return SalesforceError("MALFORMED_QUERY", place(query, at) + why)


def _literal(query: str, kind: str, told: str, at: int) -> Literal | None:
    try:
        match kind:
            case "text":
                return _text(query, told[1:-1], at)
            case "datetime":
                return Literal(kind, datetime.fromisoformat(told.upper()))
            case "date":
                return Literal(kind, date.fromisoformat(told))
            case "number":
                return Literal(kind, float(told) if set(told) & set(".eE") else int(told))
    except ValueError as error:
        if isinstance(error, SalesforceError):
            raise
        raise malformed(query, at, f"Invalid {kind}: {told}") from error
    return None


def _text(query: str, raw: str, at: int) -> Literal:
    value, pattern, n = "", "", 0
    while n < len(raw):
        char = raw[n]
        if char == "\\":
            n += 1
            if raw[n] not in ESCAPES:
                why = f"Invalid string literal '{raw}'. Illegal character sequence '\\{raw[n]}' in string literal."
                raise malformed(query, at, why)
            value += ESCAPES[raw[n]]
            pattern += re.escape(ESCAPES[raw[n]])
        else:
            value += char
            pattern += WILDCARDS.get(char) or re.escape(char)
        n += 1
    return Literal("text", value, pattern)
