r"""SOSL, as far as people are looked for by it, and parameterized search.

`FIND {words} IN EMAIL FIELDS RETURNING Contact(Id, Email WHERE ... ORDER BY ... LIMIT n), Lead(...) LIMIT n`. Words are
found anywhere in the fields, all of them in one record, without regard to case; OR stands between words of which one
is enough. `*` and `?` stand for letters, double quotes keep words together. Reserved characters need a backslash, or
the search is refused; so are AND NOT, and AND beside OR.

Source: calcom-crm.md, section 2.4; the SOSL reference, from memory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from . import soql
from .kernel import Answer
from .salesforce_bodies import objects, texts, whole
from .salesforce_call import Call
from .salesforce_errors import SalesforceError, unknown_type
from .salesforce_schema import Field
from .salesforce_store import Record
from .soql_nodes import Query
from .soql_parser import parsed

RESERVED = "?&|!{}[]()^~*:\\\"'+-"
MOST_FOUND = 2000
SHORTEST = 2

_SEARCH = re.compile(
    r"\s*FIND\s*\{(?P<words>(?:[^\\}]|\\.)*)\}\s*(?:IN\s+(?P<group>\w+)\s+FIELDS\s*)?(?:RETURNING\s+(?P<rest>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_OBJECT = re.compile(r"\s*(\w+)\s*")
_LIMIT = re.compile(r"\s*LIMIT\s+(\d+)\s*", re.IGNORECASE)
_TEXTUAL = frozenset({"string", "textarea", "phone", "url", "email", "picklist", "combobox"})

GROUPS: Mapping[str, Callable[[Field], bool]] = {
    "ALL": lambda field: field.type in _TEXTUAL,
    "EMAIL": lambda field: field.type == "email",
    "NAME": lambda field: field.name in ("Name", "FirstName", "LastName", "Subject", "Company"),
    "PHONE": lambda field: field.type == "phone",
}
"""Search group -> the fields it is of."""

Word = re.Pattern[str]


def search(call: Call) -> Answer:
    """GET search?q=."""
    text = call.request.query.get("q", "")
    match = _SEARCH.fullmatch(text)
    if match is None:
        raise _malformed(f"not a search that is known here: {text}")
    group = (match["group"] or "ALL").upper()
    wanted, limit = _returning(match["rest"] or "")
    return _found(call, words(match["words"]), group, wanted or _everything(call), limit)


def parameterized(call: Call) -> Answer:
    """GET or POST parameterizedSearch."""
    asked = call.body() if call.request.method == "POST" else _from_query(call.request.pairs)
    text = str(asked.get("q", ""))
    group, limit = str(asked.get("in", "ALL")).upper(), whole(asked, "overallLimit", MOST_FOUND)
    wanted = []
    for each in objects(asked, "sobjects"):
        fields = texts(each, "fields") or texts(asked, "fields") or ["Id"]
        most = whole(each, "limit", whole(asked, "defaultLimit", MOST_FOUND))
        clauses = f" WHERE {each['where']}" if each.get("where") else ""
        told = f"SELECT {', '.join(fields)} FROM {each.get('name')}{clauses} LIMIT {most}"  # noqa: S608 - of the sandbox
        wanted.append(parsed(told))
    escaped = re.sub(
        "[" + re.escape(RESERVED.replace("*", "").replace("?", "").replace('"', "")) + "]", r"\\\g<0>", text
    )
    return _found(call, words(escaped), group, wanted or _everything(call), limit)


def _from_query(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    told: dict[str, Any] = {"sobjects": []}
    for name, value in pairs:
        entity, _, part = name.partition(".")
        known = next((each for each in told["sobjects"] if each["name"] == entity), None)
        if name == "sobject":
            told["sobjects"] += [{"name": each.strip()} for each in value.split(",")]
        elif part and known is not None:
            known[part] = value.split(",") if part == "fields" else value
        else:
            told[name] = value.split(",") if name == "fields" else value
    return told


def words(text: str) -> list[list[Word]]:
    """The words of a search, each as a pattern that a text has somewhere: alternatives, of each all.

    Raises:
        SalesforceError: it has a reserved character, an operator that is not known, or too few letters
            (MALFORMED_SEARCH).
    """
    parts = _parts(text)
    operators = {part.upper() for part, bare in parts if bare} & {"AND", "OR", "NOT"}
    if len(operators) > 1 or "NOT" in operators:
        raise _malformed("only AND alone or OR alone is known here")
    alternatives: list[list[Word]] = [[]]
    for part, bare in parts:
        if bare and part.upper() == "OR":
            alternatives.append([])
        elif not (bare and part.upper() == "AND"):
            alternatives[-1].append(re.compile(rf"(?<![\w@.+-]){part}(?![\w@.+-])", re.IGNORECASE))
    if not all(alternatives):
        raise _malformed("an operator needs a word on each side")
    if sum(len(_plain(part)) for part, _ in parts) < SHORTEST:
        raise _malformed("search term must be longer than one character")
    return alternatives


def _plain(pattern: str) -> str:
    """A pattern's letters, without what stands for others."""
    return re.sub(r"\\(.)", r"\1", re.sub(r"\\S\*?", "", pattern))


