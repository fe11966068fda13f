"""Fields of records as rules read them: by name without case, compared as text."""

from __future__ import annotations

from syncd.model.crm import FieldValue


def read_field(fields: dict[str, FieldValue], name: str) -> tuple[bool, FieldValue]:
    """Whether a field was read, and its value. Providers name fields without regard to case."""
    if name in fields:
        return True, fields[name]
    wanted = name.strip().casefold()
    for known in sorted(fields):
        if known.casefold() == wanted:
            return True, fields[known]
    return False, None


def field_text(value: FieldValue) -> str:
    """A field's value as text: null is "", a truth value `true` or `false`, a whole number has no decimals."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
