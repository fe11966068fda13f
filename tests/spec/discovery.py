"""Google's discovery document as an OpenAPI document.

Its schemas are JSON Schema of an early draft: `$ref` is a bare name; what must be sent is said per method
(`annotations.required`); an int64 is a string of digits; the values of an enumeration stand in the description only
(`Possible values are:`), and so does a `kind`'s one value (its default).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

VALUES = re.compile(r'^ *- "([^"]+)"', re.MULTILINE)
INT64 = {"type": "string", "pattern": r"^-?[0-9]+$"}
OFFSET_OPTIONAL = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"
KEPT = ("type", "format", "pattern", "items", "properties", "additionalProperties", "enum", "minimum", "maximum")


def openapi_of(discovery: Mapping[str, Any], error: Json) -> Json:
    """The document, with paths below the service's. `error` is the schema of every answer that is not 2xx."""
    paths: dict[str, Json] = {}
    common = discovery["parameters"]
    for method in _methods(discovery["resources"]):
        paths.setdefault(f"/{method['path']}", {})[method["httpMethod"].lower()] = _operation(
            method, common, discovery["schemas"]
        )
    schemas = {name: _schema(schema) for name, schema in discovery["schemas"].items()}
    schemas["EventDateTime"] = _with_offset(schemas["EventDateTime"])
    return {"paths": paths, "components": {"schemas": {**schemas, "_error": error}}}


def _methods(resources: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _methods(resource.get("resources", {}))


def _operation(method: Mapping[str, Any], common: Mapping[str, Any], schemas: Mapping[str, Any]) -> Json:
    own = method.get("parameters", {})
    operation: Json = {
        "parameters": [_parameter(name, p) for name, p in {**common, **own}.items()],
        "responses": {"304": {}, "default": _content({"$ref": "#/components/schemas/_error"})},
    }
    if "response" in method:
        operation["responses"]["200"] = _content(_schema(method["response"]))
    else:
        operation["responses"]["204"] = {}
    if "request" in method:
        operation["requestBody"] = {"required": True, **_content(_sent(method, schemas))}
    return operation


def _content(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _sent(method: Mapping[str, Any], schemas: Mapping[str, Any]) -> Json:
    """The schema of what a method sends: the resource's, with what this method requires."""
    name = method["request"]["$ref"]
    required = [
        field
        for field, schema in schemas[name]["properties"].items()
        if method["id"] in schema.get("annotations", {}).get("required", ())
    ]
    reference = _schema({"$ref": name})
    return {"allOf": [reference, {"required": required}]} if required else reference


def _parameter(name: str, parameter: Mapping[str, Any]) -> Json:
    schema = _schema(parameter)
    if parameter.get("repeated"):
        schema = {"type": "array", "items": schema}
    place = parameter["location"]
    return {"name": name, "in": place, "required": parameter.get("required", False), "explode": True, "schema": schema}


def _schema(schema: Mapping[str, Any]) -> Json:
    if "$ref" in schema:
        return {"$ref": f"#/components/schemas/{schema['$ref']}"}
    made: Json = {name: schema[name] for name in KEPT if name in schema and schema[name] != "any"}
    for limit in ("minimum", "maximum"):
        if limit in made:
            made[limit] = int(made[limit])
    if "properties" in made:
        made["properties"] = {name: _property(name, p) for name, p in made["properties"].items()}
    for inside in ("items", "additionalProperties"):
        if inside in made:
            made[inside] = _schema(made[inside])
    if (made.get("type"), made.get("format")) == ("string", "int64"):
        return dict(INT64)
    described = schema.get("description", "")
    values = VALUES.findall(described)
    if values and "Possible values are" in described and "enum" not in made:
        made["enum"] = values
    return made


def _property(name: str, schema: Mapping[str, Any]) -> Json:
    made = _schema(schema)
    return {**made, "enum": [schema["default"]]} if name == "kind" and "default" in schema else made


def _with_offset(schema: Json) -> Json:
    """An EventDateTime: without a `timeZone`, its `dateTime` needs an offset."""
    strict = schema["properties"]["dateTime"]
    loose = {"type": "string", "pattern": OFFSET_OPTIONAL}
    choice = [{"required": ["timeZone"]}, {"properties": {"dateTime": strict}}]
    return {**schema, "properties": {**schema["properties"], "dateTime": loose}, "anyOf": choice}
