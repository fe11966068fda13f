"""The grammar of values: text with names in braces.

    value  = *( text / "{{" / "}}" / "{" name "}" )
    name   = one or more characters other than braces and line breaks; blanks around it do not count

`{{` is a brace that stays one, and so is `}}`; a single brace that belongs to no name is text as well, so every text is
a value. Cal.com's spellings are names as they stand: `{company}`, `{form:budget}`, `{utm:source}`.

What a name stands for is asked of a function. Which rule holds for a name without a value:

    missing  the names of the value                    result
    -------  ----------------------------------------  ----------------------------------------------------------
    any      all have values                           the text
    skip     one has none                              no text: the field is left alone, and the name is reported
    empty    some have none                            the text, with nothing in their place; they are reported
    any      there are none                            the text itself

0 and false are values. What a name stands for is never read as a template again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

TOKEN = re.compile(r"(?P<open>\{\{)|(?P<close>\}\})|\{(?P<name>[^{}\r\n]*)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is written as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name that stands for something."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A value in parts; no two texts next to each other, and none empty."""

    parts: tuple[Text | Name, ...]

    def __str__(self) -> str:
        """The value that parses to these parts."""
        return "".join(braced(p.name) if isinstance(p, Name) else _escaped(p.text) for p in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """Its names in order, each once."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Name)))


@dataclass(frozen=True, slots=True)
class Filled:
    """A template's text, None when it has none, and the names that had no value."""

    text: str | None
    missing: tuple[str, ...] = ()


@lru_cache(maxsize=4096)
def parse(value: str) -> Template:
    """The parts of a value. Every text is a value."""
    parts: list[Text | Name] = []
    text, end = "", 0
    for found in TOKEN.finditer(value):
        text += value[end : found.start()]
        end = found.end()
        name = (found["name"] or "").strip()
        if not name:
            text += "{" if found["open"] else "}" if found["close"] else found[0]
            continue
        parts += [Text(text)] if text else []
        parts.append(Name(name))
        text = ""
    text += value[end:]
    return Template((*parts, *([Text(text)] if text else [])))


def fill(template: Template, ask: Callable[[str], str | None], *, keep_empty: bool = False) -> Filled:
    """A template's text; `ask` gives what a name stands for, None for nothing. `keep_empty` is the rule `empty`."""
    told = {name: ask(name) for name in template.names}
    missing = tuple(name for name, text in told.items() if text is None)
    if missing and not keep_empty:
        return Filled(None, missing)
    texts = (part.text if isinstance(part, Text) else told[part.name] or "" for part in template.parts)
    return Filled("".join(texts), missing)


def has_stray_brace(value: str) -> bool:
    """Whether a brace of a value belongs to no name and is not doubled: mostly a slip."""
    rest = TOKEN.sub(lambda found: "" if found["name"] is None or found["name"].strip() else found[0], value)
    return "{" in rest or "}" in rest


def braced(name: str) -> str:
    """A name as it is written in a value."""
    return "{" + name + "}"


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
