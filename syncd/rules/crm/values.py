"""A value in the form its field takes.

    type           what may be given                         becomes                    too long
    -------------  ----------------------------------------  -------------------------  --------
    text           anything that can be shown                one line of text           cut
    textarea       anything that can be shown                text                       cut
    phone          text                                      one line of text           skipped
    email, url     an address, an http(s) address            text                       skipped
    date           a moment, a day, either in ISO 8601       the day in the zone chosen
    datetime       the same; a day is its midnight there     the moment in UTC
    checkbox       true, false, yes, no, on, off, 1, 0       true or false
    number         a number, or its plain decimal form       a number
    picklist       a choice, or any text for an open list    the choice's own value     skipped
    multipicklist  a list, or text with ; between            the choices' own values    skipped
    custom         anything                                  as it is                   cut

What cannot become the field's form is not written, and told as a value: nothing raises. Cutting counts UTF-16 code
units, the strictest count in use, and never splits a character. Into rich text, values go with HTML's characters
escaped; that of the template itself is meant as HTML, and a cut leaves no half of a tag or an entity.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from syncd.model.schema import FieldSchema, SchemaType

from .mapping import FieldType
from .names import shown

FieldValue = str | bool | int | float | date | tuple[str, ...]
"""What a connector is handed: text, truth, a number, a day, a moment (aware UTC), a multi-picklist's choices."""

TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LINE_BREAKS = re.compile(r"\s*[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+\s*")
HALF_MARKUP = re.compile(r"(<[^<>]*|&[^&;\s]{0,32})$")
LARGEST = 10**18
"""Numbers of more digits are kept exactly by no CRM."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Why a value cannot be written: `code` is a word of `resolve.Reason`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """A value as it is written, and what was left off it, in words; "" for nothing."""

    value: FieldValue
    left_off: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value goes: the field as far as it is known, and the zone of dates."""

    field: FieldSchema | None
    zone: tzinfo

    @property
    def length(self) -> int | None:
        """The most that fits, in UTF-16 code units; None: unlimited or not known."""
        return self.field.length if self.field and self.field.length else None

    @property
    def type(self) -> SchemaType | None:
        """The field's own type; None: not known."""
        return self.field.type if self.field else None


def fit(value: Any, type: FieldType, place: Place) -> Fitted | Wrong:
    """A value in the form of `type`, within the limits of its field: see the table."""
    return FORMS[type](value, place)


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, length: int | None, *, markup: bool = False) -> str:
    """The beginning of a text that fits."""
    if length is None or units(text) <= length:
        return text
    short = text.encode("utf-16-le", "surrogatepass")[: 2 * length].decode("utf-16-le", "ignore")
    return HALF_MARKUP.sub("", short) if markup else short


def one_line(text: str) -> str:
    """A text without line breaks, and without blanks around it."""
    return LINE_BREAKS.sub(" ", text).strip()


def _shortened(text: str, place: Place) -> Fitted:
    short = cut(text, place.length, markup=place.type is SchemaType.RICH_TEXT)
    left_off = f"Cut to {units(short)} of {units(text)} characters." if short != text else ""
    return Fitted(short, left_off)


def _text(value: Any, place: Place) -> Fitted | Wrong:
    short = _shortened(one_line(shown(value, place.zone)), place)
    return replace(short, value=str(short.value).rstrip())


def _textarea(value: Any, place: Place) -> Fitted | Wrong:
    return _shortened(shown(value, place.zone), place)


def _whole(text: str, place: Place) -> Fitted | Wrong:
    if place.length is not None and units(text) > place.length:
        return Wrong("too_long", f"{units(text)} characters, and the field takes {place.length}.")
    return Fitted(text)


def _phone(value: Any, place: Place) -> Fitted | Wrong:
    return _whole(one_line(shown(value, place.zone)), place)


def _email(value: Any, place: Place) -> Fitted | Wrong:
    text = one_line(shown(value, place.zone))
    return _whole(text, place) if EMAIL.fullmatch(text) else Wrong("wrong_value", "Not an e-mail address.")


def _url(value: Any, place: Place) -> Fitted | Wrong:
    text = one_line(shown(value, place.zone))
    return _whole(text, place) if is_url(text) else Wrong("wrong_value", "Not an http or https address.")


