"""What is wrong with settings, as found before a booking meets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from syncd.errors import Problem


class Severity(StrEnum):
    """An error keeps settings from being saved; a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What is wrong."""

    INVALID_VALUE = "invalid_value"
    KNOWN_LATER = "known_later"
    UNKNOWN_NAME = "unknown_name"
    NO_VALUE_THEN = "no_value_then"
    STRAY_BRACE = "stray_brace"
    BARE_DATE = "bare_date"
    DUPLICATE = "duplicate"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_CASE = "wrong_case"
    NOT_CREATEABLE = "not_createable"
    NOT_UPDATEABLE = "not_updateable"
    WRONG_TYPE = "wrong_type"
    NOT_A_CHOICE = "not_a_choice"
    INACTIVE_CHOICE = "inactive_choice"
    DEPENDENT_CHOICE = "dependent_choice"
    TOO_LONG = "too_long"
    REQUIRED = "required"
    UNKNOWN_RECORD_TYPE = "unknown_record_type"
    NEVER_WRITTEN = "never_written"
    NO_EFFECT = "no_effect"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that is wrong: where, what, and what to do. `nearest` is the right word most like the wrong one."""

    where: str
    code: Code
    message: str
    remedy: str = ""
    nearest: str = ""
    severity: Severity = Severity.ERROR

    @property
    def problem(self) -> Problem:
        """As the configuration's other problems are told."""
        return Problem(self.where, self.message, self.remedy)


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, by where it is."""
    return tuple(sorted(set(findings)))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that keep settings from being saved."""
    return tuple(finding for finding in findings if finding.severity is Severity.ERROR)