def _parts(text: str) -> list[tuple[str, bool]]:
    """The words and phrases of a search as patterns; whether each has no quotes. Raises SalesforceError."""
    found, word, quoted, bare, n = list[tuple[str, bool]](), "", False, True, 0
    while n < len(text):
        char = text[n]
        if char == "\\" and n + 1 < len(text):
            n += 1
            word += re.escape(text[n])
        elif char == '"':
            quoted, bare = not quoted, False
        elif char in "*?":
            word += r"\S*" if char == "*" else r"\S"
        elif char in RESERVED:
            raise _malformed(f"line 1:{n + 6} mismatched character '{char}': reserved characters need a backslash")
        elif char.isspace() and not quoted:
            found, word, bare = [*found, (word, bare)], "", True
        else:
            word += re.escape(char)
        n += 1
    if quoted:
        raise _malformed("a quote is not closed")
    return [(part, plain) for part, plain in [*found, (word, bare)] if part]


def _returning(text: str) -> tuple[list[Query], int]:
    """The objects that are wanted, and how many records. Raises SalesforceError."""
    wanted: list[Query] = []
    while text.strip():
        if limit := _LIMIT.fullmatch(text):
            return wanted, int(limit[1])
        match = _OBJECT.match(text)
        if match is None:
            raise _malformed(f"unexpected: {text.strip()}")
        inner, text = _bracket(text[match.end() :])
        fields = inner or "Id"
        parts = re.split(r"\b(?=WHERE\b|ORDER\s+BY\b|LIMIT\b|OFFSET\b)", fields, maxsplit=1, flags=re.IGNORECASE)
        wanted.append(parsed(f"SELECT {parts[0]} FROM {match[1]} {parts[1] if len(parts) > 1 else ''}"))  # noqa: S608 - of the sandbox
        text = text.lstrip()
        if text.startswith(","):
            text = text[1:]
        elif text and not _LIMIT.fullmatch(text):
            raise _malformed(f"unexpected: {text}")
    return wanted, MOST_FOUND


def _bracket(text: str) -> tuple[str, str]:
    """What stands in the parentheses a text begins with, and the rest. Raises SalesforceError."""
    if not text.startswith("("):
        return "", text
    depth, quoted = 0, False
    for n, char in enumerate(text):
        if char == "'" and text[n - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[1:n], text[n + 1 :]
    raise _malformed("missing )")


def _everything(call: Call) -> list[Query]:
    names = [e.name for e in call.store.schema.entities.values() if e.searchable and not e.hidden]
    return [parsed(f"SELECT Id FROM {name}") for name in names]  # noqa: S608 - of the sandbox


def _found(call: Call, asked: Sequence[Sequence[Word]], group: str, wanted: Sequence[Query], limit: int) -> Answer:
    if group not in GROUPS:
        raise _malformed(f"unexpected token: {group}")
    lag = call.switch("search-lag")
    until = call.now - timedelta(seconds=float(lag.value)) if lag else call.now
    told: list[dict[str, Any]] = []
    for query in wanted:
        entity = call.store.schema.find(query.source)
        if entity is None:
            raise unknown_type(query.source)
        fields = [f.name for f in entity.fields.values() if GROUPS[group](f)]
        ids = [
            r.id for r in call.store.rows(entity.name) if r.get("SystemModstamp") <= until and _has(r, fields, asked)
        ]
        told += soql.among(call.world(), query, ids)
    return Answer(body={"searchRecords": told[:limit]})


def _has(record: Record, fields: Sequence[str], asked: Sequence[Sequence[Word]]) -> bool:
    texts = [str(record.get(name)) for name in fields if record.get(name) is not None]
    return any(all(any(word.search(text) for text in texts) for word in each) for each in asked)


def _malformed(why: str) -> SalesforceError:
    return SalesforceError("MALFORMED_SEARCH", why)
