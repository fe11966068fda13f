"""From a text to a query's tree, by recursive descent.

As in Salesforce, AND and OR do not mix without parentheses, and NOT begins a condition: `a AND (NOT b)`. What is not
here (TYPEOF, FIELDS(), ROLLUP, WITH, FOR, USING SCOPE, ALL ROWS) is refused, never passed over.

Source: the SOQL reference, from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .salesforce_errors import SalesforceError
from .soql_dates import is_period, needs_number
from .soql_nodes import (
    AGGREGATES,
    DATE_FUNCTIONS,
    Comparison,
    Condition,
    Function,
    Item,
    Junction,
    Literal,
    Negation,
    Order,
    Path,
    Period,
    Query,
)
from .soql_tokens import Token, malformed, tokens

LONGEST: Final = 100_000
OFFSET_MOST: Final = 2000
CLAUSES = frozenset({"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "WITH", "FOR", "USING", "ALL"})
COMPARE = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", ">": ">", "<=": "<=", ">=": ">="}


def parsed(text: str) -> Query:
    """The query that a text is.

    Raises:
        SalesforceError: it is none (MALFORMED_QUERY), or too far into its rows (NUMBER_OUTSIDE_VALID_RANGE).
    """
    if len(text) > LONGEST:
        raise SalesforceError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {LONGEST} characters.")
    parser = _Parser(text, list(tokens(text)))
    query = parser.query()
    parser.expect_end()
    return query


def parsed_condition(text: str) -> Condition:
    """The condition that a text is. Raises SalesforceError."""
    parser = _Parser(text, list(tokens(text)))
    condition = parser.condition()
    parser.expect_end()
    return condition


@dataclass(slots=True)
class _Parser:
    text: str
    words: list[Token]
    at: int = 0

    # words

    @property
    def next(self) -> Token:
        return self.words[self.at]

    def take(self) -> Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def has(self, *words: str) -> bool:
        """Whether these words come next; then they are taken."""
        coming = self.words[self.at : self.at + len(words)]
        if len(coming) < len(words) or any(t.kind == "text" or t.word != w for t, w in zip(coming, words, strict=True)):
            return False
        self.at += len(words)
        return True

    def sees(self, word: str) -> bool:
        return self.next.kind != "text" and self.next.word == word

    def expect(self, *words: str) -> None:
        for word in words:
            if not self.has(word):
                raise self.unexpected(f"expecting '{word}'")

    def expect_end(self) -> None:
        if self.next.kind != "end":
            raise self.unexpected("")

    def unexpected(self, hint: str) -> SalesforceError:
        why = f"unexpected token: '{self.next.text}'" if self.next.kind != "end" else "unexpected end of query"
        return malformed(self.text, self.next.at, f"{why} {hint}".strip())

    def name(self) -> Token:
        if self.next.kind != "name":
            raise self.unexpected("expecting a name")
        return self.take()

    # clauses

    def query(self) -> Query:
        self.expect("SELECT")
        items = [self.item()]
        while self.has(","):
            items.append(self.item())
        self.expect("FROM")
        source = self.name()
        alias = self.alias()
        where = self.condition() if self.has("WHERE") else None
        group = self.group() if self.has("GROUP", "BY") else ()
        having = self.condition() if self.has("HAVING") else None
        order = self.orders() if self.has("ORDER", "BY") else ()
        limit = self.whole("LIMIT") if self.has("LIMIT") else None
        offset = self.whole("OFFSET") if self.has("OFFSET") else 0
        if offset > OFFSET_MOST:
            raise SalesforceError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_MOST}")
        return Query(
            text=self.text,
            items=tuple(items),
            source=source.text,
            source_at=source.at,
            alias=alias,
            where=where,
            group=group,
            having=having,
            order=order,
            limit=limit,
            offset=offset,
        )

    def alias(self) -> str:
        """A name that follows, unless it begins a clause."""
        self.has("AS")
        if self.next.kind == "name" and "." not in self.next.text and self.next.word not in CLAUSES:
            return self.take().text
        return ""

    def item(self) -> Item:
        if self.has("("):
            inner = self.query()
            self.expect(")")
            return Item(inner)
        return Item(self.operand(), self.alias())

    def operand(self) -> Path | Function:
        token = self.name()
        if not self.has("("):
            return Path(tuple(token.text.split(".")), token.at)
        if token.word not in AGGREGATES | DATE_FUNCTIONS:
            raise malformed(self.text, token.at, f"unexpected token: '{token.text}' (no such function here)")
        if self.sees(")") and token.word != "COUNT":
            raise self.unexpected(f"expecting a field of {token.word}")
        inner = None if self.sees(")") else self.name()
        self.expect(")")
        return Function(token.word, Path(tuple(inner.text.split(".")), inner.at) if inner else None, token.at)

    def group(self) -> tuple[Path | Function, ...]:
        found = [self.operand()]
        while self.has(","):
            found.append(self.operand())
        return tuple(found)

    def orders(self) -> tuple[Order, ...]:
        found = [self.one_order()]
        while self.has(","):
            found.append(self.one_order())
        return tuple(found)

    def one_order(self) -> Order:
        by = self.operand()
        descending = self.has("DESC")
        if not descending:
            self.has("ASC")
        nulls_last = False
        if self.has("NULLS"):
            nulls_last = self.has("LAST")
            if not nulls_last:
                self.expect("FIRST")
        return Order(by, descending, nulls_last)

    def whole(self, clause: str) -> int:
        token = self.take()
        value = token.literal.value if token.literal else None
        if token.kind != "number" or not isinstance(value, int) or value < 0:
            raise malformed(self.text, token.at, f"expecting a whole number behind {clause}, found '{token.text}'")
        return value

    # conditions

    def condition(self) -> Condition:
        if self.has("NOT"):
            return Negation(self.simple())
        parts, operator = [self.simple()], ""
        while self.sees("AND") or self.sees("OR"):
            if operator and not self.sees(operator):
                raise self.unexpected("(AND and OR need parentheses between them)")
            operator = self.take().word
            parts.append(self.simple())
        return parts[0] if len(parts) == 1 else Junction(operator, tuple(parts))

    def simple(self) -> Condition:
        if self.has("("):
            inner = self.condition()
            self.expect(")")
            return inner
        if self.sees("NOT"):
            raise self.unexpected("(NOT needs parentheses around it)")
        return self.comparison()

    def comparison(self) -> Comparison:
        left = self.operand()
        if self.has("LIKE"):
            return Comparison(left, "LIKE", self.value())
        if self.has("IN"):
            return Comparison(left, "IN", self.several(query=True))
        if self.has("NOT", "IN"):
            return Comparison(left, "NOT IN", self.several(query=True))
        for word in ("INCLUDES", "EXCLUDES"):
            if self.has(word):
                return Comparison(left, word, self.several(query=False))
        if self.next.text not in COMPARE:
            raise self.unexpected("expecting an operator")
        return Comparison(left, COMPARE[self.take().text], self.value())

    def several(self, *, query: bool) -> tuple[Literal, ...] | Query:
        self.expect("(")
        if query and self.sees("SELECT"):
            inner = self.query()
            self.expect(")")
            return inner
        values = [self.value()]
        while self.has(","):
            values.append(self.value())
        self.expect(")")
        return tuple(values)

    def value(self) -> Literal:
        token = self.take()
        if token.literal is not None:
            return token.literal
        if token.kind == "name" and token.word in ("TRUE", "FALSE"):
            return Literal("boolean", token.word == "TRUE")
        if token.kind == "name" and token.word == "NULL":
            return Literal("null", None)
        if token.kind == "name" and is_period(token.word):
            number = None
            if needs_number(token.word):
                self.expect(":")
                number = self.whole(token.word)
            return Literal("period", Period(token.word, number))
        raise malformed(self.text, token.at, f"unexpected token: '{token.text}'")
