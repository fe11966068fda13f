"""The fields of a delivery: what the sender wrote, checked, in the terms of the model."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from syncd.model.time import require_aware

MAX_TEXT = 20_000
MAX_DEPTH = 8
"""How deep an answer may be nested."""

EMAIL = re.compile(r"[^\s\x00-\x1f]+@[^\s\x00-\x1f@]+")


def read_text(value: Any) -> str:
    """Text of whatever stands where text is expected; null is empty. NUL is left out: databases do not hold it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("text expected")
    if len(value) > MAX_TEXT:
        raise ValueError(f"longer than {MAX_TEXT} characters")
    if not value.isascii():
        _require_whole(value)
    return value.replace("\x00", "").strip()


def _require_whole(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half a character (a lone surrogate)") from error


def read_moment(value: Any) -> datetime:
    """A point in time: ISO 8601 with `Z` or an offset, or epoch milliseconds."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("a time expected")
    try:
        if isinstance(value, int):
            return datetime.fromtimestamp(value / 1000, UTC)
        moment = _parsed(value)
        return require_aware(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (OverflowError, OSError) as error:
        raise ValueError("a time outside the calendar") from error


def _parsed(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("not a time in ISO 8601") from error


def read_email(value: str) -> str:
    """An e-mail address, as far as a delivery needs it. Raises ValueError when it is none."""
    if not EMAIL.fullmatch(value):
        raise ValueError("not an e-mail address")
    return value


def _listed(value: Any) -> Any:
    """Null, a single object, or a list: always as a list. Cal.com sends all three for destinationCalendar."""
    if value is None:
        return []
    return [value] if isinstance(value, dict) else value


def _object(value: Any) -> Any:
    return value if isinstance(value, dict) else {}


def read_reason(value: Any) -> str:
    """Why a host was chosen: a text, or the last of Cal.com's records of `{reasonEnum, reasonString, createdAt}`."""
    listed = value if isinstance(value, list) else [value]
    records = [each for each in listed if isinstance(each, dict)]
    if records:
        latest = max(records, key=lambda each: str(each.get("createdAt") or ""))
        value = latest.get("reasonString") or latest.get("reasonEnum")
    return read_text(value) if isinstance(value, str) else ""


def read_address(value: Any) -> str:
    """An http(s) address without a slash at its end; anything else is none."""
    text = read_text(value) if isinstance(value, str) else ""
    return text.rstrip("/") if text.startswith(("https://", "http://")) else ""


def read_answer(value: Any, depth: int = 0) -> Any:
    """An answer as it can be stored. Raises ValueError for one nested too deep or not in JSON's terms."""
    if depth > MAX_DEPTH:
        raise ValueError(f"an answer nested more than {MAX_DEPTH} deep")
    if isinstance(value, list):
        return [read_answer(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {read_text(name): read_answer(each, depth + 1) for name, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("an answer that is not a number")
    return read_text(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(read_text)]
Moment = Annotated[datetime, BeforeValidator(read_moment)]
Email = Annotated[str, BeforeValidator(read_text), AfterValidator(read_email)]
Mapping = Annotated[dict[str, Any], BeforeValidator(_object)]
Listed = BeforeValidator(_listed)