def is_url(text: str) -> bool:
    """Whether a text is an http or https address."""
    try:
        return urlsplit(text).scheme in ("http", "https") and bool(urlsplit(text).hostname) and " " not in text
    except ValueError:
        return False


def moment_of(value: Any, zone: tzinfo) -> datetime | date | None:
    """A day or an aware moment from one, or from ISO 8601; a moment without offset is one of `zone`. None: neither."""
    if isinstance(value, str):
        value = _iso(value.strip())
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    return value if isinstance(value, date) else None


def _iso(text: str) -> date | None:
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _date(value: Any, place: Place) -> Fitted | Wrong:
    found = moment_of(value, place.zone)
    try:
        if found is not None:
            return Fitted(found.astimezone(place.zone).date() if isinstance(found, datetime) else found)
    except OverflowError:
        pass
    return Wrong("wrong_value", "Not a date.")


def _datetime(value: Any, place: Place) -> Fitted | Wrong:
    found = moment_of(value, place.zone)
    try:
        if found is not None:
            moment = found if isinstance(found, datetime) else datetime.combine(found, time(), place.zone)
            return Fitted(moment.astimezone(UTC))
    except OverflowError:
        pass
    return Wrong("wrong_value", "Not a date and time.")


def _checkbox(value: Any, place: Place) -> Fitted | Wrong:
    truth = TRUTH.get(shown(value, place.zone).strip().casefold())
    return Wrong("wrong_value", "Neither true nor false.") if truth is None else Fitted(truth)


def number_of(value: Any) -> int | float | None:
    """A number from one, or from its plain decimal form; None: none, or more digits than can be kept."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip() if isinstance(value, str) else format(Decimal(value), "f")
    if not NUMBER.fullmatch(text) or abs(number := Decimal(text)) >= LARGEST:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _number(value: Any, place: Place) -> Fitted | Wrong:
    number = number_of(value)
    return Wrong("wrong_value", "Not a number.") if number is None else Fitted(number)


def _chosen(text: str, place: Place) -> str | None:
    """The value of the choice meant; the text itself where the field takes any, or is not known."""
    if place.field is None:
        return text
    choice = place.field.choice(text)
    if choice:
        return choice.value
    return None if place.field.restricted and place.field.choices else text


def _picklist(value: Any, place: Place) -> Fitted | Wrong:
    chosen = _chosen(one_line(shown(value, place.zone)), place)
    return Wrong("not_a_choice", "No active choice of the field.") if chosen is None else _whole(chosen, place)


def _multipicklist(value: Any, place: Place) -> Fitted | Wrong:
    each = value if isinstance(value, list | tuple) else shown(value, place.zone).split(";")
    texts = [text for part in each if (text := one_line(shown(part, place.zone)))]
    chosen = _unique(_chosen(text, place) for text in texts)
    dropped = sum(_chosen(text, place) is None for text in texts)
    if not chosen:
        return Wrong("not_a_choice", "No active choice of the field.")
    whole = _whole(";".join(chosen), place)
    left_off = f"{dropped} of {len(texts)} are no active choices." if dropped else ""
    return whole if isinstance(whole, Wrong) else Fitted(chosen, left_off)


def _unique(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value is not None))


def _custom(value: Any, place: Place) -> Fitted | Wrong:
    """As it is; a date in the field's own form, text within its length."""
    if isinstance(value, float) and not math.isfinite(value):
        return Wrong("wrong_value", "Not a number.")
    if isinstance(value, bool | int | float):
        return Fitted(value)
    if isinstance(value, date) and place.type in (None, SchemaType.DATE, SchemaType.DATETIME):
        return (_date if place.type is SchemaType.DATE else _datetime)(value, place)
    return _shortened(shown(value, place.zone), place)


FORMS: dict[FieldType, Callable[[Any, Place], Fitted | Wrong]] = {
    FieldType.TEXT: _text,
    FieldType.TEXTAREA: _textarea,
    FieldType.PHONE: _phone,
    FieldType.EMAIL: _email,
    FieldType.URL: _url,
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.CHECKBOX: _checkbox,
    FieldType.NUMBER: _number,
    FieldType.PICKLIST: _picklist,
    FieldType.MULTIPICKLIST: _multipicklist,
    FieldType.CUSTOM: _custom,
}
