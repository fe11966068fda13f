"""A SOQL query as a tree.

query      SELECT items FROM source WHERE condition GROUP BY group HAVING having ORDER BY order LIMIT limit OFFSET n
item       a path of names, an aggregate, or a query over child records
condition  a comparison, NOT, or several joined by one of AND and OR
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeAlias

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
DATE_FUNCTIONS = frozenset({"CALENDAR_YEAR", "CALENDAR_QUARTER", "CALENDAR_MONTH", "DAY_IN_MONTH", "DAY_ONLY"})


@dataclass(frozen=True, slots=True)
class Path:
    """Names joined by dots: a field, or one of a record it refers to. `at` is where the query has it."""

    names: tuple[str, ...]
    at: int = 0

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Function:
    """An aggregate or a date function, in capitals; of nothing only `COUNT()`."""

    name: str
    argument: Path | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Period:
    """A date literal: `TODAY`, `LAST_N_DAYS:7`. The half-open time it stands for depends on the day."""

    name: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value. `pattern` is a text's meaning behind LIKE, as a regular expression."""

    kind: str
    value: str | int | float | bool | date | datetime | Period | None
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; the right side of IN, INCLUDES and their opposites is several values, or a query."""

    left: Path | Function
    operator: str
    right: Literal | tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by AND or by OR."""

    operator: str
    parts: tuple[Condition, ...]


Condition: TypeAlias = "Comparison | Negation | Junction"


@dataclass(frozen=True, slots=True)
class Item:
    """What is selected, and what it is called."""

    what: Path | Function | Query
    alias: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One ORDER BY; nulls come first unless it says otherwise."""

    by: Path | Function
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query. `text` is the whole text it stands in; `source_at` where that has the object."""

    text: str
    items: tuple[Item, ...]
    source: str
    source_at: int = 0
    alias: str = ""
    where: Condition | None = None
    group: tuple[Path | Function, ...] = ()
    having: Condition | None = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def place(text: str, at: int) -> str:
    """What Salesforce puts before the complaint: the query's line, and where in it."""
    row = text.count("\n", 0, at) + 1
    start = text.rfind("\n", 0, at) + 1
    column = at - start + 1
    around = text[max(0, at - 20) : at + 20].replace("\n", " ")
    return f"\n{around}\n{' ' * min(at, 20)}^\nERROR at Row:{row}:Column:{column}\n"
