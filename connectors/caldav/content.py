"""iCalendar content lines and components as text (RFC 5545 section 3.1), so that what is not ours survives untouched.

A calendar library parses values into objects and writes them again; on the way it repairs, re-orders and drops. A
person's event must come back as it was, so this keeps every line as the unfolded text it was and looks only at the
lines asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

FOLD_OCTETS = 75

_NAME = re.compile(r"[A-Za-z0-9-]+")
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=("[^"]*"|[^;:",]*)((?:,(?:"[^"]*"|[^;:",]*))*)')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNSAFE_PARAMETER = re.compile(r"[;:,]")


class MalformedError(ValueError):
    """The text is not an iCalendar object. Says what is wrong, never quotes the text."""


@dataclass(slots=True)
class Component:
    """A component: its own unfolded lines in order, then its children."""

    name: str
    lines: list[str] = field(default_factory=list)
    children: list[Component] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """Every line of property `name`."""
        return [line for line in self.lines if _is_named(line, name)]

    def first(self, name: str) -> str | None:
        """The first line of property `name`; later ones are repeats some servers make (iCloud doubles DTSTAMP)."""
        return next((line for line in self.lines if _is_named(line, name)), None)

    def replace(self, name: str, lines: list[str]) -> bool:
        """Put `lines` where property `name` was, at the end if it was not there. True when that changed anything."""
        old = self.all(name)
        if old == lines:
            return False
        if not old:
            self.lines.extend(lines)
            return True
        at = self.lines.index(old[0])
        kept = [line for line in self.lines if not _is_named(line, name)]
        self.lines = [*kept[:at], *lines, *kept[at:]]
        return True

    def named(self, name: str) -> list[Component]:
        """The children called `name`."""
        return [child for child in self.children if child.name == name]


def name_of(line: str) -> str:
    """The property name of a content line, in capitals."""
    match = _NAME.match(line)
    return match.group().upper() if match else ""


def _is_named(line: str, name: str) -> bool:
    """Whether `line` is a property called `name`. Looks at the first letters before it looks for the name's end."""
    return line[: len(name)].upper() == name and name_of(line) == name


def parse(text: str) -> Component:
    """The one VCALENDAR of `text`.

    Raises:
        MalformedError: there is none, or components are not closed in order.
    """
    root = Component("")
    stack = [root]
    for line in _unfolded(text):
        name = name_of(line)
        if name == "BEGIN":
            child = Component(_argument(line))
            stack[-1].children.append(child)
            stack.append(child)
        elif name == "END":
            if stack.pop().name != _argument(line) or not stack:
                raise MalformedError("components are not closed in order")
        else:
            stack[-1].lines.append(line)
    if len(stack) != 1 or not root.named("VCALENDAR"):
        raise MalformedError("no complete VCALENDAR")
    return root.named("VCALENDAR")[0]


def render(component: Component) -> str:
    """The component as text: CRLF, folded at 75 octets."""
    return "".join(f"{folded}\r\n" for folded in _rendered(component))


def _rendered(component: Component) -> Iterator[str]:
    yield f"BEGIN:{component.name}"
    yield from map(fold, component.lines)
    for child in component.children:
        yield from _rendered(child)
    yield f"END:{component.name}"


def fold(line: str) -> str:
    """`line` in pieces of at most 75 octets (RFC 5545 section 3.1), never inside a character."""
    if line.isascii():
        rest = (line[at : at + FOLD_OCTETS - 1] for at in range(FOLD_OCTETS, len(line), FOLD_OCTETS - 1))
        return "\r\n ".join([line[:FOLD_OCTETS], *rest])
    pieces: list[str] = []
    piece: list[str] = []
    size = 0
    for character in line:
        width = len(character.encode())
        if size + width > FOLD_OCTETS:
            pieces.append("".join(piece))
            piece, size = [], 1  # the space a continuation starts with
        piece.append(character)
        size += width
    return "\r\n ".join([*pieces, "".join(piece)])


def _unfolded(text: str) -> Iterator[str]:
    joined = re.sub(r"(?:\r\n|\n|\r)[ \t]", "", text)
    return (line for line in re.split(r"\r\n|\n|\r", joined) if line)


def _argument(line: str) -> str:
    return line.partition(":")[2].strip().upper()


def split(line: str) -> tuple[dict[str, str], str]:
    """Parameters (names in capitals, RFC 6868 decoded) and raw value of a content line."""
    match = _NAME.match(line)
    at = match.end() if match else 0
    parameters: dict[str, str] = {}
    while found := _PARAMETER.match(line, at):
        raw = found.group(2) + found.group(3)
        parameters[found.group(1).upper()] = _decoded(raw.replace('"', ""))
        at = found.end()
    return parameters, line[at:].removeprefix(":")


def join(name: str, parameters: dict[str, str], value: str) -> str:
    """A content line. Parameter values are encoded as RFC 6868 says and quoted when they must be."""
    return name + "".join(f";{key}={_encoded(text)}" for key, text in parameters.items()) + f":{value}"


def with_parameters(line: str, changes: dict[str, str | None]) -> str:
    """`line` with parameters set, or removed where None; the order and the others stay."""
    parameters, value = split(line)
    merged: dict[str, str | None] = {**parameters, **changes}
    return join(name_of(line), {key: text for key, text in merged.items() if text is not None}, value)


def _encoded(text: str) -> str:
    plain = _CONTROL.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    plain = plain.replace("^", "^^").replace("\n", "^n").replace('"', "^'")
    return f'"{plain}"' if _UNSAFE_PARAMETER.search(plain) else plain


def _decoded(text: str) -> str:
    return re.sub(r"\^([n'^])", lambda m: {"n": "\n", "'": '"', "^": "^"}[m.group(1)], text)


def clean(text: str) -> str:
    """`text` as iCalendar can carry it: line feeds only, no control characters (RFC 5545 section 3.3.11)."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def escape(text: str) -> str:
    """A TEXT value."""
    return clean(text).replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def unescape(value: str) -> str:
    """What a TEXT value says."""
    return _ESCAPED.sub(lambda m: "\n" if m.group(1) in "nN" else m.group(1), value)
