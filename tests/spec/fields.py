"""Which fields of a JSON value its OpenAPI schema does not list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
COMPOSED = ("allOf", "anyOf", "oneOf")


class Fields:
    """Looks fields up in the schemas of one document.

    Args:
        document: an OpenAPI document whose references are all within it.
        ignored: which names are no fields but annotations of the protocol.
    """

    def __init__(self, document: Schema, ignored: Callable[[str], bool]) -> None:
        self._document = document
        self._ignored = ignored

    def unlisted(self, value: Any, schema: Schema, at: str = "") -> Iterator[str]:
        """The paths (`attendees[0].mail`) of what is not listed. A schema that lists nothing takes everything."""
        schemas = list(self.parts(schema))
        if isinstance(value, list):
            for item in (s["items"] for s in schemas if "items" in s):
                for n, element in enumerate(value):
                    yield from self.unlisted(element, item, f"{at}[{n}]")
        if isinstance(value, dict) and not self._open(value, schemas):
            for name, inside in value.items():
                found = [s["properties"][name] for s in schemas if name in s.get("properties", ())]
                if found:
                    yield from self.unlisted(inside, found[0], f"{at}.{name}".lstrip("."))
                elif not self._ignored(name):
                    yield f"{at}.{name}".lstrip(".")

    def parts(self, schema: Schema) -> Iterator[Schema]:
        """A schema with all that it refers to and is composed of."""
        if "$ref" in schema:
            yield from self.parts(self.at(schema["$ref"]))
            return
        yield schema
        for kind in COMPOSED:
            for part in schema.get(kind, ()):
                yield from self.parts(part)

    def at(self, reference: str) -> Schema:
        """What a reference within the document points to."""
        found: Any = self._document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return found  # type: ignore[no-any-return]

    def _open(self, value: Mapping[str, Any], schemas: list[Schema]) -> bool:
        extended = any(s.get("additionalProperties") not in (None, False) for s in schemas)
        return extended or not any(s.get("properties") for s in schemas)
