"""Salesforce's ids: 15 characters that tell letter cases apart, and three more that do not need it.

The first three say which object it is; the last three hold, five bits each, which of the fifteen are capitals.

Source: from memory; the prefixes are the documented standard ones.
"""

from __future__ import annotations

import re
import string

from .salesforce_errors import SalesforceError

CHECK = string.ascii_uppercase + "012345"
DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
POD = "Dn00000"
"""What stands between the prefix and the number here."""

_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")


def checksum(fifteen: str) -> str:
    """The three characters that follow fifteen."""
    parts = (fifteen[n : n + 5] for n in (0, 5, 10))
    return "".join(CHECK[sum(1 << n for n, c in enumerate(part) if c in string.ascii_uppercase)] for part in parts)


def numbered(prefix: str, number: int) -> str:
    """The id of 18 characters of an object's record by its number."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = DIGITS[rest] + digits
    fifteen = f"{prefix}{POD}{digits.rjust(5, '0')}"
    return fifteen + checksum(fifteen)


def is_id(text: object) -> bool:
    """Whether a value may be an id; of 18 characters, whether its checksum is right in any letter case."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        return False
    return len(text) == 15 or text[15:].upper() == checksum(text[:15])


def long_id(text: object, field: str = "Id") -> str:
    """An id in its form of 18 characters.

    Raises:
        SalesforceError: it is none (MALFORMED_ID).
    """
    if not is_id(text):
        raise SalesforceError("MALFORMED_ID", f"{field}: id value of incorrect type: {text}", [field])
    return str(text)[:15] + checksum(str(text)[:15])
