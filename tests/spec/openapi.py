"""One exchange against an OpenAPI 3.0 document.

A request must be listed: its path and method, each query parameter, each field of its body; and what is listed must be
as the schemas say. An answer must have a listed status and a body as its schema says; fields that are not listed are
allowed, since providers add them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from syncd.sandbox import Exchange, Request

from .exchanges import media_type
from .fields import Fields, Schema
from .paths import Paths

URI = "urn:document"
ANYTHING: Schema = {}


class Operation(NamedTuple):
    """One method of one path. `parameters`: (in, name) -> the parameter."""

    parameters: Mapping[tuple[str, str], Schema]
    body: Schema | None
    responses: Schema


@dataclass(kw_only=True)
class OpenApi:
    """Checks exchanges against a document whose references are all within it.

    Args:
        base: what stands before the document's paths.
        ignored: names of body fields that are annotations of the protocol.
        tokens: query parameters, in small letters, that continue a listing and stand for what it began with.
        prepared: the body of a request, made comparable to its schema.
    """

    document: Mapping[str, Any]
    base: str = ""
    ignored: Callable[[str], bool] = lambda name: False
    tokens: frozenset[str] = frozenset()
    prepared: Callable[[str, Any, Schema], Any] = lambda method, body, schema: body
    _operations: dict[tuple[str, str], Operation | None] = field(default_factory=dict, init=False)
    _validators: dict[int, OAS30Validator] = field(default_factory=dict, init=False)

    def check(self, exchange: Exchange) -> list[str]:
        """What is wrong with it, each with the request's method and path; nothing for a path outside `base`'s."""
        request = exchange.request
        found = self._paths.match(request.path.removeprefix(self.base)) if request.path.startswith(self.base) else None
        operation = self._operation(found[0], request.method) if found else None
        if found is None or operation is None:
            wrong = [f"the specification has no {request.method} of this path"]
        else:
            wrong = [*self._request(request, operation, found[1])]
            if not exchange.forced and exchange.status is not None:
                wrong += self._answer(exchange, operation)
        return [f"{exchange.provider} {request.method} {request.path}: {each}" for each in wrong]

    @cached_property
    def _paths(self) -> Paths:
        return Paths(self.document["paths"])

    @cached_property
    def _fields(self) -> Fields:
        return Fields(self.document, self.ignored)

    @cached_property
    def _registry(self) -> Registry[Any]:
        resource = Resource.from_contents(self.document, default_specification=DRAFT4)
        registry: Registry[Any] = Registry()
        return registry.with_resource(URI, resource)  # type: ignore[no-any-return]

    def _operation(self, template: str, method: str) -> Operation | None:
        key = (template, method)
        if key not in self._operations:
            self._operations[key] = self._compiled(template, method.lower())
        return self._operations[key]

    def _compiled(self, template: str, method: str) -> Operation | None:
        path = self.document["paths"][template]
        if method not in path:
            return None
        listed = path[method]
        parameters = [self._resolved(p) for p in (*path.get("parameters", ()), *listed.get("parameters", ()))]
        return Operation(
            parameters={(p["in"], p["name"]): p for p in parameters},
            body=self._resolved(listed["requestBody"]) if "requestBody" in listed else None,
            responses={status: self._resolved(r) for status, r in listed["responses"].items()},
        )

    def _resolved(self, item: Schema) -> Schema:
        return self._fields.at(item["$ref"]) if "$ref" in item else item

    # the request

    def _request(self, request: Request, operation: Operation, path: Mapping[str, str]) -> Iterator[str]:
        yield from self._query(request, operation)
        for (place, name), parameter in operation.parameters.items():
            if place == "path" and name in path:
                yield from self._parameter(parameter, [path[name]])
            if place == "header" and parameter.get("required") and name.lower() not in request.headers:
                yield f"the request lacks the header {name!r}"
        yield from self._body(request, operation)

    def _query(self, request: Request, operation: Operation) -> Iterator[str]:
        given: dict[str, list[str]] = {}
        for name, value in request.pairs:
            given.setdefault(name, []).append(value)
        continued = any(name.lower() in self.tokens for name in given)
        for name, values in given.items():
            parameter = operation.parameters.get(("query", name))
            if parameter is not None:
                yield from self._parameter(parameter, values)
            elif name.lower() not in self.tokens:
                yield f"the query parameter {name!r} is not listed"
        for (place, name), parameter in operation.parameters.items():
            if place == "query" and parameter.get("required") and name not in given and not continued:
                yield f"the request lacks the query parameter {name!r}"

    def _parameter(self, parameter: Schema, values: list[str]) -> Iterator[str]:
        name, schema = parameter["name"], self._resolved(parameter["schema"])
        if schema.get("type") == "array":
            items = values if parameter.get("explode", True) else [v for each in values for v in each.split(",")]
            value: Any = [_typed(item, self._resolved(schema["items"])) for item in items]
        elif len(values) > 1:
            yield f"the parameter {name!r} comes {len(values)} times"
            return
        else:
            value = _typed(values[0], schema)
        yield from self._invalid(value, schema, f"the parameter {name!r}")

    def _body(self, request: Request, operation: Operation) -> Iterator[str]:
        if not request.body:
            if operation.body is not None and operation.body.get("required"):
                yield "the request lacks its body"
            return
        if operation.body is None:
            yield "the request has a body, and none is listed"
            return
        schema = _content(operation.body, media_type(request.headers))
        if schema is None:
            yield f"the request's body is {media_type(request.headers) or 'of no type'}, which is not listed"
            return
        try:
            body = json.loads(request.body)
        except ValueError:
            yield "the request's body is no JSON"
            return
        body = self.prepared(request.method, body, schema)
        yield from (f"the request's field {name!r} is not listed" for name in self._fields.unlisted(body, schema))
        yield from self._invalid(body, schema, "the request's body")

    # the answer

    def _answer(self, exchange: Exchange, operation: Operation) -> Iterator[str]:
        status, listed = exchange.status, operation.responses
        assert status is not None
        response = next((listed[k] for k in (str(status), f"{status // 100}XX", "default") if k in listed), None)
        if response is None:
            yield f"the answer's status {status} is not listed"
            return
        if not response.get("content"):
            if exchange.body:
                yield f"the answer {status} has a body, and none is listed"
            return
        schema = _content(response, media_type(exchange.headers))
        if schema is None:
            yield f"the answer {status} is {media_type(exchange.headers) or 'of no type'}, which is not listed"
            return
        try:
            body = json.loads(exchange.body)
        except ValueError:
            yield f"the answer {status} is no JSON"
            return
        yield from self._invalid(body, schema, f"the answer {status}")

    def _invalid(self, value: Any, schema: Schema, what: str) -> Iterator[str]:
        for error in self._validator(schema).iter_errors(value):
            worst = _deepest(error)
            where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in worst.absolute_path).lstrip(".")
            yield f"{what}{f' at {where}' if where else ''}: {_short(worst.message)}"

    def _validator(self, schema: Schema) -> OAS30Validator:
        key = id(schema)  # every schema is a part of the document, which lives as long as this does
        if key not in self._validators:
            self._validators[key] = OAS30Validator(
                _absolute(schema), registry=self._registry, format_checker=oas30_format_checker
            )
        return self._validators[key]


def _content(item: Schema, given: str) -> Schema | None:
    """The schema for a body of that media type; None when it is not listed."""
    media = item["content"].get(given)
    return None if media is None else media.get("schema", ANYTHING)


def _absolute(schema: Any) -> Any:
    """A schema whose references point into the registered document."""
    if isinstance(schema, dict):
        return {k: f"{URI}{v}" if k == "$ref" and isinstance(v, str) else _absolute(v) for k, v in schema.items()}
    return [_absolute(each) for each in schema] if isinstance(schema, list) else schema


def _typed(text: str, schema: Schema) -> Any:
    """The value of a parameter as its schema has it; the text itself when it is no such value."""
    kind = schema.get("type")
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in ("integer", "number"):
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            return text
    return text


def _short(message: str) -> str:
    """A message, which begins with the whole value and ends with what is wrong with it."""
    return message if len(message) < 300 else f"{message[:100]} ... {message[-150:]}"


def _deepest(error: Any) -> Any:
    """Of an error in a choice of schemas, the one inside that got furthest."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return error
