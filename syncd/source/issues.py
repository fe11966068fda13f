"""What is wrong with a body, in the form of zod's issues: Cal.com answers in it, and its callers read it.

Values are never quoted, only their types. The order of an issue's fields is zod's own (version 3).
"""

from __future__ import annotations

import re
from typing import Any, Final

Issue = dict[str, Any]
Path = tuple[str | int, ...]


UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that JSON can carry and a database cannot: NUL, and halves of a surrogate pair."""


class _Missing:
    """Stands for a field that is not there; JavaScript's `undefined`."""


MISSING: Final = _Missing()

_TYPES: tuple[tuple[type, str], ...] = (
    (_Missing, "undefined"),
    (type(None), "null"),
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
)


def type_name(value: object) -> str:
    """The type JavaScript sees."""
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "unknown")


def wrong_type(expected: str, value: object, path: Path) -> Issue:
    """`value` is not of the type `expected`."""
    received = type_name(value)
    message = "Required" if received == "undefined" else f"Expected {expected}, received {received}"
    return {
        "code": "invalid_type",
        "expected": expected,
        "received": received,
        "path": list(path),
        "message": message,
    }


def custom(message: str, path: Path) -> Issue:
    """A rule that zod has no name for."""
    return {"code": "custom", "message": message, "path": list(path)}


def object_issues(value: object, path: Path = ()) -> list[Issue]:
    """An object is asked for."""
    return [] if isinstance(value, dict) else [wrong_type("object", value, path)]


def string_issues(value: object, path: Path) -> list[Issue]:
    """What JavaScript calls a string is asked for."""
    return [] if isinstance(value, str) else [wrong_type("string", value, path)]


def text_issues(value: object, path: Path, *, filled: bool = False) -> list[Issue]:
    """A text that can be stored is asked for; with `filled`, one that is not empty."""
    if not isinstance(value, str):
        return string_issues(value, path)
    if UNSTORABLE.search(value):
        return [custom("String must not contain NUL or half of a surrogate pair", path)]
    return [_too_small("string", "String must contain at least 1 character(s)", path)] if filled and not value else []


def texts_issues(value: object, path: Path) -> list[Issue]:
    """A list of at least one text is asked for."""
    if not isinstance(value, list):
        return [wrong_type("array", value, path)]
    if not value:
        return [_too_small("array", "Array must contain at least 1 element(s)", path)]
    return [issue for n, item in enumerate(value) for issue in text_issues(item, (*path, n), filled=True)]


def integer_issues(value: object, path: Path) -> list[Issue]:
    """A whole number is asked for; JSON does not tell 1.0 from 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [wrong_type("number", value, path)]
    if isinstance(value, float) and not value.is_integer():
        message = "Expected integer, received float"
        return [
            {
                "code": "invalid_type",
                "expected": "integer",
                "received": "float",
                "message": message,
                "path": list(path),
            }
        ]
    return []


def _too_small(kind: str, message: str, path: Path) -> Issue:
    return {
        "code": "too_small",
        "minimum": 1,
        "type": kind,
        "inclusive": True,
        "exact": False,
        "message": message,
        "path": list(path),
    }
