"""What the parts of a JSON body are: objects, texts, numbers; anything else is refused as JSON that does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .salesforce_errors import SalesforceError

Body = Mapping[str, Any]


def objects(body: Body, name: str) -> list[dict[str, Any]]:
    """A list of objects; empty where there is none. Raises SalesforceError."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unfit(name, "a list of objects")
    return found


def texts(body: Body, name: str) -> list[str]:
    """A list of texts; empty where there is none. Raises SalesforceError."""
    found = body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise unfit(name, "a list of texts")
    return found


def mapping(body: Body, name: str) -> dict[str, Any]:
    """An object; an empty one where there is none. Raises SalesforceError."""
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise unfit(name, "an object")
    return found


def whole(body: Body, name: str, default: int) -> int:
    """A whole number, or a text that is one. Raises SalesforceError."""
    found = body.get(name)
    if found is None or found == "":
        return default
    if not str(found).isdecimal():
        raise unfit(name, "a whole number")
    return int(str(found))


def unfit(name: str, what: str) -> SalesforceError:
    """The refusal of a part that is something else."""
    return SalesforceError("JSON_PARSER_ERROR", f"{name} must be {what}")
