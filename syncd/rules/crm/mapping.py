"""Field mappings: which value is written to which field, when.

Theory of operation. A mapping names a record (`target`), a field, a type, a value, the moments it is written `on`, and
whether a value that is there may be replaced (`when`).

    on                            written
    ----------------------------  ---------------------------------------------------------------------------
    booking                       when the booking is made
    reschedule                    when its time, place or host changes; a change of host is no cancellation
    cancellation                  when it is cancelled
    no_show                       when an attendee is marked a no-show, or unmarked
    not given                     on booking; and on reschedule too where the value names what that changes, so
                                  that a mapped date does not go stale

    when                          the field now holds            written
    ----------------------------  -----------------------------  -------
    every_time                    anything                       yes
    only_when_empty               nothing, or an empty text      yes
    only_when_empty               anything else; 0, false too    no
    only_when_empty               not known                      no

Sources: the page "Salesforce integration" (types, conditions, on booking and on cancellation); reschedule, no-show and
the meaning of empty are syncd's.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from .template import Name, parse


class Target(StrEnum):
    """The record a mapping writes to: the meeting, the attendee's contact or lead, or the account."""

    EVENT = "event"
    PERSON = "person"
    ACCOUNT = "account"


class FieldType(StrEnum):
    """What kind of value a mapping writes. CUSTOM is passed through as it is."""

    TEXT = "text"
    DATE = "date"
    DATETIME = "datetime"
    PHONE = "phone"
    CHECKBOX = "checkbox"
    PICKLIST = "picklist"
    MULTIPICKLIST = "multipicklist"
    TEXTAREA = "textarea"
    NUMBER = "number"
    EMAIL = "email"
    URL = "url"
    CUSTOM = "custom"


class When(StrEnum):
    """Whether a value that is there is replaced."""

    EVERY_TIME = "every_time"
    ONLY_WHEN_EMPTY = "only_when_empty"


class Moment(StrEnum):
    """What happened to the booking."""

    BOOKING = "booking"
    RESCHEDULE = "reschedule"
    CANCELLATION = "cancellation"
    NO_SHOW = "no_show"


class Missing(StrEnum):
    """What becomes of a field whose value names something that has none: it is left alone, or the name is empty."""

    SKIP = "skip"
    EMPTY = "empty"


DATES = ("booking_start_date", "booking_end_date", "booking_created_date", "booking_cancel_date")
"""Names that a date or datetime field takes without braces, as the page writes them (`booking_end_date` is syncd's)."""

MOVED = frozenset({"booking_start_date", "booking_end_date", "location", "duration_minutes", "uid", "assignmentReason"})
MOVED_WITHIN = ("organizer.", "link.")
"""Names, and beginnings of names, whose values a reschedule changes."""


class FieldMapping(BaseModel):
    """One rule "write this value to that field, when".

    Attributes:
        field: the CRM's own name of the field.
        on: see the theory; empty is "not given".
        missing: what `Missing` says, for this mapping; None leaves it to the event type.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Target
    field: str = Field(min_length=1, max_length=255)
    value: bool | int | float | str
    type: FieldType = FieldType.TEXT
    when: When = When.EVERY_TIME
    on: frozenset[Moment] = frozenset()
    missing: Missing | None = None

    @property
    def moments(self) -> frozenset[Moment]:
        """When it is written."""
        if self.on:
            return self.on
        return frozenset({Moment.BOOKING, Moment.RESCHEDULE}) if self.moves else frozenset({Moment.BOOKING})

    @property
    def moves(self) -> bool:
        """Whether its value names what a reschedule changes."""
        return any(name in MOVED or name.startswith(MOVED_WITHIN) for name in self.names)

    @property
    def date(self) -> str:
        """The date it names without braces; "" when it names none so."""
        dated = self.type in (FieldType.DATE, FieldType.DATETIME, FieldType.CUSTOM)
        return self.value if dated and isinstance(self.value, str) and self.value in DATES else ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names its value has, in order; none for a fixed one."""
        if self.date:
            return (self.date,)
        return parse(self.value).names if isinstance(self.value, str) else ()

    @property
    def single(self) -> str:
        """The one name that is the whole value; "" when there is more to it."""
        if self.date:
            return self.date
        parts = parse(self.value).parts if isinstance(self.value, str) else ()
        return parts[0].name if len(parts) == 1 and isinstance(parts[0], Name) else ""


def is_empty(value: object) -> bool:
    """Whether a field holding `value` counts as empty: nothing, or empty text. 0 and false are values."""
    return value is None or value == ""
